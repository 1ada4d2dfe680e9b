package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// rollbackLimit is how long the way back may take when the user's own time is
// up.
const rollbackLimit = 5 * time.Minute

// afterFailure goes back to the spec of before, or follows the operator on its
// own way back.
func afterFailure(ctx context.Context, c *operator.Client, before api.Job, ch change.Change, request UpgradeRequest, report UpgradeReport, failure error, reporter operator.Reporter) (UpgradeReport, error) {
	var failed *change.FailedError
	begun := errors.As(failure, &failed) && (failed.How == change.ChangeFailed || failed.How == change.ChangeUnproven)
	timedOut := exit.Code(failure) == exit.TimedOut && report.Generation > before.Object.GetGeneration()
	if !begun && !timedOut {
		return report, failure
	}
	ref := before.Ref()
	ctx, cancel := afterwards(ctx, rollbackLimit)
	defer cancel()
	object, err := c.Get(ctx, ref)
	if err != nil {
		return report, fmt.Errorf("%w\n%w", failure, err)
	}
	now := api.Job{Kind: ref.Kind, Object: object}
	if ch.Goal.State && report.Left.Path == "" {
		report.Left = leftSince(ctx, c, now, before)
	}
	if patience, on := ownRollback(ctx, c, before.Patched(ch.Spec)); on {
		return followOwnRollback(ctx, c, patience, ch, report, failure, timedOut, reporter)
	}
	if !request.RollBack {
		return report, fmt.Errorf("%w\nThe change stays in the spec%s\nGo back with: %s\nor have that done next time with --rollback-on-failure", failure, savedAt(report.Left), undoHint(ch))
	}
	reporter.Notef("%v", failure)
	reporter.Notef("%s: going back to the spec of before%s", ref, savedAt(report.Left))
	back, err := rollBack(ctx, c, now, ch, report.Left, reporter)
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

func savedAt(left api.RetainedState) string {
	if left.Path == "" {
		return ""
	}
	return "; the job's state is safe in " + left.Kind + " " + left.Path
}

// undoHint takes a change back by hand.
func undoHint(ch change.Change) string {
	f := change.Follower{Change: ch, Report: change.Report{Changed: true}}
	return f.UndoCommand()
}

// rollBack makes the spec what it was and starts the job from the state that
// the failed upgrade left.
func rollBack(ctx context.Context, c *operator.Client, now api.Job, ch change.Change, left api.RetainedState, reporter operator.Reporter) (change.Report, error) {
	undo := ch.Undo()
	back := change.Change{
		Job: now, Did: "rolled back", Spec: undo.Spec, Annotations: undo.Annotations,
		Goal: change.Goal{State: ch.Goal.State, NewRun: true},
	}
	if path := left.Path; path != "" && now.Kind.Name != api.BlueGreen.Name && now.HasObservedGeneration() {
		// The one way that needs nothing of the failed run: neither its
		// JobManager nor a savepoint of it.
		nonce, _ := api.Number(now.Spec(), "job", "savepointRedeployNonce")
		back.Spec = api.Merge(back.Spec, map[string]any{"job": map[string]any{
			"initialSavepointPath": path, "savepointRedeployNonce": nonce + 1, "state": api.WantRunning,
		}})
		back.Goal = change.Goal{State: true, Path: path, NewJobID: true}
	}
	return change.CarryOut(ctx, c, back, change.Options{Force: true}, reporter)
}

// leftSince is the state that the operator took when it stopped the job; zero
// where it doesn't say.
func leftSince(ctx context.Context, c *operator.Client, now, before api.Job) api.RetainedState {
	if path := now.UpgradeSavepointPath(); path != "" && !api.SamePath(path, before.UpgradeSavepointPath()) {
		return api.RetainedState{Kind: api.KindOfPath(path), Path: path}
	}
	states, err := savepoint.LastStates(ctx, c, now, operator.Reporter{})
	if err != nil {
		return api.RetainedState{}
	}
	started := api.Millis(before.Object.Object, "status", "jobStatus", "startTime")
	for _, s := range states {
		if s.Savepoint && s.At.After(started) && operator.ChangedAt(now.Object, time.Time{}).Before(s.At.Add(time.Second)) {
			return api.RetainedState{Kind: api.RetainedSavepoint, Path: s.Path}
		}
	}
	return api.RetainedState{}
}

// afterwards is a context for what comes after a failure: what that ended with,
// such as its time-out, doesn't end it, but Ctrl-C does.
func afterwards(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	after, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	bounded, release := context.WithTimeoutCause(after, limit, exit.Timeoutf("timed out after %s", limit))
	stop := context.AfterFunc(ctx, func() {
		if cause := context.Cause(ctx); exit.Code(cause) == exit.Interrupted {
			cancel(cause)
		}
	})
	return bounded, func() { stop(); release(); cancel(nil) }
}

// ownRollback reports whether the operator rolls a job back itself, and after
// how long.
func ownRollback(ctx context.Context, c *operator.Client, job api.Job) (patience time.Duration, on bool) {
	if job.Kind.Name != api.Deployment.Name {
		return 0, false
	}
	config, _, err := c.EffectiveConfig(ctx, job)
	if err != nil {
		config = api.Config{}
	}
	own, _ := job.Spec()["flinkConfiguration"].(map[string]any)
	maps.Copy(config, api.Flatten(own))
	patience, ok := api.FlinkDuration(config[change.ReadinessKey])
	if !ok {
		patience = change.ReadinessDefault
	}
	return patience, strings.EqualFold(config[rollbackKey], "true")
}

// followOwnRollback follows the operator on its own way back instead of racing
// it. It is reported in the error how that ended.
func followOwnRollback(ctx context.Context, c *operator.Client, patience time.Duration, ch change.Change, report UpgradeReport, failure error, timedOut bool, reporter operator.Reporter) (UpgradeReport, error) {
	ref := ch.Job.Ref()
	now, err := c.Get(ctx, ref)
	if err != nil {
		return report, fmt.Errorf("%w\n%w", failure, err)
	}
	job := api.Job{Kind: ref.Kind, Object: now}
	if timedOut && !job.RolledBack() {
		return report, exit.With(exit.TimedOut, fmt.Errorf("%w\nThe operator rolls it back itself (%s) if it isn't stable %s after the change; see with: kubectl flink status %s -n %s", failure, rollbackKey, patience, ref.Name, ref.Namespace))
	}
	if !job.RolledBack() {
		reporter.Notef("%v", failure)
		reporter.Notef("%s: the operator rolls it back itself (%s), %s after the change at the latest", ref, rollbackKey, patience)
		limit, release := afterwards(ctx, patience+rollbackLimit)
		defer release()
		if job, err = awaitOwnRollback(limit, c, ref, reporter); err != nil {
			return report, exit.With(exit.Code(err), fmt.Errorf("%w\nThe operator is to roll it back itself (%s), but: %w; it is %s\nGo back with: %s", failure, rollbackKey, err, job.Describe(time.Now()), undoHint(ch)))
		}
	}
	report.Observe(job)
	report.From = api.RetainedState{}
	from := ""
	if state, known, _ := c.State(ctx, job); known {
		report.From = state.Restored.RetainedState()
		from = ", from " + report.From.Kind + " " + report.From.Path
		if state.Restored == nil {
			from = ", without state"
		}
	}
	return report, fmt.Errorf("%w\nThe operator rolled it back (lifecycle ROLLED_BACK): what ran before runs again%s. The spec still has the change; take it out: %s", failure, from, undoHint(ch))
}

// awaitOwnRollback follows the operator's own rollback to its end.
func awaitOwnRollback(ctx context.Context, c *operator.Client, ref api.Ref, reporter operator.Reporter) (api.Job, error) {
	var job api.Job
	generation := int64(math.MaxInt64)
	reporter.Waitingf("%s: waiting for the operator to roll it back", ref)
	err := wait.Follow(ctx, c.Resource(ref.Kind, ref.Namespace), wait.Named(ref.Name), func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
		if event == watch.Bookmark {
			return false, nil
		}
		if event == watch.Deleted {
			return true, fmt.Errorf("%s was deleted", ref)
		}
		job = api.Job{Kind: ref.Kind, Object: object}
		generation = min(generation, object.GetGeneration())
		reporter.Waitingf("%s: waiting for the operator to roll it back; it is %s", ref, phase(job))
		switch state := job.State(); {
		case job.RolledBack():
			return true, nil
		case job.Lifecycle() == api.LifecycleStable && job.IsReconciled() && state == api.JobRunning:
			return true, errors.New("it runs now with the change after all")
		case job.Object.GetGeneration() > generation:
			return true, fmt.Errorf("%w meanwhile%s", change.ErrOvertaken, change.LastWriter(job))
		}
		return false, nil
	}, wait.OnTrouble(reporter.Trouble(ref.String(), func() {})))
	return job, err
}
