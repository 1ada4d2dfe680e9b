package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// checkpointOptions are the flags of `kubectl flink checkpoint`.
type checkpointOptions struct {
	savepointOptions
	kind string
}

func newCheckpoint(c *common) *cobra.Command {
	o := &checkpointOptions{savepointOptions: savepointOptions{common: c}}
	cmd := &cobra.Command{
		Use:   "checkpoint [[TYPE/]NAME ...]",
		Short: "Take a checkpoint of a job now and wait for its path",
		Long: `Take a checkpoint of one or more running jobs and print where it is, its number,
size and duration. It counts as one of the job's own: it is kept as long as
Flink keeps those, and a failing job goes on from it.

TYPE is flinkdeployment (the default), flinksessionjob or
flinkbluegreendeployment. Without NAME it is the namespace's only job.

A full checkpoint is asked for with a FlinkStateSnapshot object where the
cluster has that kind (operator 1.10 and newer), else with
checkpointTriggerNonce (1.7 and newer). Other types are asked of the JobManager.
It needs Flink 1.17 or newer.`,
		Example: plugin.Examples(`
			# Take a full checkpoint
			kubectl flink checkpoint basic-example

			# One as the job takes them by itself: incremental where it is so configured
			kubectl flink checkpoint basic-example --type configured

			# Every job of the namespace, at once
			kubectl flink checkpoint --all`),
		ValidArgsFunction: c.completeJobs(true),
		RunE:              plugin.RunE(o),
	}
	o.addShared(cmd, "checkpoint")
	flags := cmd.Flags()
	flags.StringVar(&o.kind, "type", string(savepoint.Full), "Type: full, configured (as the job takes them by itself) or incremental (Flink 1.17 and 1.18)")
	flags.StringVar(&o.method, "method", string(savepoint.Auto), "How to ask for it: auto, resource (a FlinkStateSnapshot), nonce (spec.job.checkpointTriggerNonce), or rest (the JobManager itself)")
	_ = cmd.RegisterFlagCompletionFunc("type", completion.Fixed("full", "configured", "incremental"))
	_ = cmd.RegisterFlagCompletionFunc("method", completion.Fixed("auto", "resource", "nonce", "rest"))
	return cmd
}

// Validate finds what is wrong with the flags before anything is done.
func (o *checkpointOptions) Validate() error {
	kind := savepoint.CheckpointType(o.kind)
	o.request.Checkpoint = kind
	if o.method == string(savepoint.Auto) && (kind == savepoint.Configured || kind == savepoint.Incremental) {
		// A FlinkStateSnapshot can't say which type.
		o.method = string(savepoint.REST)
	}
	return o.savepointOptions.Validate()
}

// describeCheckpoint adds what only the JobManager knows of a checkpoint. It
// is an error only where the path is unknown without it.
func describeCheckpoint(ctx context.Context, client *operator.Client, jobManagers *reach.JobManagers, report *savepoint.Report) error {
	err := func() error {
		place, err := reach.Find(ctx, client, report.Job)
		if err != nil {
			return err
		}
		jobManager, err := jobManagers.At(place)
		if err != nil {
			return err
		}
		return reach.AskError(ctx, reach.DescribeCheckpoint(ctx, jobManager, report))
	}()
	if report.Path != "" {
		return nil
	}
	return checkpointUnknown(report.Job, err)
}

// checkpointUnknown says that a checkpoint is completed but not where it is.
func checkpointUnknown(job api.Ref, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the checkpoint of %s is completed, but where it is only the JobManager knows: %w\nSee the last ones with: kubectl flink checkpoints %s -n %s", job, err, job, job.Namespace)
}
