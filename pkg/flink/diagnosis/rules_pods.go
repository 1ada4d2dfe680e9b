package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

var (
	imageReasons  = []string{"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"}
	pullFails     = pattern(`Failed to pull image|rpc error|unauthorized|not found|denied`)
	probeKills    = pattern(`failed (?:liveness|startup) probe`)
	endingProbe   = pattern(`^(?:Liveness|Startup) probe (?:failed|errored)`)
	liveness      = pattern(`^Liveness probe (?:failed|errored)`)
	execFormat    = pattern(`exec format error`)
	jvmFails      = pattern(`(?i)initialization of VM|agent library failed to init|Error opening zip file or JAR manifest missing|Could not create the Java Virtual Machine|Could not reserve enough space|insufficient memory for the Java Runtime|Unrecognized (?:VM )?option|Unrecognized option: |Could not find agent library|Invalid (?:maximum|initial) heap size|Error: Could not find or load main class|JAVA_HOME|processing of -javaagent failed|JDWP Transport|transport error \d+`)
	noFlink       = pattern(`find or load main class org\.apache\.flink\.`)
	jvmMemory     = pattern(`(?i)Could not reserve enough space|insufficient memory for the Java Runtime|Native memory allocation`)
	jvmAgent      = pattern(`FATAL ERROR in native method: processing of -javaagent failed`)
	entryFails    = pattern(`(?i)executable file not found|no such file or directory|exec: "([^"]+)"|permission denied|not found in \$PATH|command not found|: not found$`)
	missingSecret = pattern(`(?i)(?:references non-existent secret key|secret "?(?:[a-z0-9-]+/)?([a-z0-9]([-a-z0-9.]*[a-z0-9])?)"? not found|couldn't find key (\S+) in Secret (?:[a-z0-9-]+/)?([a-z0-9.-]+))`)
	missingConfig = pattern(`(?i)(?:references non-existent config key|configmap "?(?:[a-z0-9-]+/)?([a-z0-9]([-a-z0-9.]*[a-z0-9])?)"? not found|couldn't find key (\S+) in ConfigMap (?:[a-z0-9-]+/)?([a-z0-9.-]+))`)
	diskFull      = pattern(`No space left on device|Disk quota exceeded|not enough space on the (?:disk|device)`)
	// diskOwn are the exceptions with which a process says it of its own disks.
	diskOwn    = pattern(`^(?:|\w*IOException|FileSystemException|FileNotFoundException|DiskErrorException|RocksDBException|ForSt\w*|(?:Flink)?(?:Runtime)?Exception|\w*Error|KryoException)$`)
	remoteSays = pattern(`^RemoteException`)
)

var podRules = []Rule{
	{
		ID: "FLINK-MEM-CONTAINER", Severity: Error, Title: "the container was killed: out of memory", Link: docMemoryHelp,
		Explain:  "OOMKilled: the kernel killed the container because it used more memory than its limit. Java's heap, its metaspace and direct memory have bounds of their own, so that mostly what lies outside of them has grown: native memory of RocksDB, of libraries, of threads. Where it lies in the heap, the log says OutOfMemoryError instead.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-POD-KILLED", "FLINK-JOB-TASKMANAGER-LOST", theRest},
		job: func(j *job) []Finding {
			out := j.troubled(func(p *pod, c *container) (string, []Evidence, bool) {
				if c.end == nil || c.end.Reason != "OOMKilled" || j.age(c.end.FinishedAt.Time) > time.Hour && c.ready {
					return "", nil, false
				}
				what := fmt.Sprintf("%s of %s was killed: it used more memory than its limit (OOMKilled)", c.called(), p.name)
				if c.main {
					what = fmt.Sprintf("%s was killed: it used more memory than its limit (OOMKilled)", p.name) + j.memoryPart(p)
				}
				return what, []Evidence{{Source: p.source(c), At: c.end.FinishedAt.Time, Text: ending(c.end)}}, true
			}, func(p *pod, c *container) []Cure {
				if !c.main {
					return []Cure{{Text: "raise the limit of container " + c.name + " in the pod template"}}
				}
				return j.moreMemory(p.role)
			})
			if len(out) > 0 {
				return out
			}
			killed := j.endsLike(func(e workerEnd) bool {
				return e.reason == "OOMKilled" && (e.container == mainContainer || e.container == "")
			})
			if len(killed) == 0 || j.running() && j.age(killed[0].at) > 10*time.Minute {
				return nil
			}
			return []Finding{{Subject: "pod/" + killed[0].pod, Means: fmt.Sprintf("%s was killed: it used more memory than its limit (OOMKilled)%s", killed[0].pod, likeOthers(len(killed)-1)), Evidence: []Evidence{{Source: "the JobManager's log", At: killed[0].at, Text: oneLine(killed[0].line)}}, Cures: j.moreMemory(taskManager)}}
		},
	},
	Rule{
		ID: "FLINK-POD-DISK", Severity: Error, Title: "a disk is full", Link: docBackends,
		Explain:  "\"No space left on device\": the pod's own disk, an emptyDir with a limit, or a volume is full. RocksDB keeps its working state below io.tmp.dirs, on the pod's own disk if it isn't a volume; files of checkpoints, jars and logs add to it.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-CKPT-*", "FLINK-SNAP-*", "FLINK-STATE-WRITE", theRest},
		job: func(j *job) []Finding {
			cure := Cure{Text: "give io.tmp.dirs (and the state directories) a larger volume, or raise the emptyDir's sizeLimit"}
			if e, _, ok := j.find(diskFull); ok && e.Where == InOperator {
				cure.Text = "see whose it is: the operator fetches jars into its own pod (kubernetes.operator.user.artifacts.base.dir), the JobManager keeps what is uploaded in io.tmp.dirs"
			}
			if found := j.thrown(diskFull, nil, func(e Exception, _ []string) string {
				return "a disk is full: " + e.Telling()
			}, cure); len(found) > 0 {
				return found
			}
			return j.troubled(func(p *pod, c *container) (string, []Evidence, bool) {
				said := c.said(true)
				if !c.failing() || !diskFull.MatchString(said) {
					return "", nil, false
				}
				return fmt.Sprintf("a disk of %s is full: %s", p.name, said), []Evidence{{Source: "log of " + p.source(c), At: c.end.FinishedAt.Time, Text: said}}, true
			}, func(*pod, *container) []Cure {
				return []Cure{{Text: "give it a larger volume, or raise the emptyDir's sizeLimit"}}
			})
		},
	}.unless(diskOfOthers),
	{
		ID: "FLINK-POD-EVICTED", Severity: Error, Title: "a pod was ended or refused by its node", Link: kubernetesDocs + "concepts/scheduling-eviction/node-pressure-eviction/",
		Explain:  "The kubelet ended the pod to save its node, or because the pod used more disk than it may (ephemeral-storage, an emptyDir's sizeLimit); or the node was shut down, or didn't admit the pod. Flink starts another, which may end the same way.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-POD-KILLED", "FLINK-JOB-TASKMANAGER-LOST", theRest},
		job: func(j *job) []Finding {
			at, name, reason, message := time.Time{}, "", "", ""
			var evidence Evidence
			for i := range j.pods {
				if p := &j.pods[i]; endedByNode(p) && (reason == "" || p.created.After(at)) {
					at, name, reason, message = p.created, p.name, p.Status.Reason, p.Status.Message
					evidence = Evidence{Source: "pod/" + p.name, At: p.created, Text: reason + ": " + oneLine(message)}
				}
			}
			if e, ok := j.event(nil, "Evicted", "Preempted", "TaintManagerEviction"); ok && reason == "" && e.kind == "Pod" && j.age(e.at) < time.Hour && (e.reason != "TaintManagerEviction" || strings.HasPrefix(e.message, "Marking")) {
				at, name, reason, message, evidence = e.at, e.name, e.reason, e.message, e.evidence()
			}
			if ended := j.endsLike(func(e workerEnd) bool { return slices.Contains(nodeReasons, e.reason) }); reason == "" && len(ended) > 0 {
				e := ended[0]
				at, name, reason, message, evidence = e.at, e.pod, e.reason, e.message, Evidence{Source: "the JobManager's log", At: e.at, Text: oneLine(e.line)}
			}
			if reason == "" {
				return nil
			}
			word, cure := nodeCure(reason, message)
			f := Finding{Subject: "pod/" + name, Means: name + " " + word + withText(oneLine(message)), Evidence: []Evidence{evidence}, Cures: []Cure{cure}}
			switch {
			case j.outdated(at), j.replacedLongAgo(name), j.running() && !at.IsZero() && j.age(at) > j.standing():
				f.Severity = Info // the job has come up since; Kubernetes keeps the pod
			case j.running():
				f.Severity = Warning
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-POD-SIDECAR", Severity: Error, Title: "a sidecar fails", Link: docTemplate,
		Explain:  "A container beside Flink's ends with an error again and again. The pod isn't Ready, so that the JobManager's Service has no endpoint though Flink answers; in native mode Flink deletes a TaskManager's pod as soon as one of its containers ends.",
		Explains: []string{"FLINK-POD-PROBE", "FLINK-JOB-NO-ENDPOINTS", theRest},
		job: func(j *job) []Finding {
			out := j.troubled(func(p *pod, c *container) (string, []Evidence, bool) {
				if c.init || c.main || !c.failing() || execFormat.MatchString(c.said(true)) || c.end.Reason == "OOMKilled" {
					return "", nil, false
				}
				return fmt.Sprintf("container %s of %s, beside Flink's, ended with %s", c.name, p.name, ending(c.end)) + withText(c.said(true)), []Evidence{{Source: p.source(c), At: c.end.FinishedAt.Time, Text: ending(c.end) + withText(c.said(true))}}, true
			}, func(_ *pod, c *container) []Cure {
				return []Cure{{Text: "see what it writes", Command: j.flink("logs %s -c %s", clusterTarget(j), word(c.name)), Safe: true}, {Text: "correct the container in the pod template, or leave it out"}}
			})
			if len(out) > 0 {
				return out
			}
			ended := j.endsLike(func(e workerEnd) bool { return e.container != "" && e.container != mainContainer && e.code != 0 })
			if len(ended) == 0 || j.running() && j.age(ended[0].at) > 10*time.Minute {
				return nil
			}
			e := ended[0]
			return []Finding{{Subject: "pod/" + e.pod, Means: fmt.Sprintf("%s ended with its container %s (%s, exit code %d)%s", e.pod, e.container, e.reason, e.code, likeOthers(len(ended)-1)), Evidence: []Evidence{{Source: "the JobManager's log", At: e.at, Text: oneLine(e.line)}}, Cures: look("see what it writes, pod after pod", j.flink("logs %s -c %s -f", clusterTarget(j), word(e.container)))}}
		},
	},
	{
		ID: "FLINK-POD-LIVENESS", Severity: Error, Title: "a probe has the pod killed", Link: kubernetesDocs + "concepts/configuration/liveness-readiness-startup-probes/",
		Explain:  "A liveness or startup probe of a container fails, and Kubernetes ends the container (exit code 143 or 137). A JobManager is restarted in its pod; for a TaskManager of native mode Flink makes another pod, which ends the same way. The operator's own startup probe asks the JobManager for /config; one that starts slowly (little CPU, many jars) needs a larger failureThreshold.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-POD-KILLED", "FLINK-POD-PROBE", theRest},
		job: func(j *job) []Finding {
			killed, why, others := event{}, event{}, 0
			seen := map[string]bool{}
			for _, e := range j.events {
				if e.kind != "Pod" || e.reason != "Killing" || seen[e.name] || j.age(e.at) > probeKillsFor || j.outdated(e.at) {
					continue
				}
				unhealthy, ok := j.probeBefore(e)
				if !ok {
					continue
				}
				if seen[e.name] = true; len(seen) == 1 {
					killed, why = e, unhealthy
				} else {
					others++
				}
			}
			if len(seen) == 0 {
				return nil
			}
			f := Finding{Subject: "pod/" + killed.name, Means: killed.name + " was killed because its probe failed: " + oneLine(why.message) + likeOthers(others), Evidence: []Evidence{why.evidence(), killed.evidence()}, Cures: []Cure{{Text: "correct the probe in the pod template, or give it more time (initialDelaySeconds, failureThreshold) or CPU"}}, Confidence: Likely}
			if why == killed {
				f.Evidence = f.Evidence[:1]
			}
			if j.running() {
				f.Severity = Warning
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-POD-PROBE", Severity: Warning, Title: "a probe fails", Link: kubernetesDocs + "concepts/configuration/liveness-readiness-startup-probes/",
		Explain:  "A probe of a container has failed for minutes. A liveness or startup probe has Kubernetes end the container; a readiness probe keeps requests away. While a JobManager starts, failed probes are normal.",
		Explains: []string{"FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS", "FLINK-POD-KILLED"},
		job: func(j *job) []Finding {
			var out []Finding
			for i := range j.pods {
				p := &j.pods[i]
				unhealthy, failing := j.podEvent(p, nil, "Unhealthy")
				if p.deleting || p.ready || !failing || p.age < slowStart || unhealthy.count < 20 || !strings.Contains(unhealthy.message, "probe failed") {
					continue
				}
				f := Finding{Subject: "pod/" + p.name, Means: "a probe of " + p.name + " fails: " + oneLine(unhealthy.message), Evidence: []Evidence{unhealthy.evidence()}, Cures: []Cure{{Text: "give it more CPU, or a larger failureThreshold of the probe in the pod template"}}, Confidence: Likely}
				if main := p.main(); unhealthy.container != "" && main != nil && unhealthy.container != main.name {
					f.Means = fmt.Sprintf("a probe of container %s of %s, beside Flink's, fails: %s", unhealthy.container, p.name, oneLine(unhealthy.message))
					f.Cures = look("see what it writes: Flink itself may be well", j.flink("logs %s -c %s", clusterTarget(j), word(unhealthy.container)))
				}
				out = append(out, f)
			}
			return out
		},
	},
	{
		ID: "FLINK-POD-NODE", Severity: Error, Title: "the pod's node doesn't answer", Link: kubernetesDocs + "concepts/architecture/nodes/",
		Explain:  "The node on which the pod runs isn't Ready: the kubelet there doesn't report. Kubernetes waits some minutes (tolerations, 5 min) before it gives the pods up; Flink's heartbeats end after 50 s.",
		Explains: []string{"FLINK-JOB-TASKMANAGER-LOST", "FLINK-POD-GOES", theRest},
		job: func(j *job) []Finding {
			for i := range j.pods {
				p := &j.pods[i]
				for _, n := range j.Nodes {
					if n.Name == p.Spec.NodeName && !n.Ready && n.Name != "" {
						return []Finding{{Subject: "node/" + n.Name, Means: fmt.Sprintf("node %s, on which %s runs, is not Ready", n.Name, p.name), Evidence: []Evidence{{Source: "node/" + n.Name, Text: "Ready is not True"}}, Cures: look("see what is wrong with it", "kubectl describe node "+word(n.Name))}}
					}
				}
				if p.Status.Phase == corev1.PodUnknown {
					return []Finding{{Subject: "pod/" + p.name, Means: "the node of " + p.name + " doesn't answer", Evidence: []Evidence{{Source: "pod/" + p.name, Text: "phase Unknown"}}, Cures: look("see the nodes", "kubectl get nodes")}}
				}
			}
			return nil
		},
	},
	{
		ID: "FLINK-POD-GOES", Severity: Warning, Title: "a pod doesn't go", Link: kubernetesDocs + "concepts/workloads/pods/pod-lifecycle/#pod-termination",
		Explain:  "A pod was deleted, its time to end is over for minutes, and it is still there: its node doesn't answer, a volume can't be unmounted, or a finalizer holds it. The operator deploys nothing new before the pods of before are gone.",
		Explains: append([]string{"FLINK-JOB-FINALIZER"}, whatFollows...),
		job: func(j *job) []Finding {
			for i := range j.pods {
				p := &j.pods[i]
				if !p.deleting || j.age(p.DeletionTimestamp.Time) < 2*time.Minute || !j.starting() && !j.deleting() && j.lifecycle != api.LifecycleUpgrading {
					continue
				}
				means := fmt.Sprintf("%s was deleted, and is still there %s after its time to end", p.name, ago(j.age(p.DeletionTimestamp.Time)))
				if len(p.Finalizers) > 0 {
					means += ": finalizers hold it (" + strings.Join(p.Finalizers, ", ") + ")"
				}
				return []Finding{{Subject: "pod/" + p.name, Means: means, Evidence: []Evidence{{Source: "pod/" + p.name, At: p.DeletionTimestamp.Time, Text: "metadata.deletionTimestamp, on node " + p.Spec.NodeName}}, Cures: look("see its node, and what its events say", j.kubectl("describe pod %s", p.name)), Confidence: Likely}}
			}
			return nil
		},
	},
	{
		ID: "FLINK-POD-PDB", Severity: Warning, Title: "a PodDisruptionBudget lets no pod go", Link: kubernetesDocs + "concepts/workloads/pods/disruptions/",
		Explain: "A PodDisruptionBudget over the job's pods allows no disruption: draining a node on which one of them runs hangs. A JobManager that is there once can't be spared by a budget; with high availability it is started elsewhere in seconds, so that minAvailable 0 (or no budget) is right.",
		job: func(j *job) []Finding {
			for i := range j.PDB {
				b := &j.PDB[i]
				if b.Status.DisruptionsAllowed > 0 || b.Status.ExpectedPods == 0 || b.Status.CurrentHealthy < b.Status.DesiredHealthy {
					continue
				}
				return []Finding{{Severity: Info, Subject: "poddisruptionbudget/" + b.Name, Means: fmt.Sprintf("poddisruptionbudget %s lets none of %d pods go: a drain of their node hangs", b.Name, b.Status.ExpectedPods), Evidence: []Evidence{{Source: "poddisruptionbudget/" + b.Name, Text: fmt.Sprintf("disruptionsAllowed 0, currentHealthy %d, desiredHealthy %d", b.Status.CurrentHealthy, b.Status.DesiredHealthy)}}, Cures: []Cure{{Text: "allow one to go", Command: j.kubectl("patch pdb %s --type merge -p %s", b.Name, `{"spec":{"minAvailable":null,"maxUnavailable":1}}`)}}}}
			}
			return nil
		},
	},
	{
		ID: "FLINK-POD-DRAIN", Severity: Warning, Title: "a drain waits for the job's pod", Link: kubernetesDocs + "tasks/administer-cluster/safely-drain-node/",
		Explain: "A node with one of the job's pods is cordoned, and a PodDisruptionBudget keeps the pod from being evicted: the drain hangs until the pod is moved.",
		job: func(j *job) []Finding {
			for i := range j.PDB {
				b := &j.PDB[i]
				if b.Status.DisruptionsAllowed > 0 || b.Status.ExpectedPods == 0 {
					continue
				}
				for k := range j.pods {
					p := &j.pods[k]
					for _, n := range j.Nodes {
						if n.Name == p.Spec.NodeName && n.Unschedulable && n.Name != "" {
							return []Finding{{Subject: "pod/" + p.name, Means: fmt.Sprintf("node %s is being drained, and poddisruptionbudget %s keeps %s there", n.Name, b.Name, p.name), Evidence: []Evidence{{Source: "node/" + n.Name, Text: "spec.unschedulable: true"}, {Source: "poddisruptionbudget/" + b.Name, Text: "disruptionsAllowed 0"}}, Cures: []Cure{{Text: "allow one to go", Command: j.kubectl("patch pdb %s --type merge -p %s", b.Name, `{"spec":{"minAvailable":null,"maxUnavailable":1}}`)}}, Confidence: Likely}}
						}
					}
				}
			}
			return nil
		},
	},
}

func likeOthers(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(", like %d before it in the last hour", n)
}

// clusterTarget is the job whose pods run it, as this plugin's commands take it.
func clusterTarget(j *job) string { return j.target() }

// probeKillsFor is how long a container that a probe had killed counts.
const probeKillsFor = 10 * time.Minute

// probeBefore is why the kubelet killed a container, if a probe was the reason:
// it says so where it restarts the container; where the pod ends with it (a
// TaskManager's), the failed probe stands in an event just before. Pods that are
// deleted aren't probed any more; while one starts, failed startup probes are normal.
func (j *job) probeBefore(killing event) (event, bool) {
	said := probeKills.MatchString(killing.message)
	for _, e := range j.events {
		if e.kind != "Pod" || e.name != killing.name || e.reason != "Unhealthy" {
			continue
		}
		late := killing.at.Sub(e.at)
		if said && endingProbe.MatchString(e.message) || late >= -2*time.Second && late < time.Minute && liveness.MatchString(e.message) {
			return e, true
		}
	}
	return killing, said
}
