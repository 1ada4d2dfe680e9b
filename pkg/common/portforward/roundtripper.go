package portforward

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
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

func forbidden(err error) bool {
	var missing *PermissionError
	return errors.As(err, &missing) || apierrors.IsForbidden(err)
}

// viaAPIServer sends request through services/proxy or pods/proxy. before is
// the error of port-forward, where that was tried first.
func (rt *roundTripper) viaAPIServer(request *http.Request, before error) (*http.Response, error) {
	server, err := rt.tunnel.proxyTransport()
	if err != nil {
		return nil, err
	}
	until := time.Now().Add(rt.tunnel.options.ReconnectTimeout)
	for delay := 200 * time.Millisecond; ; delay = min(2*delay, 2*time.Second) {
		response, err := rt.proxyOnce(server, request, before)
		var unready *NotReadyError
		again := request.Body == nil || request.Body == http.NoBody || request.GetBody != nil
		if !errors.As(err, &unready) || !again || time.Now().Add(delay).After(until) {
			if err == nil {
				rt.proxied.Store(true)
			}
			return response, err
		}
		rt.tunnel.log(Event{Type: Waiting, Target: rt.target, Text: unready.Why})
		if err := sleep(request.Context(), delay); err != nil {
			return nil, err
		}
		if request, err = rt.prepare(request, true); err != nil {
			return nil, err
		}
	}
}

func (rt *roundTripper) proxyOnce(server http.RoundTripper, request *http.Request, before error) (*http.Response, error) {
	address, resource, err := rt.proxyURL(request)
	if err != nil {
		return nil, err
	}
	out := request.Clone(request.Context())
	out.URL, out.Host = address, ""
	response, err := server.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusForbidden && response.StatusCode < http.StatusInternalServerError && response.StatusCode != http.StatusNotFound {
		return response, nil
	}
	// The answer may be the API server's or the pod's own.
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		response.Body.Close()
		return nil, err
	}
	var status metav1.Status
	own := json.Unmarshal(body, &status) == nil && status.Kind == "Status" && status.APIVersion == "v1"
	if !own {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(strings.NewReader(string(body)), response.Body), response.Body}
		return response, nil
	}
	response.Body.Close()
	switch {
	case status.Code == http.StatusForbidden:
		missing := []string{proxyVerb(request.Method) + " " + resource + "/proxy"}
		text := status.Message
		if before != nil {
			missing = append([]string{"create pods/portforward"}, missing...)
			text = said(before) + "; " + text
		}
		return nil, &PermissionError{Namespace: rt.target.Namespace, Missing: missing, Said: text}
	case status.Code >= http.StatusInternalServerError:
		return nil, &NotReadyError{Target: rt.target, Why: status.Message}
	}
	return nil, &apierrors.StatusError{ErrStatus: status}
}

// proxyVerb is the verb that the API server wants for an HTTP method.
func proxyVerb(method string) string {
	switch method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		return "delete"
	}
	return "get"
}

// proxyURL is the API server's address for request. A Service needs no
// look-up; the API server chooses a ready pod for each request.
func (rt *roundTripper) proxyURL(request *http.Request) (address *url.URL, resource string, err error) {
	base, err := rt.tunnel.connector.base()
	if err != nil {
		return nil, "", err
	}
	resource, name := "services", rt.target.Name+":"+rt.target.Port.String()
	if rt.target.Kind != Service {
		end, err := rt.tunnel.ready(request.Context(), rt.target, time.Now().Add(rt.tunnel.options.ReconnectTimeout), false)
		if err != nil {
			return nil, "", err
		}
		resource, name = "pods", fmt.Sprintf("%s:%d", end.pod.Name, end.port)
	}
	if rt.secure {
		name = "https:" + name
	}
	prefix := base.JoinPath("api/v1/namespaces", rt.target.Namespace, resource, name, "proxy")
	address = prefix.JoinPath(request.URL.EscapedPath())
	if address.Path == prefix.Path {
		address = prefix.JoinPath("/")
	}
	address.RawQuery = request.URL.RawQuery
	return address, resource, nil
}

// proxyTransport carries the user's credentials to the API server.
func (t *Tunnel) proxyTransport() (http.RoundTripper, error) {
	config := rest.CopyConfig(t.config)
	// Compression would cost more than the loopback or the office network.
	config.DisableCompression = true
	// HTTP/2's 16 KiB frames and its one window for all streams make it
	// slower here, and let an unread answer hold up the others.
	config.NextProtos = []string{"http/1.1"}
	return rest.TransportFor(config)
}
