//go:build api

package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

var bothDirs = map[string]any{
	"execution.checkpointing.dir": "file:///flink-data/checkpoints", "execution.checkpointing.savepoint-dir": "file:///flink-data/savepoints",
}

// carriedOut is the status that an operator writes which has carried out a spec.
func carriedOut(object *unstructured.Unstructured, lifecycle, state string, more map[string]any) map[string]any {
	spec, _ := json.Marshal(map[string]any{"spec": object.Object["spec"]})
	status := runningStatus()
	status["lifecycleState"] = lifecycle
	status["observedGeneration"] = object.GetGeneration()
	status["reconciliationStatus"] = map[string]any{"state": "DEPLOYED", "lastReconciledSpec": string(spec), "lastStableSpec": string(spec)}
	job := status["jobStatus"].(map[string]any)
	job["state"] = state
	maps.Copy(job, more)
	return status
}

// changeable is a running job that an operator has taken up.
func (s *server) changeable(t *testing.T, namespace, name string, spec map[string]any, annotations map[string]any) *unstructured.Unstructured {
	t.Helper()
	object := s.create(t, api.Deployment, namespace, name, spec, nil)
	object = s.setStatus(t, api.Deployment, object, carriedOut(object, "STABLE", "RUNNING", nil))
	if annotations != nil {
		body, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": annotations}})
		must(t, err)
		s.patch(t, namespace, name, string(body))
	}
	return object
}

// carryOut answers each change of a spec as a healthy operator does: a
// suspended job leaves a savepoint, a running one gets a new id.
func (s *server) carryOut(t *testing.T, namespace string) {
	t.Helper()
	s.asOperator(t, api.Deployment, namespace, func(object *unstructured.Unstructured) {
		seen, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
		if seen == object.GetGeneration() {
			return
		}
		state, _, _ := unstructured.NestedString(object.Object, "spec", "job", "state")
		path := "file:/flink-data/savepoints/savepoint-" + object.GetName()
		if state == "suspended" {
			s.setStatus(t, api.Deployment, object, carriedOut(object, "SUSPENDED", "FINISHED", map[string]any{"upgradeSavepointPath": path}))
			return
		}
		s.setStatus(t, api.Deployment, object, carriedOut(object, "STABLE", "RUNNING", map[string]any{
			"upgradeSavepointPath": path, "jobId": fmt.Sprintf("run%d", object.GetGeneration()), "startTime": fmt.Sprint(1764000000000 + object.GetGeneration()),
		}))
	})
}

func (s *server) deployment(t *testing.T, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	object, err := s.dynamic.Resource(api.Deployment.GVR()).Namespace(namespace).Get(t.Context(), name, metav1.GetOptions{})
	must(t, err)
	return object
}

func jobField(object *unstructured.Unstructured, field string) string {
	value, _, _ := unstructured.NestedFieldNoCopy(object.Object, "spec", "job", field)
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

func TestSuspendResumeRestartScale(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	current.changeable(t, ns, "orders", deploymentSpec(bothDirs), nil)
	current.carryOut(t, ns)

	r := current.flink(t, t.Context(), "suspend", "orders", "-n", ns)
	r.wants(t, exit.OK, "patched (job.state: suspended, job.upgradeMode: savepoint)")
	if want := "flinkdeployment.flink.apache.org/orders suspended: savepoint file:/flink-data/savepoints/savepoint-orders\n"; r.out != want {
		t.Errorf("stdout %q, want %q", r.out, want)
	}
	r = current.flink(t, t.Context(), "suspend", "orders", "-n", ns)
	r.wants(t, exit.OK)
	if !strings.Contains(r.out, "suspended already: savepoint file:/flink-data/savepoints/savepoint-orders") {
		t.Error(r)
	}
	current.flink(t, t.Context(), "restart", "orders", "-n", ns).wants(t, exit.Failed, "is suspended", "kubectl flink resume")

	// Nobody can ask a JobManager here, and that is said.
	r = current.flink(t, t.Context(), "resume", "orders", "-n", ns, "-o", "jsonpath={.status.path} {.status.restoredFrom.proven}", "--reconnect-timeout", "0s")
	r.wants(t, exit.OK, "resumes from savepoint file:/flink-data/savepoints/savepoint-orders", "the operator's word only")
	if r.out != "file:/flink-data/savepoints/savepoint-orders false" {
		t.Errorf("stdout %q", r.out)
	}
	r = current.flink(t, t.Context(), "restart", "orders", "-n", ns, "--reconnect-timeout", "0s")
	r.wants(t, exit.OK, "a savepoint is taken first", "restartNonce: 1")
	r = current.flink(t, t.Context(), "scale", "orders", "--parallelism", "3", "-n", ns, "--reconnect-timeout", "0s")
	r.wants(t, exit.OK, "job.parallelism: 3")
	if got := jobField(current.deployment(t, ns, "orders"), "parallelism"); got != "3" {
		t.Errorf("parallelism %s", got)
	}
}

// What must be refused leaves the object as it is.
func TestChangesThatAreRefused(t *testing.T) {
	ns := current.namespace(t)
	stateless := func() map[string]any {
		spec := deploymentSpec(bothDirs)
		spec["job"].(map[string]any)["upgradeMode"] = "stateless"
		return spec
	}
	with := func(key string, value any) map[string]any {
		spec := deploymentSpec(map[string]any{key: value, "execution.checkpointing.dir": "file:///c", "execution.checkpointing.savepoint-dir": "file:///s"})
		return spec
	}
	replicas := deploymentSpec(bothDirs)
	replicas["taskManager"] = map[string]any{"replicas": int64(2)}
	for name, tc := range map[string]struct {
		spec        map[string]any
		annotations map[string]any
		args        []string
		code        int
		want        []string
	}{
		"restart-stateless": {stateless(), nil, []string{"restart"}, exit.Failed, []string{"upgradeMode stateless", "--upgrade-mode savepoint", "--lose-state"}},
		"scale-stateless":   {stateless(), nil, []string{"scale", "--parallelism", "2"}, exit.Failed, []string{"upgradeMode stateless"}},
		"suspend-stateless": {deploymentSpec(bothDirs), nil, []string{"suspend", "--mode", "stateless"}, exit.Usage, []string{"--lose-state"}},
		"lose-unasked":      {deploymentSpec(bothDirs), nil, []string{"suspend", "--mode", "stateless", "--lose-state"}, exit.Usage, []string{"thrown away", "--yes"}},
		"argo":              {deploymentSpec(bothDirs), map[string]any{"argocd.argoproj.io/tracking-id": "app:x"}, []string{"suspend"}, exit.Failed, []string{"managed by Argo CD", "argocd.argoproj.io/tracking-id", "--force"}},
		"autoscaled":        {with("job.autoscaler.enabled", "true"), nil, []string{"scale", "--parallelism", "2"}, exit.Failed, []string{"job.autoscaler.enabled"}},
		"overrides":         {with("pipeline.jobvertex-parallelism-overrides", "a:1"), nil, []string{"scale", "--parallelism", "2"}, exit.Failed, []string{"pipeline.jobvertex-parallelism-overrides"}},
		"replicas":          {replicas, nil, []string{"scale", "--parallelism", "2"}, exit.Failed, []string{"spec.taskManager.replicas: 2", "--task-managers"}},
		"native":            {deploymentSpec(bothDirs), nil, []string{"scale", "--task-managers", "2"}, exit.Usage, []string{"native mode", "--parallelism"}},
		"size":              {deploymentSpec(bothDirs), nil, []string{"scale", "--parallelism", "0"}, exit.Usage, []string{"--parallelism", "not a positive number"}},
		"mode":              {deploymentSpec(bothDirs), nil, []string{"restart", "--upgrade-mode", "stateless"}, exit.Usage, []string{"--lose-state"}},
	} {
		t.Run(name, func(t *testing.T) {
			current.changeable(t, ns, name, tc.spec, tc.annotations)
			before := current.deployment(t, ns, name)
			r := current.flink(t, t.Context(), append(tc.args, name, "-n", ns, "--reconnect-timeout", "0s")...)
			r.wants(t, tc.code, tc.want...)
			after := current.deployment(t, ns, name)
			if after.GetResourceVersion() != before.GetResourceVersion() || r.out != "" {
				t.Errorf("it was changed: generation %d, was %d\n%s", after.GetGeneration(), before.GetGeneration(), r)
			}
		})
	}
}

func TestChangeOfAChildOrASessionCluster(t *testing.T) {
	ns := current.namespace(t)
	current.create(t, api.Deployment, ns, "session", map[string]any{"flinkVersion": "v1_20", "serviceAccount": "flink"}, runningStatus())
	current.flink(t, t.Context(), "restart", "session", "-n", ns).wants(t, exit.Failed, "is a session cluster", "kubectl flink jobs session")
	child := current.changeable(t, ns, "shop-blue", deploymentSpec(bothDirs), nil)
	owners, err := json.Marshal(map[string]any{"metadata": map[string]any{"ownerReferences": []any{map[string]any{
		"apiVersion": api.Group + "/" + api.Version, "kind": api.BlueGreen.Name, "name": "shop", "uid": string(child.GetUID()),
	}}}})
	must(t, err)
	current.patch(t, ns, "shop-blue", string(owners))
	current.flink(t, t.Context(), "suspend", "shop-blue", "-n", ns).wants(t, exit.Failed, "belongs to a blue/green deployment", "flinkbluegreendeployment/shop")
}

func TestDryRunOfAChangeTouchesNothing(t *testing.T) {
	ns := current.namespace(t)
	current.changeable(t, ns, "orders", deploymentSpec(bothDirs), nil)
	before := current.deployment(t, ns, "orders").GetResourceVersion()
	for _, how := range []string{"client", "server"} {
		r := current.flink(t, t.Context(), "suspend", "orders", "-n", ns, "--dry-run="+how, "--reconnect-timeout", "0s")
		r.wants(t, exit.OK)
		if want := "flinkdeployment.flink.apache.org/orders suspended (" + how + " dry run)\n"; r.out != want {
			t.Errorf("stdout %q, want %q", r.out, want)
		}
		r = current.flink(t, t.Context(), "suspend", "orders", "-n", ns, "--dry-run="+how, "-o", "jsonpath={.spec.patch.spec.job.state}", "--reconnect-timeout", "0s")
		if r.out != "suspended" {
			t.Errorf("stdout %q", r.out)
		}
	}
	if after := current.deployment(t, ns, "orders").GetResourceVersion(); after != before {
		t.Errorf("resourceVersion %s, was %s", after, before)
	}
}

// A change that the operator rejects is explained and put back.
func TestRejectedChangeIsPutBack(t *testing.T) {
	ns := current.namespace(t)
	current.changeable(t, ns, "orders", deploymentSpec(bothDirs), nil)
	current.asOperator(t, api.Deployment, ns, func(object *unstructured.Unstructured) {
		status, _ := object.Object["status"].(map[string]any)
		if jobField(object, "state") == "suspended" && status["error"] == nil {
			status["error"] = `{"type":"org.apache.flink.kubernetes.operator.exception.ReconciliationException","throwableList":[{"type":"org.apache.flink.kubernetes.operator.exception.ValidationException","message":"Forbidden Flink config key: x"}]}`
			current.setStatus(t, api.Deployment, object, status)
		}
	})
	r := current.flink(t, t.Context(), "suspend", "orders", "-n", ns, "--reconnect-timeout", "0s")
	r.wants(t, exit.Failed, "the change was rejected", "Forbidden Flink config key: x", "The spec was put back (job.state removed, job.upgradeMode: savepoint)")
	if got := jobField(current.deployment(t, ns, "orders"), "state"); got != "" {
		t.Errorf("job.state is %q", got)
	}
}

// An operator that can't take the savepoint tries for ever, and restarts the
// job each time, while it says STABLE: its error is there for a moment only.
func TestSavepointLoopIsRecognized(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	spec := deploymentSpec(bothDirs)
	current.changeable(t, ns, "orders", spec, nil)
	var tries atomic.Int64
	current.asOperator(t, api.Deployment, ns, func(object *unstructured.Unstructured) {
		status, _ := object.Object["status"].(map[string]any)
		seen, _ := status["observedGeneration"].(int64)
		switch {
		case jobField(object, "state") == "suspended" && status["error"] == nil && tries.Add(1) < 50:
			status["error"] = `{"type":"org.apache.flink.kubernetes.operator.exception.UpgradeFailureException","message":"Savepoint Error","throwableList":[{"type":"java.lang.UnsupportedOperationException","message":"Not supported yet."}]}`
			current.setStatus(t, api.Deployment, object, status)
		case jobField(object, "state") == "suspended":
			delete(status, "error")
			current.setStatus(t, api.Deployment, object, status)
		case seen != object.GetGeneration():
			current.setStatus(t, api.Deployment, object, carriedOut(object, "STABLE", "RUNNING", nil))
		}
	})
	started := time.Now()
	r := current.flink(t, t.Context(), "suspend", "orders", "-n", ns, "--reconnect-timeout", "0s")
	r.wants(t, exit.Failed, "the change was not carried out", "UnsupportedOperationException: Not supported yet.", "The spec was put back", "the job is RUNNING",
		`"kubernetes.operator.savepoint.format.type":"NATIVE"`)
	if took := time.Since(started); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	r = current.flink(t, t.Context(), "suspend", "orders", "-n", ns, "--reconnect-timeout", "0s", "--keep-trying", "--timeout", "3s")
	r.wants(t, exit.TimedOut, "timed out after 3s", "goes on without this command", "kubectl flink status orders", "kubectl patch flinkdeployment orders")
}

// On Flink 2 the format goes into the same patch, and is said.
func TestSuspendOnFlink2SetsTheFormat(t *testing.T) {
	ns := current.namespace(t)
	spec := deploymentSpec(bothDirs)
	spec["flinkVersion"] = "v2_0"
	current.changeable(t, ns, "orders", spec, nil)
	current.carryOut(t, ns)
	r := current.flink(t, t.Context(), "suspend", "orders", "-n", ns, "--reconnect-timeout", "0s")
	r.wants(t, exit.OK, "kubernetes.operator.savepoint.format.type: NATIVE is set in spec.flinkConfiguration and stays")
	config, _, _ := unstructured.NestedMap(current.deployment(t, ns, "orders").Object, "spec", "flinkConfiguration")
	if config["kubernetes.operator.savepoint.format.type"] != "NATIVE" || config["execution.checkpointing.dir"] == nil {
		t.Errorf("flinkConfiguration %v", config)
	}
}

// Both of resume's traps start a job empty.
func TestResumeDoesNotLoseState(t *testing.T) {
	ns := current.namespace(t)
	for name, tc := range map[string]struct{ now, then, want string }{
		"by-now":  {"stateless", "savepoint", "it would throw its state away"},
		"by-then": {"savepoint", "stateless", "was suspended as stateless"},
	} {
		spec := deploymentSpec(bothDirs)
		job := spec["job"].(map[string]any)
		job["state"], job["upgradeMode"] = "suspended", tc.then
		object := current.create(t, api.Deployment, ns, name, spec, nil)
		current.setStatus(t, api.Deployment, object, carriedOut(object, "SUSPENDED", "FINISHED", map[string]any{"upgradeSavepointPath": "file:/s/savepoint-1"}))
		current.patch(t, ns, name, `{"spec":{"job":{"upgradeMode":"`+tc.now+`"}}}`)
		before := current.deployment(t, ns, name).GetGeneration()
		current.flink(t, t.Context(), "resume", name, "-n", ns).wants(t, exit.Failed, tc.want, "--lose-state")
		if after := current.deployment(t, ns, name).GetGeneration(); after != before {
			t.Errorf("%s: generation %d, was %d", name, after, before)
		}
	}
}

// The operator's status writes move the version between our read and our
// patch; that is no conflict. A change of the spec by somebody else is.
// An operator may lose a suspension from its memory when the job is resumed at
// that very moment. It then takes the job for finished.
func TestResumeThatTheOperatorForgets(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	current.changeable(t, ns, "orders", deploymentSpec(bothDirs), nil)
	path := map[string]any{"upgradeSavepointPath": "file:/flink-data/savepoints/savepoint-orders"}
	current.asOperator(t, api.Deployment, ns, func(object *unstructured.Unstructured) {
		seen, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
		_, told, _ := unstructured.NestedFieldNoCopy(object.Object, "spec", "restartNonce")
		switch {
		case seen == object.GetGeneration():
		case jobField(object, "state") == "suspended":
			current.setStatus(t, api.Deployment, object, carriedOut(object, "SUSPENDED", "FINISHED", path))
		case !told:
			current.setStatus(t, api.Deployment, object, carriedOut(object, "STABLE", "FINISHED", path))
		default:
			current.setStatus(t, api.Deployment, object, carriedOut(object, "STABLE", "RUNNING", map[string]any{"upgradeSavepointPath": path["upgradeSavepointPath"], "jobId": "another"}))
		}
	})
	current.flink(t, t.Context(), "suspend", "orders", "-n", ns).wants(t, exit.OK)
	current.flink(t, t.Context(), "resume", "orders", "-n", ns, "--reconnect-timeout", "0s").wants(t, exit.OK, "takes the job for finished", "restarted (restartNonce: 1)")
}

// The operator is stopped in the middle of a change.
func TestChangeOfAnOperatorThatStopped(t *testing.T) {
	ns := current.namespace(t)
	current.changeable(t, ns, "orders", deploymentSpec(bothDirs), nil)
	current.asOperator(t, api.Deployment, ns, func(object *unstructured.Unstructured) {
		if seen, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration"); seen == object.GetGeneration() {
			return
		}
		status := carriedOut(object, "UPGRADING", "FINISHED", nil)
		status["reconciliationStatus"].(map[string]any)["state"] = "UPGRADING"
		current.stoppedOperator(t, ns)
		current.setStatus(t, api.Deployment, object, status)
	})
	began := time.Now()
	current.flink(t, t.Context(), "restart", "orders", "-n", ns, "--reconnect-timeout", "0s").wants(t, exit.Failed,
		"the operator is not running: deployment "+ns+"/stopped has 0 of 0 replicas ready", "It had begun with the change", "kubectl patch flinkdeployment orders")
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s", took)
	}
}

func TestChangeAndConflicts(t *testing.T) {
	ns := current.namespace(t)
	current.changeable(t, ns, "orders", deploymentSpec(bothDirs), nil)
	client := operator.ClientOf(current.dynamic, current.core)
	ref := api.Ref{Kind: api.Deployment, Namespace: ns, Name: "orders"}
	job, err := change.Target(t.Context(), client, ref)
	must(t, err)
	current.setStatus(t, api.Deployment, current.deployment(t, ns, "orders"), carriedOut(job.Object, "STABLE", "RESTARTING", nil))
	ch := change.Change{Job: job, Did: "changed", Spec: map[string]any{"job": map[string]any{"parallelism": int64(5)}}}
	report, err := change.CarryOut(t.Context(), client, ch, change.Options{NoWait: true}, operator.Reporter{})
	if err != nil || report.Generation != job.Object.GetGeneration()+1 {
		t.Errorf("generation %d, %v", report.Generation, err)
	}
	// The same plan again: the spec has moved since.
	ch.Spec = map[string]any{"job": map[string]any{"parallelism": int64(7)}}
	_, err = change.CarryOut(t.Context(), client, ch, change.Options{NoWait: true}, operator.Reporter{})
	if err == nil || !strings.Contains(err.Error(), "it was changed at the same time") {
		t.Errorf("%v", err)
	}
	if got := jobField(current.deployment(t, ns, "orders"), "parallelism"); got != "5" {
		t.Errorf("parallelism %s", got)
	}
}

func TestSuspendOfManyJobs(t *testing.T) {
	ns := current.namespace(t)
	current.changeable(t, ns, "one", deploymentSpec(bothDirs), nil)
	current.changeable(t, ns, "two", deploymentSpec(bothDirs), nil)
	current.carryOut(t, ns)
	r := current.flink(t, t.Context(), "suspend", "--all", "-n", ns, "-o", "jsonpath={range .items[*]}{.status.path}{\"\\n\"}{end}", "--reconnect-timeout", "0s")
	r.wants(t, exit.OK)
	if r.out != "file:/flink-data/savepoints/savepoint-one\nfile:/flink-data/savepoints/savepoint-two\n" {
		t.Error(r)
	}
}

// Who may not watch or may not patch changes nothing, and is told what is
// missing.
func TestChangeWithoutPermission(t *testing.T) {
	ns := current.namespace(t)
	current.changeable(t, ns, "orders", deploymentSpec(bothDirs), nil)
	before := current.deployment(t, ns, "orders").GetResourceVersion()
	for missing, verbs := range map[string][]string{"watch": {"get", "list", "patch"}, "patch": {"get", "list", "watch"}} {
		user := current.user(t, ns, rbacv1.PolicyRule{APIGroups: []string{api.Group}, Resources: []string{"*"}, Verbs: verbs})
		r := flinkAs(t, t.Context(), user, "suspend", "orders", "-n", ns, "--reconnect-timeout", "0s", "--timeout", "20s")
		r.wants(t, exit.Failed, "Forbidden", missing)
	}
	if after := current.deployment(t, ns, "orders").GetResourceVersion(); after != before {
		t.Errorf("resourceVersion %s, was %s", after, before)
	}
}

func TestInterruptedChange(t *testing.T) {
	ns := current.namespace(t)
	current.changeable(t, ns, "orders", deploymentSpec(bothDirs), nil)
	ctx, cancel := context.WithCancel(t.Context())
	current.asOperator(t, api.Deployment, ns, func(object *unstructured.Unstructured) {
		if jobField(object, "state") == "suspended" {
			cancel()
		}
	})
	current.flink(t, ctx, "suspend", "orders", "-n", ns, "--reconnect-timeout", "0s").wants(t, exit.Interrupted,
		"goes on without this command", "kubectl patch flinkdeployment orders", `{"spec":{"job":{"state":null,"upgradeMode":"savepoint"}}}`)
}

// Operator 1.7 has no observedGeneration: what it carried out stands in the
// metadata of lastReconciledSpec.
func TestSuspendOnAnOldOperator(t *testing.T) {
	t.Parallel()
	ns := old.namespace(t)
	spec := deploymentSpec(map[string]any{"state.checkpoints.dir": "file:///c", "state.savepoints.dir": "file:///s"})
	spec["flinkVersion"] = "v1_18"
	status := func(object *unstructured.Unstructured, lifecycle, state string, info map[string]any) map[string]any {
		reconciled, _ := json.Marshal(map[string]any{"spec": object.Object["spec"], "resource_metadata": map[string]any{
			"apiVersion": "flink.apache.org/v1beta1", "metadata": map[string]any{"generation": object.GetGeneration()}, "firstDeployment": false,
		}})
		out := runningStatus()
		out["lifecycleState"] = lifecycle
		out["reconciliationStatus"] = map[string]any{"state": "DEPLOYED", "lastReconciledSpec": string(reconciled)}
		job := out["jobStatus"].(map[string]any)
		job["state"], job["savepointInfo"] = state, info
		return out
	}
	object := old.create(t, api.Deployment, ns, "orders", spec, nil)
	old.setStatus(t, api.Deployment, object, status(object, "STABLE", "RUNNING", map[string]any{}))
	old.asOperator(t, api.Deployment, ns, func(object *unstructured.Unstructured) {
		if jobField(object, "state") == "suspended" {
			lifecycle, _, _ := unstructured.NestedString(object.Object, "status", "lifecycleState")
			if lifecycle != "SUSPENDED" {
				old.setStatus(t, api.Deployment, object, status(object, "SUSPENDED", "FINISHED", map[string]any{
					"lastSavepoint": map[string]any{"location": "file:/s/savepoint-2", "timeStamp": int64(1764000000000), "triggerType": "UPGRADE"},
				}))
			}
		}
	})
	r := old.flink(t, t.Context(), "suspend", "orders", "-n", ns, "--reconnect-timeout", "0s")
	r.wants(t, exit.OK)
	if !strings.Contains(r.out, "suspended: savepoint file:/s/savepoint-2") {
		t.Error(r)
	}
}
