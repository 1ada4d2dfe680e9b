package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// deleteOptions are the flags of `kubectl flink delete`.
type deleteOptions struct {
	changeFlags
	request lifecycle.DeleteRequest
}

func newDelete(c *common) *cobra.Command {
	o := &deleteOptions{changeFlags: changeFlags{common: c}}
	cmd := &cobra.Command{
		Use:   "delete ([TYPE/]NAME ... | -l SELECTOR | --all)",
		Short: "Delete jobs, but not what they would start again from",
		Long: `Delete jobs and wait until they are gone.

The operator cancels a deleted job without a savepoint, and the object was what
knew where its state is. So a job that runs is stopped first, with its last
checkpoint or, with --with-savepoint, with a savepoint. Where its state is then
is printed before the object is touched, and how to start the job from there.

It is refused, and nothing is changed, where no state would be left, or none
that could be found: Flink deletes the checkpoints with the job
(DELETE_ON_CANCELLATION), there is none yet, they are on the pods' own disks, or
the operator can't stop the job by one. Then --with-savepoint or --lose-state
has to be said.

With -o yaml the output is the manifest that starts the job again from there.

A deletion that doesn't come about is explained: jobs in a session cluster, an
operator that isn't running, a foreign finalizer.

` + objectsAsTheyAre,
		Example: plugin.Examples(`
			# Stop with a savepoint, delete the job, and keep what starts it again
			kubectl flink delete basic-example --with-savepoint --yes -o yaml > basic-example.yaml

			# ... later
			kubectl flink submit -f basic-example.yaml

			# What would be left?
			kubectl flink delete basic-example --dry-run

			# Every job of a team, all asked about at once
			kubectl flink delete -l team=orders --with-savepoint --dry-run

			# Also if nothing is left to start from
			kubectl flink delete sessionjob/session-job-example --lose-state`),
		ValidArgsFunction: c.completeJobs(true),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.request.WithSavepoint, "with-savepoint", false, "Stop the job with a savepoint first, instead of its last checkpoint")
	flags.BoolVar(&o.request.LoseState, "lose-state", false, "Delete without a look at what state is left")
	flags.BoolVar(&o.request.Force, "force", false, "Also delete what Argo CD, Flux or Confluent Manager for Apache Flink manages and will make again")
	flags.BoolVarP(&o.yes, "yes", "y", false, "Don't ask")
	o.AddRunFlags(cmd, plugin.RunWords{
		DryRun:      plugin.ServerDryRun("print what would be done"),
		Wait:        "Wait until it is gone; that a running job has stopped is waited for all the same",
		WaitDefault: true,
		Timeout:     "How long to wait for savepoint and end of each job; a deletion goes on when this ends", TimeoutDefault: 10 * time.Minute,
		Quiet: plugin.NoProgress + "; where the state is, is said all the same",
	})
	o.addReach(cmd, "Delete")
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *deleteOptions) Validate() error {
	if err := o.changeFlags.Validate(); err != nil {
		return err
	}
	o.request.NoWait = !o.Wait
	switch {
	case len(o.many.args) == 0 && !o.many.chosen():
		return exit.Usagef("which jobs? Give one or more NAMEs, --all or -l")
	case o.request.WithSavepoint && o.request.LoseState:
		return exit.Usagef("give --with-savepoint or --lose-state, not both: one keeps the state, the other doesn't")
	case !o.yes && o.DryRun == "" && !plugin.CanAsk(o.IOStreams):
		return exit.Usagef("there is no terminal to ask on whether to delete: add --yes")
	}
	return nil
}

// Run deletes the jobs.
func (o *deleteOptions) Run(ctx context.Context) error {
	return changeJobs(ctx, &o.changeFlags, changing[lifecycle.DeleteReport]{
		did: "deleted",
		do: func(ctx context.Context, client *operator.Client, ref api.Ref, a asking, reporter operator.Reporter) (lifecycle.DeleteReport, error) {
			request := o.request
			request.DryRun, request.Confirm, request.Question = a.dryRun, a.confirm, a.question
			return lifecycle.Delete(ctx, client, ref, request, reporter)
		},
		print: func(reports []lifecycle.DeleteReport, asList bool) error {
			if len(reports) == 0 {
				return nil
			}
			return o.output.Print(o.Out, view.Deleted(reports, o.DryRun, view.ChangeForm{List: asList, Namespaces: o.many.allNamespaces}))
		},
		// A session cluster can't go while jobs are in it.
		first: func(ref api.Ref) bool { return ref.Kind.Name == api.SessionJob.Name },
		// The object goes all the same, and with it what its manifest was.
		keep: func(report lifecycle.DeleteReport, _ error) bool { return report.Asked },
	})
}
