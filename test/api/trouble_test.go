//go:build api

package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// An API server that goes away during the wait is named, and so it is when
// the time is up before it comes back.
func TestSavepointSaysThatTheServerIsAway(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	var asked atomic.Bool
	kubeconfig := current.through(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method == http.MethodPost {
			asked.Store(true)
		}
		// The watch is asked for while the snapshot is created: it never opens.
		opens := r.URL.Query().Get("watch") == "true" && strings.HasSuffix(r.URL.Path, "/flinkstatesnapshots")
		if !opens && !asked.Load() || r.Method == http.MethodPost {
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
	current.asOperator(t, api.StateSnap, ns, func(object *unstructured.Unstructured) {
		if (api.Snapshot{Object: object}).State() == "" {
			current.setStatus(t, api.StateSnap, object, map[string]any{"state": "COMPLETED", "path": "file:/s"})
		}
	})
	kubeconfig := current.through(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.URL.Query().Get("watch") == "true" && strings.HasSuffix(r.URL.Path, "/flinkstatesnapshots") && refusals.Add(1) <= 2 {
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
	current.create(t, api.StateSnap, ns, "other", map[string]any{
		"backoffLimit": int64(0), "jobReference": map[string]any{"kind": "FlinkDeployment", "name": "busy"}, "savepoint": map[string]any{},
	}, map[string]any{"state": "IN_PROGRESS", "triggerId": "x"})
	kubeconfig := current.through(t, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if strings.HasSuffix(r.URL.Path, "/flinkstatesnapshots") && r.URL.Query().Get("fieldSelector") != "" {
			_ = current.dynamic.Resource(api.StateSnap.GVR()).Namespace(ns).Delete(context.Background(), "other", metav1.DeleteOptions{})
		}
		return false
	})
	flinkAs(t, t.Context(), kubeconfig, "savepoint", "busy", "-n", ns, "--follow", "--timeout", "20s").wants(t, exit.Failed,
		"flinkstatesnapshot/other was deleted while it was IN_PROGRESS")
}

// stoppedOperator is an operator that is scaled to 0, for one test.
func (s *server) stoppedOperator(t *testing.T, ns string) {
	t.Helper()
	labels := map[string]string{"app.kubernetes.io/name": "flink-kubernetes-operator"}
	none := int32(0)
	_, err := s.core.AppsV1().Deployments(ns).Create(context.Background(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "stopped", Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: &none, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "x"}}},
			},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	// The other tests have no operator.
	t.Cleanup(func() {
		must(t, s.core.AppsV1().Deployments(ns).Delete(context.Background(), "stopped", metav1.DeleteOptions{}))
	})
}

// The operator is stopped after it has started the savepoint.
func TestSavepointOfAnOperatorThatStopped(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	current.stoppedOperator(t, ns)
	current.asOperator(t, api.StateSnap, ns, func(object *unstructured.Unstructured) {
		if (api.Snapshot{Object: object}).State() == "" {
			current.setStatus(t, api.StateSnap, object, map[string]any{"state": "IN_PROGRESS", "triggerId": "x"})
		}
	})
	r := current.flink(t, t.Context(), "savepoint", "basic", "-n", ns, "--name", "stuck", "--timeout", "3s")
	r.wants(t, exit.TimedOut, "flinkstatesnapshot/stuck is IN_PROGRESS, and the operator is not running: deployment "+ns+"/stopped has 0 of 0 replicas ready")
	if strings.Contains(r.err, "goes on without this command") {
		t.Error(r)
	}
	// Nobody has to wait for the time-out to hear of it.
	current.flink(t, t.Context(), "savepoint", "basic", "-n", ns, "--follow").wants(t, exit.Failed,
		"flinkstatesnapshot/stuck was begun but not followed to its end: the operator is not running", "kubectl flink snapshot wait stuck")
}

// The job is deleted before the operator has triggered the savepoint; only an
// event says so.
func TestSavepointThatStaysPendingShowsWhy(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	current.asOperator(t, api.StateSnap, ns, func(object *unstructured.Unstructured) {
		if (api.Snapshot{Object: object}).State() != "" {
			return
		}
		current.setStatus(t, api.StateSnap, object, map[string]any{"state": "TRIGGER_PENDING"})
		_, err := current.core.CoreV1().Events(ns).Create(t.Context(), &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Name: "e", Namespace: ns},
			InvolvedObject: corev1.ObjectReference{APIVersion: object.GetAPIVersion(), Kind: object.GetKind(), Namespace: ns, Name: object.GetName()},
			Type:           corev1.EventTypeWarning, Reason: "ValidationError", Message: "Target for snapshot was not found", LastTimestamp: metav1.Now(),
		}, metav1.CreateOptions{})
		if err != nil {
			t.Error(err)
		}
	})
	r := current.flink(t, t.Context(), "savepoint", "basic", "-n", ns, "--name", "stuck", "--timeout", "8s")
	r.wants(t, exit.TimedOut, "\nstuck: event ValidationError: Target for snapshot was not found\n")
	if n := strings.Count(r.err, "event ValidationError"); n != 1 {
		t.Errorf("noted %d times\n%s", n, r)
	}
}

// Who may only create asks for a savepoint without looking for others; who
// wants to wait is refused.
func TestSavepointOfAUserWhoMayOnlyCreate(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	user := current.user(t, ns,
		rbacv1.PolicyRule{APIGroups: []string{api.Group}, Resources: []string{"flinkdeployments"}, Verbs: []string{"get"}},
		rbacv1.PolicyRule{APIGroups: []string{api.Group}, Resources: []string{"flinkstatesnapshots"}, Verbs: []string{"create"}})
	flinkAs(t, t.Context(), user, "savepoint", "basic", "-n", ns).wants(t, exit.Failed, `cannot list resource "flinkstatesnapshots"`)
	r := flinkAs(t, t.Context(), user, "savepoint", "basic", "-n", ns, "--wait=false", "--name", "blind")
	r.wants(t, exit.OK, "whether a savepoint is in progress can't be seen with your permissions (list flinkstatesnapshots.flink.apache.org)")
	if n := len(current.snapshots(t, ns)); n != 1 {
		t.Errorf("%d snapshots", n)
	}
}

// undiscoverable forbids to ask which kinds are served, and to list snapshots
// too if wanted.
func (s *server) undiscoverable(t *testing.T, noLists bool) []byte {
	t.Helper()
	return s.through(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		list := r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/flinkstatesnapshots")
		if !strings.HasSuffix(r.URL.Path, "/apis/flink.apache.org/v1beta1") && (!list || !noLists) {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintln(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"not for you","code":403}`)
		return true
	})
}

func TestSavepointWhereDiscoveryIsForbidden(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	args := []string{"savepoint", "basic", "-n", ns, "--wait=false"}
	for _, method := range []string{"auto", "resource", "nonce"} {
		for _, noLists := range []bool{false, true} {
			code := exit.OK
			if method == "auto" && noLists {
				code = exit.Failed
			}
			flinkAs(t, t.Context(), current.undiscoverable(t, noLists), append(args, "--dry-run=server", "--method", method)...).wants(t, code)
		}
	}
	ns = old.namespace(t)
	old.create(t, api.Deployment, ns, "basic", deploymentSpecFor("v1_18"), runningStatus())
	r := flinkAs(t, t.Context(), old.undiscoverable(t, false), "savepoint", "basic", "-n", ns, "--wait=false")
	r.wants(t, exit.OK)
	if !strings.Contains(r.out, "flinkdeployment") {
		t.Error(r)
	}
}
