// Package cmd wires kubectl-cmf's verbs: flags, examples, completion. What a
// verb does is written in the packages that it calls.
package cmd

import (
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/version"
)

// common is what every verb works with.
type common struct {
	genericiooptions.IOStreams
	factory *kube.Factory
}

// NewRoot is `kubectl cmf`.
func NewRoot(streams genericiooptions.IOStreams) *cobra.Command {
	c := &common{IOStreams: streams, factory: kube.NewFactory("kubectl-cmf", streams)}
	root := &cobra.Command{
		Use:         "kubectl-cmf",
		Short:       "Operate Confluent Manager for Apache Flink",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl cmf"},
		Args:        cobra.NoArgs,
		RunE:        func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.factory.AddFlags(root.PersistentFlags())
	root.AddCommand(newVersion(c))
	return root
}

func newVersion(c *common) *cobra.Command {
	var output printer.Flags
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version of this plugin",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := output.Validate(); err != nil {
				return err
			}
			info := version.Get()
			return output.Print(c.Out, printer.Result{
				Object: map[string]any{"client": info},
				Table: &printer.Table{
					Columns: []printer.Column{{Name: "COMPONENT"}, {Name: "VERSION"}},
					Rows:    [][]printer.Cell{{printer.C("client"), printer.C(info.Version)}},
				},
			})
		},
	}
	output.AddFlags(cmd, printer.JSON, printer.YAML)
	return cmd
}
