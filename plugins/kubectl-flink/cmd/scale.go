package cmd

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// scaleOptions are the flags of `kubectl flink scale`.
type scaleOptions struct {
	changeFlags
	request lifecycle.ScaleRequest
	flags   *pflag.FlagSet
}

func newScale(c *common) *cobra.Command {
	o := &scaleOptions{changeFlags: changeFlags{common: c}}
	cmd := &cobra.Command{
		Use:   "scale [[TYPE/]NAME ...] --parallelism N",
		Short: "Change a job's parallelism and keep its state",
		Long: `Change the parallelism of one or more jobs and wait until each runs with it, from
its state.

It is refused where another field would make the change void: where
spec.taskManager.replicas decides (then use --task-managers), or the autoscaler.`,
		Example: plugin.Examples(`
			# Twice as wide
			kubectl flink scale basic-example --parallelism 4

			# See first what would be changed
			kubectl flink scale basic-example --parallelism 4 --dry-run=server -o yaml

			# Back to two, without waiting for the job to run
			kubectl flink scale basic-example --parallelism 2 --wait=false

			# Every job of a team, one after the other
			kubectl flink scale -l team=orders --parallelism 2 --max-parallel 1 --stop-on-failure --dry-run`),
		ValidArgsFunction: c.completeJobs(true),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, "Scale", true)
	cmd.Flags().Int64Var(&o.request.Parallelism, "parallelism", 0, "The job's new parallelism")
	cmd.Flags().Int64Var(&o.request.TaskManagers, "task-managers", 0, "The new number of TaskManagers, where spec.taskManager.replicas or standalone mode decides")
	return cmd
}

// Complete takes over the names, and which flags were given.
func (o *scaleOptions) Complete(cmd *cobra.Command, args []string) error {
	o.flags = cmd.Flags()
	return o.changeFlags.Complete(cmd, args)
}

// Validate finds what is wrong with the flags.
func (o *scaleOptions) Validate() error {
	if err := o.changeFlags.Validate(); err != nil {
		return err
	}
	for _, flag := range []struct {
		name  string
		value int64
	}{{"parallelism", o.request.Parallelism}, {"task-managers", o.request.TaskManagers}} {
		if o.flags.Changed(flag.name) && flag.value <= 0 {
			return exit.Usagef("--%s: %d is not a positive number", flag.name, flag.value)
		}
	}
	o.request.StateChoice, o.request.Options = o.state, o.options
	return o.request.Validate()
}

// Run scales the jobs.
func (o *scaleOptions) Run(ctx context.Context) error {
	return changeJobs(ctx, &o.changeFlags, o.changes("scaled", func(ctx context.Context, client *operator.Client, ref api.Ref, a asking, reporter operator.Reporter) (change.Report, error) {
		request := o.request
		request.Options = a.in(o.options)
		return lifecycle.Scale(ctx, client, ref, request, reporter)
	}))
}
