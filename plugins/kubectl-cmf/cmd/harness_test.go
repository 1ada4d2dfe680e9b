package cmd

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest/contract"
)

// all are the versions that are tested.
var all = []string{"2.0.1", "2.1.0", "2.2.3", "2.3.1", "2.4.0"}

// rig is a stand-in for CMF and a user before it.
type rig struct {
	*testing.T
	server *cmftest.Server
	url    string
	state  string
	stdin  string
	now    func() time.Time
	// operators, where set, is the way to Flink's operator.
	operators func() (*operator.Client, func(), error)
}

// newRig starts a stand-in whose requests and answers are held against the
// contract, where that is there.
func newRig(t *testing.T, o cmftest.Options) *rig {
	t.Helper()
	server, err := cmftest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	var handler http.Handler = server
	if os.Getenv("CI") == "true" || hasShared() {
		handler = contract.Check(t, o.Version, server)
	}
	return serve(t, server, handler)
}

// newFaultyRig is newRig for servers that break the contract on purpose.
func newFaultyRig(t *testing.T, o cmftest.Options) *rig {
	t.Helper()
	server, err := cmftest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, server, server)
}

func serve(t *testing.T, server *cmftest.Server, handler http.Handler) *rig {
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	return &rig{T: t, server: server, url: web.URL, state: filepath.Join(t.TempDir(), "state.json"), now: time.Now}
}

func hasShared() bool {
	_, err := os.Stat(filepath.Join("..", "..", "..", "..", "shared", "specs"))
	return err == nil
}

// result is what a user sees.
type result struct {
	code     int
	out, err string
}

// buffer may be written by several goroutines.
type buffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// WriteString is what io.WriteString prefers to Write.
func (b *buffer) WriteString(s string) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.WriteString(s)
}

func (b *buffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

func (r *rig) run(args ...string) result {
	r.Helper()
	return r.runContext(r.Context(), args...)
}

func (r *rig) runContext(ctx context.Context, args ...string) result {
	r.Helper()
	var out, errOut buffer
	code := r.start(ctx, &out, &errOut, args...)
	return result{code, out.text(), errOut.text()}
}

func (r *rig) start(ctx context.Context, out, errOut *buffer, args ...string) int {
	r.Helper()
	r.Setenv("KUBECTL_CMF_STATE", r.state)
	r.Setenv("CONFLUENT_CMF_URL", "")
	r.Setenv("HOME", r.TempDir())
	r.Setenv("KUBECONFIG", filepath.Join(filepath.Dir(r.state), "no-kubeconfig"))
	streams := genericiooptions.IOStreams{In: strings.NewReader(r.stdin), Out: out, ErrOut: errOut}
	root, c := newRoot(streams)
	c.poll = 2 * time.Millisecond
	c.now, c.operators = r.now, r.operators
	c.backoff = func(int) time.Duration { return time.Millisecond }
	if r.url != "" {
		args = append(args, "--cmf-url", r.url)
	}
	return plugin.Execute(ctx, root, streams, args)
}

// ok runs what must succeed and returns its output.
func (r *rig) ok(args ...string) string {
	r.Helper()
	got := r.run(args...)
	if got.code != 0 {
		r.Fatalf("kubectl cmf %s: exit code %d\n%s%s", strings.Join(args, " "), got.code, got.out, got.err)
	}
	return got.out
}

// fails runs what must end with code and say words on standard error.
func (r *rig) fails(code int, words string, args ...string) result {
	r.Helper()
	got := r.run(args...)
	if got.code != code || !strings.Contains(got.err, words) {
		r.Fatalf("kubectl cmf %s: exit code %d, want %d and %q\n%s%s", strings.Join(args, " "), got.code, code, words, got.out, got.err)
	}
	return got
}

// file writes a file for the command line.
func (r *rig) file(name, text string) string {
	r.Helper()
	path := filepath.Join(r.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
	return path
}

func want(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

// env makes an environment.
func (r *rig) env(name string) {
	r.Helper()
	r.ok("env", "create", name, "--kubernetes-namespace", "flink")
}
