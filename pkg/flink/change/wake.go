package change

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// silent looks for the reason when the operator does nothing for a while: in
// the beginning, or in the middle of a change.
func (f *Follower) silent(ctx context.Context, now time.Time, j judgement) error {
	if f.away || now.Sub(f.heard) < operator.SilenceLimit || now.Sub(f.looked) < operator.SilenceLimit {
		return nil
	}
	f.looked = now
	health := f.client.OperatorHealth(ctx)
	if health.Stopped() {
		stands := "The changed spec stays and is carried out when the operator runs again"
		if j.stage != notTaken {
			stands = "It had begun with the change (" + j.what + "), and goes on with it when it runs again"
		}
		return &FailedError{
			Job: f.Change.Job.Ref(), How: ChangeStuck, Cause: health.String(),
			After: stands + "; to take the change back: " + f.UndoCommand(),
		}
	}
	found := health.String()
	if j.stage == notTaken && f.heard.Equal(f.since) && found != f.found {
		f.reporter.Notef("%s: the operator has not reacted yet. %s", f.Change.Job.Ref(), found)
	} else if found != f.found && health.Known() && !health.Ready() {
		f.reporter.Notef("%s: the operator does nothing. %s", f.Change.Job.Ref(), found)
	}
	f.found = found
	return nil
}

// wake makes the operator start a job that it takes for finished: once more by
// a change that it can't overlook.
func (f *Follower) wake(ctx context.Context, j judgement) (bool, error) {
	ref := f.Change.Job.Ref()
	if f.woken {
		return true, f.failed(ctx, ChangeFailed, j.what)
	}
	f.woken = true
	again := Change{Job: f.job, Spec: f.wakeUp()}
	changed, err := Apply(ctx, f.client, again, "")
	if err != nil {
		return true, fmt.Errorf("%s: %s, and it could not be told again: %w", ref, j.what, err)
	}
	f.reporter.Notef("%s: %s (it lost the suspension from its memory); told it again (%s)", ref, j.what, strings.Join(DescribePatch(again.Spec), ", "))
	f.Change.Spec = api.Merge(api.Merge(nil, f.Change.Spec), again.Spec)
	f.Report.Patch = f.Change.Patch()
	f.job, f.generation = changed, changed.Object.GetGeneration()
	f.Report.Generation, f.heard = f.generation, f.now()
	return false, nil
}

// wakeUp is the change that starts a job anew which has FINISHED with its
// suspension. The operator then starts it from the newest state that it saw;
// where that isn't the one that the job left, it is told which.
func (f *Follower) wakeUp() map[string]any {
	path := f.Change.Goal.Path
	known := api.Text(f.job.Object.Object, "status", "jobStatus", "upgradeSavepointPath")
	if _, redeploys := api.Number(f.job.Object.Object, "status", "observedGeneration"); redeploys && path != "" && known != "" && !api.SamePath(known, path) {
		return Redeploy(f.job, path, false).Spec
	}
	return map[string]any{"restartNonce": f.job.NextRestartNonce()}
}
