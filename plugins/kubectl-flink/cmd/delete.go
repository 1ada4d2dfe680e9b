package cmd

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// deleteOptions are the flags of `kubectl flink delete`.
type deleteOptions struct {
	*common
	tunnelFlags
	tls     reach.TLSFiles
	output  printer.Flags
	request lifecycle.DeleteRequest
	dryRun  string
	yes     bool
	wait    bool
	timeout time.Duration
	quiet   bool
}

func newDelete(c *common) *cobra.Command {
	o := &deleteOptions{common: c}
	cmd := &cobra.Command{
		Use:   "delete [TYPE/]NAME ...",
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

			# Also if nothing is left to start from
			kubectl flink delete sessionjob/session-job-example --lose-state`),
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: c.completeJobs(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			refs, err := o.complete(args)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), refs)
		},
	}
	flags := cmd.Flags()
	o.output.AddFlags(cmd)
	flags.BoolVar(&o.request.WithSavepoint, "with-savepoint", false, "Stop the job with a savepoint first, instead of its last checkpoint")
	flags.BoolVar(&o.request.LoseState, "lose-state", false, "Delete without a look at what state is left")
	flags.BoolVar(&o.request.Force, "force", false, "Also delete what Argo CD, Flux or Confluent Manager for Apache Flink manages and will make again")
	flags.BoolVarP(&o.yes, "yes", "y", false, "Don't ask")
	flags.BoolVar(&o.wait, "wait", true, "Wait until it is gone; that a running job has stopped is waited for all the same")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Minute, "How long to wait for savepoint and end; a deletion goes on when this ends")
	addDryRun(cmd, &o.dryRun)
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "No progress on standard error; where the state is, is said all the same")
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	return cmd
}

func (o *deleteOptions) complete(args []string) (refs []api.Ref, err error) {
	if err := o.output.Validate(); err != nil {
		return nil, err
	}
	if o.request.DryRun, err = parseDryRun(o.dryRun); err != nil {
		return nil, err
	}
	o.request.NoWait = !o.wait
	switch {
	case o.timeout <= 0:
		return nil, exit.Usagef("--timeout: %s is not a positive duration", o.timeout)
	case o.request.WithSavepoint && o.request.LoseState:
		return nil, exit.Usagef("give --with-savepoint or --lose-state, not both: one keeps the state, the other doesn't")
	case !o.yes && o.request.DryRun == "" && !(term.IsTerminal(o.In) && term.IsTerminal(o.ErrOut)):
		return nil, exit.Usagef("there is no terminal to ask on whether to delete: add --yes")
	}
	namespace, _, err := o.factory.Namespace()
	if err != nil {
		return nil, err
	}
	seen := map[api.Ref]bool{}
	for _, arg := range args {
		ref, err := operator.ParseRef(arg, namespace, api.JobKinds...)
		if err != nil {
			return nil, err
		}
		if !seen[ref] {
			seen[ref] = true
			refs = append(refs, ref)
		}
	}
	return refs, nil
}

func (o *deleteOptions) run(ctx context.Context, refs []api.Ref) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	o.askJobManagers(client, o.tunnelFlags, o.tls)
	line := progress.New(o.ErrOut, o.quiet)
	defer line.Done()
	reporter := reporterOf(line)
	if o.quiet {
		reporter.Must = func(text string) { o.complain(nil, text) }
	}
	if !o.yes {
		o.request.Confirm = func(ctx context.Context, question string) error {
			line.Clear()
			return o.confirm(ctx, false, question)
		}
	}
	var reports []lifecycle.DeleteReport
	var failure error
	for _, ref := range refs {
		report, err := o.one(ctx, client, ref, reporter)
		if err != nil && report.Asked {
			// The object goes all the same, and with it what its manifest was.
			reports = append(reports, report)
		}
		if err != nil {
			if failure == nil || len(refs) == 1 {
				failure = err
			} else {
				o.complain(line, failure.Error())
				failure = err
			}
			if exit.Code(err) == exit.Interrupted {
				break
			}
			continue
		}
		reports = append(reports, report)
	}
	line.Done()
	if len(reports) > 0 {
		if err := o.output.Print(o.Out, view.Deleted(reports, o.request.DryRun)); err != nil {
			return errors.Join(failure, err)
		}
	}
	return failure
}

func (o *deleteOptions) one(ctx context.Context, client *operator.Client, ref api.Ref, reporter operator.Reporter) (lifecycle.DeleteReport, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, exit.Timeoutf("timed out after %s", o.timeout))
	defer cancel()
	report, err := lifecycle.Delete(ctx, client, ref, o.request, reporter)
	if err != nil {
		return report, advised(ended(ctx, err))
	}
	return report, nil
}
