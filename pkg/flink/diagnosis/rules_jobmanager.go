package diagnosis

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// jarDirectory is the directory in the image in which a jar is looked for.
func jarDirectory(uri string) string {
	_, file, ok := strings.Cut(uri, "://")
	if !ok || !strings.HasPrefix(file, "/") {
		return "/opt/flink/usrlib"
	}
	return path.Dir(path.Clean(file))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

var (
	watchRefused = pattern(`required storage feature RequestWatchProgress is disabled`)
	haRefused    = pattern(`(?i)configmaps? .*is forbidden|cannot (?:get|create|update|watch|list|patch) resource "configmaps"`)
	haFile       = pattern(`Could not retrieve (?:the )?(?:submitted )?(?:JobGraph|ExecutionPlan|StreamGraph|checkpoint \d+)\b.* from state handle|FileNotFoundException: .*/(?:submittedJobGraph|submittedExecutionPlan|completedCheckpoint)\w+`)
	// apiAway is a connection that wasn't made; with a KubernetesClientException
	// it is the one to the API server.
	apiAway     = pattern(`Failed to connect to|[Cc]onnect(?:ion)? timed out|Connection refused|[Tt]imeout\b|No route to host|Network is unreachable|UnknownHostException: kubernetes\.default`)
	zooKeeper   = pattern(`^(?:KeeperException|CuratorConnectionLossException)\b|KeeperErrorCode = (\w+)`)
	zooDenied   = pattern(`KeeperErrorCode = (?:NoAuth|AuthFailed|InvalidACL)`)
	notTaken    = pattern(`^RegistrationTimeoutException|Could not register at the ResourceManager within`)
	noFile      = pattern(`FileNotFoundException|NoSuchFileException|NoSuchKey`)
	noMainClass = pattern(`entry point class '[^']*' (?:was not found|could not be loaded|has no main)|Could not find (?:a suitable|the|any) .*(?:main|entry) class|Neither a 'Main-Class'|provided as a parameter is not found|JobClassNotFound|No jar file (?:was )?found|Unable to (?:find|load) .*entry ?class`)
	jarNamed    = pattern(`(?:NoSuchFileException|FileNotFoundException): (\S+\.jar)\b`)
	noJar       = pattern(`(?:JAR file does not exist|JAR file .* does not exist|FileNotFoundException: .*\.jar|NoSuchFileException: .*\.jar|The given jar .* does not exist|Could not find the jar|does not exist: ?'?[^']*\.jar)`)
)

// jobManagerPlaces are where Flink's processes speak with each other, and with what
// they are coordinated by.
var jobManagerPlaces = []Where{InJobManager, InTaskManager, InMain, InTask, Somewhere}

var jobManagerRules = []Rule{
	{
		ID: "FLINK-JM-WATCH", Severity: Error, Title: "the API server can't be watched", Link: docHA,
		Explain:  "The JobManager keeps leadership by watching ConfigMaps. The API server refuses watches that ask for progress because its etcd is older than 3.5 (\"the required storage feature RequestWatchProgress is disabled\"); the JobManager tries for ever.",
		Explains: whatFollows,
		job: func(j *job) []Finding {
			for _, line := range slices.Backward(j.Flink.Log) {
				if watchRefused.MatchString(line.Text) {
					return []Finding{{Subject: j.ref(), Means: "the API server refuses the JobManager's watches: its etcd is too old", Evidence: []Evidence{{Source: "the JobManager's log", At: line.At, Text: oneLine(line.Text)}}, Cures: []Cure{{Text: "upgrade etcd to 3.5 or newer"}}}}
				}
			}
			return nil
		},
	},
	{
		ID: "FLINK-JM-HA-RIGHTS", Severity: Error, Title: "the JobManager may not use ConfigMaps", Link: docHA,
		Explain:  "With high-availability.type kubernetes the JobManager keeps leadership and the pointers to its checkpoints in ConfigMaps, as the job's service account, which lacks the right.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-POD-FORBIDDEN", theRest},
		job: func(j *job) []Finding {
			if j.conf.ha() == "" || len(j.seen) == 0 {
				return nil
			}
			places := []Where{InJobManager, InTaskManager, Somewhere}
			refused, _, _ := j.find(haRefused, places...)
			return j.thrown(haRefused, places, func(e Exception, _ []string) string {
				return "the service account may not use ConfigMaps, in which high availability keeps its state: " + oneLine(e.Root().Message)
			}, roleFix(j.ns, j.refusedAccount(refused.text())).cure("bind it a role with the rights that the operator's chart gives the account flink"))
		},
	},
	sourced("fabric8io/kubernetes-client, what Flink prints of it", thrownRule("FLINK-JM-API", "Flink doesn't reach the API server", docNative,
		"In native mode, and with high availability by Kubernetes, Flink's processes ask the API server from the job's pods. Their connection to it isn't made: a NetworkPolicy lets nothing through, the cluster's DNS doesn't answer, or a service mesh's sidecar takes the pod's connections and isn't up when Flink starts.",
		apiAway, []Where{InJobManager, InTaskManager, Somewhere}, says("Flink doesn't reach the API server from the job's pods"), func(j *job, _ Exception, _ []string) []Cure {
			cures := look("see that no NetworkPolicy keeps the job's pods from it (and from the cluster's DNS), and that it answers", j.kubectl("get networkpolicies"))
			if mesh := j.meshed(); mesh != "" {
				cures = append([]Cure{{Text: "have Flink wait for the mesh's sidecar " + mesh + " (Istio: holdApplicationUntilProxyStarts: true; Linkerd: config.linkerd.io/proxy-await: enabled), or leave the API server out of what it takes (traffic.sidecar.istio.io/excludeOutboundIPRanges, config.linkerd.io/skip-outbound-ports)"}}, cures...)
			}
			return cures
		})).unless(func(e Exception) bool { return !strings.Contains(e.whole(), "KubernetesClientException: ") }),
	sourced("apache/zookeeper and apache/curator, as Flink prints them", thrownRule("FLINK-JM-ZOOKEEPER", "ZooKeeper doesn't serve high availability", flinkDocs+"deployment/ha/zookeeper_ha/",
		"With high-availability.type zookeeper the JobManager and the TaskManagers keep leadership and pointers to checkpoints in ZooKeeper. They don't reach it at high-availability.zookeeper.quorum, lose their session, or may not use the path below high-availability.zookeeper.path.root.",
		zooKeeper, jobManagerPlaces, says("ZooKeeper doesn't serve Flink's high availability"), func(j *job, e Exception, _ []string) []Cure {
			if e.match(zooDenied) != nil {
				return []Cure{{Text: "see who may use that path in ZooKeeper (its ACL), and as whom Flink comes (high-availability.zookeeper.client.acl, zookeeper.sasl.*)"}}
			}
			return []Cure{{Text: "see that ZooKeeper runs, and that the job's pods reach each host and port of high-availability.zookeeper.quorum: " + j.conf["high-availability.zookeeper.quorum"]}}
		})).unless(func(e Exception) bool { return !strings.Contains(e.whole(), "org.apache.flink.shaded.") }),
	sourced("apache/flink, TaskExecutor", thrownRule("FLINK-JM-UNREACHED", "TaskManagers don't reach the JobManager", docNative,
		"A TaskManager has tried for taskmanager.registration.timeout (5 min) to register with the JobManager, and ends. It reaches the JobManager by its Service (with high availability by its pod's address) at jobmanager.rpc.port, 6123, and blob.server.port, 6124: a NetworkPolicy or a service mesh lets that not through, or the JobManager that it looks for is gone.",
		notTaken, jobManagerPlaces, says("a TaskManager doesn't reach the JobManager"), func(j *job, _ Exception, _ []string) []Cure {
			return look("see that the JobManager runs, that its Service leads to it, and that no NetworkPolicy or mesh (mutual TLS) stands between the job's pods (ports 6123 and 6124)", j.kubectl("get pods,services,networkpolicies"))
		})),
	{
		ID: "FLINK-JM-HA-GRAPH", Severity: Error, Title: "the JobManager can't read what high availability kept", Link: docHA,
		Explain:  "The ConfigMaps of high availability point to files in high-availability.storageDir: the job's graph, and its checkpoints. One of them is gone, or was written by another version of Flink, which can't be read across. The checkpoints themselves, and savepoints, may be whole: the job is started from one of them instead.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-JOB-LINKAGE", "FLINK-STATE-NOT-FOUND", "FLINK-STATE-SCHEMA", theRest},
		job: func(j *job) []Finding {
			means := "a file that high availability kept can't be read"
			out := j.thrown(haFile, []Where{InJobManager, InRestore, InMain, Somewhere}, func(e Exception, _ []string) string {
				switch {
				case e.match(invalidClass) != nil:
					means = "what high availability kept was written by another version of Flink"
				case e.match(noFile) != nil:
					means = "a file that high availability kept is gone"
				}
				return means + ": " + e.Telling()
			}, Cure{Text: "see which state there is", Command: j.flink("storage ls %s", j.target()), Safe: true},
				Cure{Text: "start it from its newest savepoint or checkpoint", Command: j.flink("restore %s --from latest --no-savepoint", j.target())})
			for i := range out {
				if j.conf[haDirKey] != "" {
					out[i].Evidence = append(out[i].Evidence, j.key(haDirKey))
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-JOB-JAR", Severity: Error, Title: "the job's jar isn't there", Link: docJobs,
		Explain:  "spec.job.jarURI is local://, a file in the pod, and there is none at that path: the image lacks it, an init container didn't fetch it, or a volume is mounted over its folder.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-JOB-MAIN", theRest},
		job: func(j *job) []Finding {
			uri := text(j.spec, "job", "jarURI")
			if j.kind == kindSessionJob || len(j.seen) == 0 {
				return nil
			}
			places := []Where{InJobManager, InMain, Somewhere, InOperator}
			e, _, ok := j.find(noJar, places...)
			if named := jarNamed.FindStringSubmatch(e.text()); !ok || named != nil && path.Base(named[1]) != path.Base(uri) {
				return nil
			}
			out := j.thrown(noJar, places, func(e Exception, _ []string) string {
				return "the jar of the job isn't where spec.job.jarURI says: " + e.Telling()
			}, Cure{Text: "see what the image has there", Command: j.kubectl("run jar-look --rm -it --restart Never --image %s --command -- ls -l %s", text(j.cluster, "image"), jarDirectory(uri)), Safe: true})
			for i := range out {
				out[i].Evidence = append(out[i].Evidence, field("job.jarURI", uri))
			}
			return out
		},
	},
	{
		ID: "FLINK-JOB-ENTRY", Severity: Error, Title: "the job's main class isn't found", Link: docJobs,
		Explain:  "spec.job.entryClass names a class that isn't in the jar, or there is none named and the jar's manifest has no Main-Class.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-JOB-MAIN", "FLINK-JOB-CLASS", theRest},
		job: func(j *job) []Finding {
			places := []Where{InJobManager, InMain, Somewhere, InOperator}
			entry := text(j.spec, "job", "entryClass")
			cure := Cure{Text: fmt.Sprintf("set spec.job.entryClass (it is %q) to a class of the jar with a main method", entry)}
			out := j.thrown(noMainClass, places, func(e Exception, _ []string) string {
				return "the job's main class isn't found: " + e.Telling()
			}, cure)
			if len(out) > 0 || entry == "" {
				return out
			}
			// In application mode Flink loads the class itself and only says that it
			// isn't there.
			out = j.thrown(noClass, places, func(_ Exception, found []string) string {
				return "the job's main class " + found[2] + " isn't in its jar"
			}, cure)
			if e, found, ok := j.find(noClass, places...); !ok || found[2] != entry || !j.matters(e) {
				return nil
			}
			return out
		},
	},
	{
		ID: "FLINK-JOB-LOST", Severity: Error, Title: "the JobManager doesn't know the job any more", Link: docHA,
		Explain:  "The job ended while it started, and the JobManager with it; the one that Kubernetes started after that takes the job for done. The operator looks for it for ever (\"Job Not Found\"). Without high availability a JobManager that restarts loses the job's place.",
		Explains: []string{"FLINK-POD-CRASH", "FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS", "FLINK-JOB-UPGRADE-HANGS"},
		job: func(j *job) []Finding {
			if !j.failed || !strings.Contains(j.failure.text(), jobNotFound) && !strings.Contains(j.failure.text(), "FlinkJobNotFoundException") {
				return nil
			}
			for i := range j.pods {
				p := &j.pods[i]
				main := p.main()
				if p.role != jobManager || !p.ready || main == nil {
					continue
				}
				// The log says it for certain, also where the whole pod was replaced.
				// Without it: a main method that takes its time isn't known either.
				line, said := j.logged(takenForEnded)
				if !said && (main.restarts == 0 || main.end == nil || j.age(main.end.FinishedAt.Time) < time.Minute) {
					continue
				}
				f := Finding{Subject: j.ref(), Means: "the job ended while it started, and its JobManager, which has restarted, doesn't know it any more", Evidence: []Evidence{j.failure.evidence()}}
				if main.end != nil {
					f.Evidence = append(f.Evidence, Evidence{Source: p.source(main), At: main.end.FinishedAt.Time, Text: ending(main.end) + withText(main.said(false))})
				}
				if main.exception != nil {
					f.Means += ": " + main.exception.Telling()
					f.Evidence = append(f.Evidence, main.exception.evidence())
				}
				if said {
					f.Evidence = append(f.Evidence, Evidence{Source: "the JobManager's log", At: line.At, Text: oneLine(line.Text)})
				}
				again := j.startAgain()
				again.Text = "with the cause corrected, " + again.Text + ": the operator carries out no other change of it"
				f.Cures = []Cure{again, {Text: "see what it wrote before", Command: j.flink("logs %s --jm --previous", j.target()), Safe: true}}
				return []Finding{f}
			}
			return nil
		},
	},
	{
		ID: "FLINK-POD-KILLED", Severity: Warning, Title: "a container was killed from outside", Link: kubernetesDocs + "concepts/workloads/pods/pod-lifecycle/",
		Explain:  "Exit code 137 without OOMKilled: something killed the process, though not for its own memory limit; perhaps for the node's memory, a failed probe, or by hand.",
		Explains: []string{"FLINK-JOB-TASKMANAGER-LOST", "FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS"},
		job: func(j *job) []Finding {
			return j.troubled(func(p *pod, c *container) (string, []Evidence, bool) {
				if c.end == nil || c.end.ExitCode != 137 || c.end.Reason == "OOMKilled" || p.Status.Reason == "Evicted" || j.age(c.end.FinishedAt.Time) > time.Hour || !c.main {
					return "", nil, false
				}
				return p.name + " was killed (exit code 137): not by its own memory limit, but perhaps for the node's memory, by a probe, or by hand", []Evidence{{Source: p.source(c), At: c.end.FinishedAt.Time, Text: ending(c.end)}}, true
			}, func(p *pod, _ *container) []Cure {
				return look("see the node's events", "kubectl describe node "+word(p.Spec.NodeName))
			})
		},
	},
	{
		ID: "FLINK-POD-CRASH", Severity: Error, Title: "Flink's container ends", Link: docNative,
		Explain:  "Flink's process ends with an error, once or again and again. The innermost exception of the last stack trace in its log is shown, else the lines that it ends with. Exit code 239 is Flink's own after a fatal error; 1 is a failed start.",
		Explains: []string{"FLINK-JOB-TASKMANAGER-LOST", "FLINK-POD-PROBE", theRest},
		job: func(j *job) []Finding {
			return j.troubled(func(p *pod, c *container) (string, []Evidence, bool) {
				over := c.end != nil && c.end.ExitCode == 0 && c.reason == "CrashLoopBackOff" && j.starting()
				if !c.main || !c.failing() && !over || c.end.Reason == "OOMKilled" || c.end.ExitCode == 143 && c.ready {
					return "", nil, false
				}
				why := c.said(false)
				if c.exception != nil {
					why = c.exception.Telling()
				} else if why == "" && c.end.ExitCode != 137 && c.end.ExitCode != 143 { // else it was told to end
					why = oneLine(lastError(c.log))
				}
				what := "ended with " + ending(c.end)
				if c.restarts > 1 {
					what = fmt.Sprintf("ends again and again (%d times), last with %s", c.restarts, ending(c.end))
				}
				return p.name + " " + what + withText(why), []Evidence{{Source: "log of " + p.source(c), At: c.end.FinishedAt.Time, Text: cmp.Or(why, ending(c.end))}}, true
			}, func(p *pod, c *container) []Cure {
				flags := " --jm"
				if p.role == taskManager {
					flags = " --tm"
				}
				if c.restarts > 0 {
					flags += " --previous"
				}
				cures := look("see what it wrote", j.flink("logs %s%s", j.target(), flags))
				if c.end.ExitCode == 0 {
					cures = append(cures, Cure{Text: "what runs there ends without an error: see whether the image's entry point starts Flink (kubernetes.entry.path), or the pod template has a command or args of its own"})
				}
				return cures
			})
		},
	},
	{
		ID: "FLINK-POD-ENDS", Severity: Error, Title: "TaskManagers end again and again", Link: docNative,
		Explain:  "TaskManagers end and Flink puts others in their place; none of them stays to be looked at. The JobManager's log says of each how its containers ended.",
		Explains: []string{"FLINK-JOB-TASKMANAGER-LOST", "FLINK-POD-NO-TASKMANAGER", "FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS", "FLINK-JOB-NO-SLOTS", "FLINK-CKPT-*"},
		job: func(j *job) []Finding {
			ended := j.endsLike(func(e workerEnd) bool {
				return e.reason != "OOMKilled" && (e.container == mainContainer && e.code != 0 && e.code != 143 || e.reason == neverRan)
			})
			// One whose containers never ran won't do better the next time.
			enough := 3
			if len(ended) > 0 && ended[0].reason == neverRan && !j.running() && j.age(ended[0].at) < 2*time.Minute {
				enough = 1
			}
			if len(ended) < enough || j.running() && j.age(ended[0].at) > 10*time.Minute || j.over() {
				return nil
			}
			e := ended[0]
			how := fmt.Sprintf("ended with exit code %d", e.code)
			if e.reason == neverRan {
				how = "ended before its containers ran"
			}
			return []Finding{{Subject: "pod/" + e.pod, Means: e.pod + " " + how + likeOthers(len(ended)-1), Evidence: []Evidence{{Source: "the JobManager's log", At: e.at, Text: oneLine(e.line)}}, Cures: look("see why", j.flink("logs %s --jm --grep 'is terminated'", j.target())), Confidence: Likely}}
		},
	},
	{
		ID: "FLINK-POD-NO-TASKMANAGER", Severity: Error, Title: "the job has no TaskManager", Link: docNative,
		Explain:  "The JobManager runs and asks for TaskManagers, and after minutes there is none. In native mode it makes the pods itself; in standalone mode the operator makes a Deployment NAME-taskmanager.",
		Explains: []string{"FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS", "FLINK-JOB-NO-SLOTS", "FLINK-CKPT-*"},
		job: func(j *job) []Finding {
			if j.Mark(FromPods) != Read || j.session || j.state != api.JobCreated && j.state != api.JobRestarting || j.standing() < 2*time.Minute || slices.ContainsFunc(j.pods, func(p pod) bool { return p.role == taskManager }) || !slices.ContainsFunc(j.pods, func(p pod) bool { return p.role == jobManager && p.ready }) {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: fmt.Sprintf("the job is %s, and has no TaskManager for %s", j.state, ago(j.standing())), Evidence: []Evidence{{Source: "pods", Text: "none of component taskmanager"}}, Cures: look("see what the JobManager says", j.flink("logs %s --jm --level warn", j.target())), Confidence: Likely}}
		},
	},
	{
		ID: "FLINK-JM-NO-HA", Severity: Warning, Title: "several JobManagers without high availability", Link: docHA,
		Explain: "spec.jobManager.replicas is more than 1 without high availability: the JobManagers don't know of each other, and each runs the job. The operator's validator refuses it; older ones didn't.",
		spec: func(m *manifest) []Finding {
			if m.kind == kindSessionJob || number(m.cluster, "jobManager", "replicas") < 2 || m.conf.ha() != "" {
				return nil
			}
			return []Finding{{Severity: Error, Subject: "spec.jobManager.replicas", Means: fmt.Sprintf("%d JobManagers without high availability: the operator refuses that", number(m.cluster, "jobManager", "replicas")), Evidence: []Evidence{field("jobManager.replicas", text(m.cluster, "jobManager", "replicas"))}, Cures: []Cure{m.mend("set high-availability.type: kubernetes and high-availability.storageDir, or one replica", map[string]any{"jobManager": map[string]any{"replicas": 1}})}}}
		},
	},
}

// startAgain is the cure of a job whose start failed for good.
func (j *job) startAgain() Cure {
	switch from, path := (api.Job{Kind: api.Deployment, Object: j.object}).StartsAgainFrom(); from {
	case api.FromNothing:
		return Cure{Text: "start it without state (it never ran, so that it has none)", Command: j.flink("restart %s --lose-state", j.target())}
	case api.FromInitialPath:
		return Cure{Text: "start it from the state that its spec names", Command: j.flink("restore %s --from %s --no-savepoint", j.target(), word(path))}
	default:
		return Cure{Text: "start it from its newest savepoint or checkpoint", Command: j.flink("restore %s --from latest --no-savepoint", j.target())}
	}
}
