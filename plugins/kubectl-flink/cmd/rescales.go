package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// rescalesOptions are the flags of `kubectl flink rescales`.
type rescalesOptions struct{ askOptions }

func newRescales(c *common) *cobra.Command {
	o := &rescalesOptions{askOptions{common: c}}
	cmd := &cobra.Command{
		Use:   "rescales [[TYPE/]NAME]",
		Short: "Show how the adaptive scheduler has changed a job's parallelism, and why (Flink 2.3)",
		Long: `Show the rescales of a job by the adaptive scheduler, newest first: what caused
each, how it ended and why, and the parallelism before and after.

It needs Flink 2.3 or newer, jobmanager.scheduler: adaptive, and
web.adaptive-scheduler.rescale-history.size above its default of 0.`,
		Example: plugin.Examples(`
			# Newest first
			kubectl flink rescales basic-example

			# With their ids
			kubectl flink rescales basic-example -o wide

			# Why the last one ended as it did, for a script
			kubectl flink rescales basic-example -o jsonpath='{.items[0].terminatedReason}'`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, true, printer.Wide, printer.JSON, printer.YAML, "jsonpath", "custom-columns")
	return cmd
}

// Run prints the rescales.
func (o *rescalesOptions) Run(ctx context.Context) error {
	return o.ask(ctx, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
		id, err := o.job(ctx, place, jobManager)
		if err != nil {
			return err
		}
		history, err := jobManager.Rescales(ctx, id)
		if err != nil {
			return o.noRescales(ctx, place, jobManager, id, err)
		}
		view.NewestFirst(history)
		if err := detailed(ctx, jobManager, id, history); err != nil {
			return err
		}
		var known *rest.RescaleCounts
		counts, err := jobManager.RescaleCounts(ctx, id)
		switch {
		case err == nil:
			known = &counts
		case !rest.NotFound(err):
			return err
		}
		if len(history) == 0 && o.output.IsHuman() {
			fmt.Fprintln(o.ErrOut, term.SafeLine("job "+id+" of "+place.Job.Ref().String()+" has not been rescaled"))
			return nil
		}
		return o.output.Print(o.Out, view.NewRescales(place.Job.Ref().String(), id, history, known).Result(o.palette, o.now()))
	})
}

// mostDetailed bounds how many rescales are asked for one by one.
const mostDetailed = 50

// detailed asks for the vertices of the newest rescales, which Flink leaves out of the
// history. What was forgotten meanwhile stays as it is.
func detailed(ctx context.Context, jobManager *rest.Client, job string, newestFirst []rest.Rescale) error {
	newest := newestFirst[:min(len(newestFirst), mostDetailed)]
	return errors.Join(each(newest, func(i int, one rest.Rescale) error {
		if len(one.Vertices) > 0 {
			return nil
		}
		found, err := jobManager.Rescale(ctx, job, one.ID)
		if rest.NotFound(err) {
			return nil
		}
		if err == nil {
			newest[i].Vertices, newest[i].Slots = found.Vertices, found.Slots
		}
		return err
	})...)
}

// noRescales says why there is no history: the job is unknown, nothing is
// remembered, or Flink is too old to have one.
func (o *rescalesOptions) noRescales(ctx context.Context, place reach.Place, jobManager *rest.Client, id string, err error) error {
	cluster := place.Cluster.Ref()
	switch {
	case rest.RescalesOff(err):
		return fmt.Errorf("the JobManager of %s remembers no rescales of job %s: that needs jobmanager.scheduler: adaptive and web.adaptive-scheduler.rescale-history.size above 0, which take effect with a restart", cluster, id)
	case !rest.NotFound(err):
		return err
	}
	if _, jobErr := jobManager.Job(ctx, id); jobErr != nil {
		return jobErr
	}
	config, configErr := jobManager.Config(ctx)
	if configErr != nil {
		return configErr
	}
	return fmt.Errorf("Flink %s of %s has no history of rescales: it came with Flink 2.3", term.Short(config.FlinkVersion, 40), cluster) //nolint:staticcheck // a name
}
