package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// operatorStateRules are about the operators that are installed.
var operatorStateRules = []Rule{
	{
		ID: "FLINK-OP-CRASH", Severity: Error, Title: "the operator's container fails", Link: docHelm,
		Explain:  "A container of the operator ends again and again, can't be made or was killed. Nothing is reconciled meanwhile: specs aren't taken up, jobs that end aren't started again. Its own last lines say why; out of memory is mostly many jobs for a small limit.",
		Explains: []string{"FLINK-OP-NOT-READY", "FLINK-OP-STALE", "FLINK-OP-IGNORED", "FLINK-OP-PENDING", "FLINK-OP-MEMORY", "FLINK-OP-LEASE", "FLINK-OP-RESTARTS", "FLINK-HOOK-ENDPOINTS"},
		installation: func(i *installation) []Finding {
			return operatorCrashes(i.Operators, i.Now)
		},
		job: func(j *job) []Finding {
			if anyReady(j.Operators) || !j.waitsForOperator() {
				return nil
			}
			return operatorCrashes(j.Operators, j.Now)
		},
	},
	{
		ID: "FLINK-OP-STOPPED", Severity: Error, Title: "the operator is not running", Link: docHelm,
		Explain:  "The operator's Deployment is scaled to 0. Jobs that run go on running, but nothing takes up changes of specs, follows upgrades, takes savepoints, or starts again what ended; objects that are deleted wait for their finalizer.",
		Explains: []string{"FLINK-OP-IGNORED", "FLINK-OP-STALE", "FLINK-OP-PENDING", "FLINK-JOB-UPGRADE-HANGS", "FLINK-SNAP-NO-STATUS", "FLINK-JOB-FINALIZER", "FLINK-HOOK-ENDPOINTS", "FLINK-OP-CANARY", "FLINK-OP-LEASE", "FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS", "FLINK-JOB-DELETE-*", "FLINK-SNAP-FINALIZER"},
		installation: func(i *installation) []Finding {
			if !stopped(i.Operators) {
				return nil
			}
			return []Finding{stoppedFinding(i.Operators)}
		},
		job: func(j *job) []Finding {
			if !stopped(j.Operators) {
				return nil
			}
			f := stoppedFinding(j.Operators)
			if !j.waitsForOperator() {
				f.Severity = Warning
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-OP-NOT-READY", Severity: Error, Title: "the operator is not ready", Link: docHelm,
		Explain:  "The operator's Deployment wants pods and none is ready. Until one is, nothing is reconciled.",
		Explains: []string{"FLINK-OP-IGNORED", "FLINK-OP-STALE", "FLINK-OP-PENDING", "FLINK-SNAP-NO-STATUS", "FLINK-JOB-FINALIZER", "FLINK-HOOK-ENDPOINTS"},
		installation: func(i *installation) []Finding {
			var out []Finding
			for _, o := range i.Operators {
				if o.Wanted > 0 && o.Ready == 0 {
					out = append(out, Finding{
						Subject: operatorSubject(o), Means: fmt.Sprintf("none of the %d pods of operator %s/%s is ready", o.Wanted, o.Namespace, o.Name),
						Evidence: []Evidence{{Source: operatorSource(o), Text: fmt.Sprintf("%d of %d replicas ready", o.Ready, o.Wanted)}},
						Cures:    look("see why", fmt.Sprintf("kubectl describe deployment %s -n %s", word(o.Name), word(o.Namespace))),
					})
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-OP-ABSENT", Severity: Error, Title: "no operator was found", Link: docHelm,
		Explain:  "The cluster has objects of the operator and no Deployment that runs it, whatever its name and labels: neither by the usual label nor by image, class path or environment. It may run elsewhere, or may never have been installed.",
		Explains: []string{"FLINK-OP-IGNORED", "FLINK-OP-STALE", "FLINK-SNAP-NO-STATUS", "FLINK-JOB-FINALIZER", "FLINK-OP-CANARY"},
		installation: func(i *installation) []Finding {
			if i.Mark(FromOperator) != Read || len(i.Operators) > 0 {
				return nil
			}
			return []Finding{{
				Subject: "installation", Means: "no Deployment in this cluster runs the Flink Kubernetes Operator",
				Evidence: []Evidence{{Source: "deployments of all namespaces", Text: "none has the operator's label, image, class or environment"}},
				Cures:    []Cure{{Text: "install it (add its Helm repository first)", Command: "helm install flink-kubernetes-operator flink-operator-repo/flink-kubernetes-operator"}}, Confidence: Likely,
			}}
		},
		job: func(j *job) []Finding {
			if j.Mark(FromOperator) != Read || len(j.Operators) > 0 || j.statusKnown && !j.lags() && !j.deleting() {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: "no operator was found in this cluster that could look after " + j.ref(), Evidence: []Evidence{{Source: "deployments of all namespaces", Text: "none has the operator's label, image, class or environment"}}, Cures: []Cure{{Text: "install the operator", Command: "helm install flink-kubernetes-operator flink-operator-repo/flink-kubernetes-operator"}}, Confidence: Likely}}
		},
	},
	{
		ID: "FLINK-OP-NAMESPACE", Severity: Error, Title: "no operator watches the namespace", Link: docHelm,
		Explain:  "The operator watches a list of namespaces (watchNamespaces of its chart, WATCH_NAMESPACES, kubernetes.operator.watched.namespaces), and objects are in another one. They never get a status.",
		Explains: []string{"FLINK-OP-IGNORED", "FLINK-OP-STALE", "FLINK-OP-PENDING", "FLINK-SNAP-NO-STATUS", "FLINK-JOB-FINALIZER", "FLINK-OP-CANARY", "FLINK-RBAC-ACCOUNT"},
		installation: func(i *installation) []Finding {
			byNamespace := map[string][]JobInShort{}
			for _, job := range i.Jobs {
				if !watched(i.Operators, job.Namespace) {
					byNamespace[job.Namespace] = append(byNamespace[job.Namespace], job)
				}
			}
			var out []Finding
			for namespace, jobs := range byNamespace {
				means := fmt.Sprintf("%d objects are in namespace %s, which no operator watches", len(jobs), namespace)
				if len(jobs) == 1 {
					means = fmt.Sprintf("an object is in namespace %s, which no operator watches", namespace)
				}
				out = append(out, Finding{Subject: "namespace/" + namespace, Means: means, Evidence: append(watchEvidence(i.Operators), someJobs(jobs)...), Cures: watchCure(i.Operators, namespace)})
			}
			return out
		},
		job: func(j *job) []Finding {
			if watched(j.Operators, j.ns) {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: "no operator watches namespace " + j.ns, Evidence: watchEvidence(j.Operators), Cures: watchCure(j.Operators, j.ns)}
			if j.statusKnown && !j.lags() && !j.deleting() {
				f.Severity = Warning // one did before
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-OP-SEVERAL", Severity: Error, Title: "two operators look after one namespace", Link: docHelm,
		Explain: "Two operators that aren't replicas of each other watch the same namespace. Both reconcile every object there, and each undoes or repeats what the other does: jobs are deployed twice, savepoints triggered twice, statuses overwritten.",
		installation: func(i *installation) []Finding {
			var out []Finding
			for a := range i.Operators {
				for b := a + 1; b < len(i.Operators); b++ {
					one, two := i.Operators[a], i.Operators[b]
					if one.Ready == 0 || two.Ready == 0 || one.WatchedMark != Read || two.WatchedMark != Read || one.Config["kubernetes.operator.label.selector"] != two.Config["kubernetes.operator.label.selector"] {
						continue
					}
					shared := "all namespaces"
					switch {
					case len(one.Watched) > 0 && len(two.Watched) > 0:
						shared = ""
						for _, n := range one.Watched {
							if slices.Contains(two.Watched, n) {
								shared = "namespace " + n
							}
						}
					case len(one.Watched) > 0:
						shared = "namespace " + one.Watched[0]
					case len(two.Watched) > 0:
						shared = "namespace " + two.Watched[0]
					}
					if shared != "" {
						out = append(out, Finding{Subject: operatorSubject(two), Means: fmt.Sprintf("%s/%s and %s/%s both look after %s", one.Namespace, one.Name, two.Namespace, two.Name, shared), Evidence: watchEvidence([]OperatorFacts{one, two}), Cures: []Cure{{Text: "give each operator namespaces of its own (watchNamespaces of the chart), or remove one of them"}}})
					}
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-OP-LEASE", Severity: Error, Title: "no operator pod leads", Link: docOpConfig,
		Explain:  "With leader election only the pod that holds the Lease reconciles. Its last renewal is long past, or its holder isn't one of the pods: the API server didn't answer the leader, its right to update leases is missing, or it hangs.",
		Explains: []string{"FLINK-OP-STALE", "FLINK-OP-IGNORED", "FLINK-OP-PENDING"},
		installation: func(i *installation) []Finding {
			var out []Finding
			for _, o := range i.Operators {
				l := o.Lease
				if l == nil || o.Ready == 0 {
					continue
				}
				late := max(4*l.Lasts, time.Minute)
				if l.Renewed.IsZero() || i.age(l.Renewed) < late {
					continue
				}
				out = append(out, Finding{Subject: "lease/" + l.Name, Means: fmt.Sprintf("the lease of operator %s/%s was last renewed %s ago, by %s", o.Namespace, o.Name, ago(i.age(l.Renewed)), l.Holder), Evidence: []Evidence{{Source: "lease " + o.Namespace + "/" + l.Name, At: l.Renewed, Text: "holderIdentity: " + l.Holder}}, Cures: look("restart the operator; jobs go on running meanwhile", fmt.Sprintf("kubectl rollout restart deployment %s -n %s", word(o.Name), word(o.Namespace)))})
			}
			return out
		},
	},
	{
		ID: "FLINK-OP-MEMORY", Severity: Warning, Title: "the operator is near its memory limit", Link: docHelm,
		Explain: "The operator uses nearly all of its memory, or was killed for it. It keeps every object that it watches and a configuration of each in memory; some releases also leaked with thousands of jobs (FLINK-36876). When it is killed, everything it was doing starts again.",
		Source:  "FLINK-36876",
		installation: func(i *installation) []Finding {
			var out []Finding
			for _, o := range i.Operators {
				limit := int64(0)
				var killed []Evidence
				for k := range o.Pods {
					p, ok := readPod(&o.Pods[k], i.Now)
					if !ok {
						continue
					}
					for n := range p.Spec.Containers {
						if q := p.Spec.Containers[n].Resources.Limits.Memory(); q != nil {
							limit = max(limit, q.Value())
						}
					}
					for n := range p.containers {
						if c := &p.containers[n]; c.end != nil && c.end.Reason == "OOMKilled" && !c.down {
							killed = append(killed, Evidence{Source: p.source(c), At: c.end.FinishedAt.Time, Text: ending(c.end)})
						}
					}
				}
				near := limit > 0 && o.MemoryUsed > limit/10*9
				if !near && len(killed) == 0 {
					continue
				}
				means := fmt.Sprintf("operator %s/%s uses %s of its %s", o.Namespace, o.Name, size(o.MemoryUsed), size(limit))
				if !near {
					means = fmt.Sprintf("operator %s/%s was OOMKilled (out of memory) and restarted", o.Namespace, o.Name)
				}
				out = append(out, Finding{Subject: operatorSubject(o), Means: means, Evidence: append(killed, Evidence{Source: "metrics", Text: size(o.MemoryUsed) + " used, limit " + size(limit)}), Cures: []Cure{{Text: "raise operatorPod.resources.limits.memory of its chart (and requests), or its heap by jvmArgs.operator"}}})
			}
			return out
		},
	},
	{
		ID: "FLINK-OP-RESTARTS", Severity: Warning, Title: "the operator restarts often", Link: docHealth,
		Explain: "The operator's container was started again several times. Each time it reads all objects again; what it was waiting for is looked at again.",
		installation: func(i *installation) []Finding {
			var out []Finding
			for _, o := range i.Operators {
				for k := range o.Pods {
					p, ok := readPod(&o.Pods[k], i.Now)
					if !ok {
						continue
					}
					for n := range p.containers {
						c := &p.containers[n]
						if c.restarts >= 3 && c.end != nil && !c.down && i.age(c.end.FinishedAt.Time) < 24*time.Hour {
							out = append(out, Finding{Subject: "pod/" + p.name, Means: fmt.Sprintf("%s of operator pod %s has restarted %d times, last %s ago", c.name, p.name, c.restarts, ago(i.age(c.end.FinishedAt.Time))), Evidence: []Evidence{{Source: p.source(c), At: c.end.FinishedAt.Time, Text: ending(c.end) + withText(c.said(true))}}, Cures: look("see what it wrote before", fmt.Sprintf("kubectl logs %s -n %s -c %s --previous", word(p.name), word(o.Namespace), word(c.name)))})
						}
					}
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-OP-STALE", Severity: Error, Title: "the operator has stopped reconciling", Link: docHealth,
		Explain:  "The operator's pod is ready, but the newest specs of several jobs have not been taken up for minutes, without an error: its threads hang or its watches have died. A restart of the operator cures that; jobs go on running meanwhile.",
		Explains: []string{"FLINK-OP-PENDING"},
		installation: func(i *installation) []Finding {
			var late []JobInShort
			for _, job := range i.Jobs {
				waits := job.Observed > 0 && job.Observed < job.Generation || !job.StatusKnown && !job.Suspended && job.Kind != kindSnapshot
				if waits && !job.HasError && !job.Canary && i.age(later(job.Changed, job.Created)) > slowStart && watched(i.Operators, job.Namespace) {
					late = append(late, job)
				}
			}
			if len(late) < 2 || !anyReady(i.Operators) {
				return nil
			}
			cures := []Cure{}
			for _, o := range i.Operators {
				cures = append(cures, Cure{Text: "restart the operator; jobs go on running meanwhile", Command: fmt.Sprintf("kubectl rollout restart deployment %s -n %s", word(o.Name), word(o.Namespace)), Safe: true})
			}
			return []Finding{{Subject: "installation", Means: fmt.Sprintf("the specs of %d objects have not been taken up for more than %s, though an operator is ready", len(late), ago(slowStart)), Evidence: someJobs(late), Cures: cures, Confidence: Likely}}
		},
	},
	{
		ID: "FLINK-OP-CANARY", Severity: Warning, Title: "a canary isn't counted up", Link: docHealth,
		Explain: "Objects with the label flink.apache.org/canary: \"true\" are there to show that the operator works: it counts up their spec.restartNonce and writes no status. This one has not been touched since it was created.",
		installation: func(i *installation) []Finding {
			var out []Finding
			for _, job := range i.Jobs {
				if job.Canary && job.RestartNonce == 0 && i.age(job.Created) > 2*slowSight {
					out = append(out, Finding{Subject: strings.ToLower(job.Kind) + "/" + job.Name, Means: fmt.Sprintf("the operator has not touched canary %s/%s for %s", job.Namespace, job.Name, ago(i.age(job.Created))), Evidence: []Evidence{{Source: strings.ToLower(job.Kind) + " " + job.Namespace + "/" + job.Name, At: job.Created, Text: "spec.restartNonce: 0"}}, Cures: look("see whether the operator runs and watches that namespace", "kubectl get deployments -A -l app.kubernetes.io/name=flink-kubernetes-operator"), Confidence: Likely})
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-OP-FLINK", Severity: Warning, Title: "Flink's version is not the operator's", Link: docOverview,
		Explain: "Each release of the operator knows the Flink versions of its time: it refuses newer ones by their name, and from 1.7 on rejects 1.13 and 1.14. Flink 2.1 and 2.2 need operator 1.13, 2.3 and 2.4 operator 1.16.",
		Source:  "apache/flink-kubernetes-operator, enum FlinkVersion by release",
		installation: func(i *installation) []Finding {
			operator := i.newest()
			if operator == 0 {
				return nil
			}
			count := map[string][]JobInShort{}
			for _, job := range i.Jobs {
				if v := versionNumber(job.FlinkVersion); v > 0 && !operatorTakes(operator, v) {
					count[job.FlinkVersion] = append(count[job.FlinkVersion], job)
				}
			}
			var out []Finding
			for version, jobs := range count {
				out = append(out, Finding{Subject: "installation", Means: fmt.Sprintf("operator %s doesn't support flinkVersion %s, which %d jobs have", versionText(operator), version, len(jobs)), Evidence: someJobs(jobs), Cures: []Cure{{Text: "upgrade the operator (its CRDs first), or use a Flink version that it supports"}}})
			}
			return out
		},
	},
	{
		ID: "FLINK-OP-AGE", Severity: Info, Title: "the operator lacks what newer ones have", Link: docUpgrade,
		Explain: "What this plugin can do depends on the operator: savepointRedeployNonce and observedGeneration came with 1.8, FlinkStateSnapshot with 1.10, JobException events with 1.13, FlinkBlueGreenDeployment with 1.14, the condition Running with 1.15.",
		installation: func(i *installation) []Finding {
			var out []Finding
			for _, o := range i.Operators {
				v := versionNumber(o.Version)
				lacks := ""
				switch {
				case v == 0 || v >= 110:
					continue
				case v < 108:
					lacks = "savepointRedeployNonce, observedGeneration and FlinkStateSnapshot"
				default:
					lacks = "FlinkStateSnapshot"
				}
				out = append(out, Finding{Subject: operatorSubject(o), Means: fmt.Sprintf("operator %s is old: it has no %s", o.Version, lacks), Evidence: []Evidence{{Source: operatorSource(o), Text: o.Image}}, Cures: []Cure{{Text: "upgrade it, its CRDs first"}}})
			}
			return out
		},
	},
	{
		ID: "FLINK-OP-KUBERNETES", Severity: Warning, Title: "Kubernetes is too old for the operator", Link: docHelm,
		Explain: "The operator's chart and client use APIs of current Kubernetes releases (coordination.k8s.io/v1, events, PodDisruptionBudget v1). Below 1.21 parts of them are missing.",
		Source:  "Kubernetes' API deprecation guide",
		installation: func(i *installation) []Finding {
			v := versionNumber(i.Kubernetes)
			if v == 0 || v >= 121 || len(i.Operators) == 0 {
				return nil
			}
			return []Finding{{Subject: "installation", Means: "Kubernetes " + i.Kubernetes + " is older than 1.21", Evidence: []Evidence{{Source: "API server's version", Text: i.Kubernetes}}, Cures: []Cure{{Text: "upgrade Kubernetes"}}, Confidence: Likely}}
		},
	},
	{
		ID: "FLINK-OP-SNAPSHOTS", Severity: Warning, Title: "the operator doesn't know of FlinkStateSnapshots", Link: docSnapshots,
		Explain:  "The operator asks once, when it starts, whether the CRD of FlinkStateSnapshot is there. It was created after the operator's pod, so that snapshots never get a status and savepoints go the old way, into the status of their job.",
		Explains: []string{"FLINK-SNAP-NO-STATUS"},
		installation: func(i *installation) []Finding {
			var out []Finding
			for _, c := range i.CRDs {
				if c.Name != "flinkstatesnapshots."+group || c.Created.IsZero() {
					continue
				}
				for _, o := range i.Operators {
					if v := versionNumber(o.Version); v > 0 && v < 110 {
						continue
					}
					for k := range o.Pods {
						p := o.Pods[k].Pod
						if p == nil || p.Status.StartTime == nil || !p.Status.StartTime.Time.Before(c.Created) || !operatorUp(&o.Pods[k], i.Now, c.Created) {
							continue
						}
						out = append(out, Finding{Subject: operatorSubject(o), Means: fmt.Sprintf("operator %s/%s started before the CRD of FlinkStateSnapshot was created, and doesn't serve it", o.Namespace, o.Name), Evidence: []Evidence{{Source: "pod/" + p.Name, At: p.Status.StartTime.Time, Text: "started"}, {Source: "customresourcedefinition/" + c.Name, At: c.Created, Text: "created"}}, Cures: look("restart the operator; jobs go on running meanwhile", fmt.Sprintf("kubectl rollout restart deployment %s -n %s", word(o.Name), word(o.Namespace)))})
					}
				}
			}
			return out
		},
	},
}
