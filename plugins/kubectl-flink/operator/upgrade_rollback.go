package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
)

// rollbackLimit is how long the way back may take when the user's own time is
// up.
const rollbackLimit = 5 * time.Minute

// afterFailure goes back to the spec of before, or follows the operator on its
// own way back.
func (c *Client) afterFailure(ctx context.Context, before Job, change Change, request UpgradeRequest, report UpgradeReport, failure error, reporter Reporter) (UpgradeReport, error) {
	var failed *ChangeFailedError
	begun := errors.As(failure, &failed) && (failed.How == ChangeFailed || failed.How == ChangeUnproven)
	timedOut := exit.Code(failure) == exit.TimedOut && report.Generation > before.Object.GetGeneration()
	if !begun && !timedOut {
		return report, failure
	}
	ref := before.Ref()
	// What a failed upgrade ends with doesn't end the way back.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), rollbackLimit, exit.Timeoutf("timed out after %s", rollbackLimit))
	defer cancel()
	object, err := c.Get(ctx, ref)
	if err != nil {
		return report, fmt.Errorf("%w\n%w", failure, err)
	}
	now := Job{ref.Kind, object}
	if change.Goal.State && report.Left.Path == "" {
		report.Left = c.leftSince(ctx, now, before)
	}
	if before.patched(change.Spec).isOn(rollbackKey) {
		reporter.note("%v", failure)
		job, err := c.awaitOwnRollback(ctx, ref, reporter)
		if err != nil {
			return report, fmt.Errorf("%w\nThe operator is to roll it back itself (%s), but: %w", failure, rollbackKey, err)
		}
		report.observe(job)
		return report, fmt.Errorf("%w\nThe operator rolled it back: what ran before runs again, but the spec still has the change. Take it out: %s", failure, undoHint(change))
	}
	if !request.RollBack {
		return report, fmt.Errorf("%w\nThe change stays in the spec%s\nGo back with: %s\nor have that done next time with --rollback-on-failure", failure, savedAt(report.Left), undoHint(change))
	}
	reporter.note("%v", failure)
	reporter.note("%s: going back to the spec of before%s", ref, savedAt(report.Left))
	back, err := c.rollBack(ctx, now, change, report.Left, reporter)
	report.RolledBack = &back
	if err != nil {
		return report, fmt.Errorf("%w\nThe way back failed too: %w", failure, err)
	}
	from := "its state"
	if back.From.Path != "" {
		from = back.From.Kind + " " + back.From.Path
	}
	return report, fmt.Errorf("%w\nRolled back: %s runs again as before, from %s", failure, ref, from)
}

func savedAt(left Kept) string {
	if left.Path == "" {
		return ""
	}
	return "; the job's state is safe in " + left.Kind + " " + left.Path
}

// undoHint takes a change back by hand.
func undoHint(change Change) string {
	f := changeFollower{change: change, report: ChangeReport{Changed: true}}
	return f.undoCommand()
}

// rollBack makes the spec what it was and starts the job from the state that
// the failed upgrade left.
func (c *Client) rollBack(ctx context.Context, now Job, change Change, left Kept, reporter Reporter) (ChangeReport, error) {
	undo := change.undo()
	back := Change{
		Job: now, Did: "rolled back", Spec: undo.Spec, Annotations: undo.Annotations,
		Goal: Goal{State: change.Goal.State, NewRun: true},
	}
	if path := left.Path; path != "" && now.Kind.Name != BlueGreen.Name && now.observedGeneration() > 0 {
		// The one way that needs nothing of the failed run: neither its
		// JobManager nor a savepoint of it.
		nonce, _ := number(now.spec(), "job", "savepointRedeployNonce")
		back.Spec = Merge(back.Spec, map[string]any{"job": map[string]any{
			"initialSavepointPath": path, "savepointRedeployNonce": nonce + 1, "state": "running",
		}})
		back.Goal = Goal{State: true, Path: path, NewJobID: true}
	}
	return c.Change(ctx, back, ChangeOptions{Force: true}, reporter)
}

// leftSince is the state that the operator took when it stopped the job; zero
// where it doesn't say.
func (c *Client) leftSince(ctx context.Context, now, before Job) Kept {
	if path := now.UpgradeSavepointPath(); path != "" && !SamePath(path, before.UpgradeSavepointPath()) {
		return Kept{Kind: KindOfPath(path), Path: path}
	}
	states, err := c.LastStates(ctx, now)
	if err != nil {
		return Kept{}
	}
	started := millis(before.Object.Object, "status", "jobStatus", "startTime")
	for _, s := range states {
		if s.Savepoint && s.At.After(started) && changedAt(now.Object, time.Time{}).Before(s.At.Add(time.Second)) {
			return Kept{Kind: KeptSavepoint, Path: s.Path}
		}
	}
	return Kept{}
}

// awaitOwnRollback follows the operator's own rollback to its end.
func (c *Client) awaitOwnRollback(ctx context.Context, ref Ref, reporter Reporter) (Job, error) {
	var job Job
	reporter.waiting("%s: waiting for the operator to roll it back", ref)
	err := wait.Follow(ctx, c.Resource(ref.Kind, ref.Namespace), wait.Named(ref.Name), func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
		if event == watch.Bookmark {
			return false, nil
		}
		if event == watch.Deleted {
			return true, fmt.Errorf("%s was deleted by somebody", ref)
		}
		job = Job{ref.Kind, object}
		reporter.waiting("%s: waiting for the operator to roll it back; it is %s", ref, phase(job))
		return job.Lifecycle() == "ROLLED_BACK" && job.IsRunning(), nil
	})
	return job, err
}
