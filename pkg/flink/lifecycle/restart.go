package lifecycle

import (
	"context"
	"fmt"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// RestartRequest is how a job is to be restarted.
type RestartRequest struct {
	api.StateChoice
	change.Options
}

// Restart restarts a running job, with new pods where it has a cluster of
// its own, from its state. It says from which before it begins.
func Restart(ctx context.Context, c *operator.Client, ref api.Ref, request RestartRequest, reporter operator.Reporter) (change.Report, error) {
	report := change.Report{Job: ref, Did: "restarted", DryRun: request.DryRun}
	ch, err := planRestart(ctx, c, ref, "restart", request.StateChoice, request.Options, reporter)
	if err != nil {
		return report, err
	}
	ch.Did = "restarted"
	ch.Spec = api.Merge(ch.Spec, map[string]any{"restartNonce": ch.Job.NextRestartNonce()})
	report, err = changeWatched(ctx, c, ch, request.Options, reporter)
	statelessOnce(ctx, c, ch.Job, request.StateChoice, request.Options, err == nil && report.Done, reporter)
	return report, err
}

// statelessOnce gives a job that was started without its state the upgradeMode
// that it had before: the state was to be lost once, not at each change to come.
// Where that can't be done, it says how.
func statelessOnce(ctx context.Context, c *operator.Client, before api.Job, choice api.StateChoice, options change.Options, ended bool, reporter operator.Reporter) {
	if mode := before.UpgradeMode(); choice.LoseState && mode != api.UpgradeStateless && options.DryRun == "" {
		once(ctx, c, before, "upgradeMode", api.UpgradeStateless, ", and was "+mode, "change would lose the state", ended, reporter)
	}
}

// once gives a field of spec.job the value that it had before a change: what it is
// now was meant for that one, and each says what every later one would do. ended
// says that the job runs; otherwise, and where it can't be done, how is said.
func once(ctx context.Context, c *operator.Client, before api.Job, field string, now any, was, each string, ended bool, reporter operator.Reporter) {
	ref := before.Ref()
	back := change.Change{Job: before, Spec: map[string]any{"job": map[string]any{field: api.Section(before.Spec(), "job")[field]}}}
	by := fmt.Sprintf("kubectl patch %s %s -n %s --type merge -p '%s'", ref.Kind.Singular, ref.Name, ref.Namespace, patchText(back))
	// Ctrl-C doesn't keep this from being said.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), operator.AnswerLimit)
	defer cancel()
	object, err := c.Get(ctx, ref)
	if err == nil {
		back.Job.Object = object
		if api.Section(back.Job.Spec(), "job")[field] != now {
			return // the whole change was put back
		}
	}
	if !ended {
		reporter.Notef("%s: spec.job.%s is %v now%s: each later %s, too. Once the job runs: %s", ref, field, now, was, each, by)
		return
	}
	if err == nil {
		_, err = change.Apply(ctx, c, back, "")
	}
	if err != nil {
		reporter.Notef("%s: spec.job.%s stays %v, so that each later %s, too (%v). To put it back: %s", ref, field, now, each, err, by)
		return
	}
	reporter.Notef("%s: spec.job.%s is as it was before", ref, field)
}

// planRestart is what all changes that restart a running job have in
// common: what is refused, what is said before, and the part of the spec that
// keeps the state. verb is for messages.
func planRestart(ctx context.Context, c *operator.Client, ref api.Ref, verb string, choice api.StateChoice, options change.Options, reporter operator.Reporter) (ch change.Change, err error) {
	reporter.Waitingf("%s: checking the job", ref)
	job, err := change.Target(ctx, c, ref)
	if err != nil {
		return ch, err
	}
	ch.Job = job
	if job.Wanted() == api.WantSuspended {
		return ch, fmt.Errorf("%s is suspended; start it with: kubectl flink resume %s -n %s", ref, ref, ref.Namespace)
	}
	if job.RolledBack() {
		// The operator compares with what runs, not with what it gave up.
		return ch, fmt.Errorf("%s was not changed: the operator rolled its last change back, and would carry that out again with this one\nSee why it failed (kubectl flink doctor %s -n %s), then correct it: kubectl flink upgrade %s -n %s", ref, ref, ref.Namespace, ref, ref.Namespace)
	}
	if err := change.CheckRejected(job); err != nil {
		return ch, err
	}
	if err := change.CheckManaged(job, options, reporter); err != nil {
		return ch, err
	}
	fields, mode, err := change.KeepState(job, verb, choice)
	if err != nil {
		return ch, err
	}
	ch.Spec = fields
	if err := change.CheckDirectories(ctx, c, job, mode); err != nil {
		return ch, err
	}
	if err := change.CheckStart(ctx, c, job, mode); err != nil {
		return ch, err
	}
	plan, flink := planState(ctx, c, job, job, mode)
	if err := checkPlan(ctx, c, job, mode, &plan); err != nil {
		return ch, err
	}
	if verb == "restart" && mode != api.UpgradeStateless && flink == nil && job.Kind.Name != api.BlueGreen.Name && job.NeverRan() {
		return ch, checkNeverRan(ctx, c, job)
	}
	ch.Flink = flink
	ch.Goal = change.Goal{NewRun: true, State: plan.Kind != api.RetainedNone}
	if mode == api.UpgradeSavepoint {
		more, why, err := change.SavepointFormat(ctx, c, job)
		if err != nil {
			return ch, err
		}
		if why != "" {
			reporter.Notef("%s: %s", ref, why)
		}
		ch.Spec = api.Merge(ch.Spec, more)
	}
	reporter.Notef("%s: %s", ref, plan.Text("starts", time.Now()))
	if mode == api.UpgradeStateless {
		if err := options.Confirmf(ctx, "%s will start empty%s.", ref, lastKnown(ch.Flink)); err != nil {
			return ch, err
		}
	}
	return ch, nil
}
