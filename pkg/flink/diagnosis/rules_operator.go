package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

var (
	schemeRefused  = pattern(`(?i)(?:scheme|protocol)\W.*(?:not (?:allowed|supported)|disallowed|forbidden)|No FileSystem for scheme|(?:restricted|private|loopback|internal|link-local)\W.*(?:host|address)|(?:host|address)\W.*(?:restricted|private|not allowed)`)
	httpRefused    = pattern(`(?i)Server returned HTTP response code: (\d+)|HTTP(?:/1\.1)? (?:error |status )?(4\d\d|5\d\d)|FileNotFoundException: (https?://\S+)`)
	notReachable   = pattern(`(?i)Connection refused: (\S*-rest\S*)|connection timed out: (\S*-rest\S*)|ConnectTimeoutException\W.*?(\S*-rest\S*)|UnknownHostException: (\S+-rest(?:\.\S+)?)`)
	lostHA         = pattern(`HA metadata is not available|HA metadata not available|Manual restore required|configmaps have been deleted`)
	statusConflict = pattern(api.StatusConflict + `|the object has been modified; please apply your changes`)
	alreadyExists  = pattern(`(?i)AlreadyExists|already exists`)
)

var threadsEnd = pattern(`^Exception in thread "[^"]*" [a-zA-Z]\w*(?:\.\w+)+Error\b`)

// IsThreadsEnd reports whether a line is the JVM's of a thread that an Error ended.
func IsThreadsEnd(line string) bool { return threadsEnd.MatchString(line) }

var operatorRules = []Rule{
	{
		ID: "FLINK-OP-IGNORED", Severity: Error, Title: "no operator has seen it", Link: docOverview,
		Explain: "The operator writes a status as soon as it sees an object. None has for this one: none runs, none watches its namespace, or its label selector (kubernetes.operator.label.selector) leaves the object out.",
		job: func(j *job) []Finding {
			if j.statusKnown || j.deleting() || j.wants() == api.WantSuspended && j.runsJob() || j.object.GetLabels()["flink.apache.org/canary"] == "true" || j.age(j.created) < slowSight {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: "no operator has written a status for " + ago(j.age(j.created)), Evidence: []Evidence{{Source: "status", At: j.created, Text: "empty since it was created"}}, Confidence: Likely, Cures: look("see whether an operator runs, and watches this namespace", "kubectl get deployments -A -l app.kubernetes.io/name=flink-kubernetes-operator")}
			for _, o := range j.Operators {
				if selector := o.Config["kubernetes.operator.label.selector"]; selector != "" {
					f.Evidence = append(f.Evidence, Evidence{Source: "configuration of " + operatorSource(o), Text: "kubernetes.operator.label.selector: " + selector})
					if key, value, ok := strings.Cut(selector, "="); ok && j.object.GetLabels()[key] != strings.TrimPrefix(value, "=") {
						f.Means = "the operator only looks at objects with the label " + selector + ", which this one hasn't"
						if fix := j.labelFix(key, strings.TrimPrefix(value, "=")); fix != nil {
							f.Cures = []Cure{fix.cure("give it the label")}
						} else {
							f.Cures = []Cure{{Text: "give it labels that the selector takes"}}
						}
						f.Confidence = Certain
					}
				}
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-OP-CANARY-JOB", Severity: Info, Title: "it is a canary", Link: docHealth,
		Explain: "The label flink.apache.org/canary: \"true\" makes an object a canary: the operator deploys nothing for it and writes no status. It only counts up its spec.restartNonce, to show that it works.",
		job: func(j *job) []Finding {
			if j.object.GetLabels()["flink.apache.org/canary"] != "true" {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: "it is a canary of the operator: nothing is deployed for it", Evidence: []Evidence{{Source: "metadata.labels", Text: "flink.apache.org/canary: true"}}}}
		},
	},
	{
		ID: "FLINK-SPEC-REJECTED", Severity: Error, Title: "the operator rejects the spec", Link: docReference,
		Explain:  "The operator's validator refuses the newest spec as a whole. What ran before goes on with the spec before; observedGeneration stays behind. With the webhook installed the API server says the same when the spec is applied. (Flink's SQL has a ValidationException of its own: that one is the job's.)",
		Explains: []string{"FLINK-OP-PENDING", "FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS", "FLINK-SNAP-DIR", "FLINK-SPEC-*", "FLINK-JOB-UPGRADE-HANGS"},
		job: func(j *job) []Finding {
			if !j.failed || j.failure.Where != InValidator || !j.lags() && j.observed != 0 {
				return nil
			}
			means := "the operator rejects the spec: " + oneLine(j.failure.Root().Message)
			if j.state == "" {
				means += "; nothing is deployed until it is corrected"
			} else {
				means += "; what ran before still runs"
			}
			return []Finding{{Subject: j.ref(), Means: means, Evidence: []Evidence{j.failure.evidence(), {Source: "status", Text: fmt.Sprintf("observedGeneration %d, generation %d", j.observed, j.generation)}}, Cures: []Cure{{Text: "correct the spec and apply it again", Command: j.kubectl("edit %s %s", strings.ToLower(j.kind), j.name)}}}}
		},
	},
	{
		ID: "FLINK-JOB-FINISHED-BLOCKS", Severity: Error, Title: "a finished job keeps the change from being taken up", Link: docJobs,
		Explain:  "The job has FINISHED, and the operator doesn't upgrade finished jobs: the new spec stays as it is without being carried out (FLINK-39043). A batch job is run again by savepointRedeployNonce with its state, or by deleting the object and applying it again.",
		Source:   "FLINK-39043",
		Explains: []string{"FLINK-OP-PENDING", "FLINK-JOB-UPGRADE-HANGS"},
		job: func(j *job) []Finding {
			if j.state != api.JobFinished || j.wants() == api.WantSuspended || !j.runsJob() || !j.lags() || j.lifecycle == api.LifecycleSuspended || j.age(j.reconciled) < 2*time.Minute || j.failed && j.failure.Where == InValidator {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: "the job has FINISHED, and the operator doesn't carry out the change of its spec", Evidence: []Evidence{j.statusField("jobStatus.state FINISHED, observedGeneration %d, generation %d", j.observed, j.generation)}, Cures: []Cure{{Text: "for a bounded job that is to run again: delete it and apply the manifest again; it starts without state", Command: j.flink("delete %s", j.target())}}, Confidence: Likely}}
		},
	},
	{
		ID: "FLINK-CKPT-LAST-STATE-NONE", Severity: Error, Title: "an upgrade by last-state has no checkpoint to go on from", Link: docJobs,
		Explain:  "upgradeMode last-state carries a job over by its last checkpoint, and none has been completed yet. The operator waits for one before it stops the job: while checkpoints fail, the upgrade hangs (FLINK-41283).",
		Source:   "FLINK-41283",
		Explains: []string{"FLINK-OP-PENDING", "FLINK-JOB-UPGRADE-HANGS"},
		job: func(j *job) []Finding {
			c := j.Flink.Checkpoints
			if c == nil || j.mode() != api.UpgradeLastState || c.Completed > 0 || c.Restored > 0 || !j.lags() && j.lifecycle != api.LifecycleUpgrading {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: "the upgrade waits for a completed checkpoint, and there has been none", Evidence: []Evidence{{Source: "the JobManager, checkpoints", Text: fmt.Sprintf("%d completed, %d failed, %d restored", c.Completed, c.Failed, c.Restored)}, field("job.upgradeMode", api.UpgradeLastState)}, Cures: []Cure{{Text: "see why checkpoints fail", Command: j.flink("checkpoints %s", j.target()), Safe: true}, {Text: "or let it start without state", Command: j.patch(map[string]any{"job": map[string]any{"upgradeMode": api.UpgradeStateless}})}}}}
		},
	},
	{
		ID: "FLINK-OP-THREAD", Severity: Error, Title: "the operator's thread for it has ended", Link: docOverview,
		Explain:  "While the operator was at this object a Java Error ended its thread: jars in its image that don't fit each other (NoSuchMethodError, NoClassDefFoundError: mostly after a plugin or a listener was added, or one of its jars replaced), or its memory. It writes nothing into the status or events, and doesn't look at the object again until it is restarted; others go on.",
		Explains: []string{"FLINK-OP-PENDING", "FLINK-OP-STALE", "FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS", "FLINK-JOB-UPGRADE-HANGS"},
		job: func(j *job) []Finding {
			for _, o := range j.Operators {
				var end LogLine
				for _, line := range o.Log {
					switch {
					case IsThreadsEnd(line.Text):
						end = line
					case !strings.Contains(line.Text, "is forbidden") && line.At.Sub(end.At) > time.Second: // its last lines may come after
						end = LogLine{} // it has been at it since
					}
				}
				if end.Text == "" || j.age(end.At) < 30*time.Second {
					continue
				}
				what := leadingThread.ReplaceAllString(end.Text, "")
				return []Finding{{
					Subject:    j.ref(),
					Means:      fmt.Sprintf("operator %s/%s has not looked at it for %s: its thread ended: %s", o.Namespace, o.Name, ago(j.age(end.At)), oneLine(api.ShortenTypes(what))),
					Evidence:   []Evidence{{Source: "log of " + operatorSource(o), At: end.At, Text: oneLine(end.Text)}},
					Confidence: Likely,
					Cures: []Cure{
						{Text: "correct the operator's image, if a class or method is missing there: all its jars have to be of one release"},
						{Text: "then restart the operator; jobs go on running meanwhile", Command: fmt.Sprintf("kubectl rollout restart deployment %s -n %s", word(o.Name), word(o.Namespace)), Safe: true},
					},
				}}
			}
			return nil
		},
	},
	{
		ID: "FLINK-OP-FETCH", Severity: Error, Title: "the operator can't fetch the jar", Link: docJobs,
		Explain:  "For a session job the operator itself fetches spec.job.jarURI, from its own pod and with its own certificates and DNS, and uploads it. It can't resolve or reach the host, was refused, or doesn't allow the address: since 1.16 only https from public hosts is allowed (kubernetes.operator.user.artifacts.allowed-schemes and …disallow-restricted-hosts).",
		Explains: []string{"FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS", "FLINK-JOB-UPGRADE-HANGS", "FLINK-JOB-UNKNOWN-HOST"},
		job: func(j *job) []Finding {
			if j.kind != kindSessionJob || !j.failed || j.failure.Where != InFetch && !(j.failure.Where == InOperator && schemeRefused.MatchString(j.failure.text()) && strings.Contains(strings.ToLower(j.failure.text()), "jar")) {
				return nil
			}
			uri := text(j.spec, "job", "jarURI")
			host := hostOf(uri)
			f := Finding{Subject: j.ref(), Means: "the operator can't fetch spec.job.jarURI: " + j.failure.Telling(), Evidence: []Evidence{j.failure.evidence(), field("job.jarURI", uri)}}
			switch {
			case j.failure.match(schemeLacks) != nil:
				f.Cures = []Cure{{Text: "put the plugin of that filesystem into the plugins folder of the operator's own image (the job's image doesn't count), or serve the jar by https"}}
			case inS3(j.failure):
				f.Cures = []Cure{{Text: "check the bucket, and the credentials that the operator's own pod has for it: those of the job's pods don't count"}}
			case kafkaTrust.MatchString(j.failure.text()):
				f.Cures = []Cure{{Text: fmt.Sprintf("have the operator's pods trust the certificate of %s", host)}}
			case strings.Contains(j.failure.text(), "UnknownHostException"):
				f.Cures = []Cure{{Text: fmt.Sprintf("check the name %s, and that the operator's pods resolve and reach it", host)}}
			case schemeRefused.MatchString(j.failure.text()):
				f.Cures = []Cure{{Text: "allow it in the operator's configuration: kubernetes.operator.user.artifacts.allowed-schemes, …disallow-restricted-hosts; or serve the jar by https from a public host"}}
			case httpRefused.MatchString(j.failure.text()):
				f.Cures = []Cure{{Text: "check the address, and the headers that it needs (kubernetes.operator.user.artifacts.http.header)"}}
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-OP-REST", Severity: Error, Title: "the operator can't reach the JobManager", Link: docOverview,
		Explain:  "The JobManager runs, and the operator can't reach its REST Service: a NetworkPolicy or service mesh lets nothing through from the operator's namespace, the name NAME-rest.NAMESPACE isn't resolved there, or rest.port of Service and JobManager differ.",
		Explains: []string{"FLINK-JOB-UNKNOWN-HOST", "FLINK-JOB-EXCEPTION"},
		job: func(j *job) []Finding {
			if !j.failed || j.failure.Where != InOperator {
				return nil
			}
			found := j.failure.match(notReachable)
			up := false
			for i := range j.pods {
				up = up || j.pods[i].role == jobManager && j.pods[i].ready
			}
			if found == nil || !up {
				return nil
			}
			cure := Cure{Text: "see which NetworkPolicies there are; one has to let the operator's namespace reach port 8081", Command: j.kubectl("get networkpolicies"), Safe: true}
			if found[4] != "" {
				cure = Cure{Text: "see that the Service is there, and that the operator's pods can ask the cluster's DNS", Command: j.kubectl("get services"), Safe: true}
			}
			return []Finding{{Subject: j.ref(), Means: "the JobManager's pod is ready, but the operator can't reach its REST Service: " + j.failure.Telling(), Evidence: []Evidence{j.failure.evidence()}, Cures: []Cure{cure}, Confidence: Likely}}
		},
	},
	{
		ID: "FLINK-OP-CONFLICT", Severity: Warning, Title: "an object changed while the operator wrote it", Link: docOverview,
		Explain: "Between the operator's reading of an object and its writing of it or of its status it was changed by another client: a patch of the spec at that moment, its own write that an API server under load answered too late, or a second operator. It tries again, and the message stands until the next status. The exception may quote both statuses whole; what stands in them isn't what went wrong.",
		job: func(j *job) []Finding {
			e, _, ok := j.find(statusConflict, InOperator, Somewhere)
			if !ok || e.Source != "status.error" {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: "an object changed while the operator wrote it; it tries again", Evidence: []Evidence{e.evidence()}, Cures: look("nothing, if it goes away; where it comes again and again, see whether a second operator runs", "kubectl get deployments -A -l app.kubernetes.io/name=flink-kubernetes-operator")}}
		},
	},
	{
		ID: "FLINK-JOB-HA-LOST", Severity: Error, Title: "the way back to the job's state is lost", Link: docJobs,
		Explain:  "The JobManager is gone, and so are the ConfigMaps in which it kept where the last checkpoint is. The operator doesn't start a job from nothing by itself, not even one that never came up and whose upgradeMode keeps state. Savepoints and retained checkpoints are still in storage: it is started from one of them with initialSavepointPath and a new savepointRedeployNonce.",
		Explains: []string{"FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS", "FLINK-JOB-FAILED", "FLINK-JOB-UPGRADE-HANGS", "FLINK-OP-PENDING"},
		job: func(j *job) []Finding {
			if !j.failed {
				return nil
			}
			seen := slices.Contains([]string{api.JobManagerDeploying, api.JobManagerNotReady, api.JobManagerReady}, j.jobManager)
			if found := j.failure.match(lostHA); found == nil || seen && j.lifecycle != api.LifecycleFailed && j.state != api.JobFailed {
				return nil // its Deployment has been seen since; the error stays until the job is stable
			}
			f := Finding{Subject: j.ref(), Means: "the operator can't find the job's last state any more: " + j.failure.Telling(), Evidence: []Evidence{j.failure.evidence(), j.statusField("jobManagerDeploymentStatus %s", j.jobManager)}, Cures: []Cure{{Text: "see which state there is", Command: j.flink("storage ls %s", j.target()), Safe: true}, j.startAgain()}}
			if (api.Job{Kind: api.Deployment, Object: j.object}).NeverRan() {
				f.Means = "the job never ran, and the operator looks for state that it could go on from: " + j.failure.Telling()
				again := j.startAgain()
				again.Text = "with its first start corrected, " + again.Text
				f.Cures = []Cure{again}
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-JOB-CLUSTER-EXISTS", Severity: Error, Title: "the JobManager can't be made because an old one is there", Link: docOverview,
		Explain:  "The operator thinks that the JobManager is MISSING and recreates it, and the API server says that a part of it is there already: a Deployment, Service or ConfigMap of the name that the operator didn't make or hasn't finished deleting. It tries again for ever.",
		Explains: []string{"FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS", "FLINK-JOB-UPGRADE-HANGS", "FLINK-OP-PENDING"},
		job: func(j *job) []Finding {
			if !j.failed || j.jobManager != api.JobManagerMissing && j.jobManager != api.JobManagerError || j.failure.Where == InMain {
				return nil
			}
			if found := j.failure.match(alreadyExists); found == nil {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: "the JobManager is " + j.jobManager + " and can't be made: " + j.failure.Telling(), Evidence: []Evidence{j.failure.evidence(), j.statusField("jobManagerDeploymentStatus %s", j.jobManager)}, Cures: look("see what is there of it, and whose it is", j.kubectl("get deployment,service,configmap -l app=%s -o wide", j.name)), Confidence: Likely}}
		},
	},
	{
		ID: "FLINK-OP-PENDING", Severity: Warning, Title: "the operator hasn't taken up the change", Link: docOverview,
		Explain: "observedGeneration is behind the object's generation, without an error: the operator has not got to it, is down, or waits until the job can be upgraded (until it runs, or a savepoint is done).",
		job: func(j *job) []Finding {
			if !j.lags() || j.failed && j.failure.Where == InValidator || j.deleting() || j.kind == kindSnapshot || j.changedAgo() < 2*time.Minute {
				return nil
			}
			means := fmt.Sprintf("the operator hasn't taken up generation %d (it is at %d)", j.generation, j.observed)
			if !j.running() && j.state != "" && j.mode() == api.UpgradeSavepoint {
				means += "; it waits until the job, which is " + j.state + ", can be stopped with a savepoint"
			}
			return []Finding{{Subject: j.ref(), Means: means, Evidence: []Evidence{j.statusField("observedGeneration %d, generation %d", j.observed, j.generation)}, Cures: look("see what the operator says", j.flink("events %s", j.target())), Confidence: Likely}}
		},
	},
}

// changedAgo is how long ago the spec was changed, as the newest of its writers
// tells; since it was created where none does.
func (j *job) changedAgo() time.Duration {
	at := j.created
	for _, entry := range j.object.GetManagedFields() {
		if entry.Subresource == "" && entry.Time != nil && entry.Time.Time.After(at) {
			at = entry.Time.Time
		}
	}
	return j.age(at)
}
