package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// suspendOptions are the flags of `kubectl flink suspend` and `stop`.
type suspendOptions struct {
	changeFlags
	request lifecycle.SuspendRequest
}

func newSuspend(c *common) *cobra.Command {
	o := &suspendOptions{changeFlags: changeFlags{common: c}, request: lifecycle.SuspendRequest{Did: "suspended"}}
	cmd := &cobra.Command{
		Use:   "suspend [[TYPE/]NAME ...]",
		Short: "Stop a job and keep its state, to be resumed later",
		Long: `Stop one or more jobs and keep their state: by a savepoint, unless --mode says
otherwise, whatever the job's own upgradeMode is.

The mode is set in spec.job.upgradeMode until the job is resumed: a spec that
said stateless then would start it empty. kubectl flink resume puts it back once
the job runs from its state. Where Flink 2 can't take the operator's canonical
savepoints, kubernetes.operator.savepoint.format.type: NATIVE is set, and stays.

A job without high availability would run again, from its start, if the pod of
the JobManager that the operator leaves for a day were replaced. So that
JobManager's Deployment is deleted once the state is safe; where that is
forbidden, the command says so and fails.

It ends when the job has stopped, and prints where its state is. If the operator
can't take the savepoint, the cause is reported and the spec put back, so that the
job goes on; otherwise the operator would try again and again, and restart the
job each time.`,
		Example: plugin.Examples(`
			# Stop with a savepoint
			kubectl flink suspend basic-example

			# Faster: keep the last checkpoint only
			kubectl flink suspend basic-example --mode last-state

			# Every job of a team; see first what would be changed
			kubectl flink suspend -l team=orders --dry-run`),
		ValidArgsFunction: c.completeJobs(true),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, "Suspend", false)
	flags := cmd.Flags()
	flags.StringVar(&o.request.Mode, "mode", api.UpgradeSavepoint, "How to keep the state: savepoint, last-state (the last checkpoint) or stateless (not at all; needs --lose-state)")
	flags.BoolVar(&o.state.LoseState, "lose-state", false, "With --mode stateless: throw the job's state away")
	_ = cmd.RegisterFlagCompletionFunc("mode", completion.Fixed(api.UpgradeSavepoint, api.UpgradeLastState, api.UpgradeStateless))
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *suspendOptions) Validate() error {
	if err := o.changeFlags.Validate(); err != nil {
		return err
	}
	o.request.LoseState = o.state.LoseState
	return o.request.Validate()
}

// Run stops the jobs.
func (o *suspendOptions) Run(ctx context.Context) error {
	return changeJobs(ctx, &o.changeFlags, o.changes(o.request.Did, func(ctx context.Context, client *operator.Client, ref api.Ref, a asking, reporter operator.Reporter) (change.Report, error) {
		request := o.request
		request.Options = a.in(o.options)
		return lifecycle.Suspend(ctx, client, ref, request, reporter)
	}))
}
