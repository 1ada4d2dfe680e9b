package operator

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
	ctx, cancel := afterwards(ctx, rollbackLimit)
	defer cancel()
	object, err := c.Get(ctx, ref)
	if err != nil {
		return report, fmt.Errorf("%w\n%w", failure, err)
	}
	now := Job{ref.Kind, object}
	if change.Goal.State && report.Left.Path == "" {
		report.Left = c.leftSince(ctx, now, before)
	}
	if patience, on := c.ownRollback(ctx, before.patched(change.Spec)); on {
		return c.followOwnRollback(ctx, patience, change, report, failure, timedOut, reporter)
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
	states, err := c.LastStates(ctx, now, Reporter{})
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

// readinessKey is how long a changed job may take to be stable until the
// operator rolls it back; readinessDefault where it isn't set.
const (
	readinessKey     = "kubernetes.operator.deployment.readiness.timeout"
	readinessDefault = 5 * time.Minute
)

// ownRollback reports whether the operator rolls a job back itself, and after
// how long.
func (c *Client) ownRollback(ctx context.Context, job Job) (patience time.Duration, on bool) {
	if job.Kind.Name != Deployment.Name {
		return 0, false
	}
	config, _, err := c.EffectiveConfig(ctx, job)
	if err != nil {
		config = Config{}
	}
	own, _ := job.spec()["flinkConfiguration"].(map[string]any)
	maps.Copy(config, Flatten(own))
	patience, ok := flinkDuration(config[readinessKey])
	if !ok {
		patience = readinessDefault
	}
	return patience, strings.EqualFold(config[rollbackKey], "true")
}

// followOwnRollback follows the operator on its own way back instead of racing
// it. It is told in the error how that ended.
func (c *Client) followOwnRollback(ctx context.Context, patience time.Duration, change Change, report UpgradeReport, failure error, timedOut bool, reporter Reporter) (UpgradeReport, error) {
	ref := change.Job.Ref()
	now, err := c.Get(ctx, ref)
	if err != nil {
		return report, fmt.Errorf("%w\n%w", failure, err)
	}
	job := Job{ref.Kind, now}
	if timedOut && !job.rolledBack() {
		return report, exit.With(exit.TimedOut, fmt.Errorf("%w\nThe operator rolls it back itself (%s) if it isn't stable %s after the change; see with: kubectl flink status %s -n %s", failure, rollbackKey, patience, ref.Name, ref.Namespace))
	}
	if !job.rolledBack() {
		reporter.note("%v", failure)
		reporter.note("%s: the operator rolls it back itself (%s), %s after the change at the latest", ref, rollbackKey, patience)
		limit, release := afterwards(ctx, patience+rollbackLimit)
		defer release()
		if job, err = c.awaitOwnRollback(limit, ref, reporter); err != nil {
			return report, exit.With(exit.Code(err), fmt.Errorf("%w\nThe operator is to roll it back itself (%s), but: %w; it is %s\nGo back with: %s", failure, rollbackKey, err, job.Describe(time.Now()), undoHint(change)))
		}
	}
	report.observe(job)
	report.From = Kept{}
	from := ""
	if state, known, _ := c.State(ctx, job); known {
		report.From = state.Restored.Kept()
		from = ", from " + report.From.Kind + " " + report.From.Path
		if state.Restored == nil {
			from = ", without state"
		}
	}
	return report, fmt.Errorf("%w\nThe operator rolled it back (lifecycle ROLLED_BACK): what ran before runs again%s. The spec still has the change; take it out: %s", failure, from, undoHint(change))
}

// rolledBack reports whether the operator's own rollback is done.
func (j Job) rolledBack() bool { return j.Lifecycle() == "ROLLED_BACK" && j.IsRunning() }

// awaitOwnRollback follows the operator's own rollback to its end.
func (c *Client) awaitOwnRollback(ctx context.Context, ref Ref, reporter Reporter) (Job, error) {
	var job Job
	generation := int64(math.MaxInt64)
	reporter.waiting("%s: waiting for the operator to roll it back", ref)
	err := wait.Follow(ctx, c.Resource(ref.Kind, ref.Namespace), wait.Named(ref.Name), func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
		if event == watch.Bookmark {
			return false, nil
		}
		if event == watch.Deleted {
			return true, fmt.Errorf("%s was deleted by somebody", ref)
		}
		job = Job{ref.Kind, object}
		generation = min(generation, object.GetGeneration())
		reporter.waiting("%s: waiting for the operator to roll it back; it is %s", ref, phase(job))
		switch state := job.State(); {
		case job.rolledBack():
			return true, nil
		case job.Lifecycle() == "STABLE" && job.carriedOut() && state == "RUNNING":
			return true, errors.New("it runs now with the change after all")
		case job.Object.GetGeneration() > generation:
			return true, fmt.Errorf("%w meanwhile%s", errOvertaken, lastWriter(job))
		}
		return false, nil
	}, reporter.trouble(ref.String(), func() {}))
	return job, err
}
