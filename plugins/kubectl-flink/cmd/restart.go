package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

func newRestart(c *common) *cobra.Command {
	f := &changeFlags{common: c}
	var many manyFlags
	cmd := &cobra.Command{
		Use:   "restart [[TYPE/]NAME ...]",
		Short: "Start a job anew from its state, with new pods",
		Long: `Start one or more jobs anew (spec.restartNonce), with new pods where a job has a
cluster of its own. Before it begins it says from what state the job will start:
from a new savepoint or from the last checkpoint, by the job's upgradeMode. It
ends when the new run is RUNNING and the JobManager says that it was restored.

A job whose upgradeMode is stateless would start empty; it is refused unless
--upgrade-mode or --lose-state says what is wanted.`,
		Example: plugin.Examples(`
			# With the state that its upgradeMode keeps
			kubectl flink restart basic-example

			# From the last checkpoint, without a savepoint
			kubectl flink restart basic-example --upgrade-mode last-state

			# Every job of a team
			kubectl flink restart -l team=orders`),
		ValidArgsFunction: c.completeJobs(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.complete(); err != nil {
				return err
			}
			if err := many.validate(args); err != nil {
				return err
			}
			return f.run(cmd.Context(), args, many, func(ctx context.Context, client *operator.Client, ref api.Ref, options change.Options, reporter operator.Reporter) (change.Report, error) {
				return lifecycle.Restart(ctx, client, ref, lifecycle.RestartRequest{StateChoice: f.state, Options: options}, reporter)
			})
		},
	}
	f.add(cmd, true)
	many.add(cmd, "Restart")
	return cmd
}
