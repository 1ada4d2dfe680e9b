package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/view"
)

// artifactVersionsOptions are the flags of `kubectl cmf artifact versions`.
type artifactVersionsOptions struct {
	*common
	plugin.Arguments
	output printer.Flags
}

// newArtifactVersions is `kubectl cmf artifact versions`.
func newArtifactVersions(c *common) *cobra.Command {
	o := &artifactVersionsOptions{common: c}
	cmd := &cobra.Command{
		Use: "versions ARTIFACT", Short: "List the versions of an artifact",
		Example:           plugin.Examples("kubectl cmf artifact versions my-functions\nkubectl cmf artifact versions my-functions -o wide\nkubectl cmf artifact versions my-functions -o jsonpath='{.items[*].status.version}'"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.oneName(cmf.Must("artifact")),
		RunE:              plugin.RunE(o),
	}
	o.output.AddFlags(cmd, printer.Wide, printer.JSON, printer.YAML, "jsonpath", "custom-columns")
	o.output.AddTableFlags(cmd.Flags())
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *artifactVersionsOptions) Validate() error { return o.output.Validate() }

// Run lists the versions.
func (o *artifactVersionsOptions) Run(ctx context.Context) error {
	client, err := o.client(ctx)
	if err != nil {
		return err
	}
	kind := cmf.Must("artifact")
	ref, err := o.ref(ctx, kind, o.Args[0])
	if err != nil {
		return err
	}
	list, err := client.Versions(ctx, ref)
	if err != nil {
		return err
	}
	palette, err := o.palette()
	if err != nil {
		return err
	}
	rows := make([]view.Row, len(list))
	for i, object := range list {
		list[i] = cmf.Redact(kind, object)
		rows[i] = view.Row{Object: list[i], Scope: ref.Scope}
	}
	return o.output.Print(o.Out, printer.Result{
		Object: printer.List(list), AsIs: true, Table: view.Table(kind, rows, view.TableOptions{Now: o.now(), Palette: palette}),
	})
}
