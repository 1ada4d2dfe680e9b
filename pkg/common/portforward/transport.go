package portforward

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// Transport is how the bytes travel to the kubelet.
type Transport string

// The transports.
const (
	// Auto tries SPDY, and WebSocket where SPDY is refused, forbidden or
	// unanswered.
	Auto Transport = "auto"
	// SPDY is SPDY/3.1, which every kubelet speaks.
	SPDY Transport = "spdy"
	// WebSocket is SPDY inside a WebSocket, which proxies let through;
	// Kubernetes 1.30 and newer.
	WebSocket Transport = "websocket"
)

const (
	// raceAfter is when WebSocket is tried beside a silent SPDY.
	raceAfter = 2 * time.Second
	// connectTimeout bounds one attempt to reach the kubelet.
	connectTimeout = 20 * time.Second
	// tunnelPrefix marks SPDY inside WebSocket (k8s.io/apimachinery's
	// constant of the same value).
	tunnelPrefix = "SPDY/3.1+"
)

// connector makes sessions with an API server.
type connector struct {
	config  *rest.Config
	tls     *tls.Config
	wrap    *transport.Config
	wanted  Transport
	race    time.Duration
	limit   int
	refused *refusals
}

func newConnector(config *rest.Config, options Options) (*connector, error) {
	// Both lines below run exec credential plugins at most once: client-go
	// keeps one authenticator per configuration.
	wrap, err := config.TransportConfig()
	if err != nil {
		return nil, err
	}
	tlsConfig, err := transport.TLSConfigFor(wrap)
	if err != nil {
		return nil, err
	}
	if tlsConfig != nil {
		// A connection per stream is cheap only with session resumption.
		tlsConfig.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	}
	return &connector{
		config:  config,
		tls:     tlsConfig,
		wrap:    wrap,
		wanted:  options.Transport,
		race:    raceAfter,
		limit:   options.BufferLimit,
		refused: newRefusals(options.CacheDir, config.Host, options.now),
	}, nil
}

// connect makes a session with the kubelet of pod and says over which
// transport.
func (c *connector) connect(ctx context.Context, pod Pod) (*session, Transport, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout,
		fmt.Errorf("no answer from the API server to the port-forward of pod %s within %s", pod, connectTimeout))
	defer cancel()
	target, err := c.url(pod)
	if err != nil {
		return nil, "", err
	}
	switch c.wanted {
	case SPDY, WebSocket:
		s, err := c.dial(ctx, c.wanted, target)
		return s, c.wanted, err
	default: // Auto: as follows
	}
	first, second := SPDY, WebSocket
	switch {
	case c.refused.has(SPDY) && c.refused.has(WebSocket):
		// Both can't be true for good.
		c.refused.forget()
	case c.refused.has(SPDY):
		first, second = WebSocket, SPDY
	}
	return c.either(ctx, first, second, target)
}

type attempt struct {
	session *session
	via     Transport
	err     error
}

// either dials first, and second as soon as first failed in a way that the
// other may not, or was silent for a while. The first success wins.
func (c *connector) either(ctx context.Context, first, second Transport, target *url.URL) (*session, Transport, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan attempt, 2)
	start := func(via Transport) {
		go func() {
			s, err := c.dial(ctx, via, target)
			results <- attempt{s, via, err}
		}()
	}
	start(first)
	timer := time.NewTimer(c.race)
	defer timer.Stop()
	running, started := 1, false
	startSecond := func() {
		if !started {
			started = true
			running++
			start(second)
		}
	}
	var failures []attempt
	for running > 0 {
		select {
		case <-timer.C:
			startSecond()
		case r := <-results:
			running--
			if r.err == nil {
				if running > 0 {
					// The loser is closed when it comes in.
					go func() {
						if late := <-results; late.session != nil {
							late.session.close()
						}
					}()
				}
				return r.session, r.via, nil
			}
			if refusedTransport(r.err) {
				c.refused.add(r.via)
			}
			failures = append(failures, r)
			if otherMayWork(r.err) {
				startSecond()
			}
		}
	}
	return nil, "", worst(failures)
}

// worst is the failure that says most: a permission, then an answer of the
// first transport tried.
func worst(failures []attempt) error {
	for _, f := range failures {
		if apierrors.IsForbidden(f.err) || statusCode(f.err) == http.StatusForbidden {
			return f.err
		}
	}
	for _, f := range failures {
		if !refusedTransport(f.err) {
			return f.err
		}
	}
	return failures[0].err
}

// refusedTransport reports whether err says that the server, or something
// before it, doesn't speak the transport at all.
func refusedTransport(err error) bool {
	if httpstream.IsHTTPSProxyError(err) {
		return true
	}
	var upgrade *upgradeError
	if !errors.As(err, &upgrade) {
		return false
	}
	var status apierrors.APIStatus
	fromServer := errors.As(err, &status)
	switch upgrade.code {
	case http.StatusBadRequest:
		return !fromServer || strings.Contains(strings.ToLower(upgrade.Error()), "upgrade")
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUpgradeRequired, http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return !fromServer || upgrade.code != http.StatusNotFound
	}
	return upgrade.code > 0 && upgrade.code < 400
}

// otherMayWork reports whether the other transport may do better after err.
func otherMayWork(err error) bool {
	switch code := statusCode(err); {
	case refusedTransport(err), code == http.StatusForbidden:
		return true
	case code == http.StatusBadGateway, code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout:
		return true
	case code != 0:
		return false
	}
	// A connection that was cut during the upgrade; one that was never made
	// would fail the other transport, too.
	var op *net.OpError
	return !(errors.As(err, &op) && op.Op == "dial") && !errors.Is(err, context.Canceled)
}

// base is the API server's address, with a path that others can be joined to.
func (c *connector) base() (*url.URL, error) {
	base, _, err := rest.DefaultServerUrlFor(c.config)
	if err == nil && base.Path == "" {
		base.Path = "/"
	}
	return base, err
}

// url is the port-forward address of pod.
func (c *connector) url(pod Pod) (*url.URL, error) {
	return c.address(pod.Namespace, "pods", pod.Name, "portforward")
}

// address is the API server's for a subresource of an object in namespace. Its
// parts may be named by any user who writes into the namespace, so none may lead
// elsewhere.
func (c *connector) address(namespace string, parts ...string) (*url.URL, error) {
	base, err := c.base()
	if err != nil {
		return nil, err
	}
	path, err := untrusted.Path(append([]string{"api", "v1", "namespaces", namespace}, parts...)...)
	if err != nil {
		return nil, fmt.Errorf("no address in namespace %q: %w", namespace, err)
	}
	return withPath(base, strings.TrimSuffix(base.EscapedPath(), "/")+path)
}

func (c *connector) dial(ctx context.Context, via Transport, target *url.URL) (*session, error) {
	var conn net.Conn
	var err error
	if via == WebSocket {
		conn, err = c.dialWebSocket(ctx, target)
	} else {
		conn, err = c.dialSPDY(ctx, target)
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, err
	}
	s, err := newSession(conn, c.limit) //nolint:contextcheck // a session outlives the call that made it
	if err != nil {
		conn.Close()
	}
	return s, err
}
