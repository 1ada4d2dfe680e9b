package change

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// awaitOneColor waits until the color of before is gone. Seen with operator
// 1.16.1: it calls the new color active while the old one is still being
// deleted; a transition that begins then writes to the dying FlinkDeployment,
// and once that is gone the operator fails on every try, for ever.
func awaitOneColor(ctx context.Context, c *operator.Client, job api.Job, reporter operator.Reporter) error {
	name := job.OtherColor()
	if name == "" {
		return nil
	}
	for {
		object, err := c.Get(ctx, api.Ref{Kind: api.Deployment, Namespace: job.Object.GetNamespace(), Name: name})
		if err != nil || object.GetDeletionTimestamp() == nil {
			// Gone; or it stays, suspended, from a transition that was given up.
			return ctx.Err()
		}
		reporter.Waitingf("%s: waiting until %s, the color before, is gone", job.Ref(), name)
		timer := time.NewTimer(time.Second)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// targetColorMissing says that a blue/green deployment moves to a color that doesn't
// exist, which the operator never gets out of; nil where that isn't so.
func targetColorMissing(ctx context.Context, c *operator.Client, job api.Job) error {
	name := job.NextColor()
	if name == "" {
		return nil
	}
	ref := job.Ref()
	if _, err := c.Get(ctx, api.Ref{Kind: api.Deployment, Namespace: ref.Namespace, Name: name}); !apierrors.IsNotFound(err) {
		return nil
	}
	serving := api.BlueGreenActiveBlue
	if strings.HasSuffix(name, "-blue") {
		serving = api.BlueGreenActiveGreen
	}
	return &FailedError{
		Job: ref, How: ChangeFailed, Cause: "it moves to " + name + ", which doesn't exist: it was deleted, or it was still being deleted when the move began, and the operator can't go on",
		After: fmt.Sprintf("The other color goes on running. Have the operator begin again with: kubectl patch %s %s -n %s --subresource=status --type merge -p '{\"status\":{\"blueGreenState\":%q,\"savepointTriggerId\":null}}'", ref.Kind.Singular, ref.Name, ref.Namespace, serving),
	}
}

// first is the part of a change to a blue/green deployment that the color
// which serves has to have before the rest: the savepoint from which the other
// color starts is taken by the configuration of this one. Seen with operator
// 1.16.1 and Flink 2.3: in one patch with the rest, the format came too late,
// the savepoint failed and took the job with it. nil where there is none.
func (ch Change) first() map[string]any {
	if ch.Job.Kind.Name != api.BlueGreen.Name || ch.Goal.Suspended || ch.Job.Wanted() != api.WantRunning {
		return nil
	}
	config, _ := ch.Spec["flinkConfiguration"].(map[string]any)
	format, there := config[api.FormatKey]
	part := map[string]any{"flinkConfiguration": map[string]any{api.FormatKey: format}}
	if !there || len(ch.Spec) == 1 && len(config) == 1 || api.Contains(ch.Job.Spec(), part) {
		return nil
	}
	return part
}

// carryOutFirst makes that part of a change, which restarts nothing, and reads
// the job again.
func carryOutFirst(ctx context.Context, c *operator.Client, change Change, part map[string]any, options Options, reporter operator.Reporter) (api.Job, error) {
	options.NoWait = false
	job := change.Job
	if _, err := CarryOut(ctx, c, Change{Job: job, Did: "prepared", Spec: part}, options, reporter); err != nil {
		return job, err
	}
	for {
		object, err := c.Get(ctx, job.Ref())
		if err != nil {
			return job, err
		}
		job = api.Job{Kind: job.Kind, Object: object}
		child, err := c.ActiveChild(ctx, job)
		// The operator reads its own keys from the spec as it is now, and doesn't
		// always note in the status that they changed.
		if err == nil && child.IsReconciled() && api.Contains(child.Spec(), part) {
			return job, nil
		}
		reporter.Waitingf("%s: waiting until its active color has %s", job.Ref(), api.FormatKey)
		timer := time.NewTimer(time.Second)
		select {
		case <-ctx.Done():
			timer.Stop()
			return job, fmt.Errorf("%w: %s has %s in its spec now; nothing else was changed", context.Cause(ctx), job.Ref(), api.FormatKey)
		case <-timer.C:
		}
	}
}
