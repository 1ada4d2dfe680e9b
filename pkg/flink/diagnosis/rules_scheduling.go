package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

var (
	claimMissing = pattern(`persistentvolumeclaim "([a-z0-9.-]+)" not found`)
	// Kubernetes 1.34 has another sentence for a volume of another node.
	claimUnbound   = pattern(`unbound immediate PersistentVolumeClaims|didn't find available persistent volumes|not have enough free storage|bound to non-existent pv|binding volumes: |` + claimElsewhere.text)
	claimElsewhere = pattern(`volume node affinity conflict|PersistentVolume's node affinity|no available volume zone`)
	claimLost      = pattern(`bound to non-existent pv`)
	claimTaken     = pattern(`ReadWriteOncePod access mode already in-use`)
	spreadWords    = pattern(`topology spread`)
	antiAffinity   = pattern(`anti-affinity`)
	antiOfOthers   = pattern(`existing pods anti-affinity`)
	besidePods     = pattern(`pod affinity rules`)
	quotaWords     = pattern(`exceeded quota: ([^,]+), requested: (.*?), used: (.*?), limited: (.*)$`)
	quotaMust      = pattern(`failed quota: ([^:]+): must specify (.*)$`)
	cannotCreate   = pattern(`cannot create resource "?([a-z./]+)"?|cannot set blockOwnerDeletion`)
	noAccount      = pattern(`serviceaccount "([^"]+)" not found`)
	noPort         = pattern(`didn't have free ports`)
	insufficient   = pattern(`Insufficient ([a-z0-9./-]+)`)
	taintWords     = pattern(`untolerated taint|had taint`)
	affinity       = pattern(`node affinity|node selector|affinity rules|topology spread`)
	passingTaint   = pattern(`node\.kubernetes\.io/|node\.cloudprovider\.kubernetes\.io/|agent-not-ready|karpenter\.sh/(?:unregistered|disrupt)|ClusterAutoscaler`)
	anyQuota       = pattern(`(?:exceeded|failed) quota|insufficient quota to match`)
	podsDenied     = pattern(`^pods? .*(?:is forbidden|serviceaccount)|denied the request|failed calling webhook`)
	quotaScope     = pattern(`insufficient quota to match`)
	anyTaint       = pattern(`untolerated taint|had taint|were unschedulable`)
	workerTaint    = pattern(`taint (?:\{|s that the pod didn't tolerate: \{)?node-role\.kubernetes\.io/(?:control-plane|master)`)
	tooManyPods    = pattern(`Too many pods`)
)

// scheduler says why pods find no node; findings one for each role.
func (j *job) scheduler(fits func(p *pod) (means string, cures []Cure, ok bool)) []Finding {
	var out []Finding
	at := map[string]int{}
	for i := range j.pods {
		p := &j.pods[i]
		if p.unscheduled == "" || p.deleting {
			continue
		}
		if _, comes := j.podEvent(p, nil, "TriggeredScaleUp", "Nominated"); comes && p.age < slowStart {
			continue // an autoscaler is about to bring a node
		}
		means, cures, ok := fits(p)
		if !ok {
			continue
		}
		evidence := Evidence{Source: "pod/" + p.name + ", PodScheduled", At: p.created, Text: oneLine(p.unscheduled)}
		if n, seen := at[p.role]; seen {
			if len(out[n].Evidence) < 4 {
				out[n].Evidence = append(out[n].Evidence, evidence)
			}
			continue
		}
		at[p.role] = len(out)
		f := Finding{Subject: "pod/" + p.name, Means: means, Evidence: []Evidence{evidence}, Cures: cures}
		if e, seen := j.podEvent(p, nil, "NotTriggerScaleUp"); seen {
			f.Evidence = append(f.Evidence, e.evidence()) // why an autoscaler brings no node
		}
		out = append(out, f)
	}
	return out
}

// reasons is what the scheduler says against the nodes, without preemption.
func reasons(message string) string {
	out, _, _ := strings.Cut(message, " preemption: ")
	return out
}

// theRest stands for whatFollows at the end of a rule's Explains.
const theRest = "*"

// whatFollows from pods that don't come up.
var whatFollows = []string{"FLINK-POD-NO-TASKMANAGER", "FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS", "FLINK-JOB-NO-SLOTS", "FLINK-CKPT-*", "FLINK-JOB-UPGRADE-HANGS", "FLINK-JOB-CLUSTER-DOWN", "FLINK-JOB-EXCEPTION", "FLINK-JOB-FAILED", "FLINK-SNAP-NOT-RUNNING", "FLINK-OP-PENDING", "FLINK-JOB-TASKMANAGER-LOST", "FLINK-JOB-RESTARTS", "FLINK-POD-ENDS", "FLINK-JOB-BLUEGREEN-STUCK"}

var schedulingRules = []Rule{
	{
		ID: "FLINK-POD-QUOTA", Severity: Error, Title: "a quota keeps pods away", Link: kubernetesDocs + "concepts/policy/resource-quotas/",
		Explain:  "The namespace's ResourceQuota is used up, or wants requests and limits that the pod doesn't have. For TaskManagers of native mode the refusal stands in the JobManager's log only, again and again; there is no event. For the JobManager and in standalone mode an event FailedCreate says it.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			why, evidence := "", Evidence{}
			if r, ok := j.stillRefused(); ok && anyQuota.MatchString(r.why) {
				why, evidence = r.why, Evidence{Source: "the JobManager's log", At: r.at, Text: oneLine(r.why)}
			} else if said, from, ok := j.podsRefused(anyQuota); ok {
				why, evidence = said, from
			}
			if why == "" {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: "the namespace's quota keeps pods away: " + oneLine(why), Evidence: []Evidence{evidence}}
			for i := range j.Quotas {
				q := &j.Quotas[i]
				if !strings.Contains(why, "quota: "+q.Name) {
					continue
				}
				for name, hard := range q.Status.Hard {
					if used, ok := q.Status.Used[name]; ok && used.Cmp(hard) >= 0 {
						f.Evidence = append(f.Evidence, Evidence{Source: "resourcequota/" + q.Name, Text: fmt.Sprintf("%s: %s used of %s", name, used.String(), hard.String())})
					}
				}
			}
			if found := quotaWords.FindStringSubmatch(why); found != nil {
				f.Cures = []Cure{{Text: "raise the quota, or free what it counts", Command: j.kubectl("edit resourcequota %s", found[1])}}
			} else if found := quotaMust.FindStringSubmatch(why); found != nil {
				f.Cures = []Cure{{Text: "give the pods " + found[2] + " (a LimitRange can do that for all of the namespace)"}}
			} else if quotaScope.MatchString(why) {
				f.Cures = []Cure{{Text: "this cluster wants a ResourceQuota for that priority class in the namespace: make one, or correct priorityClassName in the pod template"}}
			}
			f.Cures = append(f.Cures, Cure{Text: "see what uses it", Command: j.kubectl("describe resourcequota"), Safe: true})
			return j.beside([]Finding{f})
		},
	},
	{
		ID: "FLINK-POD-FORBIDDEN", Severity: Error, Title: "the job's service account may not create pods", Link: docRBAC,
		Explain:  "In native mode the JobManager makes its TaskManagers and keeps its state in ConfigMaps, as spec.serviceAccount. That account lacks the right. The operator's chart makes the account flink with its role only in the namespaces that it is given.",
		Explains: []string{"FLINK-POD-CRASH", theRest},
		job: func(j *job) []Finding {
			why, evidence := "", Evidence{}
			if r, ok := j.stillRefused(); ok && cannotCreate.MatchString(r.why) {
				why, evidence = r.why, Evidence{Source: "the JobManager's log", At: r.at, Text: oneLine(r.why)}
			} else if e, _, ok := j.find(forbidden, InJobManager, InScheduler, InOperator, Somewhere); ok && j.starting() && strings.Contains(e.text(), "serviceaccount:"+j.ns+":") {
				why, evidence = e.Root().Message, e.evidence()
			}
			if why == "" {
				return nil
			}
			account := j.refusedAccount(why)
			return j.beside([]Finding{{Subject: j.ref(), Means: fmt.Sprintf("service account %s may not do what the JobManager needs: %s", account, oneLine(why)), Evidence: []Evidence{evidence}, Cures: []Cure{roleFix(j.ns, account).cure("bind it a role with the rights that the operator's chart gives the account flink")}}})
		},
	},
	{
		ID: "FLINK-POD-NO-ACCOUNT", Severity: Error, Title: "the service account isn't there", Link: docRBAC,
		Explain:  "The Deployment can't make pods because spec.serviceAccount names an account that doesn't exist in the namespace. The operator's chart makes the account flink only in the namespaces that it is given.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			said, evidence, ok := j.podsRefused(noAccount)
			if !ok {
				return nil
			}
			account := noAccount.FindStringSubmatch(said)[1]
			account = account[strings.LastIndex(account, "/")+1:]
			return []Finding{{Subject: j.ref(), Means: fmt.Sprintf("service account %s isn't there in namespace %s, so that no pod can be made", account, j.ns), Evidence: []Evidence{evidence}, Cures: []Cure{serviceAccountFix(j.ns, account).cure("make it"), roleFix(j.ns, account).cure("bind it the role that Flink needs")}}}
		},
	},
	{
		ID: "FLINK-POD-REFUSED", Severity: Error, Title: "the API server refuses the pods", Link: docTemplate,
		Explain:  "The API server, or an admission policy in it (Pod Security, Gatekeeper, Kyverno, an admission webhook), refuses the pods that the spec and its pod templates make. It says which field is at fault.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			if r, ok := j.stillRefused(); ok && !anyQuota.MatchString(r.why) && !cannotCreate.MatchString(r.why) {
				return j.beside([]Finding{{Subject: j.ref(), Means: notMadeWord(r.why) + " the TaskManagers' pods: " + oneLine(r.why), Evidence: []Evidence{{Source: "the JobManager's log", At: r.at, Text: oneLine(r.why)}}, Cures: []Cure{j.refusedCure(r.why, "spec.taskManager and the pod template")}}})
			}
			why, from, ok := j.podsRefused(nil)
			if !ok || anyQuota.MatchString(why) || noAccount.MatchString(why) {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: notMadeWord(why) + " the pods: " + oneLine(why), Evidence: []Evidence{from}, Cures: []Cure{j.refusedCure(why, "the spec and its pod template")}}}
		},
	},
	{
		ID: "FLINK-POD-CLAIM-MISSING", Severity: Error, Title: "a PersistentVolumeClaim isn't there", Link: docTemplate,
		Explain:  "The pod template mounts a PersistentVolumeClaim that doesn't exist in the namespace. The pod stays Pending until it does; less memory or more nodes don't help.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			return j.scheduler(func(p *pod) (string, []Cure, bool) {
				found := claimMissing.FindStringSubmatch(p.unscheduled)
				if found == nil || slices.ContainsFunc(j.Claims, func(c Existing) bool { return c.Name == found[1] && c.Exists == Read }) {
					return "", nil, false
				}
				return fmt.Sprintf("%s waits for persistentvolumeclaim %s, which isn't there", p.name, found[1]), look("create the claim in namespace "+j.ns+", or correct its name in the pod template", j.kubectl("get pvc")), true
			})
		},
	},
	{
		ID: "FLINK-POD-CLAIM-UNBOUND", Severity: Error, Title: "a PersistentVolumeClaim isn't bound", Link: kubernetesDocs + "concepts/storage/persistent-volumes/",
		Explain:  "The claim is there, but has no volume: its storage class doesn't exist or can't make one, or the volume is in another zone than the nodes that fit. The pod stays Pending.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			return j.scheduler(func(p *pod) (string, []Cure, bool) {
				if !claimUnbound.MatchString(reasons(p.unscheduled)) {
					return "", nil, false
				}
				if claimElsewhere.MatchString(reasons(p.unscheduled)) {
					if insufficient.MatchString(reasons(p.unscheduled)) {
						return "", nil, false // the nodes that its volume allows are full
					}
					return "the volume of " + p.name + " is where the pod can't run: it belongs to another node or zone", look("let the pod run where its volume is (nodeSelector, affinity), or use a class that binds with the first pod (volumeBindingMode WaitForFirstConsumer), or storage that all zones reach", "kubectl get pv -o wide"), true
				}
				if claimLost.MatchString(reasons(p.unscheduled)) {
					return "a persistentvolumeclaim of " + p.name + " is bound to a volume that isn't there any more", look("bring the volume back if it holds state, else delete the claim and make it again", j.kubectl("get pvc")), true
				}
				what, cures := "a persistentvolumeclaim of "+p.name+" has no volume", look("see what the claims wait for", j.kubectl("describe pvc"))
				for _, c := range j.Claims {
					if c.Exists == Read && c.Phase != "" && c.Phase != "Bound" {
						what = fmt.Sprintf("persistentvolumeclaim %s of %s is %s (storage class %q)", c.Name, p.name, c.Phase, c.Class) + withText(c.Reason)
						cures = look("see what it waits for", j.kubectl("describe pvc %s", c.Name))
					}
				}
				return what, cures, true
			})
		},
	},
	{
		ID: "FLINK-POD-AFFINITY", Severity: Error, Title: "no node has what the pod asks for", Link: kubernetesDocs + "concepts/scheduling-eviction/assign-pod-node/",
		Explain:  "The pod template's nodeSelector, affinity or topology spread fits no node. Less memory doesn't help: the label has to be right, or a node has to have it.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			return j.scheduler(func(p *pod) (string, []Cure, bool) {
				if why := reasons(p.unscheduled); !affinity.MatchString(why) || insufficient.MatchString(why) || claimMissing.MatchString(why) || claimUnbound.MatchString(why) {
					return "", nil, false
				}
				asks := ""
				var pairs []string
				for key, value := range p.Spec.NodeSelector {
					pairs = append(pairs, key+"="+value)
				}
				if slices.Sort(pairs); len(pairs) > 0 {
					asks = " (" + strings.Join(pairs, ",") + ")"
				}
				switch why := reasons(p.unscheduled); {
				case besidePods.MatchString(why) && !antiAffinity.MatchString(why) && !strings.Contains(why, "Pod's node affinity"):
					return p.name + " finds no node with the pods beside which its podAffinity wants it", look("see that such pods run (labels, namespaces and topologyKey of podAffinity in the pod template), or prefer it instead of requiring it", j.kubectl("get pods --show-labels -o wide")), true
				case spreadWords.MatchString(why):
					return p.name + " finds no node that its topologySpreadConstraints allow", look("relax them in the pod template (maxSkew, whenUnsatisfiable: ScheduleAnyway), or add nodes in the other zones", "kubectl get nodes -L topology.kubernetes.io/zone"), true
				case antiOfOthers.MatchString(why):
					return p.name + " finds no node: anti-affinity of pods that run there keeps it off", look("see which pods' anti-affinity takes in the labels of this one, and change either; or add nodes", "kubectl get pods -A -o wide"), true
				case antiAffinity.MatchString(why):
					return p.name + " finds no node: anti-affinity keeps it off those on which others of its kind run", look("prefer the anti-affinity instead of requiring it (preferredDuringScheduling…), or add nodes", "kubectl get nodes"), true
				}
				if why := reasons(p.unscheduled); anyTaint.MatchString(workerTaint.ReplaceAllString(why, "")) {
					return p.name + " finds no node: those that it asks for" + asks + " may be those that don't take it (" + oneLine(why) + ")", look("compare nodeSelector, affinity and tolerations of the pod template with the nodes' labels and taints, and see whether a node is cordoned", "kubectl get nodes --show-labels"), true
				}
				return "no node has what " + p.name + " asks for" + asks, look("correct nodeSelector and affinity in the pod template, or label a node", "kubectl get nodes --show-labels"), true
			})
		},
	},
	{
		ID: "FLINK-POD-TAINT", Severity: Error, Title: "the pod tolerates no node's taints", Link: kubernetesDocs + "concepts/scheduling-eviction/taint-and-toleration/",
		Explain:  "All nodes that would fit have a taint that the pod doesn't tolerate. Taints that Kubernetes sets itself (not-ready, unreachable, disk-pressure …) say that the node has trouble; others were set by somebody, for other pods.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			return j.scheduler(func(p *pod) (string, []Cure, bool) {
				why := reasons(p.unscheduled)
				if !taintWords.MatchString(why) || insufficient.MatchString(why) || affinity.MatchString(why) || claimMissing.MatchString(why) || claimUnbound.MatchString(why) {
					return "", nil, false
				}
				if passingTaint.MatchString(why) {
					return p.name + " finds no node: nodes have trouble of their own, come or go (" + oneLine(why) + ")", look("see what is wrong with the nodes", "kubectl describe nodes"), true
				}
				return p.name + " tolerates no node's taints", look("add the toleration to the pod template, or take the taint from a node", "kubectl describe nodes"), true
			})
		},
	},
	{
		ID: "FLINK-POD-RESOURCES", Severity: Error, Title: "no node has room for the pod", Link: kubernetesDocs + "concepts/configuration/manage-resources-containers/",
		Explain:  "What the pod requests is more than any node has free. Where it is more than a node has at all, it will never be scheduled; else it waits until something ends or a node is added. Flink's pods request what spec.jobManager.resource and spec.taskManager.resource say; limits can be higher by kubernetes.taskmanager.cpu.limit-factor.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			return j.scheduler(func(p *pod) (string, []Cure, bool) {
				why := reasons(p.unscheduled)
				found := insufficient.FindStringSubmatch(why)
				if found == nil && !tooManyPods.MatchString(why) || claimMissing.MatchString(why) {
					return "", nil, false
				}
				what := "room for more pods"
				if found != nil {
					what = strings.TrimRight(found[1], ".")
				}
				means := p.name + " finds no node: not enough " + what
				var cpu, memory, biggestCPU, biggestMemory int64
				for i := range p.Spec.Containers {
					cpu += p.Spec.Containers[i].Resources.Requests.Cpu().MilliValue()
					memory += p.Spec.Containers[i].Resources.Requests.Memory().Value()
				}
				for _, n := range j.Nodes {
					if n.Ready && !n.Unschedulable {
						biggestCPU, biggestMemory = max(biggestCPU, n.CPU), max(biggestMemory, n.Memory)
					}
				}
				switch {
				case what == "cpu" && biggestCPU > 0 && cpu > biggestCPU:
					means = fmt.Sprintf("%s asks for %s CPUs, more than any node has (%s)", p.name, trim(float64(cpu)/1000), trim(float64(biggestCPU)/1000))
				case what == "memory" && biggestMemory > 0 && memory > biggestMemory:
					means = fmt.Sprintf("%s asks for %s, more than any node has (%s)", p.name, size(memory), size(biggestMemory))
				}
				cure := fmt.Sprintf("ask for less in spec.%s.resource, or add nodes", podField(p.role))
				switch {
				case found == nil:
					cure = "add nodes, or let them run more pods (the kubelet's maxPods, the network's addresses)"
				case what != "cpu" && what != "memory" && what != "ephemeral-storage":
					cure = "add nodes that have it, or ask for less of it in the pod template"
				}
				return means, look(cure, "kubectl describe nodes"), true
			})
		},
	},
	{
		ID: "FLINK-POD-UNSCHEDULED", Severity: Warning, Title: "the pod finds no node", Link: kubernetesDocs + "concepts/scheduling-eviction/kube-scheduler/",
		Explain:  "The scheduler finds no node for the pod, for a reason that no other rule knows. Its own sentence says it.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			return j.scheduler(func(p *pod) (string, []Cure, bool) {
				why := reasons(p.unscheduled)
				for _, known := range []*lazy{claimUnbound, affinity, taintWords, insufficient, tooManyPods, claimMissing} {
					if known.MatchString(why) {
						return "", nil, false
					}
				}
				if gates := p.Spec.SchedulingGates; len(gates) > 0 {
					names := make([]string, len(gates))
					for i := range gates {
						names[i] = gates[i].Name
					}
					return p.name + " isn't scheduled before its gates are taken away: " + strings.Join(names, ", "), look("see the queue or controller that set them (as Kueue's workloads), which takes them away when the pod's turn comes", j.kubectl("describe pod %s", p.name)), true
				}
				if claimTaken.MatchString(why) {
					return p.name + " waits for a persistentvolumeclaim that another pod has: its access mode (ReadWriteOncePod) allows one pod", look("let that pod end, or use an access mode that several pods may have", j.kubectl("get pvc")), true
				}
				if noPort.MatchString(why) {
					return p.name + " finds no node: a port of the node that it wants is in use on each", look("leave hostPort and hostNetwork out of the pod template: each node can have one such pod", j.kubectl("describe pod %s", p.name)), true
				}
				return p.name + " finds no node: " + oneLine(why), look("see the scheduler's events", j.kubectl("describe pod %s", p.name)), true
			})
		},
	},
}

// beside makes findings about pods that can't be made warnings where the job runs
// without them.
func (j *job) beside(findings []Finding) []Finding {
	if j.running() {
		for i := range findings {
			findings[i].Severity = Warning
		}
	}
	return findings
}

// refusedAccount is the service account that a refusal names, else the spec's.
func (j *job) refusedAccount(why string) string {
	if found := forbidden.FindStringSubmatch(why); found != nil && found[1] == j.ns {
		return found[2]
	}
	return cmp.Or(text(j.cluster, "serviceAccount"), "flink")
}

// podsRefused is why the Deployment's pods can't be made: the event that says it,
// or, when that is gone, the operator's error, which passes it on.
func (j *job) podsRefused(about *lazy) (why string, from Evidence, ok bool) {
	if !j.starting() {
		return "", from, false
	}
	if e, ok := j.event(about, "FailedCreate"); ok {
		return e.message, e.evidence(), !j.madeSince(e)
	}
	why = j.failure.Root().Message
	if !j.failed || j.Mark(FromPods) != Read || j.hasPod(jobManager) || j.failure.match(writeRefused) != nil {
		return "", from, false
	}
	return why, j.failure.evidence(), podsDenied.MatchString(why) && (about == nil || about.MatchString(why))
}

// notMadeWord is what the API server does to pods that aren't made.
func notMadeWord(why string) string {
	if notNow.MatchString(why) && !hookAway.MatchString(why) {
		return "the API server doesn't make"
	}
	return "the API server refuses"
}

// madeSince reports whether the pods that an event says can't be made have been
// made after it.
func (j *job) madeSince(e event) bool {
	deployment := maker(e.name)
	return slices.ContainsFunc(j.pods, func(p pod) bool {
		if p.created.Before(e.at) {
			return false
		}
		of := maker(maker(p.name))
		// A change of the spec brings a new ReplicaSet.
		return e.kind != "ReplicaSet" || of == deployment
	})
}

// maker is the name before a generated name's last part: that of the object that
// made it.
func maker(name string) string {
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		return name[:i]
	}
	return name
}
