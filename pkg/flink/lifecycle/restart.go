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
	statelessOnce(ctx, c, ch, request.StateChoice, request.Options, report, err, reporter)
	return report, err
}

// statelessOnce gives a job that was started without its state the upgradeMode
// that it had before: the state was to be lost once, not at each change to come.
// Where that can't be done, it says how.
func statelessOnce(ctx context.Context, c *operator.Client, ch change.Change, choice api.StateChoice, options change.Options, report change.Report, err error, reporter operator.Reporter) {
	before := ch.Job
	if !choice.LoseState || before.UpgradeMode() == api.UpgradeStateless || api.Text(ch.Spec, "job", "upgradeMode") != api.UpgradeStateless || options.DryRun != "" {
		return
	}
	ref := before.Ref()
	var value any
	if mode := api.Text(before.Spec(), "job", "upgradeMode"); mode != "" {
		value = mode
	}
	back := change.Change{Job: before, Spec: map[string]any{"job": map[string]any{"upgradeMode": value}}}
	by := fmt.Sprintf("kubectl patch %s %s -n %s --type merge -p '%s'", ref.Kind.Singular, ref.Name, ref.Namespace, patchText(back))
	// Ctrl-C doesn't keep this from being said.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), change.AnswerLimit)
	defer cancel()
	object, getErr := c.Get(ctx, ref)
	if getErr == nil && (api.Job{Kind: ref.Kind, Object: object}).UpgradeMode() != api.UpgradeStateless {
		return // the whole change was put back
	}
	if err != nil || !report.Done {
		reporter.Notef("%s: spec.job.upgradeMode is stateless now, and was %s: each later change would lose the state, too. Once the job runs: %s", ref, before.UpgradeMode(), by)
		return
	}
	if err = getErr; err == nil {
		back.Job = api.Job{Kind: ref.Kind, Object: object}
		_, err = change.Apply(ctx, c, back, "")
	}
	if err != nil {
		reporter.Notef("%s: spec.job.upgradeMode stays stateless, so that each later change would lose the state, too (%v). To put it back: %s", ref, err, by)
		return
	}
	reporter.Notef("%s: spec.job.upgradeMode is %s again", ref, before.UpgradeMode())
}

// planRestart is what all changes that restart a running job have in
// common: what is refused, what is said before, and the part of the spec that
// keeps the state. verb is for messages.
func planRestart(ctx context.Context, c *operator.Client, ref api.Ref, verb string, choice api.StateChoice, options change.Options, reporter operator.Reporter) (change.Change, error) {
	reporter.Waitingf("%s: checking the job", ref)
	job, err := change.Target(ctx, c, ref)
	if err != nil {
		return change.Change{}, err
	}
	ch := change.Change{Job: job}
	if job.Wanted() == api.WantSuspended {
		return ch, fmt.Errorf("%s is suspended; start it with: kubectl flink resume %s -n %s", ref, ref, ref.Namespace)
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
	if ctx.Err() != nil {
		return ch, fmt.Errorf("%w: nothing was changed; %s was still being looked at: %s", context.Cause(ctx), ref, job.Describe(time.Now()))
	}
	if verb == "restart" && mode != api.UpgradeStateless && flink == nil && job.Kind.Name != api.BlueGreen.Name && job.NeverRan() {
		return ch, checkNeverRan(ctx, c, job)
	}
	if err := checkCancel(ctx, c, job, mode, plan); err != nil {
		return ch, err
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
