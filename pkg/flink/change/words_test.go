package change

import (
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// A session job is canceled before the operator calls the new spec accepted.
func TestAChangeInProgressIsThisOneUnlessItWasBefore(t *testing.T) {
	at := func(lifecycle, state string) api.Job {
		return changedJob(2, map[string]any{"observedGeneration": int64(1), "lifecycleState": lifecycle, "jobStatus": map[string]any{"state": state}})
	}
	for _, c := range []struct {
		before, now api.Job
		want        string
	}{
		{at("STABLE", "RUNNING"), at("UPGRADING", "CANCELLING"), "the operator carries it out: lifecycle UPGRADING, the job is CANCELLING"},
		{at("UPGRADING", "RUNNING"), at("UPGRADING", "CANCELLING"), "the operator has not taken it up yet: the job is CANCELLING, an earlier change is in progress (lifecycle UPGRADING)"},
		{at("STABLE", "RUNNING"), at("STABLE", "RUNNING"), "waiting for the operator to take it up"},
	} {
		ch := Change{Job: c.before, Spec: map[string]any{"restartNonce": int64(1)}}
		if got := ch.judge(c.now, 2); got.stage != notTaken || got.what != c.want {
			t.Errorf("%q, want %q", got.what, c.want)
		}
	}
	moving := Change{Job: flinktest.JobOf(t, api.BlueGreen, `{"metadata":{"name":"a"},"spec":{"template":{"spec":{}}},"status":{"blueGreenState":"ACTIVE_BLUE"}}`), Spec: map[string]any{"restartNonce": int64(1)}}
	now := flinktest.JobOf(t, api.BlueGreen, `{"metadata":{"name":"a"},"spec":{"template":{"spec":{}}},"status":{"blueGreenState":"TRANSITIONING_TO_GREEN","lastReconciledSpec":"{}"}}`)
	if got := moving.judge(now, 2); got.what != "the operator carries it out: TRANSITIONING_TO_GREEN" {
		t.Errorf("%q", got.what)
	}
}

func TestATimeOutSaysWhetherSomethingWasChanged(t *testing.T) {
	job := changedJob(2, map[string]any{"lifecycleState": "DEPLOYED", "jobStatus": map[string]any{"state": "RECONCILING"}})
	for name, c := range map[string]struct {
		applied, changed bool
		want, not        string
	}{
		"before the change": {false, true, "nothing was changed", "stays in the spec"},
		"after it":          {true, true, "The change stays in the spec", "othing was changed"},
		"it was so already": {true, false, "Nothing was changed by this command", "stays in the spec"},
	} {
		f := &Follower{client: operator.ClientOf(nil, fake.NewClientset()), Change: Change{Job: job, Did: "resumed"}, now: time.Now, observation: observation{job: job, applied: c.applied}}
		f.Report.Changed = c.changed
		err := f.cutOff(context.Background(), exit.Timeoutf("timed out after 10s"))
		if err == nil || exit.Code(err) != exit.TimedOut || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), c.not) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
