package cmd

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
)

// While the JobManager is away the object of a job says what it said before.
func TestStableWaitsForTheJobManager(t *testing.T) {
	running := api.Summary{Kind: api.Deployment, StatusKnown: true, State: "RUNNING", Lifecycle: "STABLE", JobManager: "READY", Wanted: "running"}
	for _, goal := range []string{"stable", "running", "upgraded"} {
		away := func(since string) health.Verdict {
			return health.Verdict{Word: health.Degraded, Why: "its JobManager's pod jm isn't ready, for " + since}
		}
		fronts := []health.Verdict{away("1s"), away("2s"), {Word: health.Healthy}}
		var said []string
		w := goalWaiter{goal: goal, now: time.Now, say: func(last string) { said = append(said, last) }, front: func(context.Context, api.Summary) health.Verdict {
			front := fronts[0]
			fronts = fronts[1:]
			return front
		}}
		summaries, ticks := make(chan api.Summary, 1), make(chan time.Time)
		summaries <- running
		ended := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		go func() { // the object doesn't change any more
			for {
				select {
				case ticks <- time.Time{}:
				case <-ctx.Done():
					return
				}
			}
		}()
		err := w.wait(ctx, api.Ref{Kind: api.Deployment, Name: "a"}, summaries, ticks, ended)
		cancel()
		want := "degraded: its JobManager's pod jm isn't ready, for 1s|healthy"
		if err != nil || strings.Join(said, "|") != want {
			t.Errorf("--for %s: %v, said %q", goal, err, said)
		}
	}
}

func TestGoalsThatNeedNoJobManager(t *testing.T) {
	for goal, s := range map[string]api.Summary{
		"suspended": {Kind: api.Deployment, StatusKnown: true, State: "FINISHED", Lifecycle: "SUSPENDED", Wanted: "suspended"},
		"finished":  {Kind: api.Deployment, StatusKnown: true, State: "FINISHED", Lifecycle: "STABLE", JobManager: "MISSING", Wanted: "running"},
		"upgraded":  {Kind: api.Deployment, StatusKnown: true, State: "FINISHED", Lifecycle: "SUSPENDED", Wanted: "suspended"},
	} {
		w := goalWaiter{goal: goal, now: time.Now, say: func(string) {}}
		summaries := make(chan api.Summary, 1)
		summaries <- s
		if err := w.wait(t.Context(), api.Ref{Kind: api.Deployment, Name: "a"}, summaries, nil, nil); err != nil {
			t.Errorf("--for %s: %v", goal, err)
		}
	}
}

// The operator's word may be older than a failover.
func TestGoalsAreJudgedByTasks(t *testing.T) {
	well := health.Verdict{Word: health.Healthy}
	for name, c := range map[string]struct {
		state api.FlinkState
		want  health.Verdict
	}{
		"all tasks run": {api.FlinkState{State: "RUNNING", Tasks: 4}, well},
		"tasks wait": {api.FlinkState{State: "RUNNING", Tasks: 4, Waiting: 1}, health.Verdict{
			Word: health.Starting, Why: "RUNNING, but 1 of its 4 tasks don't run yet",
		}},
		"restarting": {api.FlinkState{State: "RESTARTING", Tasks: 4, Waiting: 4}, health.Verdict{
			Word: health.Degraded, Why: "RUNNING by the operator's last word, RESTARTING by Flink's",
		}},
	} {
		if got := byTasks(well, c.state); got != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// jobManagerDown makes the JobManager's pods of a recording those of a process
// that has just ended.
func (p playback) jobManagerDown(t *testing.T) {
	t.Helper()
	at := p.Now.Add(-5 * time.Second).UTC().Format(time.RFC3339)
	p.pods(t, func(pod map[string]any) {
		labels, _, _ := unstructured.NestedStringMap(pod, "metadata", "labels")
		if labels["component"] != "jobmanager" {
			return
		}
		pod["status"] = map[string]any{
			"phase":      "Running",
			"conditions": []any{map[string]any{"type": "Ready", "status": "False", "lastTransitionTime": at, "reason": "ContainersNotReady"}},
			"containerStatuses": []any{map[string]any{
				"name": "flink-main-container", "ready": false, "restartCount": 0,
				"state": map[string]any{"terminated": map[string]any{"reason": "Error", "exitCode": 143, "finishedAt": at}},
			}},
		}
	})
}

func TestStatusAndListWhileTheJobManagerIsAway(t *testing.T) {
	for name, lines := range map[string]int{"running": 1, "session": 2, "blue-green": 2} {
		p := recordedAs(t, name)
		if name == "blue-green" {
			p.objects(t, "/apis/flink.apache.org/v1beta1/namespaces/"+p.Namespace+"/flinkbluegreendeployments", func(object map[string]any) {
				_ = unstructured.SetNestedField(object, "ACTIVE_BLUE", "status", "blueGreenState")
				_ = unstructured.SetNestedField(object, "RUNNING", "status", "jobStatus", "state")
			})
		}
		if before := played(t, p, "list"); strings.Count(before, "healthy") != lines {
			t.Fatalf("%s before:\n%s", name, before)
		}
		p.jobManagerDown(t)
		list := played(t, p, "list", "-o", "wide")
		if strings.Contains(list, "healthy") || strings.Count(list, " degraded ") != lines {
			t.Errorf("%s:\n%s", name, list)
		}
		out, code := play(t, p, "status", p.target(t), "--live-timeout", "0", "--exit-status")
		if code != exit.No {
			t.Errorf("%s: --exit-status: %d", name, code)
		}
		for _, want := range []string{"degraded", "ended with Error (exit code 143) (FLINK-POD-CRASH)", "RUNNING by the operator's last word", "kubectl flink logs"} {
			if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
				t.Errorf("%s: no %q in:\n%s", name, want, out)
			}
		}
	}
}

// Where a Deployment ought to have pods, none is a fault; objects that nothing
// runs have none either.
func TestListOfJobsWithoutPods(t *testing.T) {
	p := recordedAs(t, "running")
	p.pods(t, func(pod map[string]any) { clear(pod) })
	if out := played(t, p, "list"); !strings.Contains(out, "healthy") {
		t.Errorf("without a Deployment:\n%s", out)
	}
	name := strings.TrimPrefix(p.target(t), "flinkdeployment/")
	p.Answers["/apis/apps/v1/namespaces/"+p.Namespace+"/deployments"] = json.RawMessage(`{"kind":"DeploymentList","apiVersion":"apps/v1","items":[
		{"metadata":{"name":"` + name + `","namespace":"` + p.Namespace + `","labels":{"component":"jobmanager"}}}]}`)
	if out := played(t, p, "list", "-o", "wide"); !strings.Contains(out, "degraded") || !strings.Contains(out, "its JobManager has no pod") {
		t.Errorf("with a Deployment:\n%s", out)
	}
	delete(p.Answers, "/api/v1/namespaces/"+p.Namespace+"/pods")
	if out := played(t, p, "list"); !strings.Contains(out, "healthy") {
		t.Errorf("pods can't be read:\n%s", out)
	}
}
