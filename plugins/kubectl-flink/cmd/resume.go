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

// resumeOptions are the flags of `kubectl flink resume`.
type resumeOptions struct{ changeFlags }

func newResume(c *common) *cobra.Command {
	o := &resumeOptions{changeFlags{common: c}}
	cmd := &cobra.Command{
		Use:   "resume [[TYPE/]NAME ...]",
		Short: "Start a suspended job again from the state that it left",
		Long: `Start one or more suspended jobs again from the state that they left, wait until
they run, and check with the JobManager that they were restored from it. Then
spec.job.upgradeMode becomes again what it was before kubectl flink suspend
changed it, unless --upgrade-mode is given.

It is refused where the operator would start the job empty instead: when it was
suspended as stateless, or when upgradeMode is stateless by now, as after
an old manifest was applied again.`,
		Example: plugin.Examples(`
			# Go on where it stopped
			kubectl flink resume basic-example

			# Its spec says stateless by now; keep the state all the same
			kubectl flink resume basic-example --upgrade-mode savepoint

			# What it was restored from, for a script
			kubectl flink resume basic-example -o jsonpath='{.status.path}'`),
		ValidArgsFunction: c.completeJobs(true),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, "Resume", true)
	o.addCheck(cmd)
	return cmd
}

// Run resumes the jobs.
func (o *resumeOptions) Run(ctx context.Context) error {
	return changeJobs(ctx, &o.changeFlags, o.changes("resumed", func(ctx context.Context, client *operator.Client, ref api.Ref, a asking, reporter operator.Reporter) (change.Report, error) {
		return lifecycle.Resume(ctx, client, ref, lifecycle.ResumeRequest{StateChoice: o.state, Options: a.in(o.options)}, reporter)
	}))
}
