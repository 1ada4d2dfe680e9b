package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// SuspendRequest is how a job is to be suspended.
type SuspendRequest struct {
	// Mode is savepoint, last-state or stateless.
	Mode string
	// LoseState allows stateless.
	LoseState bool
	// Drain has the sources send their last watermark first, so that windows
	// and timers fire. A job that was drained should not be resumed.
	Drain bool
	// Did is what the report says: suspended or stopped.
	Did string
	ChangeOptions
}

// Validate finds what is wrong with the request alone.
func (r SuspendRequest) Validate() error {
	switch r.Mode {
	case "savepoint", "last-state":
		if r.LoseState {
			return exit.Usagef("--lose-state goes with --mode stateless; --mode %s keeps the state", r.Mode)
		}
	case "stateless":
		if !r.LoseState {
			return exit.Usagef("--mode stateless throws the job's state away: nothing is left to resume from. If that is wanted, add --lose-state")
		}
	default:
		return exit.Usagef("--mode: %q is not one of savepoint, last-state, stateless", r.Mode)
	}
	return r.ChangeOptions.Validate()
}

// drainKey stays in the spec of a job that was drained, and tells so whoever
// wants to resume it.
const drainKey = "kubernetes.operator.job.drain-on-savepoint-deletion"

// Suspend stops a job and keeps its state, unless the mode is stateless. The
// mode is set in the spec in the same patch: it is the new spec's mode by which
// the operator suspends, and a spec that says stateless when the job is resumed
// would start it empty.
func (c *Client) Suspend(ctx context.Context, ref Ref, request SuspendRequest, reporter Reporter) (ChangeReport, error) {
	report := ChangeReport{Job: ref, Did: request.Did, DryRun: request.DryRun}
	reporter.waiting("%s: checking the job", ref)
	job, err := c.Target(ctx, ref)
	if err != nil {
		return report, err
	}
	if err := c.CheckRejected(job); err != nil {
		return report, err
	}
	change := Change{Job: job, Did: request.Did, Goal: Goal{Suspended: true}}
	if job.Wanted() == "suspended" {
		return c.suspendedAlready(ctx, change, request, reporter)
	}
	if err := c.CheckManaged(job, request.ChangeOptions, reporter); err != nil {
		return report, err
	}
	if err := c.checkSuspendable(ctx, job, request.Mode); err != nil {
		return report, err
	}
	change.Spec = map[string]any{"job": map[string]any{"state": "suspended", "upgradeMode": request.Mode}}
	if request.Mode == "savepoint" {
		fields, why, err := c.SavepointFormat(ctx, job)
		if err != nil {
			return report, err
		}
		if why != "" {
			reporter.note("%s: %s", ref, why)
		}
		change.Spec = Merge(change.Spec, fields)
	}
	if request.Drain {
		change.Spec = Merge(change.Spec, map[string]any{"flinkConfiguration": map[string]any{drainKey: "true"}})
	}
	if mode := job.UpgradeMode(); mode != request.Mode {
		reporter.note("%s: spec.job.upgradeMode is %s and becomes %s", ref, mode, request.Mode)
	}
	plan, flink := c.planState(ctx, job, job, request.Mode)
	if ctx.Err() != nil {
		return report, fmt.Errorf("%w: nothing was changed; %s was still being looked at: %s", context.Cause(ctx), ref, job.Describe(time.Now()))
	}
	change.Flink = flink
	reporter.note("%s: %s", ref, plan.Text("resumes", time.Now()))
	if request.Mode == "stateless" {
		if err := request.confirm(ctx, "%s will be stopped and its state thrown away%s.", ref, lastKnown(change.Flink)); err != nil {
			return report, err
		}
	}
	report, err = c.Change(ctx, change, request.ChangeOptions, reporter)
	if err == nil && report.Done && request.Mode != "stateless" && report.Left.Kind == KeptNone {
		err = fmt.Errorf("%s is suspended, but the operator kept no state of it", ref)
	}
	return report, err
}

// lastKnown names the newest state that a job has, for a question.
func lastKnown(state *FlinkState) string {
	if state == nil || state.Latest == nil {
		return ""
	}
	return " (its newest is " + state.Latest.Path + ")"
}

// suspendedAlready awaits the end of a suspension that was asked for before.
func (c *Client) suspendedAlready(ctx context.Context, change Change, request SuspendRequest, reporter Reporter) (ChangeReport, error) {
	if request.DryRun != "" || request.NoWait {
		return ChangeReport{Job: change.Job.Ref(), Did: request.Did, DryRun: request.DryRun, State: change.Job.State(), Lifecycle: change.Job.Lifecycle(), JobID: change.Job.JobID(), Generation: change.Job.Object.GetGeneration(), Left: change.Job.KeptState()}, nil
	}
	if text(change.Job.Object.Object, "status", "reconciliationStatus", "lastReconciledSpec") == "" && change.Job.Kind.Name != BlueGreen.Name {
		// It was created suspended: the operator leaves it alone.
		return ChangeReport{Job: change.Job.Ref(), Did: request.Did, Done: true, Generation: change.Job.Object.GetGeneration()}, nil
	}
	return c.Change(ctx, change, request.ChangeOptions, reporter)
}

// checkSuspendable refuses what can't keep the job's state.
func (c *Client) checkSuspendable(ctx context.Context, job Job, mode string) error {
	if err := c.CheckDirectories(ctx, job, mode); err != nil {
		return err
	}
	if mode != "savepoint" {
		return nil
	}
	target := job
	if job.Kind.Name == BlueGreen.Name {
		child, err := c.activeChild(ctx, job)
		if err != nil {
			return err
		}
		target = child
	}
	if target.IsRunning() {
		return nil
	}
	message := fmt.Sprintf("%s is not RUNNING, so no savepoint can be taken: %s", target.Ref(), target.Describe(time.Now()))
	if failure := target.Failure(); !failure.IsZero() {
		message += "\nThe operator says: " + failure.Root()
	}
	return errors.New(message + "\nWait until it runs, or suspend it with its last checkpoint: --mode last-state")
}

// Drained reports whether the job was drained when it was stopped: windows and
// timers have fired, so that going on from its savepoint gives wrong results.
func (j Job) Drained() bool {
	return j.Wanted() == "suspended" && Flatten(section(j.spec(), "flinkConfiguration"))[drainKey] == "true"
}
