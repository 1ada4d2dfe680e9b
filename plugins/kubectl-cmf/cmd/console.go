package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
)

// defaultConsolePort is Control Center's own.
const defaultConsolePort = 9021

// consoleOptions are the flags of `kubectl cmf console`.
type consoleOptions struct {
	*common
	plugin.Arguments
	port      int
	anyPort   bool
	noBrowser bool
	printURL  bool
}

// newConsole is `kubectl cmf console`.
func newConsole(c *common) *cobra.Command {
	o := &consoleOptions{common: c}
	cmd := &cobra.Command{
		Use: "console", Short: "Open Confluent Control Center", GroupID: other,
		Long: `Open Confluent Control Center in a browser, through a tunnel: the Service with
its name and port 9021, in the namespace of -n or the context, else anywhere.
CMF itself isn't asked. Ctrl-C ends it.

The page is served on this computer only, as localhost, and refuses requests that
pages of other sites, or of other ports of this computer, make a browser send.
Where Control Center speaks TLS, the tunnel carries it as it is: the browser shows
whose certificate that is.`,
		Example: plugin.Examples(`
			kubectl cmf console
			kubectl cmf console -n confluent --print-url
			kubectl cmf console --port 0 --no-browser`),
		Args: cobra.NoArgs,
		RunE: plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.IntVar(&o.port, "port", defaultConsolePort, "Local port (default 9021, or another one where that is in use); 0 is any")
	flags.BoolVar(&o.noBrowser, "no-browser", false, "Don't open a browser")
	flags.BoolVar(&o.printURL, "print-url", false, "Print the address on standard output, and don't open a browser")
	return cmd
}

// Complete takes over whether a port was given.
func (o *consoleOptions) Complete(cmd *cobra.Command, args []string) error {
	o.anyPort = !cmd.Flags().Changed("port")
	return o.Arguments.Complete(cmd, args)
}

// Validate finds what is wrong with the command line.
func (o *consoleOptions) Validate() error {
	if o.port < 0 || o.port > 65535 {
		return exit.Usagef("--port must be between 0 and 65535")
	}
	return nil
}

// Run serves Control Center until it is interrupted.
func (o *consoleOptions) Run(ctx context.Context) error {
	namespace, _, err := o.factory.Namespace()
	if err != nil {
		return err
	}
	core, err := o.factory.Clientset()
	if err != nil {
		return err
	}
	found, err := reach.ControlCenter(ctx, core, namespace)
	if err != nil {
		return err
	}
	target := found[0].Target
	tunnel, err := connect.NewTunnel(o.factory)
	if err != nil {
		return err
	}
	defer tunnel.Close()
	line := o.progress()
	defer line.Done()
	line.Set("asking %s in namespace %s whether it speaks TLS", target.Name, target.Namespace)
	secure, err := connect.SpeaksTLS(ctx, func(ctx context.Context, _, _ string) (net.Conn, error) { return tunnel.DialContext(ctx, target) })
	if err != nil {
		return fmt.Errorf("service/%s of Control Center, in namespace %s: %w", target.Name, target.Namespace, err)
	}
	listener, err := tunnel.Listen(ctx, portforward.ListenOptions{Target: target, Port: o.port, AnyPort: o.anyPort})
	if err != nil {
		return err
	}
	defer listener.Close()
	address := consoleAddress(secure, listener.Port())
	switch {
	case o.printURL:
		fmt.Fprintln(o.Out, address)
	case o.noBrowser:
		line.Print("%s", address)
	default:
		err := reach.OpenBrowser(ctx, address, os.Getenv)
		if hint := reach.SSHHint(listener.Port(), os.Getenv); hint != "" {
			line.Print("Run this where your browser is, and open %s there:\n  %s", address, hint)
		} else if errors.Is(err, reach.ErrNoBrowser) {
			line.Print("Open in a browser: %s", address)
		}
	}
	line.Set("serving Control Center (service/%s in namespace %s) at %s", target.Name, target.Namespace, address)
	<-ctx.Done()
	// Ctrl-C is how serving ends; it failed at nothing.
	return listener.Close()
}

// consoleAddress is where the browser goes.
func consoleAddress(secure bool, port int) string {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	return fmt.Sprintf("%s://localhost:%d/", scheme, port)
}
