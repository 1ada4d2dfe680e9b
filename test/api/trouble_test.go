//go:build api

package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/operator"
)

// An API server that goes away during the wait is named, and so it is when
// the time is up before it comes back.
func TestSavepointSaysThatTheServerIsAway(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	var asked atomic.Bool
	kubeconfig := current.through(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method == http.MethodPost {
			asked.Store(true)
		}
		if !asked.Load() || r.Method == http.MethodPost {
			return false
		}
		http.Error(w, "the server is away", http.StatusInternalServerError)
		return true
	})
	r := flinkAs(t, t.Context(), kubeconfig, "savepoint", "basic", "-n", ns, "--name", "lonely", "--timeout", "2s")
	r.wants(t, exit.TimedOut, "lonely: the API server doesn't answer (", "; trying again",
		"timed out after 2s; the API server doesn't answer (", "flinkstatesnapshot/lonely is not seen by the operator yet")
}

// The token of an exec plugin expires during the wait.
func TestSavepointOutlivesItsToken(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	var refusals atomic.Int64
	current.asOperator(t, operator.StateSnap, ns, func(object *unstructured.Unstructured) {
		if (operator.Snapshot{Object: object}).State() == "" {
			current.setStatus(t, operator.StateSnap, object, map[string]any{"state": "COMPLETED", "path": "file:/s"})
		}
	})
	var asked atomic.Bool
	kubeconfig := current.through(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method == http.MethodPost {
			asked.Store(true)
		} else if asked.Load() && strings.HasSuffix(r.URL.Path, "/flinkstatesnapshots") && refusals.Add(1) <= 2 {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintln(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Unauthorized","message":"Unauthorized","code":401}`)
			return true
		}
		return false
	})
	flinkAs(t, t.Context(), kubeconfig, "savepoint", "basic", "-n", ns).wants(t, exit.OK, "trying again")
}

// The savepoint to follow is deleted just before it is watched.
func TestSavepointToFollowIsGone(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "busy", savepointDir)
	current.create(t, operator.StateSnap, ns, "other", map[string]any{
		"backoffLimit": int64(0), "jobReference": map[string]any{"kind": "FlinkDeployment", "name": "busy"}, "savepoint": map[string]any{},
	}, map[string]any{"state": "IN_PROGRESS", "triggerId": "x"})
	kubeconfig := current.through(t, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if strings.HasSuffix(r.URL.Path, "/flinkstatesnapshots") && r.URL.Query().Get("fieldSelector") != "" {
			_ = current.dynamic.Resource(operator.StateSnap.GVR()).Namespace(ns).Delete(context.Background(), "other", metav1.DeleteOptions{})
		}
		return false
	})
	flinkAs(t, t.Context(), kubeconfig, "savepoint", "busy", "-n", ns, "--follow", "--timeout", "20s").wants(t, exit.Failed,
		"flinkstatesnapshot/other was deleted by somebody while it was IN_PROGRESS")
}
