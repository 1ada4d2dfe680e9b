package cmd

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// eventsOptions are the flags of `kubectl flink events`.
type eventsOptions struct {
	*common
	plugin.Arguments
	output   printer.Flags
	warnings bool
	color    string
	palette  term.Palette
}

func newEvents(c *common) *cobra.Command {
	o := &eventsOptions{common: c}
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
		RunE:              plugin.RunE(o),
	}
	o.output.AddFlags(cmd, printer.Wide, printer.JSON, printer.YAML, "jsonpath", "custom-columns")
	o.output.AddTableFlags(cmd.Flags())
	cmd.Flags().BoolVar(&o.warnings, "warnings", false, "Only warnings")
	addColor(cmd, &o.color)
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *eventsOptions) Validate() (err error) {
	if err := o.output.Validate(); err != nil {
		return err
	}
	o.palette, err = term.NewPalette(o.color, o.Out)
	return exit.With(exit.Usage, err)
}

// Run prints the events.
func (o *eventsOptions) Run(ctx context.Context) error {
	events, err := o.events(ctx, o.Args)
	if err != nil {
		return err
	}
	if o.warnings {
		events = slices.DeleteFunc(events, func(e operator.Event) bool { return e.Type != "Warning" })
	}
	return o.output.Print(o.Out, view.EventList(events, o.palette, o.now()))
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
