package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/view"
)

// newServer is `kubectl cmf server`.
func newServer(c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use: "server", Short: "List and forget the CMF servers that were found in clusters and are used since",
		Long: "A CMF that was found in a cluster, and not named with --cmf-url, is used once you agreed to it: with its address and certificate authority as they were then. " +
			"One in the context's own namespace that gets no credential is used without a question. What is remembered is kept per kube context.",
		Args: cobra.NoArgs,
		RunE: plugin.Help,
	}
	cmd.AddCommand(newServerList(c), newServerForget(c))
	return cmd
}

// rememberedServer is one line of `kubectl cmf server list`.
type rememberedServer struct {
	Context string `json:"context"`
	connect.Pin
}

// serverListOptions are the flags of `kubectl cmf server list`.
type serverListOptions struct {
	*common
	plugin.Arguments
	output printer.Flags
}

// Validate finds what is wrong with the flags.
func (o *serverListOptions) Validate() error { return o.output.Validate() }

// Run lists the servers.
func (o *serverListOptions) Run(context.Context) error { return o.listServers(&o.output) }

// serverForgetOptions are the flags of `kubectl cmf server forget`.
type serverForgetOptions struct {
	*common
	plugin.Arguments
	all bool
}

// Validate finds what is wrong with the flags.
func (o *serverForgetOptions) Validate() error {
	if o.all && len(o.Args) > 0 {
		return exit.Usagef("CONTEXT and --all exclude each other")
	}
	return nil
}

// Run forgets the servers.
func (o *serverForgetOptions) Run(ctx context.Context) error {
	return o.forgetServers(ctx, o.Args, o.all)
}

func newServerList(c *common) *cobra.Command {
	o := &serverListOptions{common: c}
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the servers that are remembered",
		Example: plugin.Examples("kubectl cmf server list\nkubectl cmf server list -o wide\nkubectl cmf server list -o json"),
		Args:    cobra.NoArgs,
		RunE:    plugin.RunE(o),
	}
	o.output.AddFlags(cmd, printer.Wide, printer.JSON, printer.YAML)
	o.output.AddTableFlags(cmd.Flags())
	return cmd
}

func (c *common) listServers(output *printer.Flags) error {
	contexts, err := c.finder.State.Contexts()
	if err != nil {
		return err
	}
	var servers []rememberedServer
	table := &printer.Table{Columns: []printer.Column{
		{Name: "CONTEXT"}, {Name: "SERVER"}, {Name: "CREDENTIALS"}, {Name: "NAMED BY"}, {Name: "AGE"}, {Name: "CLUSTER", Wide: true}, {Name: "CERTIFICATE AUTHORITY", Wide: true},
	}}
	for _, name := range slices.Sorted(maps.Keys(contexts)) {
		for _, pin := range contexts[name].Servers {
			servers = append(servers, rememberedServer{name, pin})
			credentials := "no"
			if pin.Confirmed {
				credentials = "yes"
			}
			table.Rows = append(table.Rows, []printer.Cell{
				printer.C(name), printer.C(pin.Endpoint), printer.C(credentials), printer.C(pin.NamedBy), printer.C(view.Age(pin.Since, c.now())), printer.C(pin.Cluster), printer.C(pin.CA),
			})
		}
	}
	if len(servers) == 0 && output.IsHuman() {
		_, err := fmt.Fprintln(c.ErrOut, "No servers are remembered.")
		return err
	}
	return output.Print(c.Out, printer.Result{Object: printer.List(servers), Table: table})
}

func newServerForget(c *common) *cobra.Command {
	o := &serverForgetOptions{common: c}
	cmd := &cobra.Command{
		Use: "forget [CONTEXT]", Short: "Forget the servers of a kube context; the next command asks again",
		Long:    "Forget the servers that were found by way of a kube context, without a name those of the current one. The next command that finds one asks again.",
		Example: plugin.Examples("kubectl cmf server forget\nkubectl cmf server forget prod\nkubectl cmf server forget --all"),
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: completion.Values(func(_ context.Context, args []string, _ string) ([]completion.Choice, error) {
			if len(args) > 0 {
				return nil, nil
			}
			contexts, err := c.finder.State.Contexts()
			var out []completion.Choice
			for _, name := range slices.Sorted(maps.Keys(contexts)) {
				if servers := contexts[name].Servers; len(servers) > 0 {
					out = append(out, completion.Choice{Value: name, Description: servers[0].Endpoint})
				}
			}
			return out, err
		}),
		RunE: plugin.RunE(o),
	}
	cmd.Flags().BoolVar(&o.all, "all", false, "Forget those of all kube contexts")
	return cmd
}

func (c *common) forgetServers(ctx context.Context, args []string, all bool) error {
	contexts, err := c.finder.State.Contexts()
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(contexts))
	if !all {
		name := c.factory.Context()
		if len(args) > 0 {
			name = args[0]
		}
		if len(contexts[name].Servers) == 0 {
			return fmt.Errorf("no server is remembered for kube context %q; kubectl cmf server list shows what is", name)
		}
		names = []string{name}
	}
	forgotten, err := c.finder.State.Forget(ctx, names)
	if err != nil {
		return err
	}
	for _, pin := range forgotten {
		if _, err := fmt.Fprintf(c.Out, "%s forgotten (named by %s)\n", term.SafeLine(pin.Endpoint), term.SafeLine(pin.NamedBy)); err != nil {
			return err
		}
	}
	if len(forgotten) == 0 {
		_, err = fmt.Fprintln(c.ErrOut, "No servers are remembered.")
	}
	return err
}

// askServer shows a server that was found and asks whether to use it.
func (c *common) askServer(ctx context.Context, o connect.Offer) error {
	if !plugin.CanAsk(c.IOStreams) {
		return connect.ErrNoTerminal
	}
	writeOffer(c.ErrOut, o)
	yes, err := plugin.Agreed(ctx, c.IOStreams)
	if err == nil && !yes {
		err = errors.New("nothing was sent")
	}
	return err
}

// writeOffer is what the question shows.
func writeOffer(w io.Writer, o connect.Offer) {
	line := func(format string, args ...any) { fmt.Fprintln(w, term.SafeLine(fmt.Sprintf(format, args...))) }
	switch {
	case o.Before != nil:
		line("WARNING: %s names another CMF than before in kube context %q:", o.NamedBy, o.Context)
	case o.Used:
		line("A CMF was found that got no credential before in kube context %q:", o.Context)
	default:
		line("A CMF was found that was not used before in kube context %q:", o.Context)
	}
	field := func(name, text string) { fmt.Fprintf(w, "  %-23s%s\n", name+":", term.SafeLine(text)) }
	field("server", o.Endpoint)
	field("named by", o.NamedBy)
	field("certificate authority", o.CA)
	if o.Before != nil {
		ca := o.Before.CA
		if ca == "" {
			ca = "no other than the system's"
		}
		field("before", o.Before.Endpoint+", certificate authority: "+ca)
	}
	sends := "what this and later commands send, such as resources with their passwords"
	if o.Sends != "" {
		sends = o.Sends + ", and " + sends
	}
	field("it would get", sends)
	fmt.Fprint(w, "It is used from now on.\n"+plugin.Prompt)
}
