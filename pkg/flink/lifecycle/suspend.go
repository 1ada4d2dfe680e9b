package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
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
	change.Options
	// deletes says that the job's object is going to be deleted then.
	deletes bool
}

// Validate finds what is wrong with the request alone.
func (r SuspendRequest) Validate() error {
	switch r.Mode {
	case api.UpgradeSavepoint, api.UpgradeLastState:
		if r.LoseState {
			return exit.Usagef("--lose-state goes with --mode stateless; --mode %s keeps the state", r.Mode)
		}
	case api.UpgradeStateless:
		if !r.LoseState {
			return exit.Usagef("--mode stateless throws the job's state away: nothing is left to resume from. If that is wanted, add --lose-state")
		}
	default:
		return exit.Usagef("--mode: %q is not one of savepoint, last-state, stateless", r.Mode)
	}
	return r.Options.Validate()
}

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
func Suspend(ctx context.Context, c *operator.Client, ref api.Ref, request SuspendRequest, reporter operator.Reporter) (change.Report, error) {
	report := change.Report{Job: ref, Did: request.Did, DryRun: request.DryRun}
	reporter.Waitingf("%s: checking the job", ref)
	job, err := change.Target(ctx, c, ref)
	if err != nil {
		return report, err
	}
	if err := change.CheckRejected(job); err != nil {
		return report, err
	}
	ch := change.Change{Job: job, Did: request.Did, Goal: change.Goal{Suspended: true}}
	if job.Wanted() == api.WantSuspended {
		report, err = suspendedAlready(ctx, c, ch, request, reporter)
		if err == nil && report.Done && !request.deletes && job.Lifecycle() != "" {
			err = endStopped(ctx, c, ref, report.Left, reporter)
		}
		return report, err
	}
	if err := change.CheckManaged(job, request.Options, reporter); err != nil {
		return report, err
	}
	if err := checkSuspendable(ctx, c, job, request.Mode); err != nil {
		return report, err
	}
	plan, flink := planState(ctx, c, job, job, request.Mode)
	if err := checkPlan(ctx, c, job, request.Mode, &plan); err != nil {
		return report, err
	}
	ch.Spec = map[string]any{"job": map[string]any{"state": api.WantSuspended, "upgradeMode": request.Mode}}
	if request.Mode == api.UpgradeSavepoint {
		fields, why, err := change.SavepointFormat(ctx, c, job)
		if err != nil {
			return report, err
		}
		if why != "" {
			reporter.Notef("%s: %s", ref, why)
		}
		ch.Spec = api.Merge(ch.Spec, fields)
	}
	if request.Drain {
		ch.Spec = api.Merge(ch.Spec, map[string]any{"flinkConfiguration": map[string]any{api.DrainKey: "true"}})
	}
	if mode := job.UpgradeMode(); mode != request.Mode && !request.deletes {
		reporter.Notef("%s: spec.job.upgradeMode is %s and becomes %s%s", ref, mode, request.Mode, untilResumed(request.Mode))
		if request.Mode != api.UpgradeStateless {
			ch.Annotations = map[string]any{modeBeforeKey: cmp.Or(api.Text(job.Spec(), "job", "upgradeMode"), modeUnset)}
		}
	}
	if _, stale := job.Object.GetAnnotations()[modeBeforeKey]; stale && ch.Annotations == nil {
		// Of a suspension that ended in another way than by Resume.
		ch.Annotations = map[string]any{modeBeforeKey: nil}
	}
	ch.Flink = flink
	reporter.Notef("%s: %s", ref, plan.Text("resumes", time.Now()))
	if request.Mode == api.UpgradeStateless {
		if err := request.Confirmf(ctx, "%s will be stopped and its state thrown away%s.", ref, lastKnown(ch.Flink)); err != nil {
			return report, err
		}
	}
	report, err = change.CarryOut(ctx, c, ch, request.Options, reporter)
	if err == nil && report.Done && request.Mode != api.UpgradeStateless && report.Left.Kind == api.RetainedNone {
		err = fmt.Errorf("%s is suspended, but the operator kept no state of it", ref)
	}
	switch {
	case err != nil || request.Mode == api.UpgradeStateless || request.deletes || request.DryRun != "":
	case report.Done:
		err = endStopped(ctx, c, ref, report.Left, reporter)
	case request.NoWait:
		warnOfRerun(ctx, c, job, reporter)
	}
	return report, err
}

// untilResumed says that the mode is put back; a job suspended as stateless has
// nothing that could be lost.
func untilResumed(mode string) string {
	if mode == api.UpgradeStateless {
		return ""
	}
	return " until kubectl flink resume has the job running from its state (with stateless it would start empty)"
}

// endStopped sees to it that a job that was suspended doesn't run again.
func endStopped(ctx context.Context, c *operator.Client, ref api.Ref, kept api.RetainedState, reporter operator.Reporter) error {
	object, err := c.Get(ctx, ref)
	if err != nil {
		return fmt.Errorf("%s is suspended%s, but whether its JobManager is gone isn't known: %w", ref, with(kept), err)
	}
	job := api.Job{Kind: ref.Kind, Object: object}
	if job.Wanted() != api.WantSuspended {
		// What was resumed meanwhile needs its JobManager.
		return fmt.Errorf("%s: %w after it was suspended%s%s", ref, change.ErrOvertaken, with(kept), change.LastWriter(job))
	}
	return endJobManager(ctx, c, job, kept, reporter)
}

// warnOfRerun says what is not waited for with --wait=false.
func warnOfRerun(ctx context.Context, c *operator.Client, job api.Job, reporter operator.Reporter) {
	cluster, err := c.RunsIn(ctx, job)
	if err == nil && job.Kind.Name != api.SessionJob.Name && haKind(change.ConfigFor(ctx, c, cluster, cluster)) == noHA {
		reporter.Notef("warning: %s has no high availability: its JobManager stays for a while (%s), and would run the job again if its pod were replaced. Once it is suspended, this takes it away: kubectl flink suspend %s -n %s", job.Ref(), ttlKey, job.Ref(), job.Ref().Namespace)
	}
}

// lastKnown names the newest state that a job has, for a question.
func lastKnown(state *api.FlinkState) string {
	if state == nil || state.Latest == nil {
		return ""
	}
	return " (its newest is " + state.Latest.Path + ")"
}

// suspendedAlready awaits the end of a suspension that was asked for before.
func suspendedAlready(ctx context.Context, c *operator.Client, ch change.Change, request SuspendRequest, reporter operator.Reporter) (change.Report, error) {
	if request.DryRun != "" || request.NoWait {
		return change.Report{Job: ch.Job.Ref(), Did: request.Did, DryRun: request.DryRun, State: ch.Job.State(), Lifecycle: ch.Job.Lifecycle(), JobID: ch.Job.JobID(), Generation: ch.Job.Object.GetGeneration(), Left: ch.Job.RetainedState()}, nil
	}
	if api.Text(ch.Job.Object.Object, "status", "reconciliationStatus", "lastReconciledSpec") == "" && ch.Job.Kind.Name != api.BlueGreen.Name {
		// It was created suspended: the operator leaves it alone.
		return change.Report{Job: ch.Job.Ref(), Did: request.Did, Done: true, Generation: ch.Job.Object.GetGeneration()}, nil
	}
	return change.CarryOut(ctx, c, ch, request.Options, reporter)
}

// checkSuspendable refuses what can't keep the job's state.
func checkSuspendable(ctx context.Context, c *operator.Client, job api.Job, mode string) error {
	if err := change.CheckDirectories(ctx, c, job, mode); err != nil {
		return err
	}
	if mode != api.UpgradeSavepoint {
		return nil
	}
	target := job
	if job.Kind.Name == api.BlueGreen.Name {
		child, err := c.ActiveChild(ctx, job)
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

// goesWhenCanceled says why a job's checkpoints go when the operator cancels it; ""
// where they stay.
func goesWhenCanceled(ctx context.Context, c *operator.Client, job api.Job, config api.Config) string {
	facts, known := checkpointFacts(ctx, c, job)
	return deletesCheckpoints(config, facts, known && !facts.Off && !facts.Ended)
}

// checkFirstCheckpoint refuses to restart a job by high-availability data that name
// no checkpoint yet: the operator takes the JobManager away and, from 1.7 to 1.16,
// starts the job empty. With ZooKeeper it (since 1.10) can't look into the data, and
// starts the job from a path that is none.
func checkFirstCheckpoint(job api.Job, config api.Config, plan *StatePlan) error {
	if plan.Kind != api.RetainedNone || plan.By != byJobManager || !job.IsRunning() {
		return nil
	}
	ref, then := job.Ref(), "the operator would take its JobManager away and start it empty"
	if haKind(config) == otherHA {
		then = "the operator would take its JobManager away and start it empty or, where it can't look into the high-availability data, not at all, from " + api.LastState
	}
	return fmt.Errorf("%s would lose what it has done: %s\n%s\nNothing was changed. Have a checkpoint taken first (kubectl flink checkpoint %s -n %s) or a savepoint (--mode savepoint to suspend it, else --upgrade-mode savepoint), or lose it with --lose-state", ref, plan.Why, then, ref, ref.Namespace)
}

// checkPlan refuses to stop a job by its last checkpoint where that goes, or there is
// none: the operator cancels jobs that have no high-availability data. So it does
// where the plan was cut short.
func checkPlan(ctx context.Context, c *operator.Client, job api.Job, mode string, plan *StatePlan) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: nothing was changed; %s was still being looked at: %s", context.Cause(ctx), job.Ref(), job.Describe(time.Now()))
	}
	if mode != api.UpgradeLastState || plan.Kind == PlanNew || HasEnded(job.State()) {
		return nil
	}
	cluster, err := c.RunsIn(ctx, job)
	if err != nil {
		return err
	}
	config := change.ConfigFor(ctx, c, job, cluster)
	if job.Kind.Name != api.SessionJob.Name && haKind(config) != noHA && !strings.EqualFold(config[byCancelKey], "true") {
		return checkFirstCheckpoint(job, config, plan)
	}
	why := plan.Why
	switch {
	case plan.Kind == api.RetainedNone && plan.By == "":
		return nil // it has never run
	case plan.Kind != api.RetainedNone || !job.IsRunning():
		why = goesWhenCanceled(ctx, c, job, config)
	}
	if why != "" {
		return fmt.Errorf("%s would lose its state: the operator would cancel it, and %s\nNothing was changed. Have a savepoint taken: --mode savepoint to suspend it, else --upgrade-mode savepoint", job.Ref(), why)
	}
	return nil
}
