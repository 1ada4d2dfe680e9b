package cmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// upgradeOptions are the flags of `kubectl flink upgrade`.
type upgradeOptions struct {
	changeFlags
	request lifecycle.UpgradeRequest
	args    []string
	set     []string
	file    string
}

func newUpgrade(c *common) *cobra.Command {
	o := &upgradeOptions{changeFlags: changeFlags{common: c}}
	cmd := &cobra.Command{
		Use:   "upgrade [TYPE/]NAME [-- ARG ...]",
		Short: "Change a job and follow it until it runs again, from its state",
		Long: `Change a job's image, jar, arguments, parallelism, Flink version or
configuration, or make it what a manifest says. What differs and what the
operator will do about it is shown first: redeploy the job, scale it in place,
or nothing.

A redeployment is followed from the savepoint to the job running for
--stable-for, and the JobManager has to tell that its state came from there.
Where that fails, the cause is told as soon as it is seen: an image that can't
be pulled, a pod that crashes, the job's own exception, a spec that the operator
rejects. With --rollback-on-failure the spec of before is put back then and the
job started from the savepoint just taken. Where the operator's own rollback is
enabled for the job, that is followed instead.

A spec that the operator rejects, or can't begin with, is always put back,
unless --keep-trying is given.`,
		Example: plugin.Examples(`
			# Another parallelism
			kubectl flink upgrade basic-example --parallelism 1

			# A new image, and back if it doesn't run
			kubectl flink upgrade basic-example --image flink:1.20 --rollback-on-failure

			# Configuration; what would happen?
			kubectl flink upgrade basic-example --set execution.checkpointing.interval=30s --dry-run

			# What a manifest says
			kubectl flink upgrade basic-example -f job.yaml`),
		ValidArgsFunction: c.completeJobs(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			names, err := o.complete(cmd, args)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), names)
		},
	}
	flags := cmd.Flags()
	o.changeFlags.add(cmd, true)
	flags.StringVar(&o.request.Image, "image", "", "Image of the job's pods")
	flags.StringVar(&o.request.Jar, "jar", "", "URI of the job's jar")
	flags.StringVar(&o.request.Class, "class", "", "Class with the job's main method")
	flags.StringArrayVar(&o.args, "args", nil, "Arguments of the job, split as a shell would, in place of all that it has; may be repeated. Or give them after --")
	flags.Int64VarP(&o.request.Parallelism, "parallelism", "p", 0, "Parallelism of the job")
	flags.StringVar(&o.request.FlinkVersion, "flink-version", "", "Flink version of the image, as in 2.3")
	flags.StringArrayVar(&o.set, "set", nil, "Flink configuration as key=value; may be repeated")
	flags.StringArrayVar(&o.request.Unset, "unset", nil, "Key to remove from the Flink configuration; may be repeated")
	flags.StringVarP(&o.file, "filename", "f", "", "Manifest whose spec the job is to have; - is standard input")
	flags.BoolVar(&o.request.RollBack, "rollback-on-failure", false, "Put the spec of before back if the job doesn't run, and start it from the savepoint just taken")
	flags.DurationVar(&o.request.StableFor, "stable-for", 30*time.Second, "How long the job has to go on running until it counts as upgraded")
	return cmd
}

func (o *upgradeOptions) complete(cmd *cobra.Command, args []string) (names []string, err error) {
	if err := o.changeFlags.complete(); err != nil {
		return nil, err
	}
	names = args
	var rest []string
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		names, rest = args[:dash], args[dash:]
		o.request.SetArgs = true
	}
	switch {
	case len(names) != 1:
		return nil, exit.Usagef("which job? Give one NAME; arguments of the job come after --")
	case cmd.Flags().Changed("parallelism") && o.request.Parallelism < 1:
		return nil, exit.Usagef("--parallelism: %d is less than 1", o.request.Parallelism)
	case o.request.StableFor < 0:
		return nil, exit.Usagef("--stable-for: %s is negative", o.request.StableFor)
	case o.request.RollBack && o.options.KeepTrying:
		return nil, exit.Usagef("give --rollback-on-failure or --keep-trying, not both")
	case o.request.RollBack && !o.wait:
		return nil, exit.Usagef("--rollback-on-failure has to wait; leave out --wait=false")
	}
	o.request.SetArgs = o.request.SetArgs || len(o.args) > 0
	if o.request.Args, err = jobArgs(o.args, rest); err != nil {
		return nil, err
	}
	if o.request.Set, err = lifecycle.ParseSettings("--set", o.set); err != nil {
		return nil, err
	}
	if o.file != "" {
		jobs, err := lifecycle.ReadManifests(cmd.Context(), o.In, []string{o.file})
		if err != nil {
			return nil, err
		}
		if len(jobs) != 1 {
			return nil, exit.Usagef("--filename: %d jobs in %s, and one is upgraded", len(jobs), o.file)
		}
		o.request.Manifest = jobs[0]
	}
	return names, o.request.UpgradeFields.Validate()
}

func (o *upgradeOptions) run(ctx context.Context, names []string) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	o.askJobManagers(client, o.tunnelFlags, o.tls)
	ref, err := o.oneJob(ctx, client, names)
	if err != nil {
		return err
	}
	ctx, cancel := o.bounded(ctx)
	defer cancel()
	line := progress.New(o.ErrOut, o.quiet)
	defer line.Done()
	o.request.Options, o.request.StateChoice = o.options, o.state
	if o.options.DryRun == "" {
		o.request.Show = func(plan lifecycle.UpgradePlan) { line.Print("%s", strings.TrimRight(view.PlanText(plan), "\n")) }
	}
	if !o.yes && term.IsTerminal(o.In) && term.IsTerminal(o.ErrOut) {
		o.request.Ask = true
		o.request.Confirm = func(ctx context.Context, question string) error {
			line.Clear()
			return o.confirm(ctx, false, question)
		}
	}
	report, err := lifecycle.Upgrade(ctx, client, ref, o.request, reporterOf(line))
	line.Done()
	if err != nil {
		return advised(ended(ctx, err))
	}
	if report.Plan.Effect == lifecycle.NoEffect && o.output.IsHuman() {
		fmt.Fprintln(o.ErrOut, "Nothing to change: the job's spec is so already")
	}
	return o.output.Print(o.Out, view.Upgraded(report))
}
