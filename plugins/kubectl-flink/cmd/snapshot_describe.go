package cmd

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// snapshotDescribeOptions are the flags of `kubectl flink snapshot describe`.
type snapshotDescribeOptions struct {
	*common
	plugin.Arguments
	output  printer.Flags
	color   string
	palette term.Palette
}

func newSnapshotDescribe(c *common) *cobra.Command {
	o := &snapshotDescribeOptions{common: c}
	cmd := &cobra.Command{
		Use:     "describe NAME",
		Aliases: []string{"show", "status"},
		Short:   "Show all about one: where, how long, why it failed, what uses it",
		Example: plugin.Examples(`
			# Why did it fail?
			kubectl flink snapshot describe nightly

			# Which jobs start from it
			kubectl flink snapshot describe nightly -o jsonpath='{.summary.usedBy}'

			# All of it
			kubectl flink snapshot describe nightly -o yaml`),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeSnapshots(false),
		RunE:              plugin.RunE(o),
	}
	o.output.AddFlags(cmd, printer.Name, printer.JSON, printer.YAML, "jsonpath")
	addColor(cmd, &o.color)
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *snapshotDescribeOptions) Validate() (err error) {
	if err := o.output.Validate(); err != nil {
		return err
	}
	o.palette, err = term.NewPalette(o.color, o.Out)
	return exit.With(exit.Usage, err)
}

// Run prints all that is known of the snapshot.
func (o *snapshotDescribeOptions) Run(ctx context.Context) error {
	page, err := o.describeSnapshot(ctx, o.Args)
	if err != nil {
		return err
	}
	page.Palette, page.Now = o.palette, time.Now()
	return o.output.Print(o.Out, page.Result())
}

func (c *common) describeSnapshot(ctx context.Context, args []string) (view.SnapshotPage, error) {
	var page view.SnapshotPage
	client, err := c.operator()
	if err != nil {
		return page, err
	}
	refs, err := c.snapshotRefs(args)
	if err != nil {
		return page, err
	}
	snapshot, err := savepoint.GetSnapshot(ctx, client, refs[0])
	if err != nil {
		return page, err
	}
	page.Saved = api.SavedFrom(snapshot)
	inventory, err := savepoint.UsesIn(ctx, client, refs[0].Namespace)
	if err != nil {
		return page, err
	}
	page.UsedBy, page.Problems = inventory.UsedBy(snapshot.Path()), inventory.Problems
	if page.Events, err = client.EventsOf(ctx, snapshot.Ref()); err != nil {
		page.Problems = append(page.Problems, "events: "+err.Error())
	}
	page.Stuck = savepoint.WhyStuck(ctx, client, snapshot)
	if state := snapshot.State(); state == api.SnapshotFailed || state == api.SnapshotAbandoned {
		page.Advice = snapshotAdvice(snapshot, page.Events, c.now())
	}
	return page, nil
}

// snapshotAdvice is what diagnosis knows to do about a snapshot that failed.
func snapshotAdvice(snapshot api.Snapshot, events []operator.Event, now time.Time) string {
	job := snapshot.Job()
	if job.IsZero() {
		job = api.Ref{Kind: api.Deployment, Namespace: snapshot.Object.GetNamespace(), Name: "JOB"}
	}
	facts := &diagnosis.JobFacts{Now: now, Object: objectOf(job)}
	texts := []string{savepointTrace(snapshot.Failure().Chain(), snapshot.Failure().Root())}
	for _, e := range events {
		if e.Type == "Warning" {
			texts = append(texts, e.Root())
		}
	}
	for _, text := range texts {
		for _, f := range diagnosis.Attempt(facts, diagnosis.ReadException(text, time.Time{}, diagnosis.InCheckpoint)) {
			return strings.Join(f.Advice(), "\n")
		}
	}
	return ""
}
