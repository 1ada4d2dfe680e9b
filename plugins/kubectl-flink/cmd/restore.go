package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
)

// restoreOptions are the flags of `kubectl flink restore`.
type restoreOptions struct {
	changeFlags
	request lifecycle.RestoreRequest
}

func newRestore(c *common) *cobra.Command {
	o := &restoreOptions{changeFlags: changeFlags{common: c}}
	cmd := &cobra.Command{
		Use:   "restore [[TYPE/]NAME ...] --from SNAPSHOT|PATH|latest",
		Short: "Start a job from a savepoint or checkpoint, and prove that it did",
		Long: `Start a job from a savepoint or checkpoint: a FlinkStateSnapshot's, one at
a path, or the latest of the job: known by objects or the JobManager, or found as
files in the job's directories, which stay when objects are lost. On a terminal --from may be left
out: what is saved is offered. Of several jobs each is restored from its own
latest: --from latest.

The operator cancels the job without a savepoint then, so one is taken first;
--no-savepoint goes without. The job counts as restored when it runs under a new
id and its JobManager says that its state came from that very path.

--claim-mode says who owns the files afterwards (Flink's default is no-claim: they
stay yours), and what holds is reported at the end.

First the state's _metadata is read and held against the job: what would not
start is refused, unless --no-check is given. --check only looks.

Checkpoints of a job that runs are not taken for the latest: Flink deletes them
while the job goes on. Operators before 1.8 can't restore a job that exists;
--recreate deletes its object and recreates it.`,
		Example: plugin.Examples(`
			# From a snapshot by name
			kubectl flink restore basic-example --from nightly

			# From the newest that still exists
			kubectl flink restore basic-example --from latest

			# A job that fails, from a savepoint by path, leaving out state of operators that it lost
			path=$(kubectl flink snapshot list --job basic-example --state COMPLETED -o jsonpath='{.items[0].summary.path}')
			kubectl flink restore basic-example --from "$path" --no-savepoint --allow-non-restored-state`),
		ValidArgsFunction: c.completeJobs(true),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.StringVar(&o.request.From, "from", "", "What to restore from: the name of a FlinkStateSnapshot, the path of a savepoint or checkpoint, or latest")
	flags.BoolVar(&o.request.AllowNonRestored, "allow-non-restored-state", false, "Start also where the savepoint has state that the job has no operator for any more; stays set in spec.job.allowNonRestoredState")
	addClaimMode(cmd, &o.request.ClaimMode)
	flags.BoolVar(&o.request.NoSavepoint, "no-savepoint", false, "Take no savepoint of the job first: what it did since is lost")
	flags.BoolVar(&o.request.OtherJob, "other-job", false, "Restore also from another job's state")
	flags.BoolVar(&o.request.Recreate, "recreate", false, "Delete the job's object and recreate it: for operators before 1.8 and suspended session jobs")
	o.add(cmd, "Restore", false)
	o.addCheck(cmd)
	_ = cmd.RegisterFlagCompletionFunc("from", c.completeSources())
	return cmd
}

// stateFinder looks into the directories of jobs. done must be called at the
// end.
func (c *common) stateFinder(client *operator.Client, way tunnelFlags, reporter operator.Reporter) (finder *reach.StateFinder, done func(), err error) {
	config, err := c.factory.Config()
	if err != nil {
		return nil, nil, err
	}
	tunnel, err := c.tunnel(way, nil)
	if err != nil {
		return nil, nil, err
	}
	finder = &reach.StateFinder{Store: reach.StateStore{Client: client, Config: config, Tunnel: tunnel, Note: func(text string) { reporter.Notef("%s", text) }}}
	return finder, func() {
		if err := finder.Close(); err != nil {
			reporter.Mustf("%s", err)
		}
		tunnel.Close()
	}, nil
}

// addClaimMode adds the flag of the verbs that start a job from a state.
func addClaimMode(cmd *cobra.Command, mode *string) {
	cmd.Flags().StringVar(mode, "claim-mode", "", "Who owns the state's files afterwards: claim (Flink, which deletes them when they aren't needed), no-claim (you) or legacy (before Flink 2); stays set in spec.flinkConfiguration")
	_ = cmd.RegisterFlagCompletionFunc("claim-mode", completion.Fixed(lifecycle.NoClaim, lifecycle.Claim, lifecycle.Legacy))
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

// Validate finds what is wrong with the flags.
func (o *restoreOptions) Validate() error {
	if err := o.changeFlags.Validate(); err != nil {
		return err
	}
	if o.many.several() && o.request.From != "latest" {
		return exit.Usagef("several jobs are restored from the latest state of each: say --from latest, or name one job")
	}
	o.request.Options = o.options
	return o.request.Validate()
}

// Run restores the jobs.
func (o *restoreOptions) Run(ctx context.Context) error {
	v := o.changes("restored", func(ctx context.Context, client *operator.Client, ref api.Ref, a asking, reporter operator.Reporter) (change.Report, error) {
		request := o.request
		request.Options = a.in(o.options)
		if pick := o.picker(); pick != nil && !o.many.several() {
			request.Pick = func(ctx context.Context, prompt string, choices []string) (int, error) {
				a.clear()
				return pick(ctx, prompt, choices)
			}
		}
		finder, done, err := o.stateFinder(client, o.tunnelFlags, reporter)
		if err != nil {
			return change.Report{}, err
		}
		defer done()
		finder.Store.NoReader = o.DryRun != "" // nor does a check start a pod
		if request.From == "latest" {
			request.Finder = finder
		}
		report, err := lifecycle.Restore(ctx, client, ref, request, reporter)
		return report.Report, err
	})
	// Without a terminal the flag that allowed the loss is enough.
	v.flagIsEnough = true
	return changeJobs(ctx, &o.changeFlags, v)
}
