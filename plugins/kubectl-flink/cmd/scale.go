package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

func newScale(c *common) *cobra.Command {
	f := &changeFlags{common: c}
	var request lifecycle.ScaleRequest
	cmd := &cobra.Command{
		Use:   "scale [TYPE/]NAME --parallelism N",
		Short: "Change a job's parallelism and keep its state",
		Long: `Change a job's parallelism and wait until it runs with it, from its state.

It is refused where another field would make the change void: where
spec.taskManager.replicas decides (then use --task-managers), or the autoscaler.`,
		Example: plugin.Examples(`
			# Twice as wide
			kubectl flink scale basic-example --parallelism 4

			# See first what would be changed
			kubectl flink scale basic-example --parallelism 4 --dry-run=server -o yaml

			# Back to two, without waiting for the job to run
			kubectl flink scale basic-example --parallelism 2 --wait=false`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.complete(); err != nil {
				return err
			}
			for flag, value := range map[string]int64{"parallelism": request.Parallelism, "task-managers": request.TaskManagers} {
				if cmd.Flags().Changed(flag) && value <= 0 {
					return exit.Usagef("--%s: %d is not a positive number", flag, value)
				}
			}
			request.StateChoice, request.Options = f.state, f.options
			if err := request.Validate(); err != nil {
				return err
			}
			return f.run(cmd.Context(), args, manyFlags{}, func(ctx context.Context, client *operator.Client, ref api.Ref, options change.Options, reporter operator.Reporter) (change.Report, error) {
				request := request
				request.Options = options
				return lifecycle.Scale(ctx, client, ref, request, reporter)
			})
		},
	}
	f.add(cmd, true)
	cmd.Flags().Int64Var(&request.Parallelism, "parallelism", 0, "The job's new parallelism")
	cmd.Flags().Int64Var(&request.TaskManagers, "task-managers", 0, "The new number of TaskManagers, where spec.taskManager.replicas or standalone mode decides")
	return cmd
}
