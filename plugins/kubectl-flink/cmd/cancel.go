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
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

func newCancel(c *common) *cobra.Command {
	o := &askOptions{common: c}
	var request reach.CancelRequest
	var yes, wait, quiet bool
	var dryRun string
	cmd := &cobra.Command{
		Use:   "cancel NAME",
		Short: "End a job in a session cluster that no object manages",
		Long: `End a job in the session cluster NAME that somebody submitted by hand, such as a
SQL query, through the JobManager's REST API.

A job that the operator manages is refused: ended behind its back it would count
as failed or finished. Those have stop, suspend and delete.`,
		Example: plugin.Examples(`
			# The only job there that nobody manages
			kubectl flink cancel session-example

			# One of several, with a savepoint
			id=$(kubectl flink jobs session-example -o jsonpath='{.items[0].id}')
			kubectl flink cancel session-example --job-id "$id" --with-savepoint

			# Only say which job it would be
			kubectl flink cancel session-example --dry-run=client`),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeClusters(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := request.Validate(); err != nil {
				return err
			}
			if dryRun != "none" && dryRun != "client" {
				return exit.Usagef("--dry-run: %q is not one of none, client (Flink's REST API has no dry run)", dryRun)
			}
			request.JobID, request.DryRun, request.NoWait = o.jobID, dryRun == "client", !wait
			return o.ask(cmd.Context(), args, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
				if !place.Cluster.IsSessionCluster() || place.Job.Kind.Name != api.Deployment.Name {
					return fmt.Errorf("%s is managed by the operator: stop its job with: kubectl flink stop %s -n %s", place.Job.Ref(), place.Job.Ref(), place.Job.Ref().Namespace)
				}
				managers, err := o.managers(ctx, place)
				if err != nil {
					return err
				}
				line := progress.New(o.ErrOut, quiet)
				defer line.Done()
				request.Confirm = func(ctx context.Context, question string) error {
					line.Clear()
					return o.confirm(ctx, yes, question)
				}
				report, err := reach.Cancel(ctx, jobManager, place, request, managers, operator.Reporter{Waiting: func(s string) { line.Set("%s", s) }})
				line.Done()
				var coded *exit.Error
				if errors.As(err, &coded) {
					return err
				}
				if err != nil {
					return withAdvice(err)
				}
				return o.output.Print(o.Out, view.Changed([]change.Report{report}, view.ChangeForm{}))
			})
		},
	}
	o.add(cmd, true)
	flags := cmd.Flags()
	flags.Lookup("timeout").DefValue = "10m0s"
	flags.Lookup("timeout").Usage = "How long to wait; the end of the job goes on when this ends"
	o.timeout = 10 * time.Minute
	flags.BoolVar(&request.Savepoint, "with-savepoint", false, "Stop the job with a savepoint and print its path")
	flags.StringVar(&request.Path, "path", "", "With --with-savepoint: target directory (default the cluster's configured one)")
	flags.StringVar(&request.Format, "format", "auto", "With --with-savepoint: auto (native from Flink 2.0 on), canonical or native")
	flags.BoolVar(&request.Drain, "drain", false, "With --with-savepoint: let every window and timer fire first")
	flags.BoolVarP(&yes, "yes", "y", false, "Don't ask before a job is canceled without a savepoint")
	flags.BoolVar(&wait, "wait", true, "Wait until the job has ended")
	flags.BoolVarP(&quiet, "quiet", "q", false, "No progress on standard error")
	flags.StringVar(&dryRun, "dry-run", "none", "none or client (only print which job is meant)")
	flags.Lookup("dry-run").NoOptDefVal = "client"
	_ = cmd.RegisterFlagCompletionFunc("format", completion.Fixed("auto", "canonical", "native"))
	_ = cmd.RegisterFlagCompletionFunc("dry-run", completion.Fixed("none", "client"))
	return cmd
}
