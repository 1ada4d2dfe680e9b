package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// applicationsOptions are the flags of `kubectl flink applications`.
type applicationsOptions struct{ askOptions }

func newApplications(c *common) *cobra.Command {
	o := &applicationsOptions{askOptions{common: c}}
	cmd := &cobra.Command{
		Use:   "applications [[TYPE/]NAME]",
		Short: "Show the applications of a cluster and their jobs (Flink 2.3)",
		Long: `Show the applications of the cluster that a job runs in, with their jobs. An
application is one run of a main method; it may have started no job, one or
several. Why a main method failed stands below.

The operator, and the other commands, know of one job of a FlinkDeployment: the
one that its status names. It needs Flink 2.3 or newer.`,
		Example: plugin.Examples(`
			# Which jobs did the main method start?
			kubectl flink applications basic-example

			# With the applications' ids
			kubectl flink applications basic-example -o wide

			# The ids of all jobs, for a script
			kubectl flink applications basic-example -o jsonpath='{.items[*].jobs[*].jid}'`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, false, printer.Wide, printer.JSON, printer.YAML, "jsonpath", "custom-columns")
	return cmd
}

// Run prints the applications.
func (o *applicationsOptions) Run(ctx context.Context) error {
	return o.ask(ctx, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
		cluster := place.Cluster.Ref()
		all, err := jobManager.Applications(ctx)
		switch {
		case rest.NotFound(err):
			config, err := jobManager.Config(ctx)
			if err != nil {
				return err
			}
			return fmt.Errorf("Flink %s of %s has no applications: they came with Flink 2.3", term.Short(config.FlinkVersion, 40), cluster) //nolint:staticcheck // a name
		case err != nil:
			return err
		case len(all) == 0 && o.output.IsHuman():
			fmt.Fprintln(o.ErrOut, term.SafeLine(cluster.String()+" has no applications"))
			return nil
		}
		return o.output.Print(o.Out, view.NewApplications(cluster.String(), all).Result(o.palette, o.now()))
	})
}
