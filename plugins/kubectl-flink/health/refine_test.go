package health

import (
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/operator"
)

func TestWhatSurroundsAJobSaysWhy(t *testing.T) {
	job := func(state string) operator.Summary {
		return operator.Summary{Kind: operator.Deployment, State: state}
	}
	tm := func(pod operator.Pod) operator.Surroundings {
		pod.Name, pod.Role = "basic-taskmanager-1-1", "taskmanager"
		return operator.Surroundings{Pods: []operator.Pod{pod}}
	}
	later := tm(operator.Pod{Status: "Running"})
	later.Pods[0].Name = "basic-taskmanager-1-4"
	for _, c := range []struct {
		s      operator.Summary
		v      Verdict
		around operator.Surroundings
		want   string
	}{
		{job("CREATED"), Verdict{Starting, "w"}, tm(operator.Pod{Status: "Pending", Message: "0/1 nodes: Insufficient cpu. preemption: none"}), "w: basic-taskmanager-1-1 finds no node: 0/1 nodes: Insufficient cpu"},
		{job("RESTARTING"), Verdict{Degraded, "w"}, tm(operator.Pod{LastEnd: "OOMKilled"}), "w: basic-taskmanager-1-1 was killed for want of memory"},
		{job("CREATED"), Verdict{Starting, "w"}, tm(operator.Pod{Status: "ImagePullBackOff", Message: "no such image"}), "w: basic-taskmanager-1-1 is in ImagePullBackOff: no such image"},
		{job("RECONCILING"), Verdict{Failed, "back-off 40s restarting failed container"}, tm(operator.Pod{Status: "CrashLoopBackOff", LastEnd: "Error", Cause: "ClassNotFoundException: com.example.Job"}), "basic-taskmanager-1-1 ends again and again: ClassNotFoundException: com.example.Job"},
		{job("CREATED"), Verdict{Starting, "w"}, operator.Surroundings{}, "w: it has no TaskManager yet"},
		{job("CREATED"), Verdict{Starting, "w"}, later, "TaskManagers before it have ended (3)"},
		{job("RESTARTING"), Verdict{Degraded, "w"}, operator.Surroundings{Events: []operator.Event{{Reason: "JobException", Message: "boom"}}}, "w: boom"},
		{job("RUNNING"), Verdict{Pending, "w"}, operator.Surroundings{Operator: operator.OperatorState{Deployments: []operator.OperatorDeployment{{}}}}, "w: the operator is not running"},
		{job("RUNNING"), Verdict{Healthy, ""}, tm(operator.Pod{LastEnd: "OOMKilled"}), ""},
	} {
		if got := Refine(c.s, c.v, c.around); !strings.Contains(got.Why, c.want) || c.want == "" && got.Why != "" || got.Word != c.v.Word {
			t.Errorf("%v, want %q", got, c.want)
		}
	}
}
