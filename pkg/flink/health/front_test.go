package health

import (
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

func TestFrontAsksTheJobManagersPods(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	pod := func(name string, change func(*operator.Pod)) operator.Pod {
		p := operator.Pod{Name: name, Role: "jobmanager", Status: "Running", Ready: true, Started: now.Add(-time.Hour), ReadyChanged: now.Add(-time.Hour)}
		if change != nil {
			change(&p)
		}
		return p
	}
	notReady := func(since time.Duration, why string) func(*operator.Pod) {
		return func(p *operator.Pod) { p.Ready, p.Unready, p.ReadyChanged = false, why, now.Add(-since) }
	}
	terminating := func(p *operator.Pod) {
		p.Status, p.Unready, p.ReadyChanged = "Terminating", "it is being deleted", now.Add(-8*time.Second)
	}
	worker := pod("tm", func(p *operator.Pod) { p.Role = "taskmanager" })
	for name, c := range map[string]struct {
		verdict Verdict
		pods    []operator.Pod
		want    Verdict
	}{
		"ready":               {Verdict{Healthy, ""}, []operator.Pod{pod("jm", nil), worker}, Verdict{Healthy, ""}},
		"one of two is ready": {Verdict{Healthy, ""}, []operator.Pod{pod("jm-1", notReady(time.Minute, "x")), pod("jm-2", nil)}, Verdict{Healthy, ""}},
		"its process ended": {
			Verdict{Healthy, ""},
			[]operator.Pod{pod("jm", notReady(5*time.Second, "Flink's container ended: Error (exit code 143)")), worker},
			Verdict{Degraded, "its JobManager's pod jm isn't ready: Flink's container ended: Error (exit code 143), for 5s"},
		},
		"not ready for long": {
			Verdict{Healthy, ""},
			[]operator.Pod{pod("jm", notReady(time.Hour, "its readiness gate example.com/ok isn't met"))},
			Verdict{Stalled, "its JobManager's pod jm isn't ready: its readiness gate example.com/ok isn't met, for 60m"},
		},
		"only one that is being deleted": {
			Verdict{Healthy, ""},
			[]operator.Pod{pod("jm", terminating)},
			Verdict{Degraded, "its JobManager's pod jm isn't ready: it is being deleted, for 8s"},
		},
		"the one that takes over counts": {
			Verdict{Healthy, ""},
			[]operator.Pod{pod("old", terminating), pod("new", func(p *operator.Pod) {
				p.Status, p.Ready, p.Unready, p.Started, p.ReadyChanged = "ContainerCreating", false, "its containers don't run yet", now, now.Add(-2*time.Second)
			})},
			Verdict{Degraded, "its JobManager's pod new isn't ready: its containers don't run yet, for 2s"},
		},
		"gone for a moment":        {Verdict{Healthy, ""}, []operator.Pod{worker}, Verdict{Degraded, "its JobManager has no pod"}},
		"finished, pods are gone":  {Verdict{Finished, ""}, nil, Verdict{Finished, ""}},
		"suspended, pods are gone": {Verdict{Suspended, ""}, nil, Verdict{Suspended, ""}},
		"a worse word stays":       {Verdict{Failed, "x"}, nil, Verdict{Failed, "x"}},
	} {
		if got := Front(c.verdict, c.pods, now); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestASessionJobIsAsHealthyAsItsCluster(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	job := api.Summary{Kind: api.SessionJob, StatusKnown: true, State: "RUNNING", Lifecycle: "STABLE", Wanted: "running", StateSince: now.Add(-72 * time.Hour)}
	if v := Of(Serving(job, "READY"), now); v.Word != Healthy {
		t.Errorf("in a ready cluster: %v", v)
	}
	// How long the JobManager has been away isn't known: not as long as the job runs.
	if v := Of(Serving(job, "MISSING"), now); v != (Verdict{Degraded, "the job is RUNNING, JobManager MISSING"}) {
		t.Errorf("in a cluster without JobManager: %v", v)
	}
}

// A JobManager that is lost after days of running isn't away since then.
func TestALostJobManagerIsNotAwaySinceTheStart(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := api.Summary{Kind: api.Deployment, StatusKnown: true, State: "RECONCILING", Lifecycle: "STABLE", JobManager: "DEPLOYING", Wanted: "running", ReconciliationAt: now.Add(-72 * time.Hour)}
	if v := Of(s, now); v != (Verdict{Starting, "the job is RECONCILING, JobManager DEPLOYING"}) {
		t.Error(v)
	}
	s.Session, s.State = true, ""
	if v := Of(s, now); v != (Verdict{Starting, "JobManager DEPLOYING"}) {
		t.Error(v)
	}
	s.Lifecycle = "DEPLOYED"
	if v := Of(s, now); v.Word != Stalled {
		t.Errorf("never up: %v", v)
	}
}
