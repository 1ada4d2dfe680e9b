package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// RestartRequest is how a job is to be restarted.
type RestartRequest struct {
	StateChoice
	ChangeOptions
}

// Restart starts a running job anew, with new pods where it has a cluster of
// its own, from its state. It says from which before it begins.
func (c *Client) Restart(ctx context.Context, ref Ref, request RestartRequest, reporter Reporter) (ChangeReport, error) {
	report := ChangeReport{Job: ref, Did: "restarted", DryRun: request.DryRun}
	change, err := c.planRestart(ctx, ref, "restart", request.StateChoice, request.ChangeOptions, reporter)
	if err != nil {
		return report, err
	}
	change.Did = "restarted"
	change.Spec = Merge(change.Spec, map[string]any{"restartNonce": change.Job.nextRestartNonce()})
	return c.changeWatched(ctx, change, request.ChangeOptions, reporter)
}

// nextRestartNonce differs from the nonce in the spec and from the one that
// the operator carried out last: a spec may have lost its nonce since, and the
// old number would then change nothing.
func (j Job) nextRestartNonce() int64 {
	now, _ := number(j.spec(), "restartNonce")
	before := int64(0)
	reconciled := j.ReconciledSpec()
	if j.Kind.Name == BlueGreen.Name {
		reconciled = j.blueGreenSpec()
	}
	if n, ok := reconciled["restartNonce"].(json.Number); ok {
		before, _ = n.Int64()
	}
	return max(now, before) + 1
}

// planRestart is what all changes that start a running job anew have in
// common: what is refused, what is said before, and the part of the spec that
// keeps the state. verb is for messages.
func (c *Client) planRestart(ctx context.Context, ref Ref, verb string, choice StateChoice, options ChangeOptions, reporter Reporter) (Change, error) {
	reporter.waiting("%s: checking the job", ref)
	job, err := c.Target(ctx, ref)
	if err != nil {
		return Change{}, err
	}
	change := Change{Job: job}
	if job.Wanted() == "suspended" {
		return change, fmt.Errorf("%s is suspended; start it with: kubectl flink resume %s -n %s", ref, ref, ref.Namespace)
	}
	if err := c.CheckRejected(job); err != nil {
		return change, err
	}
	if err := c.CheckManaged(job, options, reporter); err != nil {
		return change, err
	}
	fields, mode, err := c.KeepState(job, verb, choice)
	if err != nil {
		return change, err
	}
	change.Spec = fields
	if err := c.CheckDirectories(ctx, job, mode); err != nil {
		return change, err
	}
	if err := c.checkStart(ctx, job, mode); err != nil {
		return change, err
	}
	plan, flink := c.planState(ctx, job, job, mode)
	if ctx.Err() != nil {
		return change, fmt.Errorf("%w: nothing was changed; %s was still being looked at: %s", context.Cause(ctx), ref, job.Describe(time.Now()))
	}
	if verb == "restart" && mode != "stateless" && flink == nil && job.Kind.Name != BlueGreen.Name && job.NeverRan() {
		return change, c.neverRan(ctx, job)
	}
	change.Flink = flink
	change.Goal = Goal{NewRun: true, State: plan.Kind != KeptNone}
	if mode == "savepoint" {
		more, why, err := c.SavepointFormat(ctx, job)
		if err != nil {
			return change, err
		}
		if why != "" {
			reporter.note("%s: %s", ref, why)
		}
		change.Spec = Merge(change.Spec, more)
	}
	reporter.note("%s: %s", ref, plan.Text("starts", time.Now()))
	if mode == "stateless" {
		if err := options.confirm(ctx, "%s will start empty%s.", ref, lastKnown(change.Flink)); err != nil {
			return change, err
		}
	}
	return change, nil
}
