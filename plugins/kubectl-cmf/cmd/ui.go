package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
)

// defaultUIPort is Flink's own.
const defaultUIPort = 8081

// uiOptions are the flags of `kubectl cmf ui`.
type uiOptions struct {
	*common
	plugin.Arguments
	port      int
	anyPort   bool
	noBrowser bool
	printURL  bool
	// straight is --direct.
	straight bool
}

// newUI is `kubectl cmf ui`.
func newUI(c *common) *cobra.Command {
	o := &uiOptions{common: c}
	cmd := &cobra.Command{
		Use: "ui (app/NAME | statement/NAME)", Short: "Open the Flink dashboard of an application or a statement", GroupID: other,
		Long: `Open the Flink dashboard of an application or a statement, through CMF's own proxy
and with the identity that all commands have: no access to Kubernetes is needed
where CMF's address is given. With --direct it comes straight from the JobManager,
through the Kubernetes API server of the kube context, and follows the job when it
restarts or moves. Ctrl-C ends it.

The page is served on this computer only, as localhost, and refuses requests that
pages of other sites, or of other ports of this computer, make a browser send.`,
		Example: plugin.Examples(`
			kubectl cmf ui app/basic-example
			kubectl cmf ui statement/clicks -e dev-env --print-url
			kubectl cmf ui app/basic-example --direct --print-url
			kubectl cmf ui app/basic-example --port 0 --no-browser`),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completion.Values(c.completeUI),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.IntVar(&o.port, "port", defaultUIPort, "Local port (default 8081, or another one where that is in use); 0 is any")
	flags.BoolVar(&o.straight, "direct", false, "Go straight to the JobManager, through the Kubernetes API server, and not through CMF's proxy")
	flags.BoolVar(&o.noBrowser, "no-browser", false, "Don't open a browser")
	flags.BoolVar(&o.printURL, "print-url", false, "Print the address on standard output, and don't open a browser")
	return cmd
}

// completeUI completes applications and statements.
func (c *common) completeUI(ctx context.Context, _ []string, prefix string) ([]completion.Choice, error) {
	var out []completion.Choice
	for _, name := range []string{"app", "statement"} {
		found, err := c.completeNames(cmf.Must(name))(ctx, nil, prefix)
		if err != nil {
			return nil, err
		}
		for _, choice := range found {
			out = append(out, completion.Choice{Value: name + "/" + choice.Value, Description: choice.Description})
		}
	}
	return out, nil
}

// Complete takes over the arguments, and whether a port was given.
func (o *uiOptions) Complete(cmd *cobra.Command, args []string) error {
	o.anyPort = !cmd.Flags().Changed("port")
	return o.Arguments.Complete(cmd, args)
}

// Validate finds what is wrong with the command line.
func (o *uiOptions) Validate() error {
	if o.port < 0 || o.port > 65535 {
		return exit.Usagef("--port must be between 0 and 65535")
	}
	_, _, err := o.target()
	return err
}

// target is what the argument names.
func (o *uiOptions) target() (*cmf.Kind, string, error) {
	word, name, ok := strings.Cut(o.Args[0], "/")
	kind := cmf.Find(word)
	if !ok || name == "" || kind != cmf.Must("app") && kind != cmf.Must("statement") {
		return nil, "", exit.Usagef("%q is neither app/NAME nor statement/NAME", o.Args[0])
	}
	return kind, name, nil
}

// Run serves the dashboard until it is interrupted.
func (o *uiOptions) Run(ctx context.Context) error {
	kind, name, err := o.target()
	if err != nil {
		return err
	}
	client, err := o.client(ctx)
	if err != nil {
		return err
	}
	ref, err := o.ref(ctx, kind, name)
	if err != nil {
		return err
	}
	// One that isn't there is reported now, and not on a page.
	if _, err := client.Get(ctx, ref); err != nil {
		return err
	}
	line := o.progress()
	defer line.Done()
	way, err := o.way(ctx, client, ref, line.Print)
	if err != nil {
		return err
	}
	defer way.close()
	listener, err := portforward.Serve(ctx, portforward.ListenOptions{Handler: portforward.NewProxy(way), Port: o.port, AnyPort: o.anyPort})
	if err != nil {
		return err
	}
	defer listener.Close()
	o.tellAnswer(ctx, way, ref, line.Print)
	address := fmt.Sprintf("http://localhost:%d/%s", listener.Port(), way.page)
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
	line.Set("serving the dashboard of %s%s at %s", ref.Where(), way.by, address)
	<-ctx.Done()
	// Ctrl-C is how serving ends; it failed at nothing.
	return listener.Close()
}

// way is the way to the dashboard that the user wants.
func (o *uiOptions) way(ctx context.Context, client *connect.Connection, ref cmf.Ref, tell func(string, ...any)) (dashboard, error) {
	if o.straight {
		return o.direct(ctx, client, ref, tell)
	}
	return proxied(client, ref)
}

// firstAnswer is how long the JobManager's first answer is waited for.
const firstAnswer = 10 * time.Second

// tellAnswer says where the JobManager doesn't answer yet; pages try again by
// themselves.
func (o *uiOptions) tellAnswer(ctx context.Context, way dashboard, ref cmf.Ref, tell func(string, ...any)) {
	ctx, cancel := context.WithTimeout(ctx, firstAnswer)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://tunnel"+way.probe, nil)
	if err != nil {
		return
	}
	response, err := way.RoundTrip(request)
	if err == nil {
		_ = response.Body.Close()
		if response.StatusCode < http.StatusBadRequest {
			return
		}
		err = fmt.Errorf("CMF's proxy answers %s", response.Status)
		if o.straight {
			err = fmt.Errorf("it answers %s", response.Status)
		}
	}
	tell("warning: the JobManager of %s doesn't answer yet: %v", ref.Where(), err)
}
