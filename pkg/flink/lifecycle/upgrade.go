package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// UpgradeRequest is how a job is to be upgraded.
type UpgradeRequest struct {
	UpgradeFields
	api.StateChoice
	change.Options
	// RollBack puts the spec of before back when the upgrade fails.
	RollBack bool
	// StableFor is how long the job has to go on running.
	StableFor time.Duration
	// Show is called with the plan before anything is done.
	Show func(UpgradePlan)
	// Prepare makes what the new spec refers to, right before the spec is changed,
	// and not in a dry run; nil makes nothing.
	Prepare func(ctx context.Context, job api.Job) error
	// Ask has Confirm asked before a redeployment; otherwise only before state
	// is lost.
	Ask bool
}

// UpgradeReport is the outcome of an upgrade.
type UpgradeReport struct {
	change.Report
	Plan UpgradePlan
	// RolledBack is the way back; nil where there was none.
	RolledBack *change.Report
}

// rollbackKey is the operator's own rollback.
const rollbackKey = "kubernetes.operator.deployment.rollback.enabled"

// Upgrade changes a job's spec, follows it to the job running with it, from
// its state, and goes back where that fails and is wanted.
func Upgrade(ctx context.Context, c *operator.Client, ref api.Ref, request UpgradeRequest, reporter operator.Reporter) (report UpgradeReport, err error) {
	report = UpgradeReport{Report: change.Report{Job: ref, Did: "upgraded", DryRun: request.DryRun}}
	reporter.Waitingf("%s: checking the job", ref)
	job, err := upgradeTarget(ctx, c, ref)
	if err != nil {
		return report, err
	}
	ch, plan, err := planUpgrade(ctx, c, job, request, reporter)
	report.Plan = plan
	if err != nil {
		return report, err
	}
	if request.Show != nil {
		request.Show(plan)
	}
	if plan.Effect == NoEffect && len(ch.Annotations) == 0 {
		report.Observe(job)
		report.Done = true
		return report, nil
	}
	if err := change.CheckManaged(job, request.Options, reporter); err != nil {
		return report, err
	}
	if change.ChangesSize(plan.Changes) {
		if err := change.CheckHPA(ctx, c, job, request.Options, reporter); err != nil {
			return report, err
		}
	}
	if plan.Effect == Redeploy && !job.IsSessionCluster() {
		if err := request.LookAhead(ctx, prospectOf(asItRan(job), job.Patched(ch.Spec), plan.State, ch.Flink)); err != nil {
			return report, err
		}
	}
	switch {
	case plan.Effect == Redeploy && plan.Mode == api.UpgradeStateless && !plan.Suspended && !job.IsSessionCluster():
		err = request.Confirmf(ctx, "%s will start without its state%s.", ref, lastKnown(ch.Flink))
	case request.Ask && plan.Effect >= InPlace:
		err = request.Confirmf(ctx, "%s will be upgraded: %s.", ref, plan.Words())
	}
	if err != nil {
		return report, err
	}
	if request.Prepare != nil && request.DryRun == "" {
		if err := request.Prepare(ctx, job); err != nil {
			return report, fmt.Errorf("%w\nThe spec was not changed", err)
		}
	}
	report.Report, err = changeWatched(ctx, c, ch, request.Options, reporter)
	if !request.RollBack || err == nil {
		ended := err == nil && report.Done
		statelessOnce(ctx, c, job, request.StateChoice, request.Options, ended, reporter)
		// What has no operator was to be dropped by this upgrade, not by each start to
		// come. The operator takes note of that without a restart, but would start the
		// other color of a blue/green deployment.
		if request.AllowNonRestored && api.Section(job.Spec(), "job")["allowNonRestoredState"] != true && request.DryRun == "" {
			once(ctx, c, job, "allowNonRestoredState", true, "", "start would drop state that has no operator", ended && ref.Kind.Name != api.BlueGreen.Name, reporter)
		}
	}
	if plan.Effect < Redeploy {
		report.From = api.RetainedState{} // of an earlier start
	}
	if err == nil && report.Done && plan.Effect == Redeploy && plan.State.Kind == PlanNew {
		err = provesSavepoint(report.Report)
	}
	if err != nil {
		return afterFailure(ctx, c, job, ch, request, report, err, reporter)
	}
	return report, nil
}

// upgradeTarget is Target, but for session clusters, which can be upgraded too.
func upgradeTarget(ctx context.Context, c *operator.Client, ref api.Ref) (api.Job, error) {
	job, err := change.Target(ctx, c, ref)
	if err == nil || ref.Kind.Name != api.Deployment.Name {
		return job, err
	}
	object, getErr := c.Get(ctx, ref)
	if getErr != nil {
		return job, err
	}
	if cluster := (api.Job{Kind: ref.Kind, Object: object}); cluster.IsSessionCluster() && object.GetDeletionTimestamp() == nil {
		return cluster, nil
	}
	return job, err
}

// checkUpgradable refuses to restart a session cluster while jobs run in it:
// the operator stops them all, and nothing sees to their state.
func checkUpgradable(ctx context.Context, c *operator.Client, cluster api.Job, loseState bool) error {
	jobs, err := jobsIn(ctx, c, cluster, func(job api.Job) bool {
		return job.Wanted() != api.WantSuspended || !job.IsStopped() && job.JobID() != ""
	})
	ref := cluster.Ref()
	switch {
	case len(jobs) == 0 && err != nil && !loseState:
		return fmt.Errorf("%s was not changed: it would be restarted, and whether jobs run in it that would lose their state isn't known: %w\nIf none does, say --lose-state", ref, err)
	case len(jobs) == 0:
		return nil
	}
	return fmt.Errorf("%s was not changed: it would be restarted, and nothing keeps the state of the jobs in it: %s\nSuspend them first (kubectl flink suspend flinksessionjob/NAME -n %s); one that no object manages ends with kubectl flink cancel %s -n %s", ref, strings.Join(jobs, ", "), ref.Namespace, ref.Name, ref.Namespace)
}

func planUpgrade(ctx context.Context, c *operator.Client, job api.Job, request UpgradeRequest, reporter operator.Reporter) (ch change.Change, plan UpgradePlan, err error) {
	ch = change.Change{Job: job, Did: "upgraded"}
	plan = UpgradePlan{Job: job.Ref(), Mode: job.UpgradeMode(), BlueGreen: job.Kind.Name == api.BlueGreen.Name}
	spec, annotations, err := request.patch(job)
	if err != nil {
		return ch, plan, err
	}
	after := job.Patched(spec)
	plan.Changes = api.DiffSpecs(job.Spec(), after.Spec())
	plan.Effect = effectOf(plan.Changes, after.Spec())
	ch.Spec, ch.Annotations = spec, annotations
	if nonce, ok := api.Number(after.Spec(), "job", "savepointRedeployNonce"); ok {
		if before, was := api.Number(job.Spec(), "job", "savepointRedeployNonce"); !was || before != nonce {
			now := "it has none now"
			if was {
				now = fmt.Sprintf("it is %d now", before)
			}
			ref, path := job.Ref(), cmp.Or(after.InitialPath(), "PATH")
			return ch, plan, fmt.Errorf("%s was not changed: by another spec.job.savepointRedeployNonce the operator cancels it without a savepoint and starts it from spec.job.initialSavepointPath (%s)\nLeave the nonce out (%s); to start it from there: kubectl flink restore %s --from %s -n %s", ref, path, now, ref, api.ShellWord(path), ref.Namespace)
		}
	}
	if plan.Effect == NoEffect {
		ch.Spec = nil
		if request.UpgradeMode == "" {
			return ch, plan, nil
		}
	}
	if job.IsSessionCluster() {
		ch.Goal = change.Goal{StableFor: request.StableFor}
		plan.Session = true
		if plan.Effect == Redeploy {
			err = checkUpgradable(ctx, c, job, request.LoseState)
		}
		return ch, plan, err
	}
	plan.Suspended = job.Wanted() == api.WantSuspended && after.Wanted() == api.WantSuspended
	ch.Goal = change.Goal{Suspended: after.Wanted() == api.WantSuspended, StableFor: request.StableFor}
	if plan.Suspended {
		ch.Goal.StableFor = 0
	}
	if plan.Effect == Redeploy || request.UpgradeMode != "" || request.LoseState {
		var fields map[string]any
		if fields, plan.Mode, err = change.KeepState(after, "upgrade", request.StateChoice); err != nil && !plan.Suspended {
			return ch, plan, err
		}
		ch.Spec = api.Merge(ch.Spec, fields)
	}
	if plan.Effect == Redeploy && !plan.Suspended {
		if err := change.CheckDirectories(ctx, c, after, plan.Mode); err != nil {
			return ch, plan, err
		}
		if err := change.CheckStart(ctx, c, job, plan.Mode); err != nil {
			return ch, plan, err
		}
		ch.Goal.NewRun = true
		if plan.Mode == api.UpgradeSavepoint {
			fields, why, err := change.SavepointFormat(ctx, c, job)
			if err != nil {
				return ch, plan, err
			}
			if why != "" {
				reporter.Notef("%s: %s", job.Ref(), why)
			}
			ch.Spec = api.Merge(ch.Spec, fields)
		}
		plan.State, ch.Flink = planState(ctx, c, job, job.Patched(ch.Spec), plan.Mode)
		if err := checkPlan(ctx, c, job, plan.Mode, &plan.State); err != nil {
			return ch, plan, err
		}
		ch.Goal.State = job.Wanted() == api.WantRunning && job.JobID() != "" && plan.State.Kind != api.RetainedNone
	}
	if plan.Effect == Redeploy && plan.Suspended && request.Look != nil {
		plan.State, ch.Flink = planState(ctx, c, job, job.Patched(ch.Spec), plan.Mode)
	}
	plan.Changes = api.DiffSpecs(job.Spec(), job.Patched(ch.Spec).Spec())
	plan.Effect = effectOf(plan.Changes, job.Patched(ch.Spec).Spec())
	return ch, plan, nil
}

// crashPatience is how long a job may go on not running after its JobManager
// ended: with high availability the next one takes over, if it can.
const crashPatience = 45 * time.Second

// changeWatched is Change with an eye on the new pods and the job's own
// exceptions, which the operator reports late or not at all. Where nothing is to
// be changed, an earlier command has done it, and the pods that are there count.
func changeWatched(ctx context.Context, c *operator.Client, ch change.Change, options change.Options, reporter operator.Reporter) (change.Report, error) {
	if options.DryRun != "" || options.NoWait || ch.Goal.Suspended || options.KeepTrying {
		return change.CarryOut(ctx, c, ch, options, reporter)
	}
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	var stuck *StuckError
	crash := ""
	now := time.Now()
	run := newRun{since: now, generation: ch.Job.Object.GetGeneration()}
	if ch.Spec == nil {
		run.standing = true
		run.generation--
	}
	group.Go(func() {
		err := run.observe(watched, c, ch.Job.Ref(), operator.Reporter{Note: reporter.Note})
		if watched.Err() == nil && errors.As(err, &stuck) {
			cancel(err)
		}
	})
	if ch.Job.Kind.Name == api.Deployment.Name && !run.standing {
		before := podsOf(ctx, c, ch.Job.Object.GetNamespace(), ch.Job.Object.GetName())
		group.Go(func() {
			cause := awaitCrash(watched, c, ch.Job.Object.GetNamespace(), ch.Job.Object.GetName(), before)
			if cause == "" {
				return
			}
			reporter.Notef("%s: its JobManager ended: %s", ch.Job.Ref(), cause)
			patience := crashPatience
			if operator.NeverPasses(cause) {
				patience = 0
			}
			select {
			case <-watched.Done():
			case <-time.After(patience):
				crash = cause
				cancel(errors.New(cause))
			}
		})
	}
	report, err := change.CarryOut(watched, c, ch, options, reporter)
	cancel(nil)
	group.Wait()
	switch {
	case err == nil || ctx.Err() != nil:
	case crash != "":
		err = &change.FailedError{Job: ch.Job.Ref(), How: change.ChangeFailed, Cause: "its JobManager ended with: " + crash}
	case stuck != nil:
		err = &change.FailedError{Job: ch.Job.Ref(), How: change.ChangeFailed, Cause: stuck.summary()}
	}
	return report, err
}

// provesSavepoint fails where the job wasn't restored from the savepoint that
// it was stopped with.
func provesSavepoint(report change.Report) error {
	left, from := report.Left, report.From
	if left.Path == "" || !from.Proven || from.Path == "" || api.SamePath(left.Path, from.Path) || report.JobID == report.OldJobID {
		return nil
	}
	if from.Kind == api.RetainedCheckpoint {
		return nil // it has restarted since, from its own checkpoint
	}
	return &change.FailedError{
		Job: report.Job, How: change.ChangeUnproven,
		Cause: fmt.Sprintf("it was stopped with %s but restored from %s", left.Path, from.Path),
	}
}
