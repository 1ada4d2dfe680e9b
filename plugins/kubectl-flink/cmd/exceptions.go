package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// exceptionsOptions are the flags of `kubectl flink exceptions`.
type exceptionsOptions struct {
	askOptions
	full bool
	most int
}

func newExceptions(c *common) *cobra.Command {
	o := &exceptionsOptions{askOptions: askOptions{common: c}}
	cmd := &cobra.Command{
		Use:   "exceptions [[TYPE/]NAME]",
		Short: "Show why a job failed: the root cause first",
		Long: `Show the failures of a job across its restarts, newest first: the innermost
cause, the exceptions around it, the task and the TaskManager.

The JobManager keeps the last web.exception-history-size (16) of them, and none
once it is gone; the operator's own error is in kubectl flink status.

A TaskManager that was killed, out of memory for example, shows as a lost
connection: how its pod ended in the last hour is read from the pod, or from the
JobManager's log where the pod is gone.`,
		Example: plugin.Examples(`
			# The root causes
			kubectl flink exceptions basic-example

			# With whole stack traces
			kubectl flink exceptions basic-example --full

			# Only the newest
			kubectl flink exceptions basic-example --limit 1`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, true, printer.JSON, printer.YAML, "jsonpath")
	cmd.Flags().BoolVar(&o.full, "full", false, "Whole stack traces")
	cmd.Flags().IntVar(&o.most, "limit", 20, "At most this many failures")
	return cmd
}

// ends are the pods of the job's cluster that ended in the last hour. Without
// the permission to look at pods and their logs there are none.
func (o *askOptions) ends(ctx context.Context, place reach.Place) []operator.Ended {
	client, err := o.operator()
	if err != nil {
		return nil
	}
	cluster := place.Cluster.Ref()
	pods, err := client.Pods(ctx, cluster.Namespace, cluster.Name)
	if err != nil || !operator.EndsKnown(pods) {
		return nil
	}
	return client.Ends(ctx, cluster.Namespace, pods, o.now())
}

// advice is what diagnosis knows to do about the failures.
func (o *askOptions) advice(ctx context.Context, place reach.Place, jobManager *rest.Client, history []rest.Exception) []string {
	client, err := o.operator()
	if err != nil {
		return nil
	}
	gatherer := o.gathererOf(client, nil, o.tls, explainLimit)
	gatherer.NoWait = true
	gatherer.Ask = func(reach.Place) (*rest.Client, error) { return jobManager, nil }
	facts, _, err := gatherer.Job(ctx, place.Job.Ref())
	if err != nil {
		return nil
	}
	advice := func(f diagnosis.Finding) []string {
		one := []diagnosis.Finding{f}
		o.aim(one)
		return one[0].Advice()
	}
	if root, ok := diagnosis.Root(diagnosis.Job(facts)); ok && len(root.Cures) > 0 {
		return advice(root)
	}
	if len(history) == 0 {
		return nil
	}
	where := diagnosis.Somewhere
	if history[0].Task != "" {
		where = diagnosis.InTask
	}
	for _, f := range diagnosis.Attempt(facts, diagnosis.ReadException(history[0].Stacktrace, history[0].Time.Time(), where)) {
		return advice(f)
	}
	return nil
}

// Validate finds what is wrong with the flags.
func (o *exceptionsOptions) Validate() error {
	if o.most <= 0 {
		return exit.Usagef("--limit: %d is not a positive number", o.most)
	}
	return o.askOptions.Validate()
}

// Run prints the failures.
func (o *exceptionsOptions) Run(ctx context.Context) error {
	return o.ask(ctx, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
		id, err := o.job(ctx, place, jobManager)
		if err != nil {
			return err
		}
		history, truncated, err := jobManager.Exceptions(ctx, id, o.most)
		if err != nil {
			return err
		}
		ends := o.ends(ctx, place)
		next := o.advice(ctx, place, jobManager, history)
		page := view.ExceptionPage{Palette: o.palette, Width: terminalWidth(o.Out), Full: o.full, Now: o.now()}
		return o.output.Print(o.Out, page.Result(place.Job.Ref(), id, history, truncated, ends, next))
	})
}
