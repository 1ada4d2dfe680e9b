package cmd

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// savepointOptions are the flags of `kubectl flink savepoint`.
type savepointOptions struct {
	*common
	tunnelFlags
	plugin.RunFlags
	tls     reach.TLSFiles
	output  printer.Flags
	many    manyFlags
	request savepoint.Request
	method  string
	labels  []string
}

func newSavepoint(c *common) *cobra.Command {
	o := &savepointOptions{common: c}
	cmd := &cobra.Command{
		Use:   "savepoint [[TYPE/]NAME ...]",
		Short: "Take a savepoint of a job and wait for its path",
		Long: `Take a savepoint of one or more running jobs and print where it is.

TYPE is flinkdeployment (the default), flinksessionjob or
flinkbluegreendeployment. Without NAME it is the namespace's only job.

The savepoint is asked for with a FlinkStateSnapshot object where the cluster
has that kind (operator 1.10 and newer), else with savepointTriggerNonce. Its
data stays when the object is deleted, unless --dispose-on-delete is given.

A job that was submitted to a session cluster by hand or by a SQL client has no
object: --method rest asks the session cluster's JobManager.`,
		Example: plugin.Examples(`
			# Take a savepoint and print its path
			kubectl flink savepoint basic-example

			# Only the path, for a script
			kubectl flink savepoint basic-example -o jsonpath='{.status.path}'

			# Every job of the namespace, at once
			kubectl flink savepoint --all

			# The only job in a session cluster, which the operator doesn't manage
			kubectl flink savepoint session-example --method rest`),
		ValidArgsFunction: c.completeJobs(true),
		RunE:              plugin.RunE(o),
	}
	o.addShared(cmd, "savepoint")
	flags := cmd.Flags()
	flags.StringVar(&o.method, "method", string(savepoint.Auto), "How to ask for it: auto, resource (a FlinkStateSnapshot) or nonce (spec.job.savepointTriggerNonce), or rest (the JobManager itself, for jobs that the operator doesn't manage)")
	flags.StringVar(&o.request.Format, "format", "auto", "Savepoint format: auto (native from Flink 2.0 on, canonical before), canonical or native")
	flags.StringVar(&o.request.Path, "path", "", "Target directory, in a volume that all of the job's pods share or an object store (default the job's configured savepoint directory)")
	flags.BoolVar(&o.request.DisposeOnDelete, "dispose-on-delete", false, "Delete the savepoint's data when the FlinkStateSnapshot is deleted")
	flags.BoolVar(&o.request.Force, "force", false, "Take a canonical savepoint also on Flink 2.0 and newer, where it may restart the job, and any savepoint where it goes with the job's pods")
	_ = cmd.RegisterFlagCompletionFunc("method", completion.Fixed("auto", "resource", "nonce", "rest"))
	_ = cmd.RegisterFlagCompletionFunc("format", completion.Fixed("auto", "canonical", "native"))
	return cmd
}

// addShared adds the flags that savepoint and checkpoint, the noun, both have.
func (o *savepointOptions) addShared(cmd *cobra.Command, noun string) {
	flags := cmd.Flags()
	o.output.AddFlags(cmd)
	flags.StringVar(&o.request.JobID, "job-id", "", "With --method rest: Flink's id of the job in a session cluster (default the only one that runs)")
	flags.StringVar(&o.request.Name, "name", "", "Name of the FlinkStateSnapshot (default JOB-"+noun+"-manual-MILLISECONDS)")
	flags.StringArrayVar(&o.labels, "label", nil, "Label for the FlinkStateSnapshot, as key=value; may be repeated")
	flags.Int64Var(&o.request.Retries, "retries", 0, "How often the operator tries again after a failure")
	flags.BoolVar(&o.request.Follow, "follow", false, "Follow the "+noun+" that is in progress instead of taking another")
	o.many.choose(cmd, "Label selector: a "+noun+" of every job that matches", "A "+noun+" of every job in the namespace; one that does not run counts as failed")
	o.AddRunFlags(cmd, plugin.RunWords{
		DryRun:      plugin.ServerDryRun("print what would be created"),
		Wait:        "Wait until the " + noun + " is completed",
		WaitDefault: true,
		Timeout:     "How long to wait for each job's; the " + noun + " goes on when this ends", TimeoutDefault: 10 * time.Minute,
		Quiet: plugin.NoProgress,
	})
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
}

// noun is what the command takes.
func (o *savepointOptions) noun() string {
	if o.request.Checkpoint != "" {
		return "checkpoint"
	}
	return "savepoint"
}

// Complete takes over the names.
func (o *savepointOptions) Complete(cmd *cobra.Command, args []string) error {
	o.many.complete(cmd, args, nil)
	return nil
}

// Validate finds what is wrong with the flags before anything is done.
func (o *savepointOptions) Validate() error {
	if err := o.output.Validate(); err != nil {
		return err
	}
	if err := o.CheckRun(); err != nil {
		return err
	}
	o.request.Method = savepoint.Method(o.method)
	o.request.NoWait, o.request.DryRun = !o.Wait, o.DryRun
	for _, label := range o.labels {
		key, value, ok := strings.Cut(label, "=")
		if !ok || key == "" {
			return exit.Usagef("--label: %q is not key=value", label)
		}
		if o.request.Labels == nil {
			o.request.Labels = map[string]string{}
		}
		o.request.Labels[key] = value
	}
	if err := o.many.validate(); err != nil {
		return err
	}
	switch {
	case o.request.JobID != "" && o.many.several():
		return exit.Usagef("--job-id names one job; it can't be meant for several")
	case o.request.Name != "" && o.many.several():
		return exit.Usagef("--name names one %s; leave it out for several jobs", o.noun())
	}
	return o.request.Validate()
}
