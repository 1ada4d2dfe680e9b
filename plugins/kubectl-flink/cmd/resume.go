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

func newResume(c *common) *cobra.Command {
	f := &changeFlags{common: c}
	var many manyFlags
	cmd := &cobra.Command{
		Use:   "resume [[TYPE/]NAME ...]",
		Short: "Start a suspended job again from the state that it left",
		Long: `Start one or more suspended jobs again from the state that they left, wait until
they run, and check with the JobManager that they were restored from it. Then
spec.job.upgradeMode becomes again what it was before kubectl flink suspend
changed it, unless --upgrade-mode is given.

It is refused where the operator would start the job empty instead: when it was
suspended as stateless, or when upgradeMode is stateless by now, as after
somebody has applied an old manifest again.`,
		Example: plugin.Examples(`
			# Go on where it stopped
			kubectl flink resume basic-example

			# Its spec says stateless by now; keep the state all the same
			kubectl flink resume basic-example --upgrade-mode savepoint

			# What it was restored from, for a script
			kubectl flink resume basic-example -o jsonpath='{.status.path}'`),
		ValidArgsFunction: c.completeJobs(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.complete(); err != nil {
				return err
			}
			if err := many.validate(args); err != nil {
				return err
			}
			return f.run(cmd.Context(), args, many, func(ctx context.Context, client *operator.Client, ref api.Ref, options change.Options, reporter operator.Reporter) (change.Report, error) {
				return lifecycle.Resume(ctx, client, ref, lifecycle.ResumeRequest{StateChoice: f.state, Options: options}, reporter)
			})
		},
	}
	f.add(cmd, true)
	many.add(cmd, "Resume")
	return cmd
}
