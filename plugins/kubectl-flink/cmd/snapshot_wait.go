package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/batch"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// snapshotWaitOptions are the flags of `kubectl flink snapshot wait`, which
// follows as savepoint does, and prints the same.
type snapshotWaitOptions struct{ savepointOptions }

func newSnapshotWait(c *common) *cobra.Command {
	o := &snapshotWaitOptions{savepointOptions: savepointOptions{common: c}}
	cmd := &cobra.Command{
		Use:   "wait NAME...",
		Short: "Wait until savepoints or checkpoints are completed, or say why they failed",
		Example: plugin.Examples(`
			# Start one, wait for it later
			kubectl flink savepoint basic-example --name nightly --wait=false
			kubectl flink snapshot wait nightly

			# Its path
			kubectl flink snapshot wait nightly -o jsonpath='{.status.path}'`),
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: c.completeSnapshots(true),
		RunE:              plugin.RunE(o),
	}
	o.output.AddFlags(cmd)
	o.AddRunFlags(cmd, plugin.RunWords{Timeout: "How long to wait, for all of them together", TimeoutDefault: 10 * time.Minute, Quiet: plugin.NoProgress})
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *snapshotWaitOptions) Validate() error {
	if err := o.output.Validate(); err != nil {
		return err
	}
	return o.CheckRun()
}

// Run follows one after the other: all of them go on by themselves.
func (o *snapshotWaitOptions) Run(ctx context.Context) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	refs, err := o.snapshotRefs(o.many.args)
	if err != nil {
		return err
	}
	jobManagers := o.jobManagers(client, o.tunnelFlags, o.tls)
	defer jobManagers.Close()
	client = client.Asking(jobManagers)
	bounded, cancel := o.Bounded(ctx)
	defer cancel()
	line := o.progress(o.Quiet)
	defer line.Done()
	explain := explainer{common: o.common, way: o.tunnelFlags, files: o.tls, looking: func() { line.Set("looking for the cause") }}
	defer explain.Close()
	var reports []savepoint.Report
	worst, failed := 0, 0
	for _, ref := range refs {
		report, err := savepoint.FollowSnapshot(bounded, client, ref, reporterOf(line))
		err = explain.explain(ctx, client, report.Job, ended(bounded, err))
		if err == nil {
			reports = append(reports, report)
			continue
		}
		if len(refs) == 1 {
			return err
		}
		failed++
		worst = batch.Worse(worst, exit.Code(err))
		o.complain(line, ref.String()+": "+kube.Message(err))
	}
	line.Done()
	if err := o.print(reports, len(refs) > 1); err != nil || failed == 0 {
		return err
	}
	return exit.With(worst, fmt.Errorf("%d of %d are not completed", failed, len(refs)))
}

// deletionEnd gives the end of a wait for a deletion its exit code.
func deletionEnd(ctx context.Context, err error) error {
	var stuck *savepoint.UndeletedError
	if errors.As(err, &stuck) {
		return err
	}
	return ended(ctx, err)
}
