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
	return changeWatched(ctx, c, ch, request.Options, reporter)
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
