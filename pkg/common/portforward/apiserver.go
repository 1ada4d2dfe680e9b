package portforward

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// RequestError is a request that isn't sent because the API server could read
// it as one for something else than its target.
type RequestError struct{ Why string }

func (e *RequestError) Error() string { return "refused: " + e.Why }

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
	out.URL, out.Host, out.Trailer = address, "", nil
	dropCredentials(out.Header)
	response, err := server.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusSwitchingProtocols {
		response.Body.Close()
		return nil, errors.New("the API server switched protocols without being asked")
	}
	// A cookie would be the API server's or that of a server behind it, and
	// browsers send it to every port of this computer.
	response.Header.Del("Set-Cookie")
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
	default:
		if response.StatusCode < http.StatusInternalServerError {
			return response, nil
		}
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

// proxyURL is the API server's address for request: its path, unchanged, below
// that of the target's proxy. The user's credentials go with it, so a path that
// could be read as one outside is a *RequestError. A Service needs no look-up;
// the API server chooses a ready pod for each request.
func (rt *roundTripper) proxyURL(request *http.Request) (address *url.URL, resource string, err error) {
	if request.Method == http.MethodConnect {
		return nil, "", &RequestError{Why: "CONNECT can't pass the API server's proxy"}
	}
	below := request.URL.EscapedPath()
	if below == "" {
		below = "/"
	}
	if below[0] != '/' || request.URL.Opaque != "" {
		return nil, "", &RequestError{Why: fmt.Sprintf("the path %q doesn't begin with a slash", below+request.URL.Opaque)}
	}
	if err := untrusted.CheckPath(below); err != nil {
		return nil, "", &RequestError{Why: err.Error()}
	}
	resource, name, port := "services", rt.target.Name, rt.target.Port.String()
	if rt.target.Kind != Service {
		end, err := rt.tunnel.ready(request.Context(), rt.target, time.Now().Add(rt.tunnel.options.ReconnectTimeout), false)
		if err != nil {
			return nil, "", err
		}
		resource, name, port = "pods", end.pod.Name, fmt.Sprint(end.port)
	}
	// They become one segment below, in which the API server would read another
	// colon as a scheme or a port.
	if _, err := untrusted.Path(name, port); err != nil || strings.Contains(name+port, ":") {
		return nil, "", fmt.Errorf("%s has a name or a port (%q, %q) that can't be addressed", rt.target, name, port)
	}
	name += ":" + port
	if rt.secure {
		name = "https:" + name
	}
	prefix, err := rt.tunnel.connector.address(rt.target.Namespace, resource, name, "proxy")
	if err != nil {
		return nil, "", err
	}
	address, err = withPath(prefix, prefix.EscapedPath()+below)
	if err != nil {
		return nil, "", &RequestError{Why: err.Error()}
	}
	address.RawQuery = request.URL.RawQuery
	return address, resource, nil
}

// withPath is base with another path, which is escaped.
func withPath(base *url.URL, escaped string) (*url.URL, error) {
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, err
	}
	out := *base
	out.Path, out.RawPath = plain, escaped
	return &out, nil
}

// proxyTransport carries the user's credentials to the API server.
func (t *Tunnel) proxyTransport() (http.RoundTripper, error) {
	config := rest.CopyConfig(t.config)
	// Compression would cost more than the loopback or the office network.
	config.DisableCompression = true
	// HTTP/2's 16 KiB frames and its one window for all streams make it
	// slower here, and let an unread answer hold up the others.
	config.NextProtos = []string{"http/1.1"}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	return clientset.InterruptibleTransport(config, transport), nil
}
