package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// cancelOptions are the flags of `kubectl flink cancel`.
type cancelOptions struct {
	askOptions
	flow    plugin.RunFlags
	request reach.CancelRequest
	yes     bool
}

func newCancel(c *common) *cobra.Command {
	o := &cancelOptions{askOptions: askOptions{common: c}}
	cmd := &cobra.Command{
		Use:   "cancel NAME",
		Short: "End a job in a session cluster that no object manages",
		Long: `End a job in the session cluster NAME that was submitted by hand, such as a
SQL query, through the JobManager's REST API.

A job that the operator manages is refused: ended behind its back it would count
as failed or finished. Those have stop, suspend and delete.`,
		Example: plugin.Examples(`
			# The only job there that no object manages
			kubectl flink cancel session-example

			# One of several, with a savepoint
			id=$(kubectl flink jobs session-example -o jsonpath='{.items[0].id}')
			kubectl flink cancel session-example --job-id "$id" --with-savepoint

			# Only say which job it would be
			kubectl flink cancel session-example --dry-run=client`),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeClusters(),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, true)
	flags := cmd.Flags()
	flags.Lookup("timeout").DefValue = "10m0s"
	flags.Lookup("timeout").Usage = "How long to wait; the end of the job goes on when this ends"
	o.timeout = 10 * time.Minute
	flags.BoolVar(&o.request.Savepoint, "with-savepoint", false, "Stop the job with a savepoint and print its path")
	flags.StringVar(&o.request.Path, "path", "", "With --with-savepoint: target directory (default the cluster's configured one)")
	flags.StringVar(&o.request.Format, "format", "auto", "With --with-savepoint: auto (native from Flink 2.0 on), canonical or native")
	flags.BoolVar(&o.request.Drain, "drain", false, "With --with-savepoint: let every window and timer fire first")
	flags.BoolVarP(&o.yes, "yes", "y", false, "Don't ask before a job is canceled without a savepoint")
	o.flow.AddRunFlags(cmd, plugin.RunWords{
		DryRun: "none or client (only print which job is meant)", NoServer: "Flink's REST API has no dry run",
		Wait: "Wait until the job has ended", WaitDefault: true,
		Quiet: plugin.NoProgress,
	})
	_ = cmd.RegisterFlagCompletionFunc("format", completion.Fixed("auto", "canonical", "native"))
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *cancelOptions) Validate() error {
	if err := o.request.Validate(); err != nil {
		return err
	}
	if err := o.flow.CheckRun(); err != nil {
		return err
	}
	o.request.JobID, o.request.DryRun, o.request.NoWait = o.jobID, o.flow.DryRun == "client", !o.flow.Wait
	return o.askOptions.Validate()
}

// Run ends the job.
func (o *cancelOptions) Run(ctx context.Context) error { return o.ask(ctx, o.cancel) }

func (o *cancelOptions) cancel(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
	if !place.Cluster.IsSessionCluster() || place.Job.Kind.Name != api.Deployment.Name {
		return fmt.Errorf("%s is managed by the operator: stop its job with: kubectl flink stop %s -n %s", place.Job.Ref(), place.Job.Ref(), place.Job.Ref().Namespace)
	}
	managers, err := o.managers(ctx, place)
	if err != nil {
		return err
	}
	line := o.progress(o.flow.Quiet)
	defer line.Done()
	o.request.Confirm = func(ctx context.Context, question string) error {
		line.Clear()
		return o.confirm(ctx, o.yes, question)
	}
	explain := explainer{common: o.common, way: o.tunnelFlags, files: o.tls}
	defer explain.Close()
	report, err := reach.Cancel(ctx, jobManager, place, o.request, managers, operator.Reporter{Waiting: func(s string) { line.Set("%s", s) }})
	line.Done()
	var coded *exit.Error
	if errors.As(err, &coded) {
		return err
	}
	if err != nil {
		client, _ := o.operator() // it was had before
		return explain.explain(ctx, client, place.Job.Ref(), err)
	}
	return o.output.Print(o.Out, view.Changed([]change.Report{report}, view.ChangeForm{}))
}
