package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

func newSnapshotWait(c *common) *cobra.Command {
	// It follows as savepoint does, and prints the same.
	o := &savepointOptions{common: c}
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
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.output.Validate(); err != nil {
				return err
			}
			if o.timeout <= 0 {
				return exit.Usagef("--timeout: %s is not a positive duration", o.timeout)
			}
			return o.await(cmd.Context(), args)
		},
	}
	o.output.AddFlags(cmd)
	flags := cmd.Flags()
	flags.DurationVar(&o.timeout, "timeout", 10*time.Minute, "How long to wait, for all of them together")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "No progress on standard error")
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	return cmd
}

// await follows one after the other: all of them go on by themselves.
func (o *savepointOptions) await(ctx context.Context, args []string) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	refs, err := o.snapshotRefs(args)
	if err != nil {
		return err
	}
	o.askJobManagers(client, o.tunnelFlags, o.tls)
	ctx, cancel := o.bounded(ctx)
	defer cancel()
	line := progress.New(o.ErrOut, o.quiet)
	defer line.Done()
	var reports []savepoint.Report
	worst, failed := 0, 0
	for _, ref := range refs {
		report, err := savepoint.FollowSnapshot(ctx, client, ref, reporter(line))
		err = ended(ctx, withAdvice(err))
		if err == nil {
			reports = append(reports, report)
			continue
		}
		if len(refs) == 1 {
			return err
		}
		failed++
		worst = worse(worst, exit.Code(err))
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
