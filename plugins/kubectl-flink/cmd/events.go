package cmd

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

func newEvents(c *common) *cobra.Command {
	var output printer.Flags
	var warnings bool
	var color string
	cmd := &cobra.Command{
		Use:   "events [[TYPE/]NAME]",
		Short: "Show the events of a job, its pods, Deployments and snapshots",
		Long: `Show the events about a job and all that belongs to it, merged in time, oldest
first: the operator's, and those of its pods, Deployments and snapshots. Events
that say the same are one with a count. The API server keeps them for an hour.`,
		Example: plugin.Examples(`
			# What happened
			kubectl flink events basic-example

			# Only what went wrong
			kubectl flink events basic-example --warnings

			# For a script
			kubectl flink events basic-example -o json`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := output.Validate(); err != nil {
				return err
			}
			palette, err := term.NewPalette(color, c.Out)
			if err != nil {
				return err
			}
			events, err := c.events(cmd.Context(), args)
			if err != nil {
				return err
			}
			if warnings {
				events = slices.DeleteFunc(events, func(e operator.Event) bool { return e.Type != "Warning" })
			}
			return output.Print(c.Out, view.EventList(events, palette, c.now()))
		},
	}
	output.AddFlags(cmd, printer.Wide, printer.JSON, printer.YAML, "jsonpath", "custom-columns")
	output.AddTableFlags(cmd.Flags())
	cmd.Flags().BoolVar(&warnings, "warnings", false, "Only warnings")
	addColor(cmd, &color)
	return cmd
}

func (c *common) events(ctx context.Context, args []string) ([]operator.Event, error) {
	client, err := c.operator()
	if err != nil {
		return nil, err
	}
	ref, err := c.oneJob(ctx, client, args)
	if err != nil {
		return nil, err
	}
	place, err := reach.Find(ctx, client, ref)
	if err != nil && place.Job.Object == nil {
		return nil, err
	}
	cluster := ""
	if place.Cluster.Object != nil {
		cluster = place.Cluster.Object.GetName()
	}
	return client.EventsAbout(ctx, ref, cluster)
}
