package cmd

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest/testca"
)

// recorder is a server that keeps what it was sent.
type recorder struct {
	*httptest.Server
	ca *testca.CA

	mu       sync.Mutex
	requests []string
	secrets  []string
}

// newRecorder starts one with TLS, or without, that answers with handler.
func newRecorder(t *testing.T, secure bool, handler http.HandlerFunc) *recorder {
	t.Helper()
	w := &recorder{}
	w.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.requests = append(w.requests, r.Method+" "+r.URL.EscapedPath())
		if text := r.Header.Get("Authorization"); text != "" {
			w.secrets = append(w.secrets, text)
		}
		w.mu.Unlock()
		handler(out, r)
	}))
	if secure {
		w.ca = testca.New(t)
		w.TLS = &tls.Config{Certificates: []tls.Certificate{w.ca.Server(t, "127.0.0.1", "localhost")}, MinVersion: tls.VersionTLS12}
		w.StartTLS()
	} else {
		w.Start()
	}
	t.Cleanup(w.Close)
	return w
}

// saw is what came, and which credentials did.
func (w *recorder) saw() (requests, secrets []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.requests, w.secrets
}

// emptyCMF answers like a CMF without resources.
func emptyCMF(out http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/system-information"):
		fmt.Fprint(out, `{"status":{"version":"2.4.0"}}`)
	case strings.HasSuffix(r.URL.Path, "/authenticate"):
		fmt.Fprint(out, `{"auth_token":"mds-token","expires_in":600}`)
	default:
		fmt.Fprint(out, `{"items":[]}`)
	}
}

// user runs commands without a terminal, in a home of its own.
type user struct {
	*testing.T
	home, kubeconfig string
	env              map[string]string
}

func newUser(t *testing.T) *user {
	t.Helper()
	home := t.TempDir()
	return &user{T: t, home: home, kubeconfig: filepath.Join(home, "none"), env: map[string]string{}}
}

func (u *user) run(args ...string) result {
	u.Helper()
	u.Setenv("HOME", u.home)
	u.Setenv("XDG_CACHE_HOME", filepath.Join(u.home, "cache"))
	u.Setenv("KUBECTL_CMF_STATE", filepath.Join(u.home, "state.json"))
	u.Setenv("KUBECONFIG", u.kubeconfig)
	for _, name := range []string{"CONFLUENT_CMF_URL", "CONFLUENT_PLATFORM_MDS_URL", "CONFLUENT_PLATFORM_USERNAME", "CONFLUENT_PLATFORM_PASSWORD", "CONFLUENT_CMF_CERTIFICATE_AUTHORITY_PATH"} {
		u.Setenv(name, u.env[name])
	}
	var out, errOut buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut}
	root, c := newRoot(streams)
	c.poll = 2 * time.Millisecond
	c.backoff = func(int) time.Duration { return time.Millisecond }
	ctx, cancel := context.WithTimeout(u.Context(), 2*time.Minute)
	defer cancel()
	code := plugin.Execute(ctx, root, streams, args)
	return result{code, out.text(), errOut.text()}
}

// file writes a file into the home.
func (u *user) file(name, text string) string {
	u.Helper()
	path := filepath.Join(u.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		u.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		u.Fatal(err)
	}
	return path
}

// cliLogin is a login of Confluent's CLI at address.
func (u *user) cliLogin(address string) string {
	u.Helper()
	token := "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, time.Now().Add(time.Hour).Unix())) + ".x"
	name := "login-me-" + address
	u.file(".confluent/config.json", fmt.Sprintf(`{"current_context":%q,"contexts":{%q:{"platform":"p"}},"platforms":{"p":{"server":%q}},"context_states":{%q:{"auth_token":%q}}}`, name, name, address, name, token))
	return token
}

// cluster is an API server in which a tenant made a CMFRestClass with a secret
// in a namespace of its own. endpoint may change while it runs.
func (u *user) cluster(namespace string, endpoint func() (address string, ca []byte)) {
	u.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		address, ca := endpoint()
		out.Header().Set("Content-Type", "application/json")
		answer := map[string]any{"apiVersion": "v1", "kind": "ServiceList", "metadata": map[string]any{}, "items": []any{}}
		switch {
		case strings.HasSuffix(r.URL.Path, "/cmfrestclasses"):
			answer["apiVersion"], answer["kind"] = "platform.confluent.io/v1beta1", "CMFRestClassList"
			answer["items"] = []any{map[string]any{
				"apiVersion": "platform.confluent.io/v1beta1", "kind": "CMFRestClass", "metadata": map[string]any{"namespace": namespace, "name": "default"},
				"spec": map[string]any{"cmfRest": map[string]any{"endpoint": address, "tls": map[string]any{"secretRef": "cmf-tls"}}},
			}}
		case strings.HasSuffix(r.URL.Path, "/secrets/cmf-tls"):
			answer = map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "cmf-tls"}, "data": map[string]any{"cacerts.pem": ca}}
		}
		_ = json.NewEncoder(out).Encode(answer)
	}))
	u.Cleanup(api.Close)
	u.kubeconfig = u.file("kubeconfig", fmt.Sprintf(`
apiVersion: v1
kind: Config
current-context: work
clusters: [{name: c, cluster: {server: %q}}]
users: [{name: u, user: {}}]
contexts: [{name: work, context: {cluster: c, user: u, namespace: default}}]
`, api.URL))
}

func TestTokensDontGoToServersThatATenantNames(t *testing.T) {
	stranger := newRecorder(t, true, emptyCMF)
	for name, login := range map[string]func(*user) []string{
		"a token file": func(u *user) []string { return []string{"--cmf-token-file", u.file("token", "t0ken")} },
		"the login of Confluent's CLI": func(u *user) []string {
			u.cliLogin("https://mds.example.com:8090")
			return nil
		},
		"the Metadata Service's token": func(u *user) []string {
			mds := newRecorder(t, false, emptyCMF)
			u.env["CONFLUENT_PLATFORM_MDS_URL"], u.env["CONFLUENT_PLATFORM_USERNAME"], u.env["CONFLUENT_PLATFORM_PASSWORD"] = mds.URL, "alice", hidden
			return nil
		},
		"nothing": func(*user) []string { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			u := newUser(t)
			u.cluster("tenant", func() (string, []byte) { return stranger.URL, stranger.ca.PEM })
			got := u.run(append([]string{"env", "list"}, login(u)...)...)
			if requests, secrets := stranger.saw(); len(requests)+len(secrets) > 0 {
				t.Errorf("the stranger got %q with %q", requests, secrets)
			}
			if got.code != 2 {
				t.Errorf("exit code %d", got.code)
			}
			contains(t, got.err, stranger.URL, `cmfrestclass/default in namespace "tenant"`, "SHA-256 ", "Nothing was sent to it", "--cmf-url "+stranger.URL+" --cmf-ca secret:tenant/cmf-tls")
		})
	}
	// The flags that the error names are consent.
	u := newUser(t)
	u.cluster("tenant", func() (string, []byte) { return stranger.URL, stranger.ca.PEM })
	got := u.run("env", "list", "--cmf-url", stranger.URL, "--cmf-ca", "secret:tenant/cmf-tls", "--cmf-token-file", u.file("token", "t0ken"))
	if _, secrets := stranger.saw(); got.code != 0 || len(secrets) == 0 || secrets[0] != "Bearer t0ken" {
		t.Errorf("%d %s %q", got.code, got.err, secrets)
	}
}

func TestCompletionAsksNoStranger(t *testing.T) {
	stranger := newRecorder(t, true, emptyCMF)
	u := newUser(t)
	u.cluster("tenant", func() (string, []byte) { return stranger.URL, stranger.ca.PEM })
	got := u.run("__complete", "app", "get", "--cmf-token-file", u.file("token", "t0ken"), "-e", "")
	if requests, _ := stranger.saw(); len(requests) > 0 {
		t.Errorf("the stranger got %q", requests)
	}
	if strings.Contains(got.out+got.err, "Use it from now on") {
		t.Error(got.out, got.err)
	}
}

func TestTheLoginOfConfluentsCLIStaysWithItsServer(t *testing.T) {
	other := newRecorder(t, true, emptyCMF)
	u := newUser(t)
	u.env["CONFLUENT_CMF_CERTIFICATE_AUTHORITY_PATH"] = u.file("ca.pem", string(other.ca.PEM))
	u.cliLogin("https://mds.example.com:8090")
	u.run("env", "list", "--cmf-url", other.URL)
	if _, secrets := other.saw(); len(secrets) > 0 {
		t.Errorf("a login elsewhere was sent to %s: %q", other.URL, secrets)
	}
	// Another port of the same host is another server.
	u.cliLogin("https://127.0.0.1:1")
	u.run("env", "list", "--cmf-url", other.URL)
	if _, secrets := other.saw(); len(secrets) > 0 {
		t.Errorf("a login at another port was sent to %s: %q", other.URL, secrets)
	}
	token := u.cliLogin(other.URL)
	u.run("env", "list", "--cmf-url", other.URL)
	if _, secrets := other.saw(); len(secrets) == 0 || secrets[0] != "Bearer "+token {
		t.Errorf("its own login was not sent: %q", secrets)
	}
	refuses := newRecorder(t, true, func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(http.StatusUnauthorized) })
	u.env["CONFLUENT_CMF_CERTIFICATE_AUTHORITY_PATH"] = u.file("ca.pem", string(refuses.ca.PEM))
	contains(t, u.run("env", "list", "--cmf-url", refuses.URL).err, "the login of Confluent's CLI is for "+other.URL+" and is not sent elsewhere")
}

func TestPasswordsDontFollowRedirects(t *testing.T) {
	for name, to := range map[string]func(address string) string{
		"another port": func(address string) string { return address },
		"another name": func(address string) string { return strings.Replace(address, "127.0.0.1", "localhost", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			thief := newRecorder(t, false, emptyCMF)
			mds := newRecorder(t, false, func(out http.ResponseWriter, r *http.Request) {
				http.Redirect(out, r, to(thief.URL)+r.URL.Path, http.StatusFound)
			})
			real := newRecorder(t, false, emptyCMF)
			u := newUser(t)
			u.env["CONFLUENT_PLATFORM_MDS_URL"], u.env["CONFLUENT_PLATFORM_USERNAME"], u.env["CONFLUENT_PLATFORM_PASSWORD"] = mds.URL, "alice", hidden
			got := u.run("env", "list", "--cmf-url", real.URL)
			if requests, secrets := thief.saw(); len(requests) > 0 {
				t.Errorf("the redirect was followed: %q with %q", requests, secrets)
			}
			if got.code != 1 || strings.Contains(got.err, hidden) {
				t.Errorf("%d %s", got.code, got.err)
			}
			contains(t, got.err, "redirects to another one", "log in to the Metadata Service")
		})
	}
}

// No server is asked here: the names don't exist.
func TestCredentialsDontGoUnencrypted(t *testing.T) {
	u := newUser(t)
	token := u.file("token", "t0ken")
	contains(t, u.fails(2, "env", "list", "--cmf-url", "http://cmf.invalid", "--cmf-token-file", token), "http://cmf.invalid unencrypted", "--insecure-http")
	contains(t, u.fails(1, "env", "list", "--cmf-url", "http://cmf.invalid", "--cmf-token-file", token, "--insecure-http"), "can't be reached")
	u.env["CONFLUENT_PLATFORM_USERNAME"], u.env["CONFLUENT_PLATFORM_PASSWORD"] = "alice", hidden
	for address, words := range map[string]string{
		"http://mds.invalid:8090":             "unencrypted",
		"http://127.0.0.1.mds.invalid":        "unencrypted",
		"http://0.0.0.0:1":                    "unencrypted",
		"mds.invalid:8090":                    "is not an address",
		"https://alice:" + hidden + "@mds":    "neither a user",
		"https://mds.invalid/../../elsewhere": "segment of dots",
	} {
		u.env["CONFLUENT_PLATFORM_MDS_URL"] = address
		got := u.fails(2, "env", "list", "--cmf-url", "https://cmf.invalid")
		contains(t, got, words)
		if strings.Contains(got, hidden) {
			t.Errorf("%s: %s", address, got)
		}
	}
}

// fails runs what must end with code and gives what it says.
func (u *user) fails(code int, args ...string) string {
	u.Helper()
	got := u.run(args...)
	if got.code != code {
		u.Errorf("kubectl cmf %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got.code, code, got.out, got.err)
	}
	return got.err
}

func TestHostileMetadataService(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(io.Writer)
		words  string
	}{
		"endless":          {func(w io.Writer) { endless(w, `{"auth_token":"x`) }, "larger than 1 MiB"},
		"header injection": {func(w io.Writer) { fmt.Fprint(w, `{"auth_token":"x\r\nX-Evil: 1","expires_in":60}`) }, "its answer has no token"},
		"long life":        {func(w io.Writer) { fmt.Fprint(w, `{"auth_token":"x","expires_in":1e300}`) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			mds := newRecorder(t, false, func(out http.ResponseWriter, _ *http.Request) { tc.answer(out) })
			real := newRecorder(t, false, emptyCMF)
			u := newUser(t)
			u.env["CONFLUENT_PLATFORM_MDS_URL"], u.env["CONFLUENT_PLATFORM_USERNAME"], u.env["CONFLUENT_PLATFORM_PASSWORD"] = mds.URL, "alice", hidden
			got := u.run("env", "list", "--cmf-url", real.URL)
			if (got.code == 0) != (tc.words == "") || !strings.Contains(got.err, tc.words) {
				t.Errorf("%d %s", got.code, got.err)
			}
			if requests, _ := mds.saw(); len(requests) != 1 {
				t.Errorf("%d logins", len(requests))
			}
		})
	}
}

// What a server names never leads out of the API.
func TestNamesOfAServerStayInTheirPlace(t *testing.T) {
	cmf := newRecorder(t, false, func(out http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/environments"):
			fmt.Fprint(out, `{"items":[{"name":"../../../../security/1.0/x","kubernetesNamespace":"x"}],"pageable":{"size":100}}`)
		default:
			emptyCMF(out, r)
		}
	})
	u := newUser(t)
	for _, args := range [][]string{{"app", "list"}, {"app", "list", "-A"}, {"pool", "get", "x"}, {"env", "delete", "../../../../security/1.0/x", "--yes"}, {"app", "get", "..", "-e", "dev"}, {"app", "get", "%2e%2e", "-e", "dev"}, {"app", "get", "x", "-e", "a/b"}, {"savepoint", "list", "--application", "..", "-e", "dev"}} {
		if got := u.run(append(args, "--cmf-url", cmf.URL)...); got.code == 0 {
			t.Errorf("%q succeeded", args)
		}
	}
	requests, _ := cmf.saw()
	for _, r := range requests {
		if path := strings.ToLower(r); strings.Contains(path, "..") || strings.Contains(path, "%2") || strings.Contains(path, "security") {
			t.Errorf("sent %s", r)
		}
	}
}

// Each keeps what it chose, however many run at once.
func TestManyChooseAnEnvironmentAtOnce(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state.json")
	t.Setenv("KUBECTL_CMF_STATE", state)
	cmf := newRecorder(t, false, func(out http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(out, `{"items":[{"name":"dev-env"}],"pageable":{"size":100}}`)
	})
	const many = 30
	var group sync.WaitGroup
	for i := range many {
		group.Go(func() {
			var out, errOut buffer
			streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut}
			root, _ := newRoot(streams)
			if code := plugin.Execute(t.Context(), root, streams, []string{"env", "use", "dev-env", "--cmf-url", fmt.Sprintf("%s/%d", cmf.URL, i)}); code != 0 {
				t.Errorf("exit code %d: %s", code, errOut.text())
			}
		})
	}
	group.Wait()
	content, err := os.ReadFile(state)
	if n := strings.Count(string(content), "dev-env"); err != nil || n != many {
		t.Errorf("%d of %d are kept; %v", n, many, err)
	}
	if info, err := os.Stat(state); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm() != 0o600) {
		t.Error(info, err)
	}
}
