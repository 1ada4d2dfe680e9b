package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

func newSnapshotDescribe(c *common) *cobra.Command {
	var output printer.Flags
	var color string
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
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := output.Validate(); err != nil {
				return err
			}
			palette, err := term.NewPalette(color, c.Out)
			if err != nil {
				return exit.With(exit.Usage, err)
			}
			page, err := c.describeSnapshot(cmd.Context(), args)
			if err != nil {
				return err
			}
			page.Palette, page.Now = palette, time.Now()
			return output.Print(c.Out, page.Result())
		},
	}
	output.AddFlags(cmd, printer.Name, printer.JSON, printer.YAML, "jsonpath")
	addColor(cmd, &color)
	return cmd
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
	reasons := snapshot.Failure().Root()
	for _, e := range page.Events {
		if e.Type == "Warning" {
			reasons += "\n" + e.Root()
		}
	}
	if state := snapshot.State(); state == api.SnapshotFailed || state == api.SnapshotAbandoned {
		page.Advice = health.Advice(health.Saving, reasons, snapshot.Failure().Chain())
	}
	return page, nil
}
