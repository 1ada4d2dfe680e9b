package cmd

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

func newSnapshotAdopt(c *common) *cobra.Command {
	o := &savepointOptions{common: c}
	var request savepoint.AdoptRequest
	var job, format string
	cmd := &cobra.Command{
		Use:   "adopt PATH --job [TYPE/]NAME",
		Short: "Register a savepoint that exists as a FlinkStateSnapshot",
		Long: `Register a savepoint that exists already, taken by hand or by an older operator,
as a FlinkStateSnapshot of a job, so that it is listed and can be restored by
name. Nothing is triggered, and the data stays when the object is deleted.

Whether there is a savepoint at PATH is not looked at: only the job's pods can.`,
		Example: plugin.Examples(`
			# One that was taken by hand
			kubectl flink snapshot adopt file:///flink-data/savepoints/savepoint-a1b2c3-000000000000 --job basic-example

			# Under a name of one's own
			kubectl flink snapshot adopt s3://flink/savepoints/savepoint-a1b2c3 --job basic-example --name before-migration

			# Only say what would be created
			kubectl flink snapshot adopt s3://flink/savepoints/savepoint-d4e5f6 --job basic-example --dry-run=client`),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Path, request.Format = args[0], strings.ToUpper(format)
			request.Name, request.NoWait = o.request.Name, !o.wait
			if job == "" {
				return exit.Usagef("--job: name the job that the savepoint is of")
			}
			if err := o.complete(nil); err != nil {
				return err
			}
			request.Labels, request.DryRun = o.request.Labels, o.request.DryRun
			if err := request.Validate(); err != nil {
				return err
			}
			return o.adopt(cmd.Context(), job, request)
		},
	}
	flags := cmd.Flags()
	o.output.AddFlags(cmd)
	flags.StringVar(&job, "job", "", "The job that it is a savepoint of, as [TYPE/]NAME")
	flags.StringVar(&o.request.Name, "name", "", "Name of the FlinkStateSnapshot (default JOB-savepoint-adopted-MILLISECONDS)")
	flags.StringVar(&format, "format", "unknown", "The savepoint's format, for the record: canonical, native or unknown")
	flags.StringArrayVar(&o.labels, "label", nil, "Label for the FlinkStateSnapshot, as key=value; may be repeated")
	flags.BoolVar(&o.wait, "wait", true, "Wait until the operator has registered it")
	flags.DurationVar(&o.timeout, "timeout", time.Minute, "How long to wait")
	flags.StringVar(&o.dryRun, "dry-run", "none", "none, client (print what would be created) or server (have the API server check it)")
	flags.Lookup("dry-run").NoOptDefVal = "client"
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "No progress on standard error")
	_ = cmd.RegisterFlagCompletionFunc("job", c.completeJobs(false))
	_ = cmd.RegisterFlagCompletionFunc("format", completion.Fixed("canonical", "native", "unknown"))
	_ = cmd.RegisterFlagCompletionFunc("dry-run", completion.Fixed("none", "client", "server"))
	return cmd
}

func (o *savepointOptions) adopt(ctx context.Context, job string, request savepoint.AdoptRequest) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	ctx, cancel := o.bounded(ctx)
	defer cancel()
	ref, err := o.oneJob(ctx, client, []string{job})
	if err != nil {
		return err
	}
	line := progress.New(o.ErrOut, o.quiet)
	defer line.Done()
	report, err := savepoint.Adopt(ctx, client, ref, request, reporter(line))
	line.Done()
	if err != nil {
		return ended(ctx, err)
	}
	return o.print([]savepoint.Report{report}, false)
}
