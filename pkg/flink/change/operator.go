package change

import (
	"context"
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// checkOperator looks for the reason when the operator does nothing for a while:
// in the beginning, or in the middle of a change.
func (f *Follower) checkOperator(ctx context.Context, j judgement) error {
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
	switch isNew := f.silence.Found(health.String()); {
	case isNew && j.stage == notTaken && !f.silence.Reacted():
		f.reporter.Notef("%s: the operator has not reacted yet. %s", f.Change.Job.Ref(), health)
	case isNew && health.Known() && !health.Ready():
		f.reporter.Notef("%s: the operator does nothing. %s", f.Change.Job.Ref(), health)
	}
	return nil
}

// restart makes the operator start a job that it takes for finished, by a
// further change that it can't overlook.
func (f *Follower) restart(ctx context.Context, j judgement) (bool, error) {
	ref := f.Change.Job.Ref()
	if f.restarted {
		return true, f.failed(ctx, ChangeFailed, j.what)
	}
	f.restarted = true
	again := Change{Job: f.job, Spec: f.restartPatch()}
	changed, err := Apply(ctx, f.client, again, "")
	if err != nil {
		return true, fmt.Errorf("%s: %s, and it could not be restarted: %w", ref, j.what, err)
	}
	f.reporter.Notef("%s: %s (it missed the suspension); restarted (%s)", ref, j.what, strings.Join(DescribePatch(again.Spec), ", "))
	f.Change.Spec = api.Merge(api.Merge(nil, f.Change.Spec), again.Spec)
	f.Report.Patch = f.Change.Patch()
	f.job, f.generation = changed, changed.Object.GetGeneration()
	f.Report.Generation = f.generation
	f.silence.Active(f.now())
	return false, nil
}

// restartPatch is the change that starts a job again which has FINISHED with its
// suspension. The operator then starts it from the newest state that it saw;
// where that isn't the one that the job left, it is told which.
func (f *Follower) restartPatch() map[string]any {
	path := f.Change.Goal.Path
	known := api.Text(f.job.Object.Object, "status", "jobStatus", "upgradeSavepointPath")
	if _, redeploys := api.Number(f.job.Object.Object, "status", "observedGeneration"); redeploys && path != "" && known != "" && !api.SamePath(known, path) {
		return Redeploy(f.job, path, false).Spec
	}
	return map[string]any{"restartNonce": f.job.NextRestartNonce()}
}
