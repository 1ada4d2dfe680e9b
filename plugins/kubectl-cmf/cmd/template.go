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

// newTemplate is `kubectl cmf KIND template`.
func newTemplate(c *common, kind *cmf.Kind) *cobra.Command {
	var version string
	cmd := &cobra.Command{
		Use: "template", Short: "Print a commented skeleton of " + one(kind) + " for this version of CMF", Args: cobra.NoArgs,
		Example: plugin.Examples("kubectl cmf " + kind.Name + " template\nkubectl cmf " + kind.Name + " template > " + kind.Name + ".yaml\nkubectl cmf " + kind.Name + " template --for-version 2.3.0"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := c.templateVersion(cmd.Context(), version)
			if err != nil {
				return err
			}
			if v.Before(kind.Since) {
				return &cmf.UnsupportedError{What: "kubectl cmf " + kind.Name, Since: kind.Since, Server: v}
			}
			_, err = io.WriteString(c.Out, cmf.Template(kind, v))
			return err
		},
	}
	cmd.Flags().StringVar(&version, "for-version", "", "CMF version to write for (default: the server's)")
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
