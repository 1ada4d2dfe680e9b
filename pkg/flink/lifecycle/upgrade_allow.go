package lifecycle

import (
	"context"
	"fmt"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// droppedOnce puts allowNonRestoredState back to what it was once the job runs:
// what has no operator was to be dropped by one upgrade, not by each start to come.
// Where that can't be done, it says how. The operator takes note of the field
// without a restart.
func droppedOnce(ctx context.Context, c *operator.Client, ch change.Change, request UpgradeRequest, report change.Report, err error, reporter operator.Reporter) {
	before := api.Section(ch.Job.Spec(), "job")["allowNonRestoredState"]
	if !request.AllowNonRestored || before == true || request.DryRun != "" {
		return
	}
	ref := ch.Job.Ref()
	back := change.Change{Job: ch.Job, Spec: map[string]any{"job": map[string]any{"allowNonRestoredState": before}}}
	by := fmt.Sprintf("kubectl patch %s %s -n %s --type merge -p '%s'", ref.Kind.Singular, ref.Name, ref.Namespace, patchText(back))
	// Ctrl-C doesn't keep this from being said.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), change.AnswerLimit)
	defer cancel()
	object, getErr := c.Get(ctx, ref)
	if getErr == nil && api.Section((api.Job{Kind: ref.Kind, Object: object}).Spec(), "job")["allowNonRestoredState"] != true {
		return // the whole change was put back
	}
	// The other color of a blue/green deployment would be started for it.
	if err != nil || !report.Done || ref.Kind.Name == api.BlueGreen.Name {
		reporter.Notef("%s: spec.job.allowNonRestoredState is true now: each later start would drop state that has no operator, too. Once the job runs: %s", ref, by)
		return
	}
	if err = getErr; err == nil {
		back.Job = api.Job{Kind: ref.Kind, Object: object}
		_, err = change.Apply(ctx, c, back, "")
	}
	if err != nil {
		reporter.Notef("%s: spec.job.allowNonRestoredState stays true, so that each later start would drop state that has no operator, too (%v). To put it back: %s", ref, err, by)
		return
	}
	reporter.Notef("%s: spec.job.allowNonRestoredState is as it was before", ref)
}
