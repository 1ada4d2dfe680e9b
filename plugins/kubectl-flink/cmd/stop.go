package cmd

import (
	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
)

func newStop(c *common) *cobra.Command {
	o := &suspendOptions{changeFlags: changeFlags{common: c}, request: lifecycle.SuspendRequest{Did: "stopped", Mode: api.UpgradeSavepoint}}
	cmd := &cobra.Command{
		Use:   "stop [[TYPE/]NAME ...]",
		Short: "Stop a job with a savepoint, drained if it is to end for good",
		Long: `Stop one or more jobs with a savepoint and print its path. The object stays; its
spec says suspended.

With --drain the sources send their last watermark first, so that every window
and timer fires, as at the end of a bounded job. A drained job should not be
resumed: what has fired would be missing or fire again. resume refuses it
without --force.`,
		Example: plugin.Examples(`
			# Stop, and print where the savepoint is
			kubectl flink stop basic-example

			# For good: let windows and timers fire
			kubectl flink stop basic-example --drain

			# Only the path, for a script
			kubectl flink stop basic-example -o jsonpath='{.status.path}'`),
		ValidArgsFunction: c.completeJobs(true),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, "Stop", false)
	cmd.Flags().BoolVar(&o.request.Drain, "drain", false, "Let every window and timer fire first; a job that was drained should not be resumed")
	return cmd
}
