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

// versionOptions are the flags of `kubectl flink version`.
type versionOptions struct {
	*common
	plugin.Arguments
	output            printer.Flags
	clientOnly, check bool
}

func newVersion(c *common) *cobra.Command {
	o := &versionOptions{common: c}
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
		RunE: plugin.RunE(o),
	}
	o.output.AddFlags(cmd, printer.JSON, printer.YAML)
	cmd.Flags().BoolVar(&o.clientOnly, "client", false, "Show the plugin's version only; ask no cluster")
	cmd.Flags().BoolVar(&o.check, "check", false, "Ask GitHub for the latest release and compare; exit code 3 if it is newer")
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *versionOptions) Validate() error { return o.output.Validate() }

// Run prints the versions.
func (o *versionOptions) Run(ctx context.Context) error {
	if o.check {
		return plugin.CheckLatest(ctx, o.Out, &o.output, "kubectl-flink")
	}
	v := view.Versions{Client: version.Get()}
	var failure error
	if !o.clientOnly {
		failure = o.serverVersions(ctx, &v)
	}
	if err := o.output.Print(o.Out, v.Result()); err != nil {
		return err
	}
	return failure
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
