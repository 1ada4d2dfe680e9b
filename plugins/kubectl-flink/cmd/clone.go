package cmd

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// cloneOptions are the flags of `kubectl flink clone`.
type cloneOptions struct {
	*common
	plugin.Arguments
	tunnelFlags
	tls         reach.TLSFiles
	output      printer.Flags
	request     lifecycle.CloneRequest
	toContext   string
	toNamespace string
	plugin.RunFlags
	checkFlags
}

func newClone(c *common) *cobra.Command {
	o := &cloneOptions{common: c}
	cmd := &cobra.Command{
		Use:   "clone [TYPE/]NAME NEW-NAME",
		Short: "Start a copy of a job from the job's state, here or elsewhere",
		Long: `Start a copy of a job under another name, in another namespace or in another
cluster, from the job's state: a savepoint taken now where the job runs, else
the state that it was suspended with, or what --from names. It ends when the
copy runs and its JobManager has confirmed that its state came from there.

The copy has the job's spec without what belongs to the job alone: status,
owners, labels and annotations of what deployed it, nonces and old savepoint
paths. Checkpoints of a job that runs are not taken for its latest state: Flink
deletes them while it goes on. The job itself goes on: both then read the same
sources and write to the same sinks. --suspend-source stops it with the savepoint that the copy starts
from; it is never deleted.

Before anything is done, the copy's namespace is looked at for the service
account, Secrets, ConfigMaps and volumes that its pods need, and whether they
could read the state.

` + objectsAsTheyAre,
		Example: plugin.Examples(`
			# A copy beside the job
			kubectl flink clone basic-example basic-copy

			# Into another namespace, from the newest savepoint that there is
			kubectl flink clone basic-example basic-example --to-namespace staging --from latest

			# Move a job to another cluster; the old one stays suspended
			kubectl flink clone basic-example basic-example --to-context other --suspend-source`),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	o.output.AddFlags(cmd)
	flags.StringVar(&o.toNamespace, "to-namespace", "", "Namespace of the copy (default the job's, or that of --to-context)")
	flags.StringVar(&o.toContext, "to-context", "", "Context of the kubeconfig that leads to the copy's cluster (default the same)")
	flags.StringVar(&o.request.From, "from", "", "State to start from: a FlinkStateSnapshot of the job, a path, latest, or none")
	addClaimMode(cmd, &o.request.ClaimMode)
	flags.BoolVar(&o.request.SuspendSource, "suspend-source", false, "Stop the job with the savepoint that the copy starts from")
	flags.BoolVar(&o.request.AllowNonRestored, "allow-non-restored-state", false, "Start also if a part of the state belongs to no operator of the job any more")
	flags.BoolVar(&o.request.Force, "force", false, "Clone also if the copy doesn't seem to have what it needs")
	o.AddRunFlags(cmd, plugin.RunWords{
		DryRun: plugin.ServerDryRun("print what would be done"),
		Wait:   "Wait until the copy runs", WaitDefault: true,
		Timeout: "How long to wait for savepoint and start", TimeoutDefault: 10 * time.Minute,
		Quiet: plugin.NoProgress,
	})
	o.addCheck(cmd)
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *cloneOptions) Validate() error {
	if err := o.output.Validate(); err != nil {
		return err
	}
	if err := o.CheckRun(); err != nil {
		return err
	}
	if err := o.checkFlags.validate(); err != nil {
		return err
	}
	if o.compile && o.toContext != "" {
		return exit.Usagef("--compile makes the graph in a pod of this cluster; with --to-context it can't say how the copy would start there")
	}
	if o.check {
		o.DryRun = "client"
	}
	o.request.DryRun, o.request.NoWait = o.DryRun, !o.Wait
	return nil
}

// Run makes the copy.
func (o *cloneOptions) Run(ctx context.Context) error {
	args := o.Args
	namespace, _, err := o.factory.Namespace()
	if err != nil {
		return err
	}
	ref, err := operator.ParseRef(args[0], namespace, api.JobKinds...)
	if err != nil {
		return err
	}
	to, err := o.target()
	if err != nil {
		return err
	}
	o.request.Name = args[1]
	o.request.Namespace = o.toNamespace
	if o.request.Namespace == "" {
		if o.request.Namespace = namespace; to != o.common {
			if o.request.Namespace, _, err = to.factory.Namespace(); err != nil {
				return err
			}
		}
	}
	if err := o.request.Validate(ref); err != nil {
		return err
	}
	return o.clone(ctx, ref, to)
}

// target is where the copy goes.
func (o *cloneOptions) target() (*common, error) {
	if o.toContext == "" {
		return o.common, nil
	}
	to, err := o.contextOf(o.toContext)
	if err != nil {
		return nil, err
	}
	theirs, err := to.factory.Config()
	if err != nil {
		return nil, err
	}
	ours, err := o.factory.Config()
	if err != nil {
		return nil, err
	}
	o.request.Elsewhere = theirs.Host != ours.Host
	return to, nil
}

func (o *cloneOptions) clone(ctx context.Context, ref api.Ref, to *common) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	jobManagers := o.jobManagers(client, o.tunnelFlags, o.tls)
	defer jobManagers.Close()
	client = client.Asking(jobManagers)
	target := client
	if to != o.common {
		if target, err = to.operator(); err != nil {
			return err
		}
		theirs := to.jobManagers(target, o.tunnelFlags, o.tls)
		defer theirs.Close()
		target = target.Asking(theirs)
	}
	bounded, cancel := o.Bounded(ctx)
	defer cancel()
	line := o.progress(o.Quiet)
	defer line.Done()
	ahead := o.checkFlags.foreseer(o.common, client, o.tunnelFlags, o.tls, &o.output, "cloned")
	defer ahead.Close()
	if ahead != nil {
		o.request.Look = ahead.of(ref, reporterOf(line))
	}
	report, err := lifecycle.Clone(bounded, client, ref, target, o.request, reporterOf(line))
	if errors.Is(err, errForeseen) || err == nil && o.check {
		line.Done()
		return ahead.print(false)
	}
	if err != nil {
		explain := explainer{common: to, way: o.tunnelFlags, files: o.tls, looking: func() { line.Set("looking for the cause") }}
		defer explain.Close()
		var stuck *lifecycle.StuckError
		if errors.As(err, &stuck) {
			return aimedError{explain.explain(ctx, target, stuck.Job, ended(bounded, err)), to}
		}
		explain.common = o.common
		return explain.explain(ctx, client, ref, ended(bounded, err))
	}
	line.Done()
	if report.Running && !report.Suspended && report.From != "" && o.output.IsHuman() && !o.Quiet {
		o.complain(nil, ref.String()+" goes on running: both have the same sources and sinks now")
	}
	return o.output.Print(o.Out, view.Cloned(report, o.request.DryRun))
}
