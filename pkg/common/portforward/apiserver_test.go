package portforward

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
)

// apiServer notes what reaches it, as it came.
type apiServer struct {
	*httptest.Server
	mu   sync.Mutex
	seen []seenRequest
}

type seenRequest struct {
	uri    string
	header http.Header
}

func newAPIServer(t testing.TB) *apiServer {
	s := &apiServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen = append(s.seen, seenRequest{r.RequestURI, r.Header.Clone()})
		s.mu.Unlock()
		w.Header().Set("Set-Cookie", "session=1")
		io.WriteString(w, "answer")
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *apiServer) take() []seenRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.seen
	s.seen = nil
	return out
}

// proxied is a tunnel through the proxy of the API server alone.
func proxied(t testing.TB, s *apiServer) *Tunnel {
	t.Helper()
	// The kubeconfig's server may have a path, and its credential is what an
	// attacker would use.
	config := &rest.Config{Host: s.URL + "/clusters/one", BearerToken: "users-own"}
	tunnel, err := New(config, Options{Via: ViaAPIServer, ReconnectTimeout: -1, Clients: fake.NewClientset(readyPod("jm-1"), restService())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tunnel.Close() })
	return tunnel
}

const restProxy = "/clusters/one/api/v1/namespaces/default/services/job-rest:rest/proxy"

// outside reports whether some server could read uri as a place outside of
// prefix: it unescapes again and again, and cleans as servers and proxies do.
func outside(uri, prefix string) bool {
	escaped, _, _ := strings.Cut(uri, "?")
	if escaped != prefix && !strings.HasPrefix(escaped, prefix+"/") {
		return true
	}
	for range 8 {
		for _, read := range []string{escaped, strings.ReplaceAll(escaped, `\`, "/")} {
			if clean := path.Clean(read); clean != prefix && !strings.HasPrefix(clean, prefix+"/") {
				return true
			}
		}
		plain, err := url.PathUnescape(escaped)
		if err != nil {
			return false
		}
		escaped = plain
	}
	return false
}

// namesOne is a Connection header that names X-Named as one between two neighbors.
var namesOne = regexp.MustCompile(`(?i)(?:^|\n)connection:[^\n]*x-named`)

// leaked are headers in header that aren't the target's business, where sent is what
// the client sent. The token is the user's own.
func leaked(header http.Header, sent string) []string {
	var out []string
	for name, values := range header {
		switch {
		case name == "Authorization":
			if !slices.Equal(values, []string{"Bearer users-own"}) {
				out = append(out, name)
			}
		case slices.Contains([]string{"Cookie", "Connection", "Upgrade", "Te", "Keep-Alive", "Forwarded"}, name),
			name == "X-Named" && namesOne.MatchString(sent),
			strings.HasPrefix(name, "Impersonate-"), strings.HasPrefix(name, "X-Remote-"), strings.HasPrefix(name, "X-Forwarded-"),
			strings.HasPrefix(name, "X-Original-"), strings.HasPrefix(name, "X-Envoy-"),
			strings.HasPrefix(name, "Proxy-"), strings.HasPrefix(name, "Sec-Websocket-"):
			out = append(out, name)
		}
	}
	return out
}

var proxyAttacks = []struct{ method, target, header string }{
	{"GET", "/", ""},
	{"GET", "/jobs/a%20b;x=1?q=../..", ""},
	{"GET", "//jobs//overview", ""},
	{"GET", "/../../../../../../../api/v1/namespaces/kube-system/configmaps", ""},
	{"POST", "/../../../configmaps", ""},
	{"GET", "/jobs/../../../../configmaps", ""},
	{"GET", "/..", ""},
	{"GET", "/./..", ""},
	{"GET", "//..//..//configmaps", ""},
	{"GET", "/%2e%2e/%2e%2e/configmaps", ""},
	{"GET", "/%2E./.%2e/configmaps", ""},
	{"GET", "/%252e%252e/%252e%252e/configmaps", ""},
	{"GET", "/..%2f..%2fconfigmaps", ""},
	{"GET", "/%2e%2e%2f%2e%2e%2fconfigmaps", ""},
	{"GET", `/..\..\configmaps`, ""},
	{"GET", "/..%5c..%5cconfigmaps", ""},
	{"GET", "/..;/..;/configmaps", ""},
	{"GET", "/..%3b/..%3bx/configmaps", ""},
	{"GET", "/a%3f/../../../x", ""},
	{"GET", "/..%00/x", ""},
	{"GET", "http://localhost/../../../../secrets", ""},
	{"GET", "http:../../../../secrets", ""},
	{"GET", "//localhost/../../../../../secrets", ""},
	{"OPTIONS", "*", ""},
	{"CONNECT", "kubernetes.default:443", ""},
	{"CONNECT", "/../../../x", ""},
	{"GET", "/config", "Impersonate-User: system:admin\r\nImpersonate-Group: system:masters\r\nimpersonate-extra-scopes: a"},
	{"GET", "/config", "Authorization: Bearer attackers\r\nCookie: a=b\r\nProxy-Authorization: Basic x"},
	{"GET", "/config", "X-Remote-User: admin\r\nX-Remote-Group: system:masters\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Prefix: /x\r\nForwarded: for=1.1.1.1"},
	{"GET", "/exec", "Connection: Upgrade, X-Named\r\nUpgrade: SPDY/3.1\r\nX-Named: 1\r\nTE: trailers"},
	{"GET", "/exec", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.eA, x"},
	{"GET", "/config", "X_Remote_User: admin"},
	{"GET", "/config", "X-Original-Uri: /api\r\nX-Envoy-Original-Path: /api"},
	{"GET", "/config", "aUTHORIZATION: Bearer x\r\nAuthorization: Basic y\r\nConnection: X-Named\r\nConnection: close, Accept\r\nX-Named: 1"},
	{"GET", "/config", "X-Named: 1"}, // which nothing says to be for this connection
	{"POST", "/jars/upload", "Transfer-Encoding: chunked\r\nTrailer: Impersonate-User, Authorization\r\n\r\n0\r\nImpersonate-User: admin\r\nAuthorization: Bearer x"},
	{"GET", "/..%3f/..%23/.%2e%20/configmaps", ""},
	{"GET", "/%252e%252e%252f%25zz", ""},
	{"GET", "/..%c0%af..%c0%afconfigmaps", ""},
}

// Nothing that a client of the listener sends makes the API server see a
// request for anything but the Service, nor anybody's rights but the user's.
func FuzzProxiedRequestStaysInItsService(f *testing.F) {
	for _, a := range proxyAttacks {
		f.Add(a.method, a.target, a.header)
	}
	server := newAPIServer(f)
	tunnel := proxied(f, server)
	listener, err := tunnel.Listen(f.Context(), ListenOptions{Handler: NewProxy(tunnel.RoundTripper(restTarget, nil))})
	if err != nil {
		f.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", listener.Port())
	f.Fuzz(func(t *testing.T, method, target, header string) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(2 * time.Second))
		if header != "" {
			header += "\r\n"
		}
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", method, target, header)
		_, _ = io.Copy(io.Discard, conn)
		for _, seen := range server.take() {
			if outside(seen.uri, restProxy) {
				t.Errorf("%s %s asked the API server for %s", method, target, seen.uri)
			}
			if names := leaked(seen.header, header); len(names) > 0 {
				t.Errorf("%s %s with %q passed %q on", method, target, header, names)
			}
		}
	})
}

// What is asked for in the program holds to it, too, whatever made the URL.
func FuzzProxiedRoundTripStaysInItsService(f *testing.F) {
	for _, a := range proxyAttacks {
		f.Add(a.target)
	}
	server := newAPIServer(f)
	tunnel := proxied(f, server)
	transport := tunnel.RoundTripper(restTarget, nil)
	f.Fuzz(func(t *testing.T, text string) {
		addresses := []*url.URL{
			{Scheme: "http", Host: "x", Path: text},
			{Scheme: "http", Host: "x", Path: "/a/" + text},
			{Scheme: "http", Host: "x", RawPath: text},
			{Scheme: "http", Opaque: text},
			{Scheme: "http", Host: "x", Path: "/", RawQuery: text},
		}
		if parsed, err := url.Parse("http://x/" + text); err == nil {
			addresses = append(addresses, parsed)
		}
		for _, address := range addresses {
			request := (&http.Request{Method: http.MethodGet, URL: address, Header: http.Header{}}).WithContext(t.Context())
			if response, err := transport.RoundTrip(request); err == nil {
				response.Body.Close()
			}
			for _, seen := range server.take() {
				if outside(seen.uri, restProxy) {
					t.Errorf("%#v asked the API server for %s", address, seen.uri)
				}
			}
		}
	})
}

// Paths made of what path tricks are made of, by the thousand.
func TestComposedPathsStayInTheService(t *testing.T) {
	server := newAPIServer(t)
	transport := proxied(t, server).RoundTripper(restTarget, nil)
	pieces := []string{"/", "/", ".", "..", "%2e", "%2E", "%252e", "%2f", "%5c", `\`, ";", "%3b", "%00", "?", "%3f", "#", "%23", "a", ":", "@", "%", "%2", "%25", "//", "..;", " ", "\u2025", "\uff0e"}
	random := rand.New(rand.NewPCG(1, 2))
	passed := 0
	for range 5000 {
		var b strings.Builder
		for range 1 + random.IntN(8) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		address := &url.URL{Scheme: "http", Host: "x", Path: "/" + b.String()}
		if parsed, err := url.ParseRequestURI("/" + b.String()); err == nil && random.IntN(2) == 0 {
			address = parsed
		}
		request := (&http.Request{Method: http.MethodGet, URL: address, Header: http.Header{}}).WithContext(t.Context())
		if response, err := transport.RoundTrip(request); err == nil {
			response.Body.Close()
		}
		for _, seen := range server.take() {
			passed++
			if outside(seen.uri, restProxy) {
				t.Errorf("%q asked the API server for %s", b.String(), seen.uri)
			}
		}
	}
	if passed == 0 {
		t.Error("no path passed at all")
	}
}

// The path arrives as it was asked for, refusals say why, and no cookie of a
// server behind the API server gets into the browser.
func TestProxiedPath(t *testing.T) {
	server := newAPIServer(t)
	tunnel := proxied(t, server)
	listener, err := tunnel.Listen(t.Context(), ListenOptions{Handler: NewProxy(tunnel.RoundTripper(restTarget, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ target, want, refused string }{
		{target: "/", want: "/"},
		{target: "/jobs/overview", want: "/jobs/overview"},
		{target: "/a%20b%3Fc?q=%2e%2e/..", want: "/a%20b%3Fc?q=%2e%2e/.."},
		{target: "//a//b/", want: "//a//b/"},
		{target: "/...", want: "/..."},
		{target: "/../x", refused: "a segment of dots"},
		{target: "/a%2fb", refused: "an escaped slash"},
	} {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", listener.Port()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", test.target)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		conn.Close()
		seen := server.take()
		switch {
		case test.refused != "":
			if response.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), test.refused) || len(seen) > 0 {
				t.Errorf("%s: got %d %q and %d requests, want a refusal for %s", test.target, response.StatusCode, body, len(seen), test.refused)
			}
		case len(seen) != 1 || seen[0].uri != restProxy+test.want || string(body) != "answer":
			t.Errorf("%s: the API server got %+v, the client %q", test.target, seen, body)
		case response.Header.Get("Set-Cookie") != "":
			t.Errorf("%s: the client got a cookie", test.target)
		}
	}
}

// Names of targets come from manifests and from others in the namespace.
func TestTargetsNamesLeadNowhereElse(t *testing.T) {
	server := newAPIServer(t)
	tunnel := proxied(t, server)
	for _, target := range []Target{
		{Namespace: "../../x", Kind: Service, Name: "a", Port: intstr.FromInt32(1)},
		{Namespace: "", Kind: Service, Name: "a", Port: intstr.FromInt32(1)},
		{Namespace: "default", Kind: Service, Name: "../pods/b", Port: intstr.FromInt32(1)},
		{Namespace: "default", Kind: Service, Name: "..", Port: intstr.FromInt32(1)},
		{Namespace: "default", Kind: Service, Name: "a:80", Port: intstr.FromInt32(1)},
		{Namespace: "default", Kind: Service, Name: "a%2f..", Port: intstr.FromInt32(1)},
		{Namespace: "default", Kind: Service, Name: "a", Port: intstr.FromString("x/../../../secrets/")},
		{Namespace: "default", Kind: Service, Name: "a", Port: intstr.FromString("")},
	} {
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x/config", nil)
		if response, err := tunnel.RoundTripper(target, nil).RoundTrip(request); err == nil {
			response.Body.Close()
			t.Errorf("%+v was asked", target)
		}
		if seen := server.take(); len(seen) > 0 {
			t.Errorf("%+v: the API server got %+v", target, seen)
		}
	}
}

// A user who may write EndpointSlices names pods that a port-forward goes to.
func TestEndpointsNameLeadsNowhereElse(t *testing.T) {
	r := newRig(t, Options{ReconnectTimeout: -1})
	service := restService()
	service.Spec.Selector = nil
	if err := r.clients.Tracker().Update(corev1.SchemeGroupVersion.WithResource("services"), service, "default"); err != nil {
		t.Fatal(err)
	}
	number := int32(8081)
	if err := r.clients.Tracker().Add(&discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "x", Labels: map[string]string{discoveryv1.LabelServiceName: "job-rest"}},
		Ports:      []discoveryv1.EndpointPort{{Port: &number}},
		Endpoints:  []discoveryv1.Endpoint{{TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: "../../kube-system/pods/etcd"}}},
	}); err != nil {
		t.Fatal(err)
	}
	conn, err := r.tunnel.DialContext(t.Context(), restTarget)
	if err == nil {
		conn.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "slash") {
		t.Errorf("got %v, want a refusal of the pod's name", err)
	}
	if n := r.kubelet.Upgrades("spdy") + r.kubelet.Upgrades("websocket"); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}
