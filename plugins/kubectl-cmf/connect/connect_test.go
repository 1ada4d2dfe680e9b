package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest/testca"
)

// world is a cluster that a test makes up.
type world struct {
	services []Service
	classes  []unstructured.Unstructured
	secrets  map[string]map[string][]byte
	denied   map[string]bool
	asked    []string
	dialled  []Service
	target   string
}

func forbidden(what string) error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: what}, "", errors.New("no"))
}

func (w *world) Services(_ context.Context, namespace, name string) ([]Service, error) {
	w.asked = append(w.asked, namespace)
	if w.denied[namespace] {
		return nil, forbidden("services")
	}
	var out []Service
	for _, s := range w.services {
		if s.Name == name && (namespace == "" || namespace == s.Namespace) {
			out = append(out, s)
		}
	}
	return out, nil
}

func (w *world) RestClasses(_ context.Context, namespace string) ([]unstructured.Unstructured, error) {
	var out []unstructured.Unstructured
	for _, c := range w.classes {
		if namespace == "" || namespace == c.GetNamespace() {
			out = append(out, c)
		}
	}
	return out, nil
}

func (w *world) Secret(_ context.Context, namespace, name string) (map[string][]byte, error) {
	if data, ok := w.secrets[namespace+"/"+name]; ok {
		return data, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, name)
}

func (w *world) Dial(ctx context.Context, s Service) (net.Conn, error) {
	w.dialled = append(w.dialled, s)
	var d net.Dialer
	return d.DialContext(ctx, "tcp", w.target)
}

func (w *world) RoundTripper(s Service) http.RoundTripper {
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return w.Dial(ctx, s) }}
}

func (w *world) Close() error { return nil }

func class(namespace, name string, spec map[string]any) unstructured.Unstructured {
	return unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"namespace": namespace, "name": name}, "spec": map[string]any{"cmfRest": spec},
	}}
}

// finder looks at w with a state of its own, for a user who agrees to all.
func finder(t *testing.T, w *world, env map[string]string) *Finder {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv(StateVariable, filepath.Join(t.TempDir(), "state.json"))
	return &Finder{
		Kube: kube.NewFactory("test", genericiooptions.NewTestIOStreamsDiscard()), State: OpenState(), Cluster: w,
		Env: func(name string) string { return env[name] }, OpenTunnel: func() (Tunnel, error) { return w, nil },
		Ask: func(context.Context, Offer) error { return nil },
	}
}

// stand starts a stand-in for CMF and gives its address.
func stand(t *testing.T, o cmftest.Options, config *tls.Config) string {
	t.Helper()
	handler, err := cmftest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(handler)
	if config != nil {
		web.TLS = config
		web.StartTLS()
	} else {
		web.Start()
	}
	t.Cleanup(web.Close)
	return web.Listener.Addr().String()
}

func use(t *testing.T, f *Finder) (*Connection, error) {
	t.Helper()
	c, err := f.Open(t.Context())
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = c.Close() })
	_, err = c.Server(t.Context())
	return c, err
}

func TestServiceIsFoundAndRemembered(t *testing.T) {
	w := &world{services: []Service{{"confluent", ServiceName, 80}, {"x", "other", 80}}, target: stand(t, cmftest.Options{}, nil)}
	f := finder(t, w, nil)
	c, err := use(t, f)
	if err != nil {
		t.Fatal(err)
	}
	if c.Service.Namespace != "confluent" || c.Address() != "http://cmf-service.confluent.svc.cluster.local:80" {
		t.Error(c.Service, c.Address())
	}
	w.asked = nil
	if _, err := use(t, f); err != nil || len(w.asked) != 1 || w.asked[0] != "confluent" {
		t.Error(w.asked, err)
	}
}

func TestSearchTellsWhatItLacks(t *testing.T) {
	for name, tc := range map[string]struct {
		world *world
		words string
		code  int
	}{
		"nothing there":   {&world{}, "there is no Service cmf-service in any namespace and no CMFRestClass", 1},
		"may not look":    {&world{denied: map[string]bool{"": true}}, "you may not list services elsewhere; say where it is with -n", 1},
		"several":         {&world{services: []Service{{"b", ServiceName, 80}, {"a", ServiceName, 80}}}, "CMF runs in several namespaces: a, b", 2},
		"several classes": {&world{classes: []unstructured.Unstructured{class("a", "x", nil), class("b", "y", nil)}}, "several CMFRestClasses: a/x, b/y", 2},
		"bad endpoint":    {&world{classes: []unstructured.Unstructured{class("a", "x", map[string]any{"endpoint": "cmf"})}}, "spec.cmfRest.endpoint", 1},
	} {
		_, err := finder(t, tc.world, nil).Open(t.Context())
		if err == nil || !strings.Contains(err.Error(), tc.words) || exit.Code(err) != tc.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTLSThroughTheTunnel(t *testing.T) {
	ca := testca.New(t)
	cert, key := ca.Client(t, "kubectl")
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.PEM)
	for _, name := range []string{"cmf-service", "cmf-service.confluent.svc.cluster.local", "confluent-manager-for-apache-flink.confluent.svc"} {
		config := &tls.Config{Certificates: []tls.Certificate{ca.Server(t, name)}, MinVersion: tls.VersionTLS12}
		w := &world{services: []Service{{"confluent", ServiceName, 80}}, target: stand(t, cmftest.Options{}, config)}
		_, err := use(t, finder(t, w, nil))
		if err == nil || !strings.Contains(err.Error(), "--cmf-ca FILE") {
			t.Errorf("%s without an authority: %v", name, err)
		}
		file := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(file, ca.PEM, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := use(t, finder(t, w, map[string]string{"CONFLUENT_CMF_CERTIFICATE_AUTHORITY_PATH": file}))
		if err != nil || !strings.HasPrefix(c.Address(), "https://") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Everything from what Confluent for Kubernetes has in the cluster.
	config := &tls.Config{
		Certificates: []tls.Certificate{ca.Server(t, "cmf-service")}, ClientCAs: pool,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	}
	w := &world{services: []Service{{"confluent", ServiceName, 80}}, target: stand(t, cmftest.Options{Certificates: true}, config)}
	_, err := use(t, finder(t, w, nil))
	if err == nil {
		t.Error("no certificate is needed")
	}
	w.classes = []unstructured.Unstructured{class("confluent", "default", map[string]any{
		"endpoint": "https://cmf-service:80", "tls": map[string]any{"secretRef": "cmf-tls"}, "authentication": map[string]any{"type": "mtls"},
	})}
	w.secrets = map[string]map[string][]byte{"confluent/cmf-tls": {"cacerts.pem": ca.PEM, "fullchain.pem": cert, "privkey.pem": key}}
	if _, err := use(t, finder(t, w, nil)); err != nil {
		t.Error(err)
	}
	f := finder(t, w, nil)
	f.Flags.CA, f.Flags.Cert, f.Flags.Key = "secret:confluent/cmf-tls", "secret:confluent/cmf-tls", "secret:confluent/cmf-tls"
	w.classes = nil
	if _, err := use(t, f); err != nil {
		t.Error(err)
	}
	f.Flags.CA = "secret:cmf-tls"
	if _, err := use(t, f); exit.Code(err) != exit.Usage {
		t.Error(err)
	}
	f.Flags.CA, f.Flags.ServerName = "secret:confluent/cmf-tls", "elsewhere"
	if _, err := use(t, f); err == nil || !strings.Contains(err.Error(), "--cmf-server-name") {
		t.Error(err)
	}
}

func TestRestClassWithoutTheUsualService(t *testing.T) {
	target := stand(t, cmftest.Options{}, nil)
	w := &world{target: target, classes: []unstructured.Unstructured{class("confluent", "default", map[string]any{"endpoint": "http://my-cmf.flink.svc.cluster.local:8080"})}}
	c, err := use(t, finder(t, w, nil))
	if err != nil || *c.Service != (Service{"flink", "my-cmf", 8080}) {
		t.Error(c, err)
	}
	w.classes = []unstructured.Unstructured{class("confluent", "default", map[string]any{"endpoint": "http://" + target})}
	c, err = use(t, finder(t, w, nil))
	if err != nil || c.Service != nil {
		t.Error(c, err)
	}
}

func TestTokenThroughTheTunnelNeverTakesTheProxy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("secret-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &world{services: []Service{{"confluent", ServiceName, 80}}, target: stand(t, cmftest.Options{Token: "secret-token"}, nil)}
	if _, err := use(t, finder(t, w, nil)); err == nil || !strings.Contains(err.Error(), "--cmf-token-file") {
		t.Error(err)
	}
	f := finder(t, w, nil)
	f.Flags.TokenFile = file
	if _, err := use(t, f); err != nil {
		t.Error(err)
	}
	// A renewed token is read again.
	if err := os.WriteFile(file, []byte("renewed-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := use(t, f); cmf.StatusOf(err) != http.StatusUnauthorized || strings.Contains(fmt.Sprint(err), "renewed-token") {
		t.Error(err)
	}
}

func TestTokenOfConfluentsCLI(t *testing.T) {
	now := time.Now()
	jwt := func(expires time.Time) string {
		return "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, expires.Unix())) + ".x"
	}
	for name, tc := range map[string]struct {
		context, platform, token string
		server                   string
	}{
		"on-premises":       {"login-me-https://mds:8090", "", jwt(now.Add(time.Hour)), "https://mds:8090"},
		"with its platform": {"mine", "https://cmf:8443/", jwt(now.Add(time.Hour)), "https://cmf:8443"},
		"a misleading user": {"login-x-https://cmf-https://mds:8090", "", jwt(now.Add(time.Hour)), "https://mds:8090"},
		"platform first":    {"login-me-https://cmf:1", "https://mds:8090", jwt(now.Add(time.Hour)), "https://mds:8090"},
		"no address":        {"mine", "", jwt(now.Add(time.Hour)), ""},
		"expired":           {"login-me-https://mds:8090", "", jwt(now.Add(-time.Hour)), ""},
		"cloud":             {"login-me-https://confluent.cloud", "", jwt(now.Add(time.Hour)), ""},
		"encrypted":         {"login-me-https://mds:8090", "", "AES/GCM:abc", ""},
	} {
		home := t.TempDir()
		if err := os.MkdirAll(filepath.Join(home, ".confluent"), 0o700); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf(`{"current_context":%[1]q,"contexts":{%[1]q:{"platform":"p"}},"platforms":{"p":{"server":%[2]q}},"context_states":{%[1]q:{"auth_token":%[3]q}}}`, tc.context, tc.platform, tc.token)
		if err := os.WriteFile(filepath.Join(home, ".confluent", "config.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		token, server := cliToken(home, now)
		if (token != "") != (tc.server != "") || token != "" && server.String() != tc.server {
			t.Errorf("%s: %q for %v", name, token, server)
		}
	}
}

func TestServiceNames(t *testing.T) {
	for address, want := range map[string]string{
		"http://cmf-service":                             "confluent/cmf-service:80",
		"https://cmf-service:80":                         "confluent/cmf-service:80",
		"https://cmf.confluent":                          "confluent/cmf:443",
		"http://cmf.flink.svc":                           "flink/cmf:80",
		"http://cmf-service.flink.svc.cluster.local:808": "flink/cmf-service:808",
		"https://cmf.example.com":                        "",
		"http://127.0.0.1:1":                             "",
		"http://localhost:1":                             "",
	} {
		u, err := cmf.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if s, ok := serviceOf(u, "confluent"); ok {
			got = fmt.Sprintf("%s/%s:%d", s.Namespace, s.Name, s.Port)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

func TestStateOfTwoRuns(t *testing.T) {
	t.Setenv(StateVariable, filepath.Join(t.TempDir(), "deep", "state.json"))
	s := OpenState()
	if got := s.Get("a"); got.Environment != "" {
		t.Error(got)
	}
	for _, key := range []string{"a", "b"} {
		if err := s.Change(t.Context(), key, func(m *Memory) { m.Environment = "env-" + key }); err != nil {
			t.Fatal(err)
		}
	}
	if OpenState().Get("a").Environment != "env-a" || OpenState().Get("b").Environment != "env-b" {
		t.Error("something was forgotten")
	}
	if err := os.WriteFile(s.path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.Get("a"); got.Environment != "" {
		t.Error(got)
	}
	if err := s.Change(t.Context(), "a", func(m *Memory) { m.Environment = "x" }); err == nil {
		t.Error("a file that can't be read is overwritten")
	}
}
