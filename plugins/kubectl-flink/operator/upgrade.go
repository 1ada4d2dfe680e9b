package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// UpgradeRequest is how a job is to be upgraded.
type UpgradeRequest struct {
	UpgradeFields
	StateChoice
	ChangeOptions
	// RollBack puts the spec of before back when the upgrade fails.
	RollBack bool
	// StableFor is how long the job has to go on running.
	StableFor time.Duration
	// Show is told the plan before anything is done.
	Show func(UpgradePlan)
	// Ask has Confirm asked before a redeployment; otherwise only before state
	// is lost.
	Ask bool
}

// UpgradeReport is what became of it.
type UpgradeReport struct {
	ChangeReport
	Plan UpgradePlan
	// RolledBack is the way back; nil where there was none.
	RolledBack *ChangeReport
}

// rollbackKey is the operator's own rollback.
const rollbackKey = "kubernetes.operator.deployment.rollback.enabled"

// Upgrade changes a job's spec, follows it to the job running with it, from
// its state, and goes back where that fails and is wanted.
func (c *Client) Upgrade(ctx context.Context, ref Ref, request UpgradeRequest, reporter Reporter) (UpgradeReport, error) {
	report := UpgradeReport{ChangeReport: ChangeReport{Job: ref, Did: "upgraded", DryRun: request.DryRun}}
	reporter.waiting("%s: checking the job", ref)
	job, err := c.upgradeTarget(ctx, ref)
	if err != nil {
		return report, err
	}
	change, plan, err := c.planUpgrade(ctx, job, request, reporter)
	report.Plan = plan
	if err != nil {
		return report, err
	}
	if request.Show != nil {
		request.Show(plan)
	}
	if plan.Effect == NoEffect && len(change.Annotations) == 0 {
		report.observe(job)
		report.Done = true
		return report, nil
	}
	if err := c.CheckManaged(job, request.ChangeOptions, reporter); err != nil {
		return report, err
	}
	if sizes(plan.Changes) {
		if err := c.checkHPA(ctx, job, request.ChangeOptions, reporter); err != nil {
			return report, err
		}
	}
	switch {
	case plan.Effect == Redeploy && plan.Mode == "stateless" && !plan.Suspended && !job.IsSessionCluster():
		err = request.confirm(ctx, "%s will start without its state%s.", ref, lastKnown(change.Flink))
	case request.Ask && plan.Effect >= InPlace:
		err = request.confirm(ctx, "%s will be upgraded: %s.", ref, plan.Words())
	}
	if err != nil {
		return report, err
	}
	report.ChangeReport, err = c.changeWatched(ctx, change, request.ChangeOptions, reporter)
	if plan.Effect < Redeploy {
		report.From = Kept{} // of an earlier start
	}
	if err == nil && report.Done && plan.Effect == Redeploy && plan.State.Kind == PlanNew {
		err = provesSavepoint(report.ChangeReport)
	}
	if err != nil {
		return c.afterFailure(ctx, job, change, request, report, err, reporter)
	}
	return report, nil
}

// upgradeTarget is Target, but for session clusters, which can be upgraded too.
func (c *Client) upgradeTarget(ctx context.Context, ref Ref) (Job, error) {
	job, err := c.Target(ctx, ref)
	if err == nil || ref.Kind.Name != Deployment.Name {
		return job, err
	}
	object, getErr := c.Get(ctx, ref)
	if getErr != nil {
		return job, err
	}
	if cluster := (Job{ref.Kind, object}); cluster.IsSessionCluster() && object.GetDeletionTimestamp() == nil {
		return cluster, nil
	}
	return job, err
}

// checkUpgradable refuses to start a session cluster anew while jobs run in it:
// the operator stops them all, and nothing sees to their state.
func (c *Client) checkUpgradable(ctx context.Context, cluster Job) error {
	jobs := c.jobsIn(ctx, cluster, func(job Job) bool { return job.Wanted() != "suspended" || job.IsRunning() })
	if len(jobs) == 0 {
		return nil
	}
	ref := cluster.Ref()
	return fmt.Errorf("%s was not changed: it would be started anew, and nothing keeps the state of the jobs in it: %s\nSuspend them first (kubectl flink suspend flinksessionjob/NAME -n %s); one that nobody manages ends with kubectl flink cancel %s -n %s", ref, strings.Join(jobs, ", "), ref.Namespace, ref.Name, ref.Namespace)
}

func (c *Client) planUpgrade(ctx context.Context, job Job, request UpgradeRequest, reporter Reporter) (Change, UpgradePlan, error) {
	change := Change{Job: job, Did: "upgraded"}
	plan := UpgradePlan{Job: job.Ref(), Mode: job.UpgradeMode(), BlueGreen: job.Kind.Name == BlueGreen.Name}
	spec, annotations, err := request.patch(job)
	if err != nil {
		return change, plan, err
	}
	after := job.patched(spec)
	plan.Changes = DiffSpecs(job.spec(), after.spec())
	plan.Effect = effectOf(plan.Changes, after.spec())
	change.Spec, change.Annotations = spec, annotations
	if plan.Effect == NoEffect {
		change.Spec = nil
		if request.UpgradeMode == "" {
			return change, plan, nil
		}
	}
	if job.IsSessionCluster() {
		change.Goal = Goal{StableFor: request.StableFor}
		plan.Session = true
		if plan.Effect == Redeploy {
			err = c.checkUpgradable(ctx, job)
		}
		return change, plan, err
	}
	plan.Suspended = job.Wanted() == "suspended" && after.Wanted() == "suspended"
	change.Goal = Goal{Suspended: after.Wanted() == "suspended", StableFor: request.StableFor}
	if plan.Suspended {
		change.Goal.StableFor = 0
	}
	if plan.Effect == Redeploy || request.UpgradeMode != "" || request.LoseState {
		var fields map[string]any
		if fields, plan.Mode, err = c.KeepState(after, "upgrade", request.StateChoice); err != nil && !plan.Suspended {
			return change, plan, err
		}
		change.Spec = Merge(change.Spec, fields)
	}
	if plan.Effect == Redeploy && !plan.Suspended {
		if err := c.CheckDirectories(ctx, after, plan.Mode); err != nil {
			return change, plan, err
		}
		if err := c.checkStart(ctx, job, plan.Mode); err != nil {
			return change, plan, err
		}
		change.Goal.NewRun = true
		if plan.Mode == "savepoint" {
			fields, why, err := c.SavepointFormat(ctx, job)
			if err != nil {
				return change, plan, err
			}
			if why != "" {
				reporter.note("%s: %s", job.Ref(), why)
			}
			change.Spec = Merge(change.Spec, fields)
		}
		plan.State, change.Flink = c.planState(ctx, job, job.patched(change.Spec), plan.Mode)
		if ctx.Err() != nil {
			return change, plan, fmt.Errorf("%w: nothing was changed; %s was still being looked at: %s", context.Cause(ctx), job.Ref(), job.Describe(time.Now()))
		}
		change.Goal.State = job.Wanted() == "running" && job.JobID() != "" && plan.State.Kind != KeptNone
	}
	plan.Changes = DiffSpecs(job.spec(), job.patched(change.Spec).spec())
	plan.Effect = effectOf(plan.Changes, job.patched(change.Spec).spec())
	return change, plan, nil
}

// crashPatience is how long a job may go on not running after its JobManager
// ended: with high availability the next one takes over, if it can.
const crashPatience = 45 * time.Second

// changeWatched is Change with an eye on the new pods and the job's own
// exceptions, which the operator tells of late or not at all. Where nothing is to
// be changed, an earlier command has done it, and the pods that are there count.
func (c *Client) changeWatched(ctx context.Context, change Change, options ChangeOptions, reporter Reporter) (ChangeReport, error) {
	if options.DryRun != "" || options.NoWait || change.Goal.Suspended || options.KeepTrying {
		return c.Change(ctx, change, options, reporter)
	}
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	var stuck *StuckError
	crash := ""
	now := time.Now()
	start := Start{Ref: change.Job.Ref(), Since: now, Done: func(Job) bool { return false }, aside: true, generation: change.Job.Object.GetGeneration()}
	if change.Spec == nil {
		start.standing = true
		start.generation--
	}
	group.Go(func() {
		_, err := c.AwaitRunning(watched, start, Reporter{Note: reporter.Note})
		if watched.Err() == nil && errors.As(err, &stuck) {
			cancel(err)
		}
	})
	if change.Job.Kind.Name == Deployment.Name && !start.standing {
		group.Go(func() {
			cause := c.awaitCrash(watched, change.Job.Object.GetNamespace(), change.Job.Object.GetName(), now)
			if cause == "" {
				return
			}
			reporter.note("%s: its JobManager ended: %s", change.Job.Ref(), cause)
			patience := crashPatience
			if neverPasses(cause) {
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
	report, err := c.Change(watched, change, options, reporter)
	cancel(nil)
	group.Wait()
	switch {
	case err == nil || ctx.Err() != nil:
	case crash != "":
		err = &ChangeFailedError{Job: change.Job.Ref(), How: ChangeFailed, Cause: "its JobManager ended with: " + crash}
	case stuck != nil:
		err = &ChangeFailedError{Job: change.Job.Ref(), How: ChangeFailed, Cause: stuck.summary()}
	}
	return report, err
}

// provesSavepoint fails where the job wasn't restored from the savepoint that
// it was stopped with.
func provesSavepoint(report ChangeReport) error {
	left, from := report.Left, report.From
	if left.Path == "" || !from.Proven || from.Path == "" || SamePath(left.Path, from.Path) || report.JobID == report.OldJobID {
		return nil
	}
	if from.Kind == KeptCheckpoint {
		return nil // it has restarted since, from its own checkpoint
	}
	return &ChangeFailedError{
		Job: report.Job, How: ChangeUnproven,
		Cause: fmt.Sprintf("it was stopped with %s but restored from %s", left.Path, from.Path),
	}
}
