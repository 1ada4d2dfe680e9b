//go:build api

package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// through is a kubeconfig of a proxy in front of the API server; fault may
// answer a request itself or change its answer, and says whether it did.
func (s *server) through(t *testing.T, fault func(w http.ResponseWriter, r *http.Request, forward http.Handler) bool) []byte {
	t.Helper()
	target, err := url.Parse(s.env.Config.Host)
	must(t, err)
	if target.Scheme == "" {
		target, err = url.Parse("https://" + s.env.Config.Host)
		must(t, err)
	}
	transport, err := rest.TransportFor(s.env.Config)
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = transport
	proxy.FlushInterval = -1
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fault(w, r, proxy) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(front.Close)
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "%s"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
current-context: c
`, front.URL)
}

// cutter ends an answer after its first line.
type cutter struct {
	http.ResponseWriter
	cut context.CancelFunc
}

func (c cutter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("\n")) {
		defer c.cut()
	}
	return c.ResponseWriter.Write(p)
}

// Unwrap lets the proxy flush.
func (c cutter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// A watch that expires (410), one that breaks after each event and a server
// that is away for a moment must not end the wait, nor be taken for success.
func TestSavepointSurvivesBrokenWatches(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	var watches atomic.Int64
	seen := func(n int64) {
		for watches.Load() < n && t.Context().Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
	}
	// Each state comes only after one more watch was broken.
	current.asOperator(t, api.StateSnap, ns, func(object *unstructured.Unstructured) {
		switch (api.Snapshot{Object: object}).State() {
		case "":
			seen(1)
			current.setStatus(t, api.StateSnap, object, map[string]any{"state": "TRIGGER_PENDING"})
		case api.SnapshotPending:
			seen(4)
			current.setStatus(t, api.StateSnap, object, map[string]any{"state": "IN_PROGRESS", "triggerId": "x"})
		case api.SnapshotInProgress:
			seen(5)
			current.setStatus(t, api.StateSnap, object, map[string]any{"state": "COMPLETED", "path": "file:/flink-data/savepoints/s"})
		}
	})
	kubeconfig := current.through(t, func(w http.ResponseWriter, r *http.Request, forward http.Handler) (answered bool) {
		if !strings.Contains(r.URL.Path, "flinkstatesnapshots") || r.URL.Query().Get("watch") != "true" {
			return false
		}
		switch n := watches.Add(1); {
		case n == 2:
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintln(w, `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","message":"too old resource version","code":410}}`)
			return true
		case n == 3:
			http.Error(w, "the server is away", http.StatusServiceUnavailable)
			return true
		}
		// The proxy gives up on an answer it can't write with a panic.
		defer func() { answered = recover() != nil || answered }()
		ctx, cut := context.WithCancel(r.Context())
		defer cut()
		forward.ServeHTTP(cutter{w, cut}, r.WithContext(ctx))
		return true
	})
	r := flinkAs(t, t.Context(), kubeconfig, "savepoint", "basic", "-n", ns)
	r.wants(t, exit.OK)
	if !strings.Contains(r.out, " completed: file:/flink-data/savepoints/") {
		t.Error(r)
	}
	if watches.Load() < 5 {
		t.Errorf("only %d watches: nothing was broken", watches.Load())
	}
}

// Somebody else changes the spec between our read and our patch.
func TestNonceDoesNotOverwriteAnotherUser(t *testing.T) {
	ns := old.namespace(t)
	old.create(t, api.Deployment, ns, "basic", deploymentSpecFor("v1_18"), runningStatus())
	var patches atomic.Int64
	kubeconfig := old.through(t, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method == http.MethodPatch && patches.Add(1) == 1 {
			old.patch(t, ns, "basic", `{"spec":{"job":{"parallelism":2}}}`)
		}
		return false
	})
	flinkAs(t, t.Context(), kubeconfig, "savepoint", "basic", "-n", ns, "--wait=false").wants(t, exit.Failed, "was changed at the same time")
	if patches.Load() != 1 {
		t.Errorf("%d patches", patches.Load())
	}
}

// The operator writes a status between our read and our patch.
func TestNonceIsTriedAgainAfterAStatusWrite(t *testing.T) {
	ns := old.namespace(t)
	old.create(t, api.Deployment, ns, "basic", deploymentSpecFor("v1_18"), runningStatus())
	var patches atomic.Int64
	kubeconfig := old.through(t, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method == http.MethodPatch && patches.Add(1) == 1 {
			old.patch(t, ns, "basic", `{"status":{"clusterInfo":{"x":"y"}}}`, "status")
		}
		return false
	})
	flinkAs(t, t.Context(), kubeconfig, "savepoint", "basic", "-n", ns, "--wait=false").wants(t, exit.OK)
	if patches.Load() != 2 {
		t.Errorf("%d patches", patches.Load())
	}
}

// A server that accepts requests and never answers is away for --timeout, not
// for ever.
func TestSavepointOfASilentServerTimesOut(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	kubeconfig := current.through(t, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		<-r.Context().Done()
		return true
	})
	for _, args := range [][]string{{"basic"}, nil, {"--all"}, {"a", "b"}} {
		args = append([]string{"savepoint", "-n", ns, "--timeout", "300ms"}, args...)
		flinkAs(t, t.Context(), kubeconfig, args...).wants(t, exit.TimedOut)
	}
	r := flinkAs(t, t.Context(), kubeconfig, "savepoint", "basic", "-n", ns, "--timeout", "300ms")
	r.wants(t, exit.TimedOut, "error: timed out after 300ms; the API server had not answered yet")
}
