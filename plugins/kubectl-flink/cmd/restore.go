package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
)

func newRestore(c *common) *cobra.Command {
	f := &changeFlags{common: c}
	var request lifecycle.RestoreRequest
	cmd := &cobra.Command{
		Use:   "restore [[TYPE/]NAME] --from SNAPSHOT|PATH|latest",
		Short: "Start a job anew from a savepoint or checkpoint, and prove that it did",
		Long: `Start a job anew from a savepoint or checkpoint: a FlinkStateSnapshot's, one at
a path, or the latest that is known of the job. On a terminal --from may be left
out: what is saved is offered.

The operator cancels the job without a savepoint then, so one is taken first;
--no-savepoint goes without. The job counts as restored when it runs under a new
id and its JobManager says that its state came from that very path.

Checkpoints of a job that runs are not taken for the latest: Flink deletes them
while the job goes on. Operators before 1.8 can't restore a job that exists;
--recreate deletes its object and creates it anew.`,
		Example: plugin.Examples(`
			# From a snapshot by name
			kubectl flink restore basic-example --from nightly

			# From the newest that still exists
			kubectl flink restore basic-example --from latest

			# A job that fails, from a savepoint by path, leaving out state of operators that it lost
			path=$(kubectl flink snapshot list --job basic-example --state COMPLETED -o jsonpath='{.items[0].summary.path}')
			kubectl flink restore basic-example --from "$path" --no-savepoint --allow-non-restored-state`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.complete(); err != nil {
				return err
			}
			request.Options = f.options
			if err := request.Validate(); err != nil {
				return err
			}
			return f.restore(cmd.Context(), args, request)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&request.From, "from", "", "What to restore from: the name of a FlinkStateSnapshot, the path of a savepoint or checkpoint, or latest")
	flags.BoolVar(&request.AllowNonRestored, "allow-non-restored-state", false, "Start also where the savepoint has state that the job has no operator for any more; stays set in spec.job.allowNonRestoredState")
	flags.BoolVar(&request.NoSavepoint, "no-savepoint", false, "Take no savepoint of the job first: what it did since is lost")
	flags.BoolVar(&request.OtherJob, "other-job", false, "Restore also from another job's state")
	flags.BoolVar(&request.Recreate, "recreate", false, "Delete the job's object and create it anew: for operators before 1.8 and suspended session jobs")
	f.add(cmd, false)
	_ = cmd.RegisterFlagCompletionFunc("from", c.completeSources())
	return cmd
}

// completeSources completes --from with the snapshots' names.
func (c *common) completeSources() cobra.CompletionFunc {
	names := c.completeSnapshots(true)
	return func(cmd *cobra.Command, _ []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		found, directive := names(cmd, nil, prefix)
		fixed, _ := completion.Fixed("latest")(cmd, nil, prefix)
		return append(fixed, found...), directive
	}
}

func (f *changeFlags) restore(ctx context.Context, args []string, request lifecycle.RestoreRequest) error {
	client, err := f.client()
	if err != nil {
		return err
	}
	lookup, found := f.bounded(ctx)
	defer found()
	ref, err := f.oneJob(lookup, client, args)
	if err != nil {
		return ended(lookup, err)
	}
	line := progress.New(f.ErrOut, f.quiet)
	defer line.Done()
	if pick := f.picker(); pick != nil {
		request.Pick = func(ctx context.Context, prompt string, choices []string) (int, error) {
			line.Clear()
			return pick(ctx, prompt, choices)
		}
	}
	if term.IsTerminal(f.In) && term.IsTerminal(f.ErrOut) {
		// Elsewhere the flag that allowed the loss is enough.
		request.Confirm = func(ctx context.Context, question string) error {
			line.Clear()
			return f.confirm(ctx, f.yes, question)
		}
	}
	ctx, cancel := f.bounded(ctx)
	defer cancel()
	report, err := lifecycle.Restore(ctx, client, ref, request, reporter(line))
	line.Done()
	if err != nil {
		return withAdvice(ended(ctx, err))
	}
	return f.print([]change.Report{report.Report}, false, false)
}
