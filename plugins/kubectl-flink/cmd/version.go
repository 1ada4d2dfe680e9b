package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/version"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

func newVersion(c *common) *cobra.Command {
	var output printer.Flags
	var clientOnly, check bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of this plugin, Kubernetes and the operator",
		Long: `Show the versions of this plugin, of Kubernetes and of the Flink Kubernetes
Operator, and which of the operator's kinds the cluster serves.`,
		Example: plugin.Examples(`
			kubectl flink version
			kubectl flink version --client
			kubectl flink version --check
			kubectl flink version -o json`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := output.Validate(); err != nil {
				return err
			}
			if check {
				return plugin.CheckLatest(cmd.Context(), c.Out, &output, "kubectl-flink")
			}
			v := view.Versions{Client: version.Get()}
			var failure error
			if !clientOnly {
				failure = c.serverVersions(cmd.Context(), &v)
			}
			if err := output.Print(c.Out, v.Result()); err != nil {
				return err
			}
			return failure
		},
	}
	output.AddFlags(cmd, printer.JSON, printer.YAML)
	cmd.Flags().BoolVar(&clientOnly, "client", false, "Show the plugin's version only; ask no cluster")
	cmd.Flags().BoolVar(&check, "check", false, "Ask GitHub for the latest release and compare; exit code 3 if it is newer")
	return cmd
}

// serverVersions asks the cluster. What it can't know stays empty with the
// reason beside it; only an unreachable server is an error.
func (c *common) serverVersions(ctx context.Context, v *view.Versions) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client, err := c.operator()
	if err != nil {
		return err
	}
	server, err := client.KubernetesVersion(ctx)
	if err != nil {
		return err
	}
	v.Kubernetes = server
	served, err := client.Served(ctx)
	if err != nil {
		v.Operator.Problem = kube.Message(err)
		return nil
	}
	v.Operator.Kinds = served
	state := client.OperatorHealth(ctx)
	for _, d := range state.Deployments {
		v.Operator.Deployments = append(v.Operator.Deployments, view.OperatorVersion{
			Namespace: d.Namespace, Name: d.Name, Version: d.Version, Image: d.Image, Ready: d.Ready, Wanted: d.Wanted,
		})
	}
	if !state.Ready() {
		v.Operator.Problem = state.String()
	}
	return nil
}
