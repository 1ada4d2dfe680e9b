package cmd

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// adoptOptions are the flags of `kubectl flink snapshot adopt`.
type adoptOptions struct {
	savepointOptions
	adoption    savepoint.AdoptRequest
	job, format string
}

func newSnapshotAdopt(c *common) *cobra.Command {
	o := &adoptOptions{savepointOptions: savepointOptions{common: c}}
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
		RunE: plugin.RunE(o),
	}
	flags := cmd.Flags()
	o.output.AddFlags(cmd)
	flags.StringVar(&o.job, "job", "", "The job that it is a savepoint of, as [TYPE/]NAME")
	flags.StringVar(&o.request.Name, "name", "", "Name of the FlinkStateSnapshot (default JOB-savepoint-adopted-MILLISECONDS)")
	flags.StringVar(&o.format, "format", "unknown", "The savepoint's format, for the record: canonical, native or unknown")
	flags.StringArrayVar(&o.labels, "label", nil, "Label for the FlinkStateSnapshot, as key=value; may be repeated")
	o.AddRunFlags(cmd, plugin.RunWords{
		DryRun:      plugin.ServerDryRun("print what would be created"),
		Wait:        "Wait until the operator has registered it",
		WaitDefault: true,
		Timeout:     "How long to wait", TimeoutDefault: time.Minute,
		Quiet: plugin.NoProgress,
	})
	_ = cmd.RegisterFlagCompletionFunc("job", c.completeJobs(false))
	_ = cmd.RegisterFlagCompletionFunc("format", completion.Fixed("canonical", "native", "unknown"))
	return cmd
}

// Complete takes over the path.
func (o *adoptOptions) Complete(_ *cobra.Command, args []string) error {
	o.adoption.Path, o.adoption.Format = args[0], strings.ToUpper(o.format)
	o.many.MaxParallel = 1
	return nil
}

// Validate finds what is wrong with the flags.
func (o *adoptOptions) Validate() error {
	if o.job == "" {
		return exit.Usagef("--job: name the job that the savepoint is of")
	}
	if err := o.savepointOptions.Validate(); err != nil {
		return err
	}
	o.adoption.Name, o.adoption.NoWait = o.request.Name, !o.Wait
	o.adoption.Labels, o.adoption.DryRun = o.request.Labels, o.DryRun
	return o.adoption.Validate()
}

// Run registers the savepoint.
func (o *adoptOptions) Run(ctx context.Context) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	ctx, cancel := o.Bounded(ctx)
	defer cancel()
	ref, err := o.oneJob(ctx, client, []string{o.job})
	if err != nil {
		return err
	}
	line := o.progress(o.Quiet)
	defer line.Done()
	report, err := savepoint.Adopt(ctx, client, ref, o.adoption, reporterOf(line))
	line.Done()
	if err != nil {
		return ended(ctx, err)
	}
	return o.print([]savepoint.Report{report}, false)
}
