//go:build api

package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// legacy answers a savepointTriggerNonce as operators without
// FlinkStateSnapshot do: trigger id first, then finish's answer.
func (s *server) legacy(t *testing.T, namespace string, finish func(nonce int64) map[string]any) {
	t.Helper()
	answered := map[int64]string{}
	s.asOperator(t, api.Deployment, namespace, func(object *unstructured.Unstructured) {
		nonce, found, _ := unstructured.NestedInt64(object.Object, "spec", "job", "savepointTriggerNonce")
		if !found || answered[nonce] == "done" {
			return
		}
		status := runningStatus()
		jobStatus := status["jobStatus"].(map[string]any)
		if answered[nonce] == "" {
			answered[nonce] = "triggered"
			jobStatus["savepointInfo"] = map[string]any{"triggerId": "t1", "triggerTimestamp": int64(1764000000000), "triggerType": "MANUAL"}
		} else {
			answered[nonce] = "done"
			jobStatus["savepointInfo"] = finish(nonce)
			spec := fmt.Sprintf(`{"spec":{"job":{"savepointTriggerNonce":%d}},"resource_metadata":{}}`, nonce)
			status["reconciliationStatus"] = map[string]any{"state": "DEPLOYED", "lastReconciledSpec": spec}
		}
		s.setStatus(t, api.Deployment, object, status)
	})
}

func TestNonceOnAnOldOperator(t *testing.T) {
	ns := old.namespace(t)
	spec := deploymentSpec(map[string]any{"state.savepoints.dir": "file:///s"})
	spec["flinkVersion"] = "v1_18"
	old.create(t, api.Deployment, ns, "basic", spec, runningStatus())
	old.legacy(t, ns, func(nonce int64) map[string]any {
		return map[string]any{"lastSavepoint": map[string]any{
			"timeStamp": int64(1764000003000), "location": "file:/s/savepoint-1", "triggerType": "MANUAL", "formatType": "CANONICAL", "triggerNonce": nonce,
		}}
	})
	r := old.flink(t, t.Context(), "savepoint", "basic", "-n", ns)
	r.wants(t, exit.OK, "savepointTriggerNonce set to", "savepoint in progress")
	if r.out != "flinkdeployment.flink.apache.org/basic savepoint completed: file:/s/savepoint-1\n" {
		t.Errorf("stdout %q", r.out)
	}
	r = old.flink(t, t.Context(), "savepoint", "basic", "-n", ns, "-o", "jsonpath={.status.path}")
	r.wants(t, exit.OK)
	if r.out != "file:/s/savepoint-1" {
		t.Errorf("stdout %q", r.out)
	}
	old.flink(t, t.Context(), "savepoint", "basic", "-n", ns, "--format", "native").wants(t, exit.Usage, "--format needs FlinkStateSnapshot")
	old.flink(t, t.Context(), "savepoint", "basic", "-n", ns, "--method", "resource").wants(t, exit.Failed, "no FlinkStateSnapshot", "--method nonce")
}

func TestNonceThatFails(t *testing.T) {
	ns := old.namespace(t)
	old.create(t, api.Deployment, ns, "basic", deploymentSpecFor("v1_18"), runningStatus())
	old.legacy(t, ns, func(int64) map[string]any { return map[string]any{} })
	old.flink(t, t.Context(), "savepoint", "basic", "-n", ns).wants(t, exit.Failed, "savepointTriggerNonce", "FAILED")
}

func TestNonceThatIsRejected(t *testing.T) {
	ns := old.namespace(t)
	old.create(t, api.Deployment, ns, "basic", deploymentSpecFor("v1_18"), runningStatus())
	old.asOperator(t, api.Deployment, ns, func(object *unstructured.Unstructured) {
		job := api.Job{Kind: api.Deployment, Object: object}
		if _, set := job.SavepointNonce(); set && job.Failure().IsZero() {
			status := runningStatus()
			status["error"] = `{"type":"org.apache.flink.kubernetes.operator.exception.ValidationException","message":"Savepoint could not be manually triggered for the running job while config key[state.savepoints.dir] is not set"}`
			old.setStatus(t, api.Deployment, object, status)
		}
	})
	old.flink(t, t.Context(), "savepoint", "basic", "-n", ns).wants(t, exit.Failed, "rejected", "config key[state.savepoints.dir] is not set")
}

func deploymentSpecFor(version string) map[string]any {
	spec := deploymentSpec(map[string]any{"state.savepoints.dir": "file:///s"})
	spec["flinkVersion"] = version
	return spec
}

// From operator 1.10 on a nonce becomes a FlinkStateSnapshot, and
// savepointInfo stays empty.
func TestNonceThatBecomesASnapshot(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	made := false
	current.asOperator(t, api.Deployment, ns, func(object *unstructured.Unstructured) {
		nonce, set := api.Job{Kind: api.Deployment, Object: object}.SavepointNonce()
		if !set || made {
			return
		}
		made = true
		current.create(t, api.StateSnap, ns, fmt.Sprintf("basic-savepoint-manual-%d", nonce), map[string]any{
			"backoffLimit": int64(-1), "jobReference": map[string]any{"kind": "FlinkDeployment", "name": "basic"}, "savepoint": map[string]any{"formatType": "CANONICAL"},
		}, nil)
	})
	current.completeSnapshots(t, ns)
	r := current.flink(t, t.Context(), "savepoint", "basic", "-n", ns, "--method", "nonce")
	r.wants(t, exit.OK)
	if !strings.HasPrefix(r.out, "flinkstatesnapshot.flink.apache.org/basic-savepoint-manual-") || !strings.Contains(r.out, " completed: file:/") {
		t.Errorf("stdout %q", r.out)
	}
}

// The operator marks the nonce as dealt with right after it made the
// FlinkStateSnapshot; whoever sees only that must not take it for a failure.
func TestNonceWhoseSnapshotIsSeenLate(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	var made string
	current.asOperator(t, api.Deployment, ns, func(object *unstructured.Unstructured) {
		nonce, set := api.Job{Kind: api.Deployment, Object: object}.SavepointNonce()
		if !set || made != "" {
			return
		}
		made = fmt.Sprintf("basic-savepoint-manual-%d", nonce)
		current.create(t, api.StateSnap, ns, made, map[string]any{
			"backoffLimit": int64(-1), "jobReference": map[string]any{"kind": "FlinkDeployment", "name": "basic"}, "savepoint": map[string]any{"formatType": "CANONICAL"},
		}, nil)
		status := runningStatus()
		status["reconciliationStatus"] = map[string]any{
			"state": "DEPLOYED", "lastReconciledSpec": fmt.Sprintf(`{"spec":{"job":{"savepointTriggerNonce":%d}},"resource_metadata":{}}`, nonce),
		}
		current.setStatus(t, api.Deployment, object, status)
	})
	current.completeSnapshots(t, ns)
	// The watch of all snapshots never gets anywhere; that of one does.
	kubeconfig := current.through(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if strings.HasSuffix(r.URL.Path, "/flinkstatesnapshots") && r.URL.Query().Get("watch") == "true" && r.URL.Query().Get("fieldSelector") == "" {
			http.Error(w, "the server is away", http.StatusServiceUnavailable)
			return true
		}
		return false
	})
	r := flinkAs(t, t.Context(), kubeconfig, "savepoint", "basic", "-n", ns, "--method", "nonce")
	r.wants(t, exit.OK)
	if !strings.HasPrefix(r.out, "flinkstatesnapshot.flink.apache.org/basic-savepoint-manual-") || !strings.Contains(r.out, " completed: file:/") {
		t.Errorf("stdout %q", r.out)
	}
}
