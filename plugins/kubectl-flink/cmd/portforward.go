package cmd

import (
	"context"
	"fmt"
	"net"
	"sync"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
)

// forwardOptions are the flags of `kubectl flink port-forward`.
type forwardOptions struct {
	*common
	plugin.Arguments
	tunnelFlags
	addresses     []string
	minio         bool
	controlCenter bool
	raw           bool
}

func newPortForward(c *common) *cobra.Command {
	o := &forwardOptions{common: c}
	cmd := &cobra.Command{
		Use:   "port-forward [TYPE/]NAME [LOCAL:]REMOTE...",
		Short: "Forward local ports to a Flink cluster or any pod, and keep them",
		Long: `Forward local ports as kubectl port-forward does, and go on when the pod is
replaced: the local port stays, and new connections wait for the next ready pod,
also after an upgrade or a blue/green switch.

TYPE is flinkdeployment (the default), flinksessionjob or
flinkbluegreendeployment, whose ports may be called rest, rpc, blob and metrics,
or pod, service, deployment, statefulset or replicaset as in kubectl. LOCAL is
the same as REMOTE when left out, and any free port when empty (":REMOTE").

Connections whose client speaks HTTP are looked at request by request: those
that pages of other sites, or of other ports of this computer, make a browser
send are refused with 403, as are host names other than localhost and the
addresses listened on, and other sites can't read the answers. Whatever else is
spoken passes unchanged, TLS too: there the browser's own check of the
certificate protects. --raw turns this off.`,
		Example: plugin.Examples(`
			# REST and the blob server of a job's JobManager
			kubectl flink port-forward basic-example rest blob

			# Port 5000 of this computer to a port of a TaskManager's pod
			kubectl flink port-forward pod/basic-example-taskmanager-1-1 5000:6122

			# MinIO's API and console, wherever it runs
			kubectl flink port-forward --minio

			# Confluent Control Center at http://localhost:9021
			kubectl flink port-forward --control-center`),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return c.completeJobs(false)(cmd, args, prefix)
			}
			return []cobra.Completion{"rest", "rpc", "blob", "metrics"}, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.addresses, "address", []string{"localhost"}, "IP addresses to listen on, or localhost")
	flags.BoolVar(&o.minio, "minio", false, "Forward the API and the console of the MinIO Service that is found")
	flags.BoolVar(&o.controlCenter, "control-center", false, "Forward Confluent Control Center (9021)")
	flags.BoolVar(&o.raw, "raw", false, "Forward bytes as they are, HTTP too: then any web page that is open in a browser here can send requests to the port")
	o.tunnelFlags.add(cmd, false)
	return cmd
}

// Validate finds what is wrong with the arguments.
func (o *forwardOptions) Validate() error {
	if err := listenOn(&o.addresses); err != nil {
		return err
	}
	preset := o.minio || o.controlCenter
	switch {
	case !preset && len(o.Args) < 2:
		return exit.Usagef("want [TYPE/]NAME and at least one [LOCAL:]REMOTE, or --minio or --control-center")
	case preset && len(o.Args) == 1:
		return exit.Usagef("%s: want at least one [LOCAL:]REMOTE for it", o.Args[0])
	}
	return nil
}

// Run forwards the ports until it is interrupted.
func (o *forwardOptions) Run(ctx context.Context) error {
	line := o.progress(false)
	defer line.Done()
	tunnel, err := o.tunnel(o.tunnelFlags, func(e portforward.Event) {
		switch e.Type {
		case portforward.Connected:
			line.Set("connected to %s over %s", e.Pod, e.Transport)
		case portforward.Waiting:
			line.Set("waiting for %s: %s", e.Target, e.Text)
		case portforward.Lost:
			line.Set("%s is gone; the next connection looks for another", e.Pod)
		case portforward.Failed:
			line.Print("a connection failed: %s", e.Text)
		case portforward.SwitchedToProxy, portforward.HalfReady:
		}
	})
	if err != nil {
		return err
	}
	defer tunnel.Close()
	client, err := o.operator()
	if err != nil {
		return err
	}
	var work sync.WaitGroup
	defer work.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	forwards, tracker, err := o.forwards(ctx, client, o.Args)
	if err != nil {
		return err
	}
	warnWideAddresses(o.common, o.addresses)
	// Nothing is announced before all is there: from then on Ctrl-C is the end
	// that is meant, not an interruption.
	var announced []string
	for _, f := range forwards {
		lines, err := o.listen(ctx, tunnel, f, line)
		if err != nil {
			return reach.AskError(ctx, err)
		}
		announced = append(announced, lines...)
	}
	for _, text := range announced {
		fmt.Fprintln(o.Out, text)
	}
	if tracker != nil {
		work.Go(func() { follow(ctx, tracker, line) })
	}
	<-ctx.Done()
	return nil // Ctrl-C is how forwarding ends, as in kubectl
}

// follow keeps the forwards on the job wherever it runs.
func follow(ctx context.Context, tracker *reach.Tracker, line *progress.Line) {
	job := tracker.Place().Job.Ref()
	err := tracker.Follow(ctx, func(place reach.Place) {
		line.Print("%s runs in %s now: new connections go there", job, place.Cluster.Ref())
	})
	if err != nil && ctx.Err() == nil {
		line.Print("warning: changes of %s can't be followed: %v", job, err)
	}
}

// forwards are the ports that args and the presets mean. The tracker is that
// of a Flink job among them; nil where there is none.
func (o *forwardOptions) forwards(ctx context.Context, client *operator.Client, args []string) (out []reach.Forward, tracker *reach.Tracker, err error) {
	namespace, _, err := o.factory.Namespace()
	if err != nil {
		return nil, nil, err
	}
	if len(args) > 0 {
		if out, tracker, err = o.named(ctx, client, namespace, args); err != nil {
			return nil, nil, err
		}
	}
	if o.minio {
		found, err := reach.MinIO(ctx, client.Core(), namespace)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, found...)
	}
	if o.controlCenter {
		found, err := reach.ControlCenter(ctx, client.Core(), namespace)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, found...)
	}
	return out, tracker, nil
}

func (o *forwardOptions) named(ctx context.Context, client *operator.Client, namespace string, args []string) ([]reach.Forward, *reach.Tracker, error) {
	var pairs []reach.PortPair
	for _, arg := range args[1:] {
		pair, err := reach.ParsePort(arg)
		if err != nil {
			return nil, nil, err
		}
		pairs = append(pairs, pair)
	}
	var out []reach.Forward
	if target, ok := reach.KubernetesTarget(args[0], namespace); ok {
		for _, pair := range pairs {
			target.Port = pair.Remote
			out = append(out, reach.Forward{Pair: pair, Target: target})
		}
		return out, nil, nil
	}
	ref, err := operator.ParseRef(args[0], namespace, api.JobKinds...)
	if err != nil {
		return nil, nil, err
	}
	place, err := reach.Find(ctx, client, ref)
	if err != nil {
		return nil, nil, err
	}
	tracker := reach.NewTracker(client, place)
	for _, pair := range pairs {
		target, current, err := tracker.Port(pair.Remote)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, reach.Forward{Pair: pair, Target: target, Current: current})
	}
	return out, tracker, nil
}

// listen starts one forward, and returns what to say of it, in kubectl's words.
func (o *forwardOptions) listen(ctx context.Context, tunnel *portforward.Tunnel, f reach.Forward, line *progress.Line) ([]string, error) {
	number, err := tunnel.Port(ctx, f.Target)
	if err != nil {
		return nil, err
	}
	options := portforward.ListenOptions{Target: f.Target, Current: f.Current, Addresses: o.addresses, Port: f.Pair.Local, Raw: o.raw}
	if f.Pair.Local < 0 {
		options.Port, options.AnyPort = int(number), true
		if f.Target.Kind == portforward.Service && f.Pair.Remote.Type == intstr.Int {
			options.Port = f.Pair.Remote.IntValue()
		}
	}
	listener, err := tunnel.Listen(ctx, options)
	if err != nil {
		return nil, err
	}
	if options.Port != 0 && listener.Port() != options.Port {
		line.Print("port %d is in use; forwarding from %d instead", options.Port, listener.Port())
	}
	label := ""
	if f.Label != "" {
		label = "  (" + f.Label + ")"
	}
	var lines []string
	for _, address := range listener.Addresses() {
		host, port, err := net.SplitHostPort(address.String())
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("Forwarding from %s -> %d%s", net.JoinHostPort(host, port), number, label))
	}
	return lines, nil
}
