//go:build api

package api

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// version is an object's resourceVersion: what touches it moves that.
func (s *server) version(t *testing.T, kind api.Kind, namespace, name string) string {
	t.Helper()
	object, err := s.dynamic.Resource(kind.GVR()).Namespace(namespace).Get(t.Context(), name, metav1.GetOptions{})
	must(t, err)
	return object.GetResourceVersion()
}

func savingJob(configuration map[string]any) map[string]any {
	out := map[string]any{"state.savepoints.dir": "file:///flink-data/savepoints", "state.checkpoints.dir": "file:///flink-data/checkpoints"}
	maps.Copy(out, configuration)
	return out
}

func TestDryRunsAndRefusalsTouchNothing(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savingJob(map[string]any{"s3.secret-key": "hush"}))
	current.runningJob(t, ns, "keeps-none", savingJob(map[string]any{"execution": map[string]any{"checkpointing": map[string]any{"externalized-checkpoint-retention": "DELETE_ON_CANCELLATION"}}}))
	before := current.version(t, api.Deployment, ns, "basic") + current.version(t, api.Deployment, ns, "keeps-none")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"upgrade", "basic", "--image", "flink:9", "--dry-run"}, exit.OK, "+ image: flink:9"},
		{[]string{"upgrade", "basic", "--image", "flink:9", "--dry-run=server"}, exit.OK, "(server dry run)"},
		{[]string{"upgrade", "basic", "--set", "s3.secret-key=other", "--dry-run"}, exit.OK, "+ flinkConfiguration s3.secret-key: ****** (another value)"},
		{[]string{"upgrade", "basic", "--image", "flink:1.20"}, exit.OK, "unchanged"},
		{[]string{"upgrade", "basic"}, exit.Usage, "what to upgrade?"},
		{[]string{"upgrade", "basic", "--parallelism", "0"}, exit.Usage, "less than 1"},
		{[]string{"upgrade", "basic", "--flink-version", "two"}, exit.Usage, "is no version"},
		{[]string{"upgrade", "basic", "--set", "kubernetes.cluster-id=x"}, exit.Usage, "the operator sees to it"},
		{[]string{"upgrade", "basic", "--image", "x", "--upgrade-mode", "stateless"}, exit.Usage, "--lose-state"},
		{[]string{"delete", "basic"}, exit.Usage, "add --yes"},
		{[]string{"delete", "basic", "--yes", "--reconnect-timeout", "0s"}, exit.Failed, "its JobManager can't be asked for its checkpoints"},
		{[]string{"delete", "keeps-none", "--yes", "--reconnect-timeout", "0s"}, exit.Failed, "DELETE_ON_CANCELLATION"},
		{[]string{"delete", "keeps-none", "--with-savepoint", "--dry-run", "--reconnect-timeout", "0s"}, exit.OK, "it would be stopped with a savepoint first"},
		{[]string{"savepoint", "basic", "--path", "relative/dir"}, exit.Usage, "--path: \"relative/dir\" is a relative path"},
		{[]string{"savepoint", "basic", "--path", "file:///tmp/sp"}, exit.Usage, "is in no volume of the job's pods"},
		{[]string{"restore", "basic", "--from", "file:sp", "--reconnect-timeout", "0s"}, exit.Usage, "--from"},
		{[]string{"restore", "basic", "--from", "/tmp/sp", "--no-savepoint", "--yes", "--reconnect-timeout", "0s"}, exit.Failed, "is in no volume of the job's pods"},
		{[]string{"snapshot", "adopt", "file:///tmp/sp", "--job", "basic"}, exit.Failed, "Nothing was registered"},
		{[]string{"delete", "basic", "--lose-state", "--dry-run"}, exit.OK, "deleted (client dry run)"},
		{[]string{"delete", "basic", "--lose-state", "--dry-run=server"}, exit.OK, "deleted (server dry run)"},
		{[]string{"clone", "basic", "basic"}, exit.Usage, "would be flinkdeployment/basic itself"},
		{[]string{"clone", "basic", strings.Repeat("a", 46)}, exit.Usage, "at most 45"},
		{[]string{"clone", "basic", "copy", "--from", "/tmp/sp"}, exit.Failed, "is in no volume of the job's pods"},
		{[]string{"clone", "basic", "copy", "--to-namespace", "none"}, exit.Failed, "no namespace none"},
		{[]string{"clone", "basic", "copy", "--from", "none", "--dry-run=server"}, exit.OK, "copy created (server dry run)"},
		{[]string{"clone", "basic", "copy", "--from", "no-such"}, exit.Failed, "not found"},
		{[]string{"submit", "--deployment", "basic", "--jar", "https://x/y.jar"}, exit.Failed, "runs a job of its own"},
		{[]string{"submit", "--jar", "https://x/y.jar"}, exit.Usage, "--deployment is missing"},
	} {
		r := current.flink(t, t.Context(), append(c.args, "-n", ns)...)
		if r.code != c.code || !strings.Contains(r.out+r.err, c.want) {
			t.Errorf("%v: want exit code %d and %q\n%s", c.args, c.code, c.want, r)
		}
		if strings.Contains(r.out+r.err, "hush") {
			t.Errorf("%v: a secret\n%s", c.args, r)
		}
	}
	if after := current.version(t, api.Deployment, ns, "basic") + current.version(t, api.Deployment, ns, "keeps-none"); after != before {
		t.Errorf("the job was touched: %s, was %s", after, before)
	}
	all, err := current.dynamic.Resource(api.Deployment.GVR()).Namespace(ns).List(t.Context(), metav1.ListOptions{})
	must(t, err)
	if len(all.Items) != 2 || len(current.snapshots(t, ns)) != 0 {
		t.Errorf("%d jobs, %d snapshots", len(all.Items), len(current.snapshots(t, ns)))
	}
}

func TestUpgradeOfAStatelessJobAsks(t *testing.T) {
	ns := current.namespace(t)
	spec := deploymentSpec(savingJob(nil))
	spec["job"].(map[string]any)["upgradeMode"] = "stateless"
	current.create(t, api.Deployment, ns, "basic", spec, runningStatus())
	before := current.version(t, api.Deployment, ns, "basic")
	current.flink(t, t.Context(), "upgrade", "basic", "-n", ns, "--image", "x").wants(t, exit.Failed, "--upgrade-mode savepoint", "--lose-state")
	if after := current.version(t, api.Deployment, ns, "basic"); after != before {
		t.Error("the job was touched")
	}
}

func TestDeleteIsSafeAndGivesAManifest(t *testing.T) {
	ns := current.namespace(t)
	current.changeable(t, ns, "basic", deploymentSpec(savingJob(nil)), nil)
	current.carryOut(t, ns)
	r := current.flink(t, t.Context(), "delete", "basic", "-n", ns, "--with-savepoint", "--yes", "-o", "jsonpath={.spec.job.initialSavepointPath} {.spec.job.state} {.metadata.uid}", "--reconnect-timeout", "0s")
	r.wants(t, exit.OK, "patched (job.state: suspended", "its state is savepoint file:/flink-data/savepoints/savepoint-basic", "Start it again from there: kubectl flink submit")
	if r.out != "file:/flink-data/savepoints/savepoint-basic running " {
		t.Error(r)
	}
	current.flink(t, t.Context(), "delete", "basic", "-n", ns, "--yes").wants(t, exit.Failed, "not found")
}

// Where the state is, is said before the object is touched, and again when the
// wait ends; the manifest, too, because the object goes all the same.
func TestDeleteSaysWhereTheStateIs(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	object := current.changeable(t, ns, "basic", deploymentSpec(savingJob(nil)), nil)
	current.patch(t, ns, "basic", `{"metadata":{"finalizers":["flinkdeployments.flink.apache.org/finalizer"]},"spec":{"job":{"state":"suspended"}}}`)
	object = current.deployment(t, ns, object.GetName())
	current.setStatus(t, api.Deployment, object, carriedOut(object, "SUSPENDED", "FINISHED", map[string]any{"upgradeSavepointPath": "file:/flink-data/savepoints/savepoint-1"}))
	t.Cleanup(func() { current.patch(t, ns, "basic", `{"metadata":{"finalizers":null}}`) })
	const path = "file:/flink-data/savepoints/savepoint-1"
	r := current.flink(t, t.Context(), "delete", "basic", "-n", ns, "--yes", "--timeout", "1s", "-o", "jsonpath={.spec.job.initialSavepointPath}")
	r.wants(t, exit.TimedOut, "timed out after 1s", path)
	if strings.Count(r.err, path) < 4 || strings.Index(r.err, path) > strings.Index(r.err, "waiting until it is gone") || r.out != path {
		t.Error(r)
	}
	// It is being deleted by now.
	r = current.flink(t, t.Context(), "delete", "basic", "-n", ns, "--yes", "--wait=false", "-q", "-o", "name")
	r.wants(t, exit.OK, path)
	r = current.flink(t, t.Context(), "delete", "basic", "-n", ns, "--yes", "--timeout", "1s", "-q")
	r.wants(t, exit.TimedOut, path)
	if !strings.Contains(r.out, "basic is being deleted: savepoint "+path) {
		t.Error(r)
	}
}

// jobManager is the Deployment of a job's JobManager, as the operator makes it.
func (s *server) jobManager(t *testing.T, namespace, name string) {
	t.Helper()
	labels := map[string]string{"app": name, "component": "jobmanager", "type": "flink-native-kubernetes"}
	_, err := s.core.AppsV1().Deployments(namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "flink-main-container", Image: "flink"}}}},
		},
	}, metav1.CreateOptions{})
	must(t, err)
}

// Without high availability the JobManager that the operator leaves would run
// a suspended job again.
func TestSuspendTakesTheJobManagerAway(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	current.carryOut(t, ns)
	there := func(name string) bool {
		_, err := current.core.AppsV1().Deployments(ns).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
		return err == nil
	}
	ha := deploymentSpec(savingJob(map[string]any{"high-availability": "kubernetes"}))
	for name, spec := range map[string]map[string]any{"alone": deploymentSpec(savingJob(nil)), "guarded": ha, "forbidden": deploymentSpec(savingJob(nil)), "by-operator": deploymentSpec(savingJob(nil))} {
		current.changeable(t, ns, name, spec, nil)
		current.jobManager(t, ns, name)
	}
	current.flink(t, t.Context(), "suspend", "alone", "-n", ns, "--reconnect-timeout", "0s").wants(t, exit.OK, "its JobManager is taken away (deployment/alone)")
	current.flink(t, t.Context(), "suspend", "guarded", "-n", ns, "--reconnect-timeout", "0s").wants(t, exit.OK)
	user := current.user(t, ns,
		rbacv1.PolicyRule{APIGroups: []string{api.Group}, Resources: []string{"*"}, Verbs: []string{"*"}},
		rbacv1.PolicyRule{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"get", "list"}},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods", "configmaps", "events"}, Verbs: []string{"get", "list", "watch"}})
	// The operator takes the JobManager of an ended job away after its shutdown-ttl.
	const ttl = "kubernetes.operator.jm-deployment.shutdown-ttl"
	current.asOperator(t, api.Deployment, ns, func(object *unstructured.Unstructured) {
		if value, _, _ := unstructured.NestedString(object.Object, "spec", "flinkConfiguration", ttl); value != "" && object.GetName() == "by-operator" {
			_ = current.core.AppsV1().Deployments(ns).Delete(context.Background(), "by-operator", metav1.DeleteOptions{})
		}
	})
	flinkAs(t, t.Context(), user, "suspend", "by-operator", "-n", ns, "--reconnect-timeout", "0s").wants(t, exit.OK, ttl+": 1 s", "the operator has taken its JobManager away")
	if value, _, _ := unstructured.NestedString(current.deployment(t, ns, "by-operator").Object, "spec", "flinkConfiguration", ttl); value != "" || there("by-operator") {
		t.Errorf("%q %v", value, there("by-operator"))
	}
	r := flinkAs(t, t.Context(), user, "suspend", "forbidden", "-n", ns, "--reconnect-timeout", "0s", "--timeout", "4s")
	r.wants(t, exit.TimedOut, "is suspended with savepoint file:/flink-data/savepoints/savepoint-forbidden", "may run again", "kubectl delete deployment forbidden -n "+ns, "jm-deployment.shutdown-ttl")
	if there("alone") || !there("guarded") || !there("forbidden") {
		t.Error(there("alone"), there("guarded"), there("forbidden"))
	}
	// A user who may finishes it with the same command.
	r = current.flink(t, t.Context(), "suspend", "forbidden", "-n", ns, "--reconnect-timeout", "0s")
	r.wants(t, exit.OK, "its JobManager is taken away")
	if there("forbidden") || !strings.Contains(r.out, "suspended already") {
		t.Error(r)
	}
}

// The mode is noted in the patch that changes it, and stays until it is
// proven that the job runs from its state.
func TestSuspendNotesTheModeOfBefore(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	spec := deploymentSpec(savingJob(nil))
	spec["job"].(map[string]any)["upgradeMode"] = "stateless"
	current.changeable(t, ns, "basic", spec, nil)
	current.carryOut(t, ns)
	current.flink(t, t.Context(), "suspend", "basic", "-n", ns, "--reconnect-timeout", "0s").wants(t, exit.OK, "upgradeMode is stateless and becomes savepoint until")
	suspended := current.deployment(t, ns, "basic")
	if got := suspended.GetAnnotations()["kubectl-flink/upgrade-mode-before"]; got != "stateless" || suspended.GetGeneration() != 2 {
		t.Errorf("%q, generation %d", got, suspended.GetGeneration())
	}
	// There is no JobManager to ask here.
	current.flink(t, t.Context(), "resume", "basic", "-n", ns, "--reconnect-timeout", "0s").wants(t, exit.OK, "upgradeMode stays savepoint, because it isn't proven", "kubectl patch flinkdeployment basic")
	if got := jobField(current.deployment(t, ns, "basic"), "upgradeMode"); got != "savepoint" {
		t.Error(got)
	}
}

func TestSubmitFollowsToRunning(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	file := filepath.Join(t.TempDir(), "job.yaml")
	must(t, os.WriteFile(file, []byte("apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: basic}\nspec: {flinkVersion: v1_20, serviceAccount: flink, job: {jarURI: local:///x.jar}}\n"), 0o600))
	r := current.flink(t, t.Context(), "submit", "-f", file, "-n", ns, "--timeout", "2s")
	r.wants(t, exit.TimedOut, "timed out after 2s", "not seen by the operator yet", "kubectl flink delete flinkdeployment/basic")
	current.flink(t, t.Context(), "delete", "basic", "-n", ns, "--yes").wants(t, exit.OK)
	r = current.flink(t, t.Context(), "submit", "-f", file, "-n", ns, "--wait=false", "-o", "name")
	r.wants(t, exit.OK)
	if r.out != "flinkdeployment.flink.apache.org/basic\n" {
		t.Error(r)
	}
}
