package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
)

// newPlugin is `kubectl cmf plugin`.
func newPlugin(c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use: "plugin", Short: "Make this program a plugin of Confluent's CLI, too", GroupID: other,
		Args: cobra.NoArgs,
		RunE: plugin.Help,
	}
	cmd.AddCommand(newPluginInstall(c))
	return cmd
}

// pluginOptions are the flags of `kubectl cmf plugin install`.
type pluginOptions struct {
	*common
	plugin.Arguments
	confluent bool
	dir       string
}

func newPluginInstall(c *common) *cobra.Command {
	o := &pluginOptions{common: c}
	cmd := &cobra.Command{
		Use:   "install --confluent",
		Short: "Give this program the name by which Confluent's CLI finds it",
		Long: `Make a link named confluent-cmf to this program, so that "confluent cmf ..." is
it. Confluent's CLI looks in the directories of PATH and in ~/.confluent/plugins.
The path of the link is printed. Another file or link of that name is left alone,
with an error.`,
		Example: plugin.Examples(`
			# Beside kubectl-cmf
			kubectl cmf plugin install --confluent

			# Where nothing on PATH may be written
			kubectl cmf plugin install --confluent --dir ~/.confluent/plugins

			# What it leads to
			ls -l "$(kubectl cmf plugin install --confluent)"`),
		Args: cobra.NoArgs,
		RunE: plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.confluent, "confluent", false, "For Confluent's CLI, the only one that there is")
	flags.StringVar(&o.dir, "dir", "", "Directory to put it into (default that of kubectl-cmf)")
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *pluginOptions) Validate() error {
	if !o.confluent {
		return exit.Usagef("say which program it is to be a plugin of: --confluent")
	}
	return nil
}

// Run makes the link, and says what keeps Confluent's CLI from finding it.
func (o *pluginOptions) Run(context.Context) error {
	const name = "confluent-cmf"
	home, _ := os.UserHomeDir()
	own := filepath.Join(home, ".confluent", "plugins")
	if home != "" && filepath.Clean(o.dir) == own {
		if err := os.MkdirAll(own, 0o700); err != nil {
			return err
		}
	}
	link, err := plugin.InstallLink(o.dir, "kubectl-cmf", name)
	if err != nil {
		return err
	}
	fmt.Fprintln(o.Out, link)
	dir := filepath.Dir(link)
	if dir != own && !slices.Contains(filepath.SplitList(os.Getenv("PATH")), dir) {
		o.warn("%s is not on PATH: confluent doesn't look there", dir)
	} else if first, err := exec.LookPath(name); err == nil && first != link && dir != own {
		o.warn("%s comes before it on PATH", first)
	}
	if _, err := exec.LookPath("confluent"); err != nil {
		o.warn("confluent itself is not on PATH")
	}
	if confluentPluginsOff(filepath.Join(home, ".confluent", "config.json")) {
		o.warn("Confluent's CLI has its plugins switched off: confluent configuration update disable_plugins false")
	}
	return nil
}

// confluentPluginsOff reports whether a configuration of Confluent's CLI says that
// plugins aren't looked for.
func confluentPluginsOff(file string) bool {
	data, err := os.ReadFile(file)
	var config struct {
		Off bool `json:"disable_plugins"`
	}
	return err == nil && json.Unmarshal(data, &config) == nil && config.Off
}
