// Package portforward reaches ports of pods through the API server: as
// net.Conn, as http.RoundTripper and behind a local listener. It follows a pod
// that is replaced, and is used like kubectl port-forward, but in process.
//
//	tunnel, err := portforward.New(config, portforward.Options{})
//	defer tunnel.Close()
//	target := portforward.Target{Namespace: "default", Kind: portforward.Service, Name: "basic-example-rest", Port: intstr.FromString("rest")}
//	client := &http.Client{Transport: tunnel.RoundTripper(target, nil)}
//	client.Get("http://basic-example-rest/jobs/overview")
package portforward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
)

// Via is the API server's door that requests go through.
type Via string

// The ways in.
const (
	// ViaAuto is port-forward, and for HTTP the API server's proxy where
	// port-forward is forbidden.
	ViaAuto Via = "auto"
	// ViaPortForward is pods/portforward alone.
	ViaPortForward Via = "portforward"
	// ViaAPIServer is services/proxy or pods/proxy alone. It serves HTTP only.
	ViaAPIServer Via = "apiserver"
)

// DefaultReconnectTimeout is how long a connection waits for a ready pod.
const DefaultReconnectTimeout = 30 * time.Second

const (
	defaultConnections = 64
	defaultBuffer      = 512 << 10
)

// Options are the choices that a Tunnel leaves. The zero value is good.
type Options struct {
	Transport Transport // "" is Auto
	Via       Via       // "" is ViaAuto
	// ReconnectTimeout is how long a connection waits for a ready pod before
	// it fails; 0 is DefaultReconnectTimeout, negative doesn't wait.
	ReconnectTimeout time.Duration
	// CacheDir is where refused transports are remembered for a day; "" is
	// nowhere.
	CacheDir string
	// Connections bounds the connections to one pod; streams beyond it share.
	// 0 is 64.
	Connections int
	// BufferLimit bounds what is buffered of one stream that isn't read, in
	// bytes. 0 is 512 KiB.
	BufferLimit int
	// Clients serves look-ups of pods and Services; nil makes one from the
	// configuration.
	Clients clientset.Interface
	// Log is called with what happens, from several goroutines; nil is silent. It
	// must not block.
	Log func(Event)

	now func() time.Time
}

// EventType says what an Event tells.
type EventType string

// The events.
const (
	// Connected reports a new connection to a pod.
	Connected EventType = "connected"
	// Waiting says that no pod is ready, and why.
	Waiting EventType = "waiting"
	// HalfReady reports a pod that isn't ready, although the container with
	// the port is: connections go there as long as no pod is ready.
	HalfReady EventType = "halfready"
	// Lost says that a connection broke.
	Lost EventType = "lost"
	// SwitchedToProxy says that port-forward is forbidden and the API
	// server's proxy is used.
	SwitchedToProxy EventType = "proxy"
	// Failed says that a local connection could not be served.
	Failed EventType = "failed"
)

// Event is something that happened in a Tunnel. Text and Err may hold foreign
// text that isn't safe for a terminal yet.
type Event struct {
	Type      EventType
	Target    Target
	Pod       Pod
	Transport Transport
	Text      string
	Err       error
}

// Tunnel makes connections to pods. It is safe for use by several goroutines.
type Tunnel struct {
	options   Options
	config    *rest.Config
	clients   clientset.Interface
	connector *connector

	ctx    context.Context
	cancel context.CancelCauseFunc
	work   sync.WaitGroup

	worked atomic.Bool // the API server has answered once

	mu    sync.Mutex
	pods  map[Pod]*podPool
	last  map[Target]resolved
	known map[Target]bool
	avoid map[string]time.Time // pod UID → until when
	// half are the pods that were reported as half ready.
	half map[Pod]bool
	// permits are the namespaces where port-forward is known to be allowed.
	permits map[string]bool
	served  map[*roundTripper]struct{}
	closed  bool
}

// New makes a Tunnel through the API server of config. It connects to
// nothing yet. Its error is a configuration that can't work.
func New(config *rest.Config, options Options) (*Tunnel, error) {
	switch options.Transport {
	case "":
		options.Transport = Auto
	case Auto, SPDY, WebSocket:
	default:
		return nil, fmt.Errorf("unknown transport %q: use auto, spdy or websocket", options.Transport)
	}
	switch options.Via {
	case "":
		options.Via = ViaAuto
	case ViaAuto, ViaPortForward, ViaAPIServer:
	default:
		return nil, fmt.Errorf("unknown way %q: use auto, portforward or apiserver", options.Via)
	}
	if options.ReconnectTimeout == 0 {
		options.ReconnectTimeout = DefaultReconnectTimeout
	}
	if options.Connections <= 0 {
		options.Connections = defaultConnections
	}
	if options.BufferLimit <= 0 {
		options.BufferLimit = defaultBuffer
	}
	connector, err := newConnector(config, options)
	if err != nil {
		return nil, err
	}
	clients := options.Clients
	if clients == nil {
		if clients, err = clientset.New(config); err != nil {
			return nil, err
		}
	}
	t := &Tunnel{
		options: options, config: config, clients: clients, connector: connector,
		pods: map[Pod]*podPool{}, last: map[Target]resolved{}, known: map[Target]bool{},
		avoid: map[string]time.Time{}, permits: map[string]bool{}, served: map[*roundTripper]struct{}{},
	}
	t.ctx, t.cancel = context.WithCancelCause(context.Background())
	return t, nil
}

// Close ends all connections, listeners and round trippers, and returns when
// nothing of them is left.
func (t *Tunnel) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	t.cancel(errSessionClosed)
	pools, served := t.pods, t.served
	t.pods, t.served = map[Pod]*podPool{}, map[*roundTripper]struct{}{}
	t.mu.Unlock()
	for rt := range served {
		rt.CloseIdleConnections()
	}
	for _, p := range pools {
		p.close()
	}
	t.work.Wait()
	return nil
}

func (t *Tunnel) log(e Event) {
	if t.options.Log != nil {
		t.options.Log(e)
	}
}

// DialContext connects to the target's port in one of its ready pods. Where
// none is ready it waits up to the reconnect time-out. Whether something
// listens on the port shows in the first Read, whose error then is a
// *PodError. ctx bounds the dialling, not the connection.
//
// The error is a *PermissionError, a *NotReadyError, or what the API server or
// the kubelet said.
func (t *Tunnel) DialContext(ctx context.Context, target Target) (net.Conn, error) {
	if t.options.Via == ViaAPIServer {
		return nil, errors.New("the API server's proxy carries HTTP only: use --via portforward for other protocols")
	}
	ctx, stop := t.bind(ctx)
	defer stop()
	return t.dial(ctx, target)
}

// bind ends ctx with the tunnel.
func (t *Tunnel) bind(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(t.ctx, func() { cancel(context.Cause(t.ctx)) })
	return ctx, func() { stop(); cancel(context.Canceled) }
}

func (t *Tunnel) dial(ctx context.Context, target Target) (*stream, error) {
	var until time.Time
	if t.options.ReconnectTimeout > 0 {
		until = time.Now().Add(t.options.ReconnectTimeout)
	}
	delay := 100 * time.Millisecond
	for {
		end, err := t.ready(ctx, target, until, true)
		if err != nil {
			return nil, err
		}
		st, err := t.open(ctx, target, end)
		if err == nil {
			return st, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if final(err) || !t.worked.Load() {
			return nil, t.explain(target, err)
		}
		// The pod went away between the look-up and now, or the API server
		// restarts: look again.
		t.forget(target, end.pod, delay)
		t.log(Event{Type: Waiting, Target: target, Pod: end.pod, Text: said(err), Err: err})
		if until.IsZero() || time.Now().Add(delay).After(until) {
			return nil, t.explain(target, err)
		}
		if err := sleep(ctx, delay); err != nil {
			return nil, err
		}
		delay = min(2*delay, 2*time.Second)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// final reports whether trying again can't help.
func final(err error) bool {
	switch statusCode(err) {
	case http.StatusForbidden, http.StatusUnauthorized, http.StatusMethodNotAllowed, http.StatusUpgradeRequired:
		return true
	}
	return refusedTransport(err)
}

// explain turns a missing permission into words that name it.
func (t *Tunnel) explain(target Target, err error) error {
	if statusCode(err) == http.StatusForbidden {
		return &PermissionError{Namespace: target.Namespace, Missing: []string{"create pods/portforward"}, Said: said(err)}
	}
	var known *NotReadyError
	if errors.As(err, &known) || apierrors.ReasonForError(err) != "" {
		return err
	}
	return fmt.Errorf("connect to %s: %w", target, err)
}

// forget drops what is known of where target is, and avoids pod for a while.
func (t *Tunnel) forget(target Target, pod Pod, avoid time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.last, target)
	if avoid > 0 {
		t.avoid[pod.UID] = time.Now().Add(avoid)
	}
}
