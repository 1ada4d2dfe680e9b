//nolint:dupl // a verb is one file, and these two have the same flags
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

// restartOptions are the flags of `kubectl flink restart`.
type restartOptions struct{ changeFlags }

func newRestart(c *common) *cobra.Command {
	o := &restartOptions{changeFlags{common: c}}
	cmd := &cobra.Command{
		Use:   "restart [[TYPE/]NAME ...]",
		Short: "Restart a job from its state, with new pods",
		Long: `Restart one or more jobs (spec.restartNonce), with new pods where a job has a
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
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, "Restart", true)
	return cmd
}

// Run restarts the jobs.
func (o *restartOptions) Run(ctx context.Context) error {
	return changeJobs(ctx, &o.changeFlags, o.changes("restarted", func(ctx context.Context, client *operator.Client, ref api.Ref, a asking, reporter operator.Reporter) (change.Report, error) {
		return lifecycle.Restart(ctx, client, ref, lifecycle.RestartRequest{StateChoice: o.state, Options: a.in(o.options)}, reporter)
	}))
}
