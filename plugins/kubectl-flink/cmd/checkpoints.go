package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

func newCheckpoints(c *common) *cobra.Command {
	o := &askOptions{common: c}
	cmd := &cobra.Command{
		Use:   "checkpoints [[TYPE/]NAME]",
		Short: "Show a job's checkpoints: sizes, durations, failures and their cause",
		Long: `Show a job's checkpoints and savepoints as the JobManager remembers them
(web.checkpoints.history, the last 10), how checkpoints are configured, and what
the job was restored from. The small bars are size and duration, oldest first.`,
		Example: plugin.Examples(`
			# On one page
			kubectl flink checkpoints basic-example

			# The path of the last completed one
			kubectl flink checkpoints basic-example -o jsonpath='{.latest.completed.external_path}'

			# Everything that Flink knows of them
			kubectl flink checkpoints basic-example -o json`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.ask(cmd.Context(), args, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
				id, err := o.job(ctx, place, jobManager)
				if err != nil {
					return err
				}
				model := view.Checkpoints{Job: place.Job.Ref().String(), JobID: id}
				if model.Checkpoints, err = jobManager.Checkpoints(ctx, id); err != nil {
					return err
				}
				config, err := jobManager.CheckpointConfig(ctx, id)
				switch {
				case err == nil:
					model.Config = &config
				case !rest.NotFound(err):
					return err
				}
				page := view.CheckpointPage{Palette: o.palette, Now: o.now()}
				return o.output.Print(o.Out, page.Result(model))
			})
		},
	}
	o.add(cmd, true, printer.Wide, printer.JSON, printer.YAML, "jsonpath")
	return cmd
}
