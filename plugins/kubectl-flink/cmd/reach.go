package cmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// tunnelFlags are the flags of every verb that reaches into pods.
type tunnelFlags struct {
	transport string
	via       string
	reconnect time.Duration
}

func (f *tunnelFlags) add(cmd *cobra.Command, via bool) {
	flags := cmd.Flags()
	flags.StringVar(&f.transport, "transport", string(portforward.Auto), "How to reach the kubelet: auto (SPDY, else WebSocket), spdy or websocket")
	_ = cmd.RegisterFlagCompletionFunc("transport", completion.Fixed("auto", "spdy", "websocket"))
	flags.DurationVar(&f.reconnect, "reconnect-timeout", portforward.DefaultReconnectTimeout, "How long a connection waits for a ready pod")
	if via {
		flags.StringVar(&f.via, "via", string(portforward.ViaAuto), "Way through the API server: auto, portforward (needs create on pods/portforward) or apiserver (needs get on services/proxy)")
		_ = cmd.RegisterFlagCompletionFunc("via", completion.Fixed("auto", "portforward", "apiserver"))
	}
}

// tunnel makes a Tunnel with the flags; log may be nil.
func (c *common) tunnel(f tunnelFlags, log func(portforward.Event)) (*portforward.Tunnel, error) {
	config, err := c.factory.Config()
	if err != nil {
		return nil, err
	}
	clients, err := c.factory.Clientset()
	if err != nil {
		return nil, err
	}
	cache := ""
	if dir, err := os.UserCacheDir(); err == nil {
		cache = filepath.Join(dir, "kubectl-flink")
	}
	reconnect := f.reconnect
	if reconnect == 0 {
		reconnect = -1 // asked not to wait
	}
	tunnel, err := portforward.New(config, portforward.Options{
		Transport: portforward.Transport(f.transport), Via: portforward.Via(f.via),
		ReconnectTimeout: reconnect, CacheDir: cache, Clients: clients, Log: log,
	})
	return tunnel, exit.With(exit.Usage, err)
}

// noteHalfReady reports a pod that is reached although it isn't ready.
func (c *common) noteHalfReady(e portforward.Event) {
	if e.Type == portforward.HalfReady {
		fmt.Fprintln(c.ErrOut, term.SafeLine(halfReady(e)))
	}
}

func halfReady(e portforward.Event) string {
	return fmt.Sprintf("note: %s isn't ready (%s); its Flink container is, and is asked", e.Pod, e.Text)
}

// restFlags are the flags for REST with TLS.
func addRESTFlags(cmd *cobra.Command, f *reach.TLSFiles) {
	flags := cmd.Flags()
	flags.StringVar(&f.CA, "rest-ca", "", "File with the authority that signed the REST API's certificate (PEM)")
	flags.StringVar(&f.Cert, "rest-cert", "", "File with a client certificate for the REST API (PEM)")
	flags.StringVar(&f.Key, "rest-key", "", "File with the client certificate's key (PEM)")
	flags.BoolVar(&f.Insecure, "rest-insecure", false, "Don't check the REST API's certificate")
}

// restClient speaks to the place's JobManager.
func restClient(tunnel *portforward.Tunnel, place reach.Place, files reach.TLSFiles) (*rest.Client, error) {
	secure, err := files.Config(place)
	if err != nil {
		return nil, err
	}
	transport := tunnel.RoundTripper(place.Target(), secure)
	return rest.NewClient(transport, place.Prefix), nil
}

// jobManagers are those that a command asks, over one tunnel. The caller closes
// it.
func (c *common) jobManagers(client *operator.Client, way tunnelFlags, files reach.TLSFiles) *reach.JobManagers {
	return reach.NewJobManagers(client, files, func() (*portforward.Tunnel, error) { return c.tunnel(way, nil) })
}

// findPlace resolves args to where the job runs.
func (c *common) findPlace(ctx context.Context, args []string) (*operator.Client, reach.Place, error) {
	client, err := c.operator()
	if err != nil {
		return nil, reach.Place{}, err
	}
	ref, err := c.oneJob(ctx, client, args)
	if err != nil {
		return nil, reach.Place{}, err
	}
	place, err := reach.Find(ctx, client, ref)
	return client, place, err
}
