package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
)

// defaultUIPort is Flink's own.
const defaultUIPort = 8081

// uiOptions are the flags of `kubectl flink ui`.
type uiOptions struct {
	*common
	plugin.Arguments
	tunnelFlags
	tls       reach.TLSFiles
	port      int
	anyPort   bool
	addresses []string
	noBrowser bool
	printURL  bool
	all       bool
	timeout   time.Duration
}

func newUI(c *common) *cobra.Command {
	o := &uiOptions{common: c}
	cmd := &cobra.Command{
		Use:   "ui [[TYPE/]NAME]",
		Short: "Open the job's page in the Flink dashboard",
		Long: `Open the Flink dashboard at the job's page, through the API server.

The address stays the same while the command runs: JobManagers that fail over,
upgrades, suspending and resuming only make it wait. Ctrl-C ends it.

The page is served on this computer only, as localhost, and refuses requests
that pages of other sites, or of other ports of this computer, make a browser
send.`,
		Example: plugin.Examples(`
			# The dashboard of a job
			kubectl flink ui basic-example

			# All jobs of the namespace behind one page
			kubectl flink ui --all

			# Only print the address
			kubectl flink ui basic-example --print-url`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.IntVar(&o.port, "port", defaultUIPort, "Local port (default 8081, or another one where that is in use); 0 is any")
	flags.StringSliceVar(&o.addresses, "address", nil, "IP addresses to listen on, or localhost (default this computer only)")
	flags.BoolVar(&o.noBrowser, "no-browser", false, "Don't open a browser")
	flags.BoolVar(&o.printURL, "print-url", false, "Print the address on standard output, and don't open a browser")
	flags.BoolVar(&o.all, "all", false, "Serve every job of the namespace behind one page")
	flags.DurationVar(&o.timeout, "timeout", 5*time.Minute, "How long to wait for the JobManager's first answer; 0 waits for ever")
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	return cmd
}

// uiStatus is what the status line is made of.
type uiStatus struct {
	mu       sync.Mutex
	line     *progress.Line
	live     bool
	url      string
	state    string
	served   func() int64
	lastLine string
	pod      string
	up       bool
	// unready is set while the operator says why there is no JobManager.
	unready bool
	job     string
}

func (s *uiStatus) wait(why string) {
	s.mu.Lock()
	s.unready = true
	s.mu.Unlock()
	s.set("waiting: %s", why)
}

// ready ends such a wait; nothing is connected until a page asks.
func (s *uiStatus) ready() {
	s.mu.Lock()
	was := s.unready && !s.up
	s.unready = false
	s.mu.Unlock()
	if was {
		s.set("the JobManager is ready")
	}
}

// runs says where the job's page is when the job was restarted: its id,
// and so the page, is another one then.
func (s *uiStatus) runs(place reach.Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if place.JobID == "" || place.JobID == s.job || place.Job.State() != api.JobRunning && s.job != "" {
		return
	}
	known := s.job != ""
	s.job = place.JobID
	if known && s.url != "" {
		s.line.Print("%s runs as job %s now: %s", place.Job.Ref(), place.JobID, s.url+place.Page())
	}
}

// answered puts the line right after an answer: a wait may have been for a
// connection that nobody needs any more.
func (s *uiStatus) answered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.up {
		return
	}
	s.up = true
	s.state = "connected"
	if s.pod != "" {
		s.state += " to " + s.pod
	}
	s.drawLocked()
}

// watched tells status of answers.
type watched struct {
	*reach.Front
	status *uiStatus
}

func (w watched) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := w.Front.RoundTrip(request)
	if err == nil {
		w.status.answered()
	}
	return response, err
}

func (s *uiStatus) set(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.up = fmt.Sprintf(format, args...), false
	s.drawLocked()
}

// drawLocked counts requests only on a terminal, where the line is redrawn.
func (s *uiStatus) drawLocked() {
	text := s.state
	if s.url != "" {
		text = s.url + "  " + text
	}
	if s.live && s.served != nil {
		if n := s.served(); n > 0 {
			text += fmt.Sprintf(", %d requests served", n)
		}
	}
	if text != s.lastLine {
		s.lastLine = text
		s.line.Set("%s", text)
	}
}

// event keeps the line true.
func (s *uiStatus) event(e portforward.Event) {
	switch e.Type {
	case portforward.Connected:
		s.mu.Lock()
		s.pod = e.Pod.Name
		s.mu.Unlock()
		s.set("connected to %s", e.Pod)
	case portforward.HalfReady:
		s.line.Print("%s", halfReady(e))
	case portforward.Lost:
		s.set("reconnecting: %s is gone", e.Pod)
	case portforward.Waiting:
		s.set("reconnecting: %s", e.Text)
	case portforward.SwitchedToProxy:
		s.set("connected through the API server's proxy (port-forward is forbidden)")
	case portforward.Failed:
	}
}

// Complete takes over the arguments, and whether a port was given.
func (o *uiOptions) Complete(cmd *cobra.Command, args []string) error {
	o.anyPort = !cmd.Flags().Changed("port")
	return o.Arguments.Complete(cmd, args)
}

// Validate finds what is wrong with the flags.
func (o *uiOptions) Validate() error {
	switch {
	case o.all && len(o.Args) > 0:
		return exit.Usagef("--all and a name exclude each other")
	case o.port < 0 || o.port > 65535:
		return exit.Usagef("--port must be between 0 and 65535")
	}
	return listenOn(&o.addresses)
}

// Run forwards the dashboard until it is interrupted.
func (o *uiOptions) Run(ctx context.Context) error {
	status := &uiStatus{line: o.progress(false), live: term.Moves(o.ErrOut)}
	defer status.line.Done()
	tunnel, err := o.tunnel(o.tunnelFlags, status.event)
	if err != nil {
		return err
	}
	defer tunnel.Close()
	var work sync.WaitGroup
	defer work.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.all {
		return o.serveAll(ctx, tunnel, status)
	}
	client, place, err := o.findPlace(ctx, o.Args)
	if err != nil {
		return err
	}
	status.runs(place)
	front, err := reach.NewFront(client, tunnel, place, o.tls, func(p reach.Place) {
		status.runs(p)
		if why := p.WhyNot(); why != "" {
			status.wait(why)
		} else {
			status.ready()
		}
	})
	if err != nil {
		return err
	}
	work.Go(func() {
		if err := front.Follow(ctx); err != nil && ctx.Err() == nil {
			status.line.Print("warning: changes of %s can't be followed: %v", place.Job.Ref(), err)
		}
	})
	listener, err := o.listen(ctx, tunnel, portforward.ListenOptions{Handler: portforward.NewProxy(watched{front, status})})
	if err != nil {
		return err
	}
	status.set("waiting for the JobManager of %s", place.Job.Ref())
	if err := o.up(ctx, front, status); err != nil {
		return reach.AskError(ctx, err)
	}
	page := front.Place().Page()
	return o.show(ctx, listener, page, status)
}

// up waits for the JobManager's first answer.
func (o *uiOptions) up(ctx context.Context, front *reach.Front, status *uiStatus) error {
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, exit.Timeoutf("the JobManager of %s didn't answer within %s", front.Place().Job.Ref(), o.timeout))
		defer cancel()
	}
	var last string
	err := front.Up(ctx, func(why string) {
		last = why
		status.set("waiting for the JobManager: %s", why)
	})
	if err != nil && last != "" && ctx.Err() != nil && exit.Code(err) == exit.TimedOut {
		return exit.Timeoutf("%w: %s", err, last)
	}
	return err
}

func (o *uiOptions) listen(ctx context.Context, tunnel *portforward.Tunnel, options portforward.ListenOptions) (*portforward.Listener, error) {
	options.Addresses, options.Port, options.AnyPort = o.addresses, o.port, o.anyPort
	warnWideAddresses(o.common, o.addresses)
	return tunnel.Listen(ctx, options)
}

// listenOn makes of what --address says the addresses that are listened on.
func listenOn(addresses *[]string) error {
	found, err := portforward.ListenAddresses(*addresses)
	if err != nil {
		return exit.Usagef("--address: %w", err)
	}
	*addresses = found
	return nil
}

// warnWideAddresses says that others can get in.
func warnWideAddresses(c *common, addresses []string) {
	for _, address := range addresses {
		if ip, err := netip.ParseAddr(address); err == nil && !ip.IsLoopback() {
			fmt.Fprintf(c.ErrOut, "warning: listening on %s: everyone who reaches this computer there gets in without a password\n", ip)
		}
	}
}

// pageAddress is where a browser on this computer finds what is listened on. All
// addresses (0.0.0.0) aren't one that can be opened.
func pageAddress(addresses []string, port int) string {
	host := "localhost"
	if len(addresses) > 0 {
		if ip, err := netip.ParseAddr(addresses[0]); err != nil || !ip.IsUnspecified() {
			host = addresses[0]
		}
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(port))
}

// show tells the address, opens the browser and serves until Ctrl-C.
func (o *uiOptions) show(ctx context.Context, listener *portforward.Listener, page string, status *uiStatus) error {
	address := pageAddress(o.addresses, listener.Port())
	switch {
	case o.printURL:
		status.line.Clear()
		fmt.Fprintln(o.Out, address+page)
	case o.noBrowser:
		status.line.Print("%s", address+page)
	default:
		err := reach.OpenBrowser(ctx, address+page, os.Getenv)
		if hint := reach.SSHHint(listener.Port(), os.Getenv); hint != "" {
			status.line.Print("Run this where your browser is, and open %s there:\n  %s", address+page, hint)
		} else if errors.Is(err, reach.ErrNoBrowser) {
			status.line.Print("Open in a browser: %s", address+page)
		}
	}
	status.mu.Lock()
	status.url, status.served = address, listener.Served
	status.drawLocked()
	status.mu.Unlock()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			// Ctrl-C is how serving ends; it failed at nothing.
			return listener.Close()
		case <-tick.C:
			status.mu.Lock()
			status.drawLocked()
			status.mu.Unlock()
		}
	}
}

func (o *uiOptions) serveAll(ctx context.Context, tunnel *portforward.Tunnel, status *uiStatus) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	namespace, _, err := o.factory.Namespace()
	if err != nil {
		return err
	}
	// What can't be listed isn't served either.
	if _, err := client.Served(ctx); err != nil {
		return err
	}
	listener, err := o.listen(ctx, tunnel, portforward.ListenOptions{Handler: reach.NewIndex(client, tunnel, namespace, o.tls)})
	if err != nil {
		return err
	}
	status.set("serving the jobs of namespace %s", namespace)
	return o.show(ctx, listener, "/", status)
}
