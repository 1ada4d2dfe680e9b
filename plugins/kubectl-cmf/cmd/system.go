package cmd

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/view"
)

// newSystem is `kubectl cmf system`: what a CMF says of itself.
func newSystem(c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use: "system", Short: "Show what CMF reports about itself: license, resources, configuration, logins",
		GroupID: other, Args: cobra.NoArgs, RunE: plugin.Help,
	}
	for _, v := range []*systemOptions{
		{
			use: "license", short: "Show CMF's license", since: cmf.V23, path: []string{"v1", "c3", "license"}, show: view.License,
			long: "Show CMF's license. Exit code 3: it is not valid.", field: ".status.status",
		},
		{use: "resources", short: "Show how much CMF manages, and what that uses", since: cmf.V22, path: []string{"v1", "resource-information"}, show: view.Resources, field: ".status.resources"},
		{
			use: "configuration", short: "Show CMF's configuration and where each value comes from", since: cmf.V24, path: []string{"v1", "c3", "configuration"}, show: view.Configuration, field: ".status",
			long: "Show CMF's configuration and where each value comes from. Values that CMF calls sensitive, and what looks like a secret, are hidden. A CMF may have this turned off.",
		},
		{use: "auth-config", short: "Show which logins CMF takes", since: cmf.V24, path: []string{"v1", "c3", "auth-config"}, show: view.AuthConfig, field: ".authnEnabled"},
		{use: "service-accounts", short: "Show which service accounts jobs may run with", since: cmf.V24, path: []string{"v1", "service-account-allowlist-entries"}, list: true, show: view.ServiceAccounts, field: ".items[*].metadata.name"},
	} {
		v.common = c
		cmd.AddCommand(newSystemVerb(v))
	}
	return cmd
}

// systemOptions are the flags of one verb of `kubectl cmf system`.
type systemOptions struct {
	*common
	plugin.Arguments
	output           printer.Flags
	use, short, long string
	field            string
	since            cmf.Version
	path             []string
	list             bool
	show             func(o cmf.Object, options view.TableOptions) printer.Result
}

func newSystemVerb(o *systemOptions) *cobra.Command {
	call := "kubectl cmf system " + o.use
	cmd := &cobra.Command{
		Use: o.use, Short: o.short, Long: o.long,
		Example: plugin.Examples(call + "\n" + call + " -o json\n" + call + " -o jsonpath='{" + o.field + "}'"),
		Args:    cobra.NoArgs, RunE: plugin.RunE(o),
	}
	o.output.AddFlags(cmd, printer.JSON, printer.YAML, "jsonpath")
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *systemOptions) Validate() error { return o.output.Validate() }

// Run asks and prints.
func (o *systemOptions) Run(ctx context.Context) error {
	client, err := o.client(ctx)
	if err != nil {
		return err
	}
	object, err := o.ask(ctx, client)
	if err != nil {
		if cmf.StatusOf(err) == http.StatusNotFound {
			if old := client.Needs(ctx, o.since, "kubectl cmf system "+o.use); cmf.IsUnsupported(old) {
				return old
			}
		}
		return fmt.Errorf("%s: %w", o.use, err)
	}
	palette, err := o.palette()
	if err != nil {
		return err
	}
	if err := o.output.Print(o.Out, o.show(object, view.TableOptions{Now: o.now(), Palette: palette})); err != nil {
		return err
	}
	if state := object.Text("status.status"); o.use == "license" && state != "VALID" {
		return exit.With(exit.No, fmt.Errorf("the license is %s", term.SafeLine(state)))
	}
	return nil
}

func (o *systemOptions) ask(ctx context.Context, client *connect.Connection) (cmf.Object, error) {
	if !o.list {
		return client.Read(ctx, o.path...)
	}
	entries, err := client.Entries(ctx, o.path...)
	items := make([]any, len(entries))
	for i, e := range entries {
		items[i] = map[string]any(e)
	}
	return cmf.Object{"items": items}, err
}
