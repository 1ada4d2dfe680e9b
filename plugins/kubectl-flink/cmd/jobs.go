package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// jobsOptions are the flags of `kubectl flink jobs`.
type jobsOptions struct{ askOptions }

func newJobs(c *common) *cobra.Command {
	o := &jobsOptions{askOptions{common: c}}
	cmd := &cobra.Command{
		Use:   "jobs NAME",
		Short: "List the jobs that run in a session cluster, managed and unmanaged",
		Long: `List the jobs that a Flink cluster's JobManager knows, ended ones included, and
the object that manages each. A job without one was submitted by hand or by a SQL
client: no upgrade takes care of it, and it keeps the session cluster from being
deleted.`,
		Example: plugin.Examples(`
			# Which jobs are in the session cluster, and whose are they?
			kubectl flink jobs session-example

			# Their IDs
			kubectl flink jobs session-example -o jsonpath='{.items[*].id}'

			# All that Flink says of them
			kubectl flink jobs session-example -o json`),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeClusters(),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, false, printer.Wide, printer.JSON, printer.YAML, "jsonpath", "custom-columns")
	o.output.AddTableFlags(cmd.Flags())
	return cmd
}

// managers are the objects that manage a cluster's jobs, by Flink's job id.
func (o *askOptions) managers(ctx context.Context, place reach.Place) (map[string]api.Ref, error) {
	managers := map[string]api.Ref{}
	if !place.Cluster.IsSessionCluster() {
		managers[place.JobID] = place.Job.Ref()
		return managers, nil
	}
	client, err := o.operator()
	if err != nil {
		return nil, err
	}
	items, err := client.Summaries(ctx, api.SessionJob, operator.Selection{Namespace: place.Cluster.Ref().Namespace})
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		if item.Cluster == place.Cluster.Object.GetName() && item.JobID != "" {
			managers[item.JobID] = item.Ref()
		}
	}
	return managers, nil
}

// completeClusters completes FlinkDeployments, session clusters included.
func (c *common) completeClusters() cobra.CompletionFunc {
	return completion.Values(func(ctx context.Context, args []string, _ string) ([]completion.Choice, error) {
		if len(args) > 0 {
			return nil, nil
		}
		client, namespace, err := c.operatorHere()
		if err != nil {
			return nil, err
		}
		items, err := client.Summaries(ctx, api.Deployment, operator.Selection{Namespace: namespace})
		var out []completion.Choice
		for _, item := range items {
			out = append(out, completion.Choice{Value: item.Name, Description: strings.TrimSpace(item.Lifecycle + " " + item.State)})
		}
		return out, err
	})
}

// Run prints the jobs.
func (o *jobsOptions) Run(ctx context.Context) error {
	return o.ask(ctx, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
		jobs, err := jobManager.Jobs(ctx)
		if err != nil {
			return err
		}
		managers, err := o.managers(ctx, place)
		if err != nil {
			return err
		}
		if err := o.output.Print(o.Out, view.Jobs(jobs, managers, o.palette, o.now())); err != nil {
			return err
		}
		if n := stateOnly(jobs); n > 0 {
			fmt.Fprintf(o.ErrOut, "Flink's overview leaves %s out, because the JobMaster doesn't answer in time (FLINK-40602): only the state is known\n", plural(n, "job"))
		}
		return nil
	})
}

// stateOnly is how many jobs Flink's overview leaves out.
func stateOnly(jobs []rest.JobOverview) (n int) {
	for _, job := range jobs {
		if job.StateOnly {
			n++
		}
	}
	return n
}
