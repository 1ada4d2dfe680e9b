package operator

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// silent looks for the reason when the operator does nothing for a while: in
// the beginning, or in the middle of a change.
func (f *changeFollower) silent(ctx context.Context, now time.Time, j judgement) error {
	if f.away || now.Sub(f.heard) < silenceLimit || now.Sub(f.looked) < silenceLimit {
		return nil
	}
	f.looked = now
	health := f.client.OperatorHealth(ctx)
	if health.Stopped() {
		stands := "The changed spec stays and is carried out when the operator runs again"
		if j.stage != notTaken {
			stands = "It had begun with the change (" + j.what + "), and goes on with it when it runs again"
		}
		return &ChangeFailedError{
			Job: f.change.Job.Ref(), How: ChangeStuck, Cause: health.String(),
			After: stands + "; to take the change back: " + f.undoCommand(),
		}
	}
	found := health.String()
	if j.stage == notTaken && f.heard.Equal(f.since) && found != f.found {
		f.reporter.note("%s: the operator has not reacted yet. %s", f.change.Job.Ref(), found)
	} else if found != f.found && health.Known() && !health.Ready() {
		f.reporter.note("%s: the operator does nothing. %s", f.change.Job.Ref(), found)
	}
	f.found = found
	return nil
}

// wake makes the operator start a job that it takes for finished: once more by
// a change that it can't overlook.
func (f *changeFollower) wake(ctx context.Context, j judgement) (bool, error) {
	ref := f.change.Job.Ref()
	if f.woken {
		return true, f.failed(ctx, ChangeFailed, j.what)
	}
	f.woken = true
	again := Change{Job: f.job, Spec: f.wakeUp()}
	changed, err := f.client.apply(ctx, again, "")
	if err != nil {
		return true, fmt.Errorf("%s: %s, and it could not be told again: %w", ref, j.what, err)
	}
	f.reporter.note("%s: %s (it lost the suspension from its memory); told it again (%s)", ref, j.what, strings.Join(describePatch(again.Spec), ", "))
	f.change.Spec = Merge(Merge(nil, f.change.Spec), again.Spec)
	f.report.Patch = f.change.patch()
	f.job, f.generation = changed, changed.Object.GetGeneration()
	f.report.Generation, f.heard = f.generation, f.now()
	return false, nil
}

// wakeUp is the change that starts a job anew which has FINISHED with its
// suspension. The operator then starts it from the newest state that it saw;
// where that isn't the one that the job left, it is told which.
func (f *changeFollower) wakeUp() map[string]any {
	path := f.change.Goal.Path
	known := text(f.job.Object.Object, "status", "jobStatus", "upgradeSavepointPath")
	if _, redeploys := number(f.job.Object.Object, "status", "observedGeneration"); redeploys && path != "" && known != "" && !SamePath(known, path) {
		return redeploy(f.job, path, false).Spec
	}
	return map[string]any{"restartNonce": f.job.nextRestartNonce()}
}
