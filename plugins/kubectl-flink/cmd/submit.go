package cmd

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// submitOptions are the flags of `kubectl flink submit`.
type submitOptions struct {
	*common
	tunnelFlags
	tls     reach.TLSFiles
	output  printer.Flags
	files   []string
	spec    lifecycle.SessionJobSpec
	jars    []string
	jarDir  string
	args    []string
	set     []string
	labels  []string
	sql     sqlFlags
	request lifecycle.SubmitRequest
	plugin.RunFlags
	checkFlags
	// flags are the command's, and which were given.
	flags *pflag.FlagSet
	names []string
}

func newSubmit(c *common) *cobra.Command {
	o := &submitOptions{common: c}
	cmd := &cobra.Command{
		Use:   "submit (-f FILE | NAME --sql FILE | [NAME] --deployment SESSION (--jar URI | --sql FILE) [-- ARG ...])",
		Short: "Start a new job and wait until it runs",
		Long: `Start a new job: of a manifest, of a SQL script, or of a jar in a session
cluster, for which a FlinkSessionJob is made. It ends when the job runs, and fails as soon as it is
known why it won't: a spec that the operator rejects, a jar that it can't or may
not fetch, an exception, an image that can't be pulled, a pod that crashes.

Everything that can be is checked before the first object is created. In files, a
session cluster comes before the jobs that run in it, whatever the files' order.

The jar of a session job is fetched by the operator: a file: URI is a path in
the operator's container, and operators from 1.16 on fetch from https only
unless their configuration allows more.

A jar of this computer, as --jar or as the jarURI of a manifest (a path without a
scheme), is uploaded first: to S3, beside the state of the cluster that runs it, or to
--jar-dir, under a name with digits of its checksum. Where what runs the job couldn't
fetch it from there, that is said, with what to set, before anything is uploaded.

Where it starts from state in an object store, that is looked at first, as upgrade
does: a start that Flink would refuse is refused before anything is created. --check
only looks, into a volume through a pod that is started for that, and --compile has
the program make its graph.

Without --upgrade-mode a session job gets the one that keeps its state where the
session cluster has directories for checkpoints and savepoints.

With --sql the job is an application of a SQL script (Flink 2.0 and newer), run by
Flink's own SqlDriver: no jar is built. The script goes into a ConfigMap, one for
each version, which belongs to the FlinkDeployment; connectors are in the image or
come with --jar. It may have one job: one INSERT, or one statement set. -f names a
FlinkDeployment that has the rest: volumes, resources, configuration. The image is
looked into by a pod of some seconds. --dry-run=client -o yaml prints the objects
for Git.

--compiled-plan has Flink plan the script now, in a SQL gateway in a pod of some
seconds, also for a dry run. The plan goes into the ConfigMap beside the script, and
the job runs that (EXECUTE PLAN): each start has the same operators under the same
ids, whatever a later Flink would plan. What the plan fixes: the query, its operators
with their times to live, the columns of the tables and the planner's settings of now.
upgrade --sql goes on by plan, and gives what is unchanged the ids that it had.

With --sql and --deployment the script runs in a session cluster, of any Flink
version, through a SQL gateway. No object stands for such a job: nothing upgrades
it, takes its savepoints or starts it again.

` + objectsAsTheyAre,
		Example: plugin.Examples(`
			# Start what a manifest says and wait until it runs
			kubectl flink submit -f job.yaml

			# A jar in a session cluster
			kubectl flink submit --deployment session-example --jar file:///opt/flink/examples/streaming/TopSpeedWindowing.jar

			# A manifest whose jarURI is a file of this computer, as in jarURI: top-speed.jar
			kubectl flink submit -f job-on-s3.yaml

			# With a name, arguments, and the state of a savepoint
			path=$(kubectl flink savepoint sessionjob/session-job-example -o jsonpath='{.status.path}')
			kubectl flink submit top-speed --deployment session-example --jar file:///opt/flink/examples/streaming/TopSpeedWindowing.jar --from "$path" -- --discovery-interval 10s

			# A SQL script as an application
			kubectl flink submit orders --sql orders.sql -f base.yaml --set execution.checkpointing.interval=30s

			# Its objects, for Git
			kubectl flink submit orders --sql orders.sql --image flink:2.3 --dry-run=client -o yaml

			# A SQL script in a session cluster
			kubectl flink submit --deployment session-example --sql pipeline.sql`),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	o.output.AddFlags(cmd)
	flags.StringArrayVarP(&o.files, "filename", "f", nil, "File, directory or URL of manifests; - is standard input")
	flags.StringVar(&o.spec.Cluster, "deployment", "", "Session cluster (a FlinkDeployment without a job) to run the jar in")
	flags.StringArrayVar(&o.jars, "jar", nil, "URI of the jar, as the operator can fetch it, or a file of this computer, which is uploaded; with --sql one more jar for the script, in the image (local:///…) or for Flink to fetch, and may be repeated")
	flags.StringVar(&o.jarDir, "jar-dir", "", "Directory in S3 that jars of this computer are uploaded to, as in s3://flink/jars (default jars, beside the cluster's state)")
	o.sql.add(cmd)
	flags.StringVar(&o.spec.Class, "class", "", "Class with the job's main method (default the jar's own)")
	flags.StringArrayVar(&o.args, "args", nil, "Arguments of the job, split as a shell would; may be repeated. Or give them after --")
	flags.Int64VarP(&o.spec.Parallelism, "parallelism", "p", 0, "Parallelism (default the session cluster's parallelism.default, else 1)")
	flags.StringVar(&o.spec.UpgradeMode, "upgrade-mode", "", "What an upgrade does with the state: savepoint, last-state or stateless")
	flags.StringArrayVar(&o.set, "set", nil, "Flink configuration of the job, as key=value; may be repeated")
	flags.StringArrayVar(&o.labels, "label", nil, "Label for the FlinkSessionJob, as key=value; may be repeated")
	flags.StringVar(&o.request.From, "from", "", "State to start from: latest (of a job of that name), none, a path, or the name of a FlinkStateSnapshot")
	addClaimMode(cmd, &o.request.ClaimMode)
	flags.BoolVar(&o.request.AllowNonRestored, "allow-non-restored-state", false, "With --from: start also if a part of the state belongs to no operator of the job any more")
	o.AddRunFlags(cmd, plugin.RunWords{
		DryRun: plugin.ServerDryRun("print what would be done"),
		Wait:   "Wait until the job runs", WaitDefault: true,
		Timeout: "How long to wait; the job goes on starting when this ends", TimeoutDefault: 5 * time.Minute,
		Quiet: plugin.NoProgress,
	})
	o.addCheck(cmd)
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	_ = cmd.RegisterFlagCompletionFunc("upgrade-mode", completion.Fixed(api.UpgradeSavepoint, api.UpgradeLastState, api.UpgradeStateless))
	_ = cmd.RegisterFlagCompletionFunc("deployment", o.completeSessionClusters())
	return cmd
}

// Complete takes over the name, and the job's arguments behind --.
func (o *submitOptions) Complete(cmd *cobra.Command, args []string) error {
	o.flags, o.names = cmd.Flags(), args
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		o.names, o.spec.Args = args[:dash], args[dash:]
	}
	return nil
}

// Validate finds what is wrong with the flags. The files are read by Run, and
// what is wrong with them found before anything is done.
func (o *submitOptions) Validate() (err error) {
	if err := o.output.Validate(); err != nil {
		return err
	}
	if err := o.CheckRun(); err != nil {
		return err
	}
	o.request.DryRun, o.request.NoWait = o.DryRun, !o.Wait
	if o.request.AllowNonRestored && o.request.From == "" && len(o.files) == 0 {
		return exit.Usagef("--allow-non-restored-state goes with --from")
	}
	if err := lifecycle.CheckClaimMode(o.request.ClaimMode); err != nil {
		return err
	}
	if err := o.checkFlags.validate(); err != nil {
		return err
	}
	if err := o.checkJarDir(); err != nil {
		return err
	}
	if o.request.ClaimMode != "" && (o.request.From == "none" || o.request.From == "" && len(o.files) == 0) {
		return exit.Usagef("--claim-mode says who owns the state that --from names")
	}
	if o.flags.Changed("from") {
		if err := lifecycle.CheckFrom(o.request.From); err != nil {
			return err
		}
	}
	if o.request.AllowNonRestored && o.request.From == "none" {
		return exit.Usagef("--allow-non-restored-state says something about a state, and --from none has none")
	}
	if o.spec.Namespace, _, err = o.factory.Namespace(); err != nil {
		return err
	}
	if len(o.sql.files) > 0 {
		return o.sqlFromFlags()
	}
	if err := o.sql.without(o.flags); err != nil {
		return err
	}
	if len(o.files) == 0 {
		return o.fromFlags()
	}
	if len(o.names) > 0 || len(o.spec.Args) > 0 {
		return exit.Usagef("--filename says what to start; leave out the arguments")
	}
	for _, flag := range ofJar {
		if o.flags.Changed(flag) {
			return exit.Usagef("give --filename, or --%s, but not both", flag)
		}
	}
	return nil
}

// Run starts the jobs.
func (o *submitOptions) Run(ctx context.Context) error {
	var jobs []api.Job
	var script *startedScript
	switch {
	case o.sql.given() && o.spec.Cluster != "":
		return o.runInSession(ctx)
	case o.sql.given():
		var err error
		if script, err = o.application(ctx); err != nil {
			return err
		}
		jobs = append(jobs, script.job)
	case len(o.files) > 0:
		var err error
		if jobs, err = o.fromFiles(ctx); err != nil {
			return err
		}
	}
	client, err := o.operator()
	if err != nil {
		return err
	}
	jobManagers := o.jobManagers(client, o.tunnelFlags, o.tls)
	defer jobManagers.Close()
	client = client.Asking(jobManagers)
	whole := ctx
	ctx, cancel := o.Bounded(ctx)
	defer cancel()
	line := o.progress(o.Quiet)
	defer line.Done()
	reporter := reporterOf(line)
	if script != nil && o.sql.compiledPlan {
		if script, err = o.planApplication(ctx, client, script, reporter); err != nil {
			return ended(ctx, err)
		}
		jobs = []api.Job{script.job}
	}
	if len(jobs) == 0 {
		if err := lifecycle.SessionDefaults(ctx, client, &o.spec, reporter); err != nil {
			return ended(ctx, err)
		}
		job, err := o.spec.Manifest()
		if err != nil {
			return err
		}
		jobs = append(jobs, job)
	}
	jars, err := o.ownJars(ctx, client, jobs, line)
	if err != nil {
		return ended(ctx, err)
	}
	defer jars.Close()
	if o.compile && len(jars) > 0 {
		return exit.Usagef("--compile makes the graph in a pod, which has no file of this computer: bring the jar to where the job fetches it first (kubectl flink jar upload)")
	}
	looked := func() {}
	if o.request.From == "latest" {
		finder, done, err := o.stateFinder(client, o.tunnelFlags, reporter)
		if err != nil {
			return err
		}
		finder.Store.NoReader = o.DryRun != ""
		o.request.Finder, looked = finder, done
	}
	err = lifecycle.CheckSubmit(ctx, client, jobs, o.request, reporter)
	looked() // a pod that was started to read isn't needed any more
	if err != nil {
		return ended(ctx, err)
	}
	if o.check || o.request.DryRun == "" {
		if only, err := o.foretell(ctx, client, jobs, script, line); only || err != nil {
			return ended(ctx, err)
		}
	}
	o.request.Checked = true
	if err := jars.upload(ctx, o, client, line); err != nil {
		return ended(ctx, err)
	}
	if script != nil {
		if err := script.store(ctx, client, o, reporter); err != nil {
			return ended(ctx, err)
		}
	}
	var reports []lifecycle.SubmitReport
	var failure error
	for _, job := range jobs {
		report, err := lifecycle.Submit(ctx, client, job, o.request, reporter)
		if err != nil {
			if script != nil && report.Job.Object.GetUID() == "" {
				script.discard(ctx, client, reporter)
			}
			line.Set("looking for the cause")
			failure = o.explain(whole, client, ended(ctx, err), report)
			break
		}
		reports = append(reports, report)
	}
	line.Done()
	if len(reports) > 0 {
		result := view.Submitted(reports, o.request.DryRun)
		if script != nil && o.request.DryRun != "" {
			result = script.printed(result)
		}
		if err := o.output.Print(o.Out, result); err != nil {
			return err
		}
	}
	return failure
}

// reporterOf shows progress on a line.
func reporterOf(line *progress.Line) operator.Reporter {
	return operator.Reporter{
		Waiting: func(s string) { line.Set("%s", s) },
		Note:    func(s string) { line.Print("%s", s) },
	}
}

// explain says what is left of a job that doesn't run.
func (o *submitOptions) explain(ctx context.Context, client *operator.Client, err error, report lifecycle.SubmitReport) error {
	if lifecycle.Reasons(err) == "" && exit.Code(err) != exit.TimedOut && exit.Code(err) != exit.Interrupted || report.Job.Object.GetUID() == "" {
		return err
	}
	ref := report.Job.Ref()
	explain := explainer{common: o.common, way: o.tunnelFlags, files: o.tls}
	defer explain.Close()
	return fmt.Errorf("%w\n%s stays in the cluster\nLook at it: kubectl flink status %s -n %s\nTake it away: kubectl flink delete %s -n %s",
		explain.explain(ctx, client, ref, err), ref.Printed(), ref, ref.Namespace, ref, ref.Namespace)
}
