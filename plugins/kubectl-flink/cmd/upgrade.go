package cmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqljob"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlplan"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// upgradeOptions are the flags of `kubectl flink upgrade`.
type upgradeOptions struct {
	changeFlags
	request lifecycle.UpgradeRequest
	args    []string
	set     []string
	file    string
	sql     []string
	script  sqljob.Script
	// compared is what becomes of the state by the plans of both scripts; nil where
	// that isn't known.
	compared *sqlplan.Comparison
	// compiledPlan has the job run a compiled plan.
	compiledPlan bool
	// behind are the arguments behind --.
	behind []string
	flags  *pflag.FlagSet
}

func newUpgrade(c *common) *cobra.Command {
	o := &upgradeOptions{changeFlags: changeFlags{common: c}}
	cmd := &cobra.Command{
		Use:   "upgrade [TYPE/]NAME ... [-- ARG ...]",
		Short: "Change a job and follow it until it runs again, from its state",
		Long: `Change the image, jar, arguments, parallelism, Flink version or
configuration, or make it what a manifest says. What differs and what the
operator will do about it is shown first: redeploy the job, scale it in place,
or nothing.

Before anything is stopped, the _metadata of the state that the job will start
from is read, within 10 s: a max parallelism below the new parallelism, a format
that the new Flink can't read, missing files and the like are refused
(--no-check: not). Where a savepoint is yet to be taken, the newest checkpoint
stands for it. --check only looks, and lists what can't be seen, too.

Whether each state still has its operator can only be seen in the graph of the new
program. --compile has the job's main method make it, as Flink's client does, in a
pod with the image, libraries, service account, volumes, environment and settings
that the job is to have; nothing is submitted, and the pod is removed again. What the
main method does besides, such as creating a topic, it does there, too.

A redeployment is followed from the savepoint to the job running for
--stable-for, and the JobManager has to confirm that its state came from there.
Where that fails, the cause is reported as soon as it is seen: an image that can't
be pulled, a pod that crashes, the job's own exception, a spec that the operator
rejects. With --rollback-on-failure the spec of before is put back then and the
job started from the savepoint just taken. Where the operator's own rollback is
enabled for the job, that is followed instead.

A spec that the operator rejects, or can't begin with, is always put back,
unless --keep-trying is given.

--sql gives an application of a SQL script, as submit --sql makes it, another
script: how the scripts differ, and what that means for the state, is shown first.
Where the statements differ, Flink plans both scripts (COMPILE PLAN) in a SQL gateway
that runs in a pod like the JobManager's for some seconds, and the operators of the
plans are compared: which take their state over, which do something else with it, and
which are gone. What is gone is refused, as above. Nothing runs for it that outlives
the gateway's session; where the plans can't be had, it says so, and goes on.

A job that runs a compiled plan (submit --compiled-plan) gets one of the new script,
in which what is unchanged has the ids that it had, wherever it now stands in the job:
it keeps its state though others come before it. Without its plan it isn't upgraded.
--compiled-plan has another job run one from now on. Its operators had no such ids:
the state of before has no operator then, so that the upgrade is refused unless
--allow-non-restored-state, or a stateless start, leaves it out.
The ConfigMap of an earlier script stays as long as the spec, or one that the
operator would roll back to, refers to it.`,
		Example: plugin.Examples(`
			# Another parallelism
			kubectl flink upgrade basic-example --parallelism 1

			# A new image, and back if it doesn't run
			kubectl flink upgrade basic-example --image flink:1.20 --rollback-on-failure

			# Configuration; what would happen?
			kubectl flink upgrade basic-example --set execution.checkpointing.interval=30s --dry-run

			# Would it start from its state? Changes nothing
			kubectl flink upgrade basic-example --parallelism 64 --check

			# Has all of its state a place in the program of a new image?
			kubectl flink upgrade basic-example --image flink:1.20 --check --compile

			# What a manifest says
			kubectl flink upgrade basic-example -f job.yaml

			# Another SQL script, and back if it doesn't run
			kubectl flink upgrade orders --sql orders.sql --rollback-on-failure`),
		ValidArgsFunction: c.completeJobs(true),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	o.changeFlags.add(cmd, "Upgrade", true)
	o.addCheck(cmd)
	flags.StringVar(&o.request.Image, "image", "", "Image of the job's pods")
	flags.BoolVar(&o.request.AllowNonRestored, "allow-non-restored-state", false, "Let the job start without the state that it has no operator for any more, this time")
	flags.StringVar(&o.request.Jar, "jar", "", "URI of the job's jar")
	flags.StringVar(&o.request.Class, "class", "", "Class with the job's main method")
	flags.StringArrayVar(&o.args, "args", nil, "Arguments of the job, split as a shell would, in place of all that it has; may be repeated. Or give them after --")
	flags.Int64VarP(&o.request.Parallelism, "parallelism", "p", 0, "Parallelism of the job")
	flags.StringVar(&o.request.FlinkVersion, "flink-version", "", "Flink version of the image, as in 2.3")
	flags.StringArrayVar(&o.set, "set", nil, "Flink configuration as key=value; may be repeated")
	flags.StringArrayVar(&o.request.Unset, "unset", nil, "Key to remove from the Flink configuration; may be repeated")
	flags.StringVarP(&o.file, "filename", "f", "", "Manifest whose spec the job is to have; - is standard input")
	flags.StringArrayVar(&o.sql, "sql", nil, "File with the SQL script that the job is to run; - is standard input; may be repeated: files make one script")
	flags.BoolVar(&o.compiledPlan, "compiled-plan", false, "With --sql: have the job run a compiled plan from now on; its first start by one finds no state")
	flags.BoolVar(&o.request.RollBack, "rollback-on-failure", false, "Put the spec of before back if the job doesn't run, and start it from the savepoint just taken")
	flags.DurationVar(&o.request.StableFor, "stable-for", 30*time.Second, "How long the job has to go on running until it counts as upgraded")
	return cmd
}

// Complete takes over the names, and the arguments behind --.
func (o *upgradeOptions) Complete(cmd *cobra.Command, args []string) error {
	o.flags = cmd.Flags()
	names := args
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		names, o.behind = args[:dash], args[dash:]
		o.request.SetArgs = true
	}
	o.many.complete(cmd, names, o.behind)
	return nil
}

// Validate finds what is wrong with the flags, and reads the manifest.
func (o *upgradeOptions) Validate() (err error) {
	if err := o.changeFlags.Validate(); err != nil {
		return err
	}
	switch {
	case len(o.many.args) == 0 && !o.many.chosen():
		return exit.Usagef("which job? Give one or more NAMEs, --all or -l; arguments of the job come after --")
	case o.file != "" && o.many.several():
		return exit.Usagef("--filename: a manifest is what one job is to be; name one")
	case len(o.sql) > 0 && o.many.several():
		return exit.Usagef("--sql: a script is one job's; name one")
	case o.compiledPlan && len(o.sql) == 0:
		return exit.Usagef("--compiled-plan goes with --sql")
	case len(o.sql) > 0 && o.file != "":
		return exit.Usagef("give --sql or --filename, not both")
	case o.flags.Changed("parallelism") && o.request.Parallelism < 1:
		return exit.Usagef("--parallelism: %d is less than 1", o.request.Parallelism)
	case isOwn(o.request.Jar):
		return exit.Usagef("--jar: %s is a file of this computer: bring it to where the job can fetch it, and the job to it, with: kubectl flink jar upload %s s3://BUCKET/KEY --deploy NAME", o.request.Jar, o.request.Jar)
	case o.request.StableFor < 0:
		return exit.Usagef("--stable-for: %s is negative", o.request.StableFor)
	case o.request.RollBack && o.options.KeepTrying:
		return exit.Usagef("give --rollback-on-failure or --keep-trying, not both")
	case o.request.RollBack && !o.Wait:
		return exit.Usagef("--rollback-on-failure has to wait; leave out --wait=false")
	}
	o.request.SetArgs = o.request.SetArgs || len(o.args) > 0
	if o.request.Args, err = jobArgs(o.args, o.behind); err != nil {
		return err
	}
	if o.request.Set, err = lifecycle.ParseSettings("--set", o.set); err != nil {
		return err
	}
	return nil
}

// manifest reads what the job is to be.
func (o *upgradeOptions) manifest(ctx context.Context) error {
	if o.file != "" {
		jobs, err := lifecycle.ReadManifests(ctx, o.In, []string{o.file})
		if err != nil {
			return err
		}
		if len(jobs) != 1 {
			return exit.Usagef("--filename: %d jobs in %s, and one is upgraded", len(jobs), o.file)
		}
		o.request.Manifest = jobs[0]
	}
	if len(o.sql) > 0 {
		if err := o.readScript(ctx); err != nil {
			return err
		}
	}
	return o.request.UpgradeFields.Validate()
}

// Run upgrades the jobs.
func (o *upgradeOptions) Run(ctx context.Context) error {
	if err := o.manifest(ctx); err != nil {
		return err
	}
	o.request.StateChoice = o.state
	asks := !o.yes && plugin.CanAsk(o.IOStreams)
	return changeJobs(ctx, &o.changeFlags, changing[lifecycle.UpgradeReport]{
		did:          "upgraded",
		flagIsEnough: true,
		do: func(ctx context.Context, client *operator.Client, ref api.Ref, a asking, reporter operator.Reporter) (lifecycle.UpgradeReport, error) {
			request := o.request
			request.Options = a.in(o.options)
			// Of several, the plans are in the one question.
			request.Ask = asks && a.question == nil && !a.foreseen
			if !a.foreseen && o.DryRun == "" && reporter.Note != nil {
				request.Show = func(plan lifecycle.UpgradePlan) { reporter.Note(strings.TrimRight(view.PlanText(plan), "\n")) }
			}
			if len(o.sql) > 0 {
				return o.upgradeScript(ctx, client, ref, request, reporter)
			}
			return lifecycle.Upgrade(ctx, client, ref, request, reporter)
		},
		print: func(reports []lifecycle.UpgradeReport, asList bool) error {
			if len(reports) == 1 && !asList && reports[0].Plan.Effect == lifecycle.NoEffect && o.output.IsHuman() {
				fmt.Fprintln(o.ErrOut, "Nothing to change: the job's spec is so already")
			}
			return o.output.Print(o.Out, view.Upgraded(reports, view.ChangeForm{List: asList, Namespaces: o.many.allNamespaces}))
		},
	})
}
