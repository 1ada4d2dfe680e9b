package operator

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

func waiting(name, reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
}

func terminated(name, reason string, code int32, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code, Message: message}}}
}

func runs(name string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
}

func TestWhatKeepsAPodFromWorking(t *testing.T) {
	looping := waiting("fetch-jar", "CrashLoopBackOff", "back-off 20s restarting failed container=fetch-jar pod=p_ns(u)")
	looping.RestartCount = 2
	looping.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1}
	sidecar := looping
	sidecar.Name = "fluentbit"
	creating := waiting(api.MainContainer, "PodInitializing", "")
	unscheduled := func(message string) corev1.PodStatus {
		return corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: message}}}
	}
	pending := func(inits []corev1.ContainerStatus, containers ...corev1.ContainerStatus) corev1.PodStatus {
		return corev1.PodStatus{Phase: corev1.PodPending, InitContainerStatuses: inits, ContainerStatuses: containers}
	}
	one := func(s corev1.ContainerStatus) []corev1.ContainerStatus { return []corev1.ContainerStatus{s} }
	for name, c := range map[string]struct {
		status   corev1.PodStatus
		events   []Event
		missing  bool
		word     string
		restarts int32
		want     string
		weight   Weight
	}{
		"init loops":     {status: pending(one(looping), creating), word: "Init:CrashLoopBackOff", restarts: 2, want: "init container fetch-jar: CrashLoopBackOff: ended with Error (exit code 1)", weight: Final},
		"init ended":     {status: pending(one(terminated("fetch-jar", "Error", 1, "")), creating), word: "Init:Error", want: "init container fetch-jar: ended with Error (exit code 1)", weight: Stubborn},
		"init image":     {status: pending(one(waiting("fetch-jar", "ErrImagePull", "no such image")), creating), word: "Init:ErrImagePull", want: "init container fetch-jar: ErrImagePull: no such image", weight: Stubborn},
		"init config":    {status: pending(one(waiting("fetch-jar", "CreateContainerConfigError", `secret "jar-token" not found`)), creating), word: "Init:CreateContainerConfigError", want: `init container fetch-jar: CreateContainerConfigError: secret "jar-token" not found`, weight: Stubborn},
		"init runs":      {status: pending(one(runs("fetch-jar")), creating), word: "Init:0/1"},
		"init done":      {status: pending(one(terminated("fetch-jar", "Completed", 0, "")), creating), word: "PodInitializing"},
		"made":           {status: pending(nil, waiting(api.MainContainer, "ContainerCreating", "")), word: "ContainerCreating"},
		"sidecar":        {status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{sidecar, runs(api.MainContainer)}}, word: "CrashLoopBackOff", restarts: 2, want: "container fluentbit: CrashLoopBackOff: ended with Error (exit code 1)", weight: Final},
		"sidecar done":   {status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{terminated("copy", "Completed", 0, ""), runs(api.MainContainer)}}, word: "Running"},
		"cannot begin":   {status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: one(terminated(api.MainContainer, "StartError", 128, "exec format error"))}, word: "StartError", want: "ended with StartError (exit code 128)", weight: Stubborn},
		"no claim":       {status: unscheduled(`0/1 nodes are available: persistentvolumeclaim "state" not found. not found`), word: "Pending", want: `finds no node: 0/1 nodes are available: persistentvolumeclaim "state" not found. not found`, weight: Stubborn},
		"no label":       {status: unscheduled("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."), word: "Pending", want: "finds no node: 0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.", weight: Stubborn},
		"node comes":     {status: unscheduled("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."), events: []Event{{Object: "pod/p", Reason: "TriggeredScaleUp"}}, word: "Pending", want: "finds no node: 0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."},
		"full":           {status: unscheduled("0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {gpu: yes}."), word: "Pending", want: "finds no node: 0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {gpu: yes}."},
		"not ready yet":  {status: unscheduled("0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }."), word: "Pending", want: "finds no node: 0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }."},
		"tainted":        {status: unscheduled("0/2 nodes are available: 2 node(s) had untolerated taint {gpu: yes}. preemption: 0/2 nodes are available."), word: "Pending", want: "finds no node: 0/2 nodes are available: 2 node(s) had untolerated taint {gpu: yes}. preemption: 0/2 nodes are available.", weight: Stubborn},
		"no ConfigMap":   {status: pending(nil, waiting(api.MainContainer, "ContainerCreating", "")), events: []Event{{Object: "pod/p", Reason: "FailedMount", Message: `MountVolume.SetUp failed for volume "v" : configmap "rules" not found`}}, missing: true, word: "ContainerCreating", want: `can't mount a volume: MountVolume.SetUp failed for volume "v" : configmap "rules" not found`, weight: Stubborn},
		"it came":        {status: pending(nil, waiting(api.MainContainer, "ContainerCreating", "")), events: []Event{{Object: "pod/p", Reason: "FailedMount", Message: `MountVolume.SetUp failed for volume "v" : configmap "rules" not found`}}, word: "ContainerCreating", want: `can't mount a volume: MountVolume.SetUp failed for volume "v" : configmap "rules" not found`},
		"another pod's":  {status: pending(nil, waiting(api.MainContainer, "ContainerCreating", "")), events: []Event{{Object: "pod/p", UID: "before", Reason: "FailedMount", Message: "x"}}, word: "ContainerCreating"},
		"mounted by now": {status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: one(runs(api.MainContainer))}, events: []Event{{Object: "pod/p", Reason: "FailedMount", Message: "x"}}, word: "Running"},
	} {
		pod := ReadPod(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "u"}, Spec: corev1.PodSpec{InitContainers: []corev1.Container{{Name: "fetch-jar"}}}, Status: c.status})
		pod = WithEvents([]Pod{pod}, c.events)[0]
		pod.Missing = c.missing
		trouble, ok := pod.Trouble()
		if pod.Status != c.word || pod.Restarts+pod.OtherRestarts != c.restarts || ok != (c.want != "") || trouble.Text != c.want || trouble.Weight != c.weight {
			t.Errorf("%s: %s, %d restarts, %+v", name, pod.Status, pod.Restarts+pod.OtherRestarts, trouble)
		}
	}
}

func TestLastWordsOfAContainer(t *testing.T) {
	for name, c := range map[string]struct {
		log      string
		anything bool
		want     string
	}{
		"an agent that isn't there":  {"Starting kubernetes-application as a console application on host a.\nError occurred during initialization of VM\nagent library failed to init: instrument\nError opening zip file or JAR manifest missing : /opt/agent.jar\n", false, "Error occurred during initialization of VM; agent library failed to init: instrument; Error opening zip file or JAR manifest missing : /opt/agent.jar"},
		"an agent's library":         {"Error occurred during initialization of VM\nCould not find agent library /opt/x.so in absolute path, with error: /opt/x.so: cannot open shared object file: No such file or directory\n", false, "Error occurred during initialization of VM; Could not find agent library /opt/x.so in absolute path, with error: /opt/x.so: cannot open shared object file: No such file or directory"},
		"no memory":                  {"#\n# There is insufficient memory for the Java Runtime Environment to continue.\n# Native memory allocation (mmap) failed to map 1 bytes\n", false, "There is insufficient memory for the Java Runtime Environment to continue.; Native memory allocation (mmap) failed to map 1 bytes"},
		"another processor":          {"exec /docker-entrypoint.sh: exec format error\n", false, "exec /docker-entrypoint.sh: exec format error"},
		"no such program":            {"bash: line 1: kubernetes-jobmanager.sh: command not found\n", false, "bash: line 1: kubernetes-jobmanager.sh: command not found"},
		"a heap":                     {"Invalid maximum heap size: -Xmx1y\nError: Could not create the Java Virtual Machine.\nError: A fatal exception has occurred. Program will exit.\n", false, "Invalid maximum heap size: -Xmx1y; Error: Could not create the Java Virtual Machine.; Error: A fatal exception has occurred. Program will exit."},
		"went on":                    {"Error: only a hint\n2026-01-01 00:00:00,000 INFO x - started\n", false, ""},
		"a downloader":               {"connecting\nwget: server returned error: HTTP/1.1 403 Forbidden\n", true, "wget: server returned error: HTTP/1.1 403 Forbidden"},
		"a suppressed exception":     {"java.lang.RuntimeException: outer\n\tat a.B.c(B.java:1)\nCaused by: java.lang.IllegalStateException: the cause\n\tat a.B.c(B.java:1)\n\tSuppressed: java.lang.Throwable: waiting here\n\t\tat a.B.c(B.java:1)\n\tCaused by: java.io.IOException: not it\n\t\t... 3 more\n", false, "IllegalStateException: the cause"},
		"Flink's own last line":      {"all is well\n", false, ""},
		"what follows a fatal error": {"2026-01-01 00:00:00,000 ERROR x - Fatal error occurred in the cluster entrypoint.\njava.lang.RuntimeException: outer\n\tat a.B.c(B.java:1)\nCaused by: java.net.UnknownHostException: minio\n2026-01-01 00:00:01,000 ERROR x - Error while closing\njava.lang.IllegalStateException: Cannot add a hook\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: closed\n", false, "UnknownHostException: minio"},
		"a warning after an error":   {"2026-01-01 00:00:00,000 ERROR x - failed\njava.net.UnknownHostException: minio\n\tat a.B.c(B.java:1)\n2026-01-01 00:00:01,000 WARN  x - while closing\njava.io.IOException: closed\n\tat a.B.c(B.java:1)\n", false, "UnknownHostException: minio"},
		"an exception in the text":   {"2026-01-01 00:00:00,000 ERROR x - Could not start: java.net.UnknownHostException: minio\n2026-01-01 00:00:00,000 INFO x - stopped\n", false, "UnknownHostException: minio"},
		"a fatal error without one":  {"2026-01-01 00:00:00,000 ERROR x - Could not start cluster entrypoint Y.\n2026-01-01 00:00:00,000 INFO x - stopped\n", false, "2026-01-01 00:00:00,000 ERROR x - Could not start cluster entrypoint Y."},
		"an error that isn't":        {"2026-01-01 00:00:00,000 ERROR x - no metrics for now\n2026-01-01 00:00:00,000 INFO x - stopped\n", false, ""},
	} {
		if got := lastWords(strings.NewReader(c.log), c.anything); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
