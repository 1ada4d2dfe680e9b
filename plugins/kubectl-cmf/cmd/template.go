package cmd

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// templateOptions are the flags of `template`.
type templateOptions struct {
	*common
	plugin.Arguments
	kind    *cmf.Kind
	version string
}

// Run prints the skeleton.
func (o *templateOptions) Run(ctx context.Context) error {
	v, err := o.templateVersion(ctx, o.version)
	if err != nil {
		return err
	}
	if v.Before(o.kind.Since) {
		return &cmf.UnsupportedError{What: "kubectl cmf " + o.kind.Name, Since: o.kind.Since, Server: v}
	}
	_, err = io.WriteString(o.Out, cmf.Template(o.kind, v))
	return err
}

// newTemplate is `kubectl cmf KIND template`.
func newTemplate(c *common, kind *cmf.Kind) *cobra.Command {
	o := &templateOptions{common: c, kind: kind}
	cmd := &cobra.Command{
		Use: "template", Short: "Print a commented skeleton of " + one(kind) + " for this version of CMF", Args: cobra.NoArgs,
		Example: plugin.Examples("kubectl cmf " + kind.Name + " template\nkubectl cmf " + kind.Name + " template > " + kind.Name + ".yaml\nkubectl cmf " + kind.Name + " template --for-version 2.3.0"),
		RunE:    plugin.RunE(o),
	}
	cmd.Flags().StringVar(&o.version, "for-version", "", "CMF version to write for (default: the server's)")
	return cmd
}

func (c *common) templateVersion(ctx context.Context, text string) (cmf.Version, error) {
	if text != "" {
		v, err := cmf.ParseVersion(text)
		return v, exit.With(exit.Usage, err)
	}
	client, err := c.client(ctx)
	if err != nil {
		return cmf.Version{}, fmt.Errorf("find out the server's version: %w\nor say it with --for-version", err)
	}
	server, err := client.Server(ctx)
	return server.Version, err
}
