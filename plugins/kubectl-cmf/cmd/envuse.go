package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
)

// envUseOptions are the flags of `kubectl cmf env use`.
type envUseOptions struct {
	*common
	plugin.Arguments
	unset bool
}

// Run keeps the choice, or shows it.
func (o *envUseOptions) Run(ctx context.Context) error {
	return o.useEnvironment(ctx, o.Args, o.unset)
}

// newEnvUse is `kubectl cmf env use`.
func newEnvUse(c *common) *cobra.Command {
	o := &envUseOptions{common: c}
	cmd := &cobra.Command{
		Use: "use [ENV]", Short: "Choose the environment that commands without -e work in; without a name, show it",
		Long:              "Choose the environment that commands without -e work in. The choice is kept per kube context, or per address where --cmf-url or CONFLUENT_CMF_URL names one.",
		Example:           plugin.Examples("kubectl cmf env use dev-env\nkubectl cmf env use\nkubectl cmf env use --unset"),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.oneName(cmf.Must("env")),
		RunE:              plugin.RunE(o),
	}
	cmd.Flags().BoolVar(&o.unset, "unset", false, "Forget the choice")
	return cmd
}

func (c *common) useEnvironment(ctx context.Context, args []string, unset bool) error {
	key := c.finder.Key()
	state := c.finder.State
	switch {
	case unset:
		if err := state.Change(ctx, key, func(m *connect.Memory) { m.Environment = "" }); err != nil {
			return err
		}
		_, err := fmt.Fprintln(c.Out, "No default environment any more.")
		return err
	case len(args) == 0:
		name := state.Get(key).Environment
		if name == "" {
			return fmt.Errorf("no default environment is chosen; choose one with: kubectl cmf env use NAME")
		}
		fmt.Fprintln(c.Out, name)
		return nil
	}
	client, err := c.client(ctx)
	if err != nil {
		return err
	}
	names, err := environmentNames(ctx, client)
	if err != nil {
		return err
	}
	if !slices.Contains(names, args[0]) {
		return fmt.Errorf("there is no environment %q; there are: %s", args[0], strings.Join(names, ", "))
	}
	if err := state.Change(ctx, key, func(m *connect.Memory) { m.Environment = args[0] }); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "Commands without -e now work in environment %q.\n", args[0])
	return err
}
