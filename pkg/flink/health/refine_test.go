package health

import (
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// The pod is gone; the JobManager's log told how it ended.
func TestAKilledTaskManagerSaysWhy(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	killed := func(name string, ago time.Duration) operator.Ended {
		return operator.Ended{Name: name, Role: "taskmanager", Reason: "OOMKilled", ExitCode: 137, At: at.Add(-ago)}
	}
	const said = "Pod terminated, container termination statuses: [flink-main-container(exitCode=137, reason=OOMKilled, message=null)]"
	event := func(message string, ago time.Duration) []operator.Event {
		return []operator.Event{{Reason: "JobException", Message: message, Time: at.Add(-ago)}}
	}
	for _, c := range []struct {
		around operator.Surroundings
		want   string
		advice bool
	}{
		{operator.Surroundings{Ends: []operator.Ended{killed("tm-2", 0), killed("tm-1", time.Minute)}}, "w: tm-2 was OOMKilled (out of memory, exit code 137), like 1 before it in the last hour", true},
		{operator.Surroundings{Events: event(said, 0)}, "w: a TaskManager was OOMKilled (out of memory, exit code 137)", true},
		{operator.Surroundings{Ends: []operator.Ended{killed("tm-1", time.Second)}, Events: event(said, 0)}, "w: tm-1 was OOMKilled", true},
		{operator.Surroundings{Ends: []operator.Ended{killed("tm-1", time.Minute)}, Events: event("boom", 0)}, "w: boom", true},
		{operator.Surroundings{Ends: []operator.Ended{killed("tm-1", 0)}, Events: event("boom", time.Minute)}, "w: tm-1 was OOMKilled", true},
		{operator.Surroundings{Ends: []operator.Ended{{Name: "tm-1", Role: "taskmanager", Reason: "Error", ExitCode: 239, At: at}}}, "w: tm-1 ended after a fatal error (exit code 239)", false},
	} {
		s := api.Summary{Kind: api.Deployment, State: "RESTARTING"}
		verdict := Refine(s, Verdict{Degraded, "w"}, c.around)
		if !strings.HasPrefix(verdict.Why, c.want) {
			t.Errorf("%q, want %q", verdict.Why, c.want)
		}
		next := strings.Join(Next(s, verdict, c.around), "\n")
		if got := strings.Count(next, "raise spec.taskManager.resource.memory"); got != map[bool]int{true: 1}[c.advice] {
			t.Errorf("%s: next %q", c.want, next)
		}
	}
	// The advice stays for an hour, also once the job runs again.
	healthy := api.Summary{Kind: api.Deployment, State: "RUNNING"}
	if next := Next(healthy, Verdict{Healthy, ""}, operator.Surroundings{Ends: []operator.Ended{killed("tm-1", 0)}}); len(next) != 1 || !strings.Contains(next[0], "tm-1 was OOMKilled") {
		t.Errorf("%q", next)
	}
}

func TestWhatSurroundsAJobSaysWhy(t *testing.T) {
	job := func(state string) api.Summary {
		return api.Summary{Kind: api.Deployment, State: state}
	}
	tm := func(pod operator.Pod) operator.Surroundings {
		pod.Name, pod.Role = "basic-taskmanager-1-1", "taskmanager"
		return operator.Surroundings{Pods: []operator.Pod{pod}}
	}
	unknown := job("RECONCILING")
	unknown.Error = api.DecodeFailure(jobNotFound)
	came := operator.Surroundings{Pods: []operator.Pod{{Name: "basic-1", Role: "jobmanager", Ready: true, Restarts: 1, LastEnd: "Error", Cause: "FileNotFoundException: no chk-1"}}}
	const noState = "FileNotFoundException: Cannot find checkpoint or savepoint file/directory 'file:/s/nope' on file system 'file'."
	inVain := func(ready bool) operator.Surroundings {
		return operator.Surroundings{Pods: []operator.Pod{{Name: "basic-1", Role: "jobmanager", Status: "Running", Ready: ready, Restarts: 1, LastEnd: "Error", LastExit: 2, Cause: noState}}}
	}
	later := tm(operator.Pod{Status: "Running"})
	later.Pods[0].Name = "basic-taskmanager-1-4"
	for _, c := range []struct {
		s      api.Summary
		v      Verdict
		around operator.Surroundings
		want   string
	}{
		{job("CREATED"), Verdict{Starting, "w"}, tm(operator.Pod{Status: "Pending", Message: "0/1 nodes: Insufficient cpu. preemption: none"}), "w: basic-taskmanager-1-1 finds no node: 0/1 nodes: Insufficient cpu"},
		{job("RESTARTING"), Verdict{Degraded, "w"}, tm(operator.Pod{LastEnd: "OOMKilled"}), "w: basic-taskmanager-1-1 was OOMKilled (out of memory)"},
		{job("CREATED"), Verdict{Starting, "w"}, tm(operator.Pod{Status: "ImagePullBackOff", Message: "no such image"}), "w: basic-taskmanager-1-1 is in ImagePullBackOff: no such image"},
		{job("RECONCILING"), Verdict{Failed, "back-off 40s restarting failed container"}, tm(operator.Pod{Status: "CrashLoopBackOff", LastEnd: "Error", Cause: "ClassNotFoundException: com.example.Job"}), "basic-taskmanager-1-1 ends again and again: ClassNotFoundException: com.example.Job"},
		{unknown, Verdict{Degraded, "the job is RECONCILING: Job Not Found"}, came, "the job is RECONCILING: it ended while it started, and its JobManager doesn't know it any more: FileNotFoundException: no chk-1"},
		{job("RECONCILING"), Verdict{Starting, "w"}, came, "w"},
		{job("RECONCILING"), Verdict{Starting, "w"}, inVain(false), "basic-1 ends again and again: " + noState},
		{job("RECONCILING"), Verdict{Starting, "w"}, inVain(true), "basic-1 ended: " + noState},
		{unknown, Verdict{Degraded, "the job is RECONCILING: Job Not Found"}, inVain(true), "doesn't know it any more: " + noState},
		{job("RUNNING"), Verdict{Degraded, "w"}, inVain(true), "w"},
		{job("CREATED"), Verdict{Starting, "w"}, operator.Surroundings{}, "w: it has no TaskManager yet"},
		{job("CREATED"), Verdict{Starting, "w"}, later, "w"},
		{job("RESTARTING"), Verdict{Degraded, "w"}, operator.Surroundings{Events: []operator.Event{{Reason: "JobException", Message: "boom"}}}, "w: boom"},
		{job("RUNNING"), Verdict{Pending, "w"}, operator.Surroundings{Operator: operator.OperatorState{Deployments: []operator.OperatorDeployment{{}}}}, "w: the operator is not running"},
		{job("RUNNING"), Verdict{Healthy, ""}, tm(operator.Pod{LastEnd: "OOMKilled"}), ""},
	} {
		if got := Refine(c.s, c.v, c.around); !strings.Contains(got.Why, c.want) || c.want == "" && got.Why != "" || got.Word != c.v.Word {
			t.Errorf("%v, want %q", got, c.want)
		}
	}
}

// TaskManagers of a Deployment have random letters at the end of their names,
// which say nothing of others before them.
func TestNamesOfPodsTellNothingOfOthers(t *testing.T) {
	around := operator.Surroundings{Pods: []operator.Pod{{Name: "beam-taskmanager-78f8875d4-24zls", Role: "taskmanager", Status: "Running", Ready: true}, {Name: "beam-taskmanager-78f8875d4-c9mgj", Role: "taskmanager", Status: "Running", Ready: true}}}
	s := api.Summary{Kind: api.Deployment, Name: "beam", State: "CREATED"}
	verdict := Refine(s, Verdict{Starting, "the job is CREATED"}, around)
	if verdict.Why != "the job is CREATED" || len(Next(s, verdict, around)) != 0 {
		t.Errorf("%q %q", verdict.Why, Next(s, verdict, around))
	}
}

// The operator's event has only the first lines of a stack trace.
func TestTheJobManagersExceptionGoesBeforeTheEvent(t *testing.T) {
	around := operator.Surroundings{
		Events:    []operator.Event{{Reason: "JobException", Message: "java.lang.Exception: Exception while creating StreamOperatorStateContext."}},
		Exception: operator.Event{Message: "java.lang.Exception: Exception while creating StreamOperatorStateContext.\n\tat a.b.C(D.java:1)\nCaused by: java.io.IOException: No local storage directories available. '/proc/none' cannot be created.\n\tat a.b.C(D.java:1)"},
	}
	got := Refine(api.Summary{Kind: api.Deployment, State: "RESTARTING"}, Verdict{Degraded, "w"}, around)
	if got.Why != "w: IOException: No local storage directories available. '/proc/none' cannot be created." {
		t.Error(got.Why)
	}
}

// A TaskManager of native mode isn't started again in its pod.
func TestAPodThatEndedOnce(t *testing.T) {
	pod := operator.Pod{Name: "tm", Role: "taskmanager", Status: "Error", LastEnd: "Error", LastExit: 1, Cause: "no agent", Failing: operator.Container{Name: api.MainContainer, Reason: "Error", End: "Error", Exit: 1, Ended: true}}
	s := api.Summary{Kind: api.Deployment, Name: "j", Namespace: "ns", State: "CREATED"}
	around := operator.Surroundings{Pods: []operator.Pod{pod}}
	verdict := Refine(s, Verdict{Starting, "w"}, around)
	if next := Next(s, verdict, around); verdict.Why != "tm ended: no agent" || len(next) != 1 || next[0] != "tm ended; what it wrote: kubectl flink logs j -n ns" {
		t.Errorf("%q %q", verdict.Why, next)
	}
}

func TestWhatToDoAboutAPodFitsItsReason(t *testing.T) {
	s := api.Summary{Kind: api.Deployment, Name: "j", Namespace: "ns", Image: "flink:1.20", State: "CREATED"}
	tm := func(p operator.Pod) operator.Surroundings {
		p.Name, p.Role = "tm", "taskmanager"
		return operator.Surroundings{Pods: []operator.Pod{p}}
	}
	for _, c := range []struct {
		around operator.Surroundings
		want   string
	}{
		{tm(operator.Pod{Status: "Pending", Unscheduled: true, Message: "0/1 nodes are available: 1 Insufficient cpu."}), "ask for less in spec.taskManager.resource"},
		{tm(operator.Pod{Status: "Pending", Unscheduled: true, Message: "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."}), "no node has what tm asks for: correct nodeSelector"},
		{tm(operator.Pod{Status: "Pending", Unscheduled: true, Message: "0/1 nodes are available: 1 node(s) had untolerated taint {gpu: yes}."}), "tolerates no node's taints"},
		{tm(operator.Pod{Status: "Pending", Unscheduled: true, Message: `0/1 nodes are available: persistentvolumeclaim "state" not found.`}), "waits for persistentvolumeclaim state, which isn't there"},
		{tm(operator.Pod{Status: "Init:CrashLoopBackOff", Failing: operator.Container{Name: "fetch-jar", Init: true, Reason: "CrashLoopBackOff", Restarts: 3, End: "Error", Exit: 1}}), "kubectl flink logs j -n ns -c fetch-jar --previous"},
		{tm(operator.Pod{Status: "ImagePullBackOff", Failing: operator.Container{Name: "side", Image: "fluent:9", Reason: "ImagePullBackOff"}}), `check "fluent:9" in the pod template`},
		{tm(operator.Pod{Status: "ContainerCreating", Mount: `MountVolume.SetUp failed for volume "v" : secret "keys" not found`, Missing: true}), "waits for secret keys in namespace ns: create it"},
		{operator.Surroundings{Refused: []operator.Refusal{{Why: "pods is forbidden: exceeded quota: one-pod"}}}, "kubectl describe resourcequota -n ns"},
	} {
		next := Next(s, Verdict{Starting, "w"}, c.around)
		if len(next) != 1 || !strings.Contains(next[0], c.want) {
			t.Errorf("%q, want %q", next, c.want)
		}
	}
}
