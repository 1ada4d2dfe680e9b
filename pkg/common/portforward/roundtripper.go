package portforward

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// maxIdle is how many connections to a target a round tripper keeps.
const maxIdle = 4

// refusedPause is between attempts at a port that is refused for the moment.
const refusedPause = 250 * time.Millisecond

// roundTripper sends HTTP to a target, whatever the request's host is.
type roundTripper struct {
	tunnel  *Tunnel
	target  Target
	secure  bool
	direct  *http.Transport
	proxied atomic.Bool
	// answered says that the target has answered once.
	answered atomic.Bool
}

// RoundTripper sends requests to target, whatever host they name; the path,
// the query and the Host header are the request's. Connections are kept alive
// without a local port. With a TLS configuration it speaks TLS to the pod
// and checks its certificate against ServerName, by default any of the names
// that the Service has in the cluster.
//
// A request that finds no ready pod waits as DialContext does. One that was
// refused by a pod is sent to another. Its errors are those of DialContext,
// *PodError and *LostError, wrapped.
func (t *Tunnel) RoundTripper(target Target, secure *tls.Config) http.RoundTripper {
	rt := &roundTripper{tunnel: t, target: target, secure: secure != nil}
	if secure != nil {
		secure = secure.Clone()
		if secure.ServerName == "" {
			secure.ServerName = ServiceHost(target.Namespace, target.Name)
			if target.Kind == Service && !secure.InsecureSkipVerify {
				verifyAnyName(secure, serviceNames(target.Namespace, target.Name))
			}
		}
		secure.NextProtos = []string{"http/1.1"}
	}
	rt.direct = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return t.DialContext(ctx, target)
		},
		TLSClientConfig:     secure,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConns:        maxIdle,
		MaxIdleConnsPerHost: maxIdle,
		IdleConnTimeout:     keepIdleFor,
		// The bytes stay in the cluster's network or pass TLS; compressing
		// costs more than it saves, and a JobManager doesn't.
		DisableCompression: true,
		WriteBufferSize:    maxFrame,
		ReadBufferSize:     maxFrame,
	}
	rt.proxied.Store(t.options.Via == ViaAPIServer)
	t.mu.Lock()
	t.served[rt] = struct{}{}
	t.mu.Unlock()
	return rt
}

// verifyAnyName accepts a certificate for any of names, where crypto/tls can
// check only one: people make certificates for NAME, NAME.NAMESPACE or more.
func verifyAnyName(config *tls.Config, names []string) {
	roots := config.RootCAs
	config.InsecureSkipVerify = true // VerifyConnection does it all
	config.VerifyConnection = func(state tls.ConnectionState) error {
		options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, c := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(c)
		}
		if _, err := state.PeerCertificates[0].Verify(options); err != nil {
			return err
		}
		for _, name := range names {
			if state.PeerCertificates[0].VerifyHostname(name) == nil {
				return nil
			}
		}
		return x509.HostnameError{Certificate: state.PeerCertificates[0], Host: names[len(names)-1]}
	}
}

// CloseIdleConnections closes what is kept alive; http.Client calls it.
func (rt *roundTripper) CloseIdleConnections() { rt.direct.CloseIdleConnections() }

func (rt *roundTripper) RoundTrip(request *http.Request) (*http.Response, error) {
	if rt.proxied.Load() {
		return rt.viaAPIServer(request, nil)
	}
	tried := map[string]bool{}
	started, again := time.Now(), false
	for {
		attempt, err := rt.prepare(request, again)
		if err != nil {
			return nil, err
		}
		response, err := rt.direct.RoundTrip(attempt)
		if err == nil {
			rt.answered.Store(true)
			return response, nil
		}
		if forbidden(err) && rt.tunnel.options.Via == ViaAuto {
			rt.tunnel.log(Event{Type: SwitchedToProxy, Target: rt.target, Text: said(err), Err: err})
			attempt, prepareErr := rt.prepare(request, true)
			if prepareErr != nil {
				return nil, err
			}
			return rt.viaAPIServer(attempt, err)
		}
		// Nothing of a refused request was seen by anyone, so it may be sent
		// again whatever its method.
		var refused *PodError
		if !errors.As(err, &refused) || !refused.Refused || request.Context().Err() != nil {
			return nil, err
		}
		again = true
		tried[refused.Pod.UID] = true
		if !rt.elsewhere(request.Context(), refused.Pod, tried, started) {
			return nil, err
		}
	}
}

// elsewhere reports, after a pause where one is due, whether a request that
// pod refused may go better now: another pod is ready, or this one isn't any
// more and will be followed by one that is. A pod that has answered before and
// still counts as ready is most likely starting its container again.
func (rt *roundTripper) elsewhere(ctx context.Context, pod Pod, tried map[string]bool, started time.Time) bool {
	t := rt.tunnel
	f, err := t.lookup(ctx, rt.target)
	if err != nil {
		t.forget(rt.target, pod, 0)
		return apierrors.IsNotFound(err) && rt.answered.Load()
	}
	still := false
	for _, end := range f.ends {
		if !tried[end.pod.UID] {
			t.forget(rt.target, pod, resolvedFor)
			return true
		}
		still = still || end.pod == pod
	}
	t.forget(rt.target, pod, 0)
	if !still {
		return true
	}
	return rt.answered.Load() && time.Since(started) < t.options.ReconnectTimeout && sleep(ctx, refusedPause) == nil
}

// prepare makes the request to send; again says that its body was used.
func (rt *roundTripper) prepare(request *http.Request, again bool) (*http.Request, error) {
	out := request.Clone(request.Context())
	if again && request.Body != nil && request.Body != http.NoBody {
		if request.GetBody == nil {
			return nil, errors.New("the request's body can't be sent a second time")
		}
		body, err := request.GetBody()
		if err != nil {
			return nil, err
		}
		out.Body = body
	}
	if out.Host == "" {
		out.Host = request.URL.Host
	}
	out.URL.Scheme = "http"
	if rt.secure {
		out.URL.Scheme = "https"
	}
	out.URL.Host = "tunnel" // one pool of connections, whatever the host
	return out, nil
}
