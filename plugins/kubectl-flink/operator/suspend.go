package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	// deletes says that the job's object is going to be deleted then.
	deletes bool
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

// modeBeforeKey is the annotation with the upgradeMode that a job had before it
// was suspended; modeUnset stands for none. Resume puts it back.
const (
	modeBeforeKey = "kubectl-flink/upgrade-mode-before"
	modeUnset     = "unset"
)

// Suspend stops a job and keeps its state, unless the mode is stateless. The
// mode is set in the spec in the same patch: it is the new spec's mode by which
// the operator suspends, and a spec that says stateless when the job is resumed
// would start it empty. So Resume puts the mode back, once the job runs from
// its state.
//
// A job without high availability would run again if the JobManager that the
// operator leaves for a while were replaced, so that is taken away.
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
		report, err = c.suspendedAlready(ctx, change, request, reporter)
		if err == nil && report.Done && !request.deletes && job.Lifecycle() != "" {
			err = c.endStopped(ctx, ref, report.Left, reporter)
		}
		return report, err
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
	if mode := job.UpgradeMode(); mode != request.Mode && !request.deletes {
		reporter.note("%s: spec.job.upgradeMode is %s and becomes %s%s", ref, mode, request.Mode, untilResumed(request.Mode))
		if request.Mode != "stateless" {
			change.Annotations = map[string]any{modeBeforeKey: or(text(job.spec(), "job", "upgradeMode"), modeUnset)}
		}
	}
	if _, stale := job.Object.GetAnnotations()[modeBeforeKey]; stale && change.Annotations == nil {
		// Of a suspension that ended in another way than by Resume.
		change.Annotations = map[string]any{modeBeforeKey: nil}
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
	switch {
	case err != nil || request.Mode == "stateless" || request.deletes || request.DryRun != "":
	case report.Done:
		err = c.endStopped(ctx, ref, report.Left, reporter)
	case request.NoWait:
		c.warnOfRerun(ctx, job, reporter)
	}
	return report, err
}

// untilResumed says that the mode is put back; a job suspended as stateless has
// nothing that could be lost.
func untilResumed(mode string) string {
	if mode == "stateless" {
		return ""
	}
	return " until kubectl flink resume has the job running from its state (with stateless it would start empty)"
}

// endStopped sees to it that a job that was suspended doesn't run again.
func (c *Client) endStopped(ctx context.Context, ref Ref, kept Kept, reporter Reporter) error {
	object, err := c.Get(ctx, ref)
	if err != nil {
		return fmt.Errorf("%s is suspended%s, but whether its JobManager is gone isn't known: %w", ref, with(kept), err)
	}
	return c.endJobManager(ctx, Job{ref.Kind, object}, kept, reporter)
}

// warnOfRerun says what is not waited for with --wait=false.
func (c *Client) warnOfRerun(ctx context.Context, job Job, reporter Reporter) {
	cluster, err := c.runsIn(ctx, job)
	if err == nil && job.Kind.Name != SessionJob.Name && haKind(c.configFor(ctx, cluster, cluster)) == noHA {
		reporter.note("warning: %s has no high availability: its JobManager stays for a while (%s), and would run the job again if its pod were replaced. Once it is suspended, this takes it away: kubectl flink suspend %s -n %s", job.Ref(), ttlKey, job.Ref(), job.Ref().Namespace)
	}
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
	if mode == "last-state" {
		return c.checkCancel(ctx, job)
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

// lastStateCancels has the operator cancel a job also where it could take the
// JobManager away instead.
const lastStateCancels = "kubernetes.operator.job.upgrade.last-state.job-cancel.enabled"

// checkCancel refuses to suspend a job by its last checkpoint where that goes:
// the operator cancels jobs that have no high-availability data.
func (c *Client) checkCancel(ctx context.Context, job Job) error {
	cluster, err := c.runsIn(ctx, job)
	if err != nil {
		return err
	}
	config := c.configFor(ctx, job, cluster)
	if job.Kind.Name != SessionJob.Name && haKind(config) != noHA && !strings.EqualFold(config[lastStateCancels], "true") {
		return nil
	}
	facts, known := c.checkpointFacts(ctx, job)
	if why := deletesCheckpoints(config, facts, known && !facts.Off && !facts.Ended); why != "" {
		return fmt.Errorf("%s would lose its state: the operator would cancel it, and %s\nNothing was changed. Stop it with a savepoint (--mode savepoint)", job.Ref(), why)
	}
	return nil
}

// Drained reports whether the job was drained when it was stopped: windows and
// timers have fired, so that going on from its savepoint gives wrong results.
func (j Job) Drained() bool {
	return j.Wanted() == "suspended" && Flatten(section(j.spec(), "flinkConfiguration"))[drainKey] == "true"
}
