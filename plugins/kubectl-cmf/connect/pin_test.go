package connect

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest/testca"
)

// tokenOf gives f a token to send.
func tokenOf(t *testing.T, f *Finder) {
	t.Helper()
	f.Flags.TokenFile = filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(f.Flags.TokenFile, []byte("t0ken"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// kubeconfig makes f look at a context in a namespace of an API server.
func kubeconfig(t *testing.T, f *Finder, server, namespace string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: work\nclusters: [{name: c, cluster: {server: %q}}]\nusers: [{name: u, user: {}}]\ncontexts: [{name: work, context: {cluster: c, user: u, namespace: %s}}]\n", server, namespace)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f.Kube.Flags.KubeConfig = &file
}

// asked counts what a user is asked, and answers with err.
func asked(f *Finder, err error) *[]Offer {
	var offers []Offer
	f.Ask = func(_ context.Context, o Offer) error {
		offers = append(offers, o)
		return err
	}
	return &offers
}

func TestAServiceElsewhereIsAskedForOnce(t *testing.T) {
	w := &world{services: []Service{{"confluent", ServiceName, 80}}, target: stand(t, cmftest.Options{Token: "t0ken"}, nil)}
	f := finder(t, w, nil)
	tokenOf(t, f)
	f.Ask = nil
	_, err := f.Open(t.Context())
	if exit.Code(err) != exit.Usage {
		t.Fatal(err)
	}
	for _, words := range []string{"http://cmf-service.confluent.svc.cluster.local:80", `service/cmf-service in namespace "confluent"`, "would get the token of --cmf-token-file", "--cmf-url service:confluent/cmf-service:80"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q is missing in %v", words, err)
		}
	}
	offers := asked(f, fmt.Errorf("no"))
	if _, err := f.Open(t.Context()); err == nil || len(*offers) != 1 {
		t.Error(err, *offers)
	}
	offers = asked(f, nil)
	for range 2 {
		if _, err := use(t, f); err != nil {
			t.Fatal(err)
		}
	}
	if len(*offers) != 1 || (*offers)[0].Before != nil {
		t.Errorf("asked %v", *offers)
	}
	if info, err := os.Stat(f.State.path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	if content, _ := os.ReadFile(f.State.path); strings.Contains(string(content), "t0ken") {
		t.Error("the token is kept")
	}
	if _, err := f.State.Forget(t.Context(), []string{""}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Open(t.Context()); err != nil || len(*offers) != 2 {
		t.Error("forgotten, but not asked again", err)
	}
}

func TestTheNameOfTheRefusalNeedsNoTerminal(t *testing.T) {
	w := &world{services: []Service{{"confluent", ServiceName, 80}}, target: stand(t, cmftest.Options{Token: "t0ken"}, nil)}
	for _, address := range []string{"service:confluent/cmf-service:80", "service:confluent/cmf-service"} {
		f := finder(t, w, map[string]string{"CONFLUENT_CMF_URL": address})
		tokenOf(t, f)
		f.Ask = nil
		if c, err := use(t, f); err != nil || *c.Service != w.services[0] {
			t.Errorf("%s: %v", address, err)
		}
		if len(f.State.Get(f.Key()).Servers) > 0 {
			t.Error("a server that was named is kept")
		}
	}
	for _, wrong := range []string{"service:", "service:x", "service:a/b/c", "service:../x", "service:a/x:0", "service:a/x:99999", "service:a/X"} {
		f := finder(t, w, nil)
		f.Flags.URL = wrong
		if _, err := f.Open(t.Context()); exit.Code(err) != exit.Usage {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// In one's own namespace, what sends no credential needs no question, but that
// isn't consent to send one.
func TestTheContextsOwnNamespace(t *testing.T) {
	w := &world{services: []Service{{"team", ServiceName, 80}}, target: stand(t, cmftest.Options{}, nil)}
	f := finder(t, w, nil)
	kubeconfig(t, f, "https://one.example.com", "team")
	offers := asked(f, ErrNoTerminal)
	var notes []string
	f.Note = func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	for range 2 {
		if _, err := use(t, f); err != nil {
			t.Fatal(err)
		}
	}
	if len(notes) != 1 || !strings.Contains(notes[0], `service/cmf-service in namespace "team"`) || len(*offers) != 0 {
		t.Errorf("notes %q, asked %v", notes, *offers)
	}
	tokenOf(t, f)
	if _, err := f.Open(t.Context()); exit.Code(err) != exit.Usage || len(*offers) != 1 || !(*offers)[0].Used {
		t.Errorf("the token would go to a server without consent: %v", err)
	}
	// Another cluster under the same name of a context is another one.
	f = finder(t, w, nil)
	offers = asked(f, nil)
	tokenOf(t, f)
	kubeconfig(t, f, "https://one.example.com", "team")
	if _, err := f.Open(t.Context()); err != nil || len(*offers) != 1 {
		t.Fatal(err)
	}
	state := f.State
	f = finder(t, w, nil)
	f.State = state
	offers = asked(f, nil)
	tokenOf(t, f)
	kubeconfig(t, f, "https://two.example.com", "team")
	if _, err := f.Open(t.Context()); err != nil || len(*offers) != 1 {
		t.Error("another cluster's server got the token unasked", err)
	}
}

// A CMFRestClass in one's own namespace may name a server anywhere.
func TestAClassThatNamesAServerElsewhere(t *testing.T) {
	target := stand(t, cmftest.Options{}, nil)
	for _, endpoint := range []string{"http://" + target, "http://cmf.other.svc.cluster.local"} {
		w := &world{target: target, classes: []unstructured.Unstructured{class("team", "default", map[string]any{"endpoint": endpoint})}}
		f := finder(t, w, nil)
		kubeconfig(t, f, "https://one.example.com", "team")
		offers := asked(f, ErrNoTerminal)
		if _, err := f.Open(t.Context()); exit.Code(err) != exit.Usage || len(*offers) != 1 {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestAChangedServerIsAskedForAgain(t *testing.T) {
	ca, other := testca.New(t), testca.New(t)
	serve := func(ca *testca.CA) string {
		return "https://" + stand(t, cmftest.Options{}, &tls.Config{Certificates: []tls.Certificate{ca.Server(t, "127.0.0.1")}, MinVersion: tls.VersionTLS12})
	}
	first, second := serve(ca), serve(ca)
	w := &world{secrets: map[string]map[string][]byte{"tenant/cmf-tls": {"cacerts.pem": ca.PEM}}}
	f := finder(t, w, nil)
	name := func(endpoint string) {
		w.classes = []unstructured.Unstructured{class("tenant", "default", map[string]any{"endpoint": endpoint, "tls": map[string]any{"secretRef": "cmf-tls"}})}
	}
	name(first)
	offers := asked(f, nil)
	if _, err := use(t, f); err != nil || len(*offers) != 1 || !strings.Contains((*offers)[0].CA, fingerprint(ca.PEM)+", from secret tenant/cmf-tls") {
		t.Fatal(err, *offers)
	}
	name(second)
	*offers = nil
	if _, err := use(t, f); err != nil || len(*offers) != 1 || (*offers)[0].Before == nil || (*offers)[0].Before.Endpoint != first {
		t.Errorf("another endpoint: %v %v", err, *offers)
	}
	w.secrets["tenant/cmf-tls"] = map[string][]byte{"cacerts.pem": other.PEM}
	f.Ask = nil
	if _, err := f.Open(t.Context()); exit.Code(err) != exit.Usage || !strings.Contains(err.Error(), "names another certificate authority than before ("+fingerprint(ca.PEM)+")") {
		t.Errorf("another authority: %v", err)
	}
	// The secret without an authority would let the system's stand for it.
	w.secrets["tenant/cmf-tls"] = nil
	if _, err := f.Open(t.Context()); exit.Code(err) != exit.Usage {
		t.Errorf("no authority any more: %v", err)
	}
	// An authority that the user names is the user's word.
	f.Flags.CA = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(f.Flags.CA, ca.PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := use(t, f); err != nil {
		t.Error(err)
	}
}

// A class beside a Service speaks for its own endpoint alone.
func TestTheAuthorityOfAnotherEndpointIsNotTaken(t *testing.T) {
	ca := testca.New(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.Server(t, "cmf-service")}, MinVersion: tls.VersionTLS12}
	for endpoint, taken := range map[string]bool{"https://cmf-service:80": true, "https://my-cmf:80": false, "https://cmf-service:8080": false, "https://cmf.example.com": false} {
		w := &world{
			services: []Service{{"confluent", ServiceName, 80}}, target: stand(t, cmftest.Options{}, config),
			classes: []unstructured.Unstructured{class("confluent", "x", map[string]any{"endpoint": endpoint, "tls": map[string]any{"secretRef": "cmf-tls"}})},
			secrets: map[string]map[string][]byte{"confluent/cmf-tls": {"cacerts.pem": ca.PEM}},
		}
		if _, err := use(t, finder(t, w, nil)); (err == nil) != taken {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestCompletionKeepsToWhatIsKnown(t *testing.T) {
	w := &world{services: []Service{{"default", ServiceName, 80}}, target: stand(t, cmftest.Options{}, nil)}
	f := finder(t, w, nil)
	offers := asked(f, nil)
	f.Note = func(string, ...any) { t.Error("a note while completing") }
	var err error
	complete := completion.Values(func(ctx context.Context, _ []string, _ string) ([]completion.Choice, error) {
		_, err = f.Open(ctx)
		return nil, err
	})
	complete(&cobra.Command{}, nil, "")
	if err == nil || len(*offers) != 0 {
		t.Errorf("%v, asked %v", err, *offers)
	}
	f.Note = nil
	if _, err := f.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	complete(&cobra.Command{}, nil, "")
	if err != nil {
		t.Error(err)
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "127.0.0.1": true, "127.8.9.1": true, "::1": true, "::ffff:127.0.0.1": true,
		"0.0.0.0": false, "::": false, "127.0.0.1.example.com": false, "localhost.example.com": false, "10.0.0.1": false, "2130706433": false, "": false,
	} {
		if loopback(host) != want {
			t.Errorf("%q: %v", host, !want)
		}
	}
}

// remote is a connection that leads to address.
type remote struct {
	net.Conn
	address string
}

func (r remote) RemoteAddr() net.Addr {
	a, _ := net.ResolveTCPAddr("tcp", r.address)
	return a
}

func TestLocalhostThatLeadsElsewhere(t *testing.T) {
	for address, ok := range map[string]bool{"127.0.0.1:80": true, "[::1]:80": true, "192.0.2.1:80": false} {
		transport := newTransport()
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			a, b := net.Pipe()
			t.Cleanup(func() { _ = b.Close() })
			return remote{a, address}, nil
		}
		stayLocal(transport)
		conn, err := transport.DialContext(t.Context(), "tcp", "localhost:80")
		if (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
		if conn != nil {
			_ = conn.Close()
		}
	}
}

// openssl x509 -fingerprint -sha256 shows the same.
func TestFingerprint(t *testing.T) {
	ca := testca.New(t)
	if got := fingerprint(ca.PEM); len(got) != 32*3-1 || strings.Count(got, ":") != 31 {
		t.Error(got)
	}
	if fingerprint(nil) != "" || fingerprint([]byte("x")) != "" || fingerprint(append(ca.PEM, testca.New(t).PEM...)) == fingerprint(ca.PEM) {
		t.Error("different authorities look the same")
	}
}
