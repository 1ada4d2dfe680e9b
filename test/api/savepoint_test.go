//go:build api

package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// asOperator calls react on every change of a kind's objects until the test
// ends, as the operator's controller would be.
func (s *server) asOperator(t *testing.T, kind api.Kind, namespace string, react func(object *unstructured.Unstructured)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		_ = wait.Follow(ctx, s.dynamic.Resource(kind.GVR()).Namespace(namespace), metav1.ListOptions{},
			func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
				if object != nil && event != watch.Deleted {
					react(object)
				}
				return false, nil
			})
	})
	t.Cleanup(func() { cancel(); group.Wait() })
}

// completeSnapshots answers every snapshot as a healthy operator does.
func (s *server) completeSnapshots(t *testing.T, namespace string) {
	t.Helper()
	s.asOperator(t, api.StateSnap, namespace, func(object *unstructured.Unstructured) {
		snapshot := api.Snapshot{Object: object}
		switch snapshot.State() {
		case "":
			s.setStatus(t, api.StateSnap, object, map[string]any{"state": "TRIGGER_PENDING", "failures": int64(0)})
		case api.SnapshotPending:
			s.setStatus(t, api.StateSnap, object, map[string]any{"state": "IN_PROGRESS", "triggerId": "abc", "triggerTimestamp": "2026-01-02T03:04:05Z"})
		case api.SnapshotInProgress:
			s.setStatus(t, api.StateSnap, object, map[string]any{
				"state": "COMPLETED", "path": "file:/flink-data/savepoints/savepoint-" + object.GetName(),
				"triggerTimestamp": "2026-01-02T03:04:05Z", "resultTimestamp": "2026-01-02T03:04:09.500Z",
			})
		}
	})
}

func (s *server) snapshots(t *testing.T, namespace string) []unstructured.Unstructured {
	t.Helper()
	list, err := s.dynamic.Resource(api.StateSnap.GVR()).Namespace(namespace).List(t.Context(), metav1.ListOptions{})
	must(t, err)
	return list.Items
}

func TestSavepointIsTakenAndItsPathPrinted(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	current.completeSnapshots(t, ns)

	r := current.flink(t, t.Context(), "savepoint", "basic", "-n", ns)
	r.wants(t, exit.OK, "waiting for the operator", "format CANONICAL: Flink 1.20")
	made := current.snapshots(t, ns)
	if len(made) != 1 {
		t.Fatalf("%d snapshots\n%s", len(made), r)
	}
	s := made[0]
	want := fmt.Sprintf("flinkstatesnapshot.flink.apache.org/%s completed: file:/flink-data/savepoints/savepoint-%s\n", s.GetName(), s.GetName())
	if r.out != want {
		t.Errorf("stdout %q, want %q", r.out, want)
	}
	if !strings.HasPrefix(s.GetName(), "basic-savepoint-manual-") {
		t.Errorf("name %s", s.GetName())
	}
	limit, found, _ := unstructured.NestedInt64(s.Object, "spec", "backoffLimit")
	if !found || limit != 0 {
		t.Errorf("backoffLimit %v %v; it must be explicit", limit, found)
	}
	dispose, found, _ := unstructured.NestedBool(s.Object, "spec", "savepoint", "disposeOnDelete")
	if !found || dispose {
		t.Errorf("disposeOnDelete %v %v; deleting the object must not delete the data", dispose, found)
	}
	if l := s.GetLabels(); l["job-reference.name"] != "basic" || l["job-reference.kind"] != "FlinkDeployment" {
		t.Errorf("labels %v", l)
	}
}

func TestSavepointFlagsReachTheObject(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", nil)
	current.completeSnapshots(t, ns)
	r := current.flink(t, t.Context(), "savepoint", "basic", "-n", ns, "--name", "mine", "--path", "s3://b/x", "--format", "native",
		"--retries", "2", "--dispose-on-delete", "--label", "team=a", "-o", "json")
	r.wants(t, exit.OK)
	var got unstructured.Unstructured
	must(t, json.Unmarshal([]byte(r.out), &got.Object))
	spec, _, _ := unstructured.NestedMap(got.Object, "spec")
	want := map[string]any{
		"backoffLimit": int64(2),
		"jobReference": map[string]any{"kind": "FlinkDeployment", "name": "basic"},
		"savepoint":    map[string]any{"formatType": "NATIVE", "path": "s3://b/x", "disposeOnDelete": true},
	}
	if fmt.Sprint(spec) != fmt.Sprint(want) {
		t.Errorf("spec %v\nwant %v", spec, want)
	}
	if got.GetName() != "mine" || got.GetLabels()["team"] != "a" {
		t.Errorf("name %s labels %v", got.GetName(), got.GetLabels())
	}
}

func TestSavepointPathAlone(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	current.completeSnapshots(t, ns)
	r := current.flink(t, t.Context(), "savepoint", "basic", "-n", ns, "-o", "jsonpath={.status.path}")
	r.wants(t, exit.OK)
	if !strings.HasPrefix(r.out, "file:/flink-data/savepoints/savepoint-basic-") || strings.ContainsAny(r.out, " \n") {
		t.Errorf("stdout %q", r.out)
	}
}

func TestSavepointOfTheOnlyJob(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "one", savepointDir)
	// A session cluster and a blue/green deployment's child are not jobs to choose.
	current.create(t, api.Deployment, ns, "session", map[string]any{"flinkVersion": "v1_20", "serviceAccount": "flink"}, runningStatus())
	current.completeSnapshots(t, ns)
	r := current.flink(t, t.Context(), "savepoint", "-n", ns, "-o", "name")
	r.wants(t, exit.OK)
	if !strings.HasPrefix(r.out, "flinkstatesnapshot.flink.apache.org/one-savepoint-manual-") {
		t.Errorf("stdout %q", r.out)
	}
	current.runningJob(t, ns, "two", savepointDir)
	current.flink(t, t.Context(), "savepoint", "-n", ns).wants(t, exit.Usage, "2 jobs", "flinkdeployment/one, flinkdeployment/two")
}

func TestSavepointOfSeveralJobs(t *testing.T) {
	ns := current.namespace(t)
	for _, name := range []string{"a", "b", "c"} {
		current.runningJob(t, ns, name, savepointDir)
	}
	stopped := current.create(t, api.Deployment, ns, "stopped", deploymentSpec(savepointDir), map[string]any{
		"lifecycleState": "SUSPENDED", "jobManagerDeploymentStatus": "MISSING", "jobStatus": map[string]any{"state": "FINISHED", "updateTime": "1764000000000"},
	})
	current.completeSnapshots(t, ns)

	r := current.flink(t, t.Context(), "savepoint", "a", "b", "-n", ns, "-o", "jsonpath={.items[*].spec.jobReference.name}")
	r.wants(t, exit.OK)
	if r.out != "a b" {
		t.Errorf("stdout %q", r.out)
	}
	r = current.flink(t, t.Context(), "savepoint", "--all", "-n", ns)
	r.wants(t, exit.Failed, "flinkdeployment/stopped", "is not RUNNING", "FINISHED (lifecycle SUSPENDED", "1 of 4 savepoints failed")
	if n := strings.Count(r.out, " completed: file:/"); n != 3 {
		t.Errorf("%d completed\n%s", n, r)
	}
	if len(current.snapshots(t, ns)) != 5 {
		t.Errorf("snapshots: %v", len(current.snapshots(t, ns)))
	}
	_ = stopped
}

func TestSavepointRefusalsChangeNothing(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "nodir", nil)
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "flink-config-nodir"}, Data: map[string]string{"flink-conf.yaml": "rest.port: 8081\n"}}
	_, err := current.core.CoreV1().ConfigMaps(ns).Create(t.Context(), configMap, metav1.CreateOptions{})
	must(t, err)
	failing := runningStatus()
	failing["jobStatus"].(map[string]any)["state"] = "RESTARTING"
	failing["error"] = `{"type":"org.apache.flink.util.SerializedThrowable","message":"java.lang.RuntimeException: boom","throwableList":[]}`
	current.create(t, api.Deployment, ns, "restarting", deploymentSpec(savepointDir), failing)
	current.create(t, api.Deployment, ns, "session", map[string]any{"flinkVersion": "v1_20", "serviceAccount": "flink"}, runningStatus())
	modern := deploymentSpec(savepointDir)
	modern["flinkVersion"] = "v2_3"
	current.create(t, api.Deployment, ns, "modern", modern, runningStatus())
	busy := current.runningJob(t, ns, "busy", savepointDir)
	_ = busy
	other := current.create(t, api.StateSnap, ns, "other", map[string]any{
		"backoffLimit": int64(0), "jobReference": map[string]any{"kind": "FlinkDeployment", "name": "busy"}, "savepoint": map[string]any{},
	}, map[string]any{"state": "IN_PROGRESS", "triggerId": "x"})
	_ = other

	for name, tc := range map[string]struct {
		args []string
		code int
		want []string
	}{
		"no directory":         {[]string{"nodir"}, exit.Failed, []string{"has no savepoint directory", "--path"}},
		"not running":          {[]string{"restarting"}, exit.Failed, []string{"is not RUNNING", "RESTARTING since", "RuntimeException: boom"}},
		"session cluster":      {[]string{"session"}, exit.Failed, []string{"is a session cluster"}},
		"canonical on Flink 2": {[]string{"modern", "--format", "canonical"}, exit.Failed, []string{"Flink 2.3", "--format native", "--force"}},
		"nonce on Flink 2":     {[]string{"modern", "--method", "nonce"}, exit.Failed, []string{"Flink 2.3", "kubernetes.operator.savepoint.format.type: NATIVE", "--force"}},
		"one in progress":      {[]string{"busy"}, exit.Failed, []string{"flinkstatesnapshot/other", "--follow"}},
		"unknown name":         {[]string{"modem"}, exit.Failed, []string{`Error from server (NotFound): flinkdeployments.flink.apache.org "modem" not found`, "Names near it: modern"}},
		"unknown type":         {[]string{"pod/x"}, exit.Usage, []string{`"pod" is not one of flinkdeployment, flinksessionjob, flinkbluegreendeployment`}},
		"unknown format":       {[]string{"busy", "--format", "zip"}, exit.Usage, []string{"--format", "zip"}},
		"flag beyond nonce":    {[]string{"busy", "--method", "nonce", "--path", "/x"}, exit.Usage, []string{"--path", "nonce"}},
		"job id without rest":  {[]string{"busy", "--job-id", "x"}, exit.Usage, []string{"--job-id", "--method rest"}},
		"label with rest":      {[]string{"busy", "--method", "rest", "--label", "a=b"}, exit.Usage, []string{"--label"}},
		"name for several":     {[]string{"busy", "modern", "--name", "x"}, exit.Usage, []string{"--name"}},
		"names and --all":      {[]string{"busy", "--all"}, exit.Usage, []string{"--all"}},
		"bad output":           {[]string{"busy", "-o", "xml"}, exit.Usage, []string{"--output"}},
		"unknown flag":         {[]string{"busy", "--wat"}, exit.Usage, []string{"unknown flag: --wat", "See 'kubectl flink savepoint --help'"}},
		"bad label":            {[]string{"busy", "--label", "x"}, exit.Usage, []string{"--label"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := current.flink(t, t.Context(), append([]string{"savepoint", "-n", ns}, tc.args...)...)
			r.wants(t, tc.code, tc.want...)
			if r.out != "" {
				t.Errorf("stdout %q", r.out)
			}
		})
	}
	if n := len(current.snapshots(t, ns)); n != 1 {
		t.Errorf("%d snapshots; something was changed", n)
	}
}

func TestSavepointFollowsTheOneInProgress(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "busy", savepointDir)
	current.create(t, api.StateSnap, ns, "other", map[string]any{
		"backoffLimit": int64(0), "jobReference": map[string]any{"kind": "FlinkDeployment", "name": "busy"}, "savepoint": map[string]any{},
	}, map[string]any{"state": "IN_PROGRESS", "triggerId": "x"})
	current.completeSnapshots(t, ns)
	r := current.flink(t, t.Context(), "savepoint", "busy", "-n", ns, "--follow")
	// The operator of this test may be done before --follow looks; both answers are true ones.
	if r.code == exit.OK && !strings.HasPrefix(r.out, "flinkstatesnapshot.flink.apache.org/other completed: ") {
		t.Error(r)
	}
	if r.code != exit.OK && !strings.Contains(r.err, "no savepoint in progress") {
		t.Error(r)
	}
	if n := len(current.snapshots(t, ns)); n != 1 {
		t.Errorf("%d snapshots", n)
	}
}

// One that was given a directory is followed though the job has none, and one
// that the operator is slow to see though it is not young.
func TestSavepointFollowsAnySavepoint(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	current.runningJob(t, ns, "nodir", nil)
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "flink-config-nodir"}, Data: map[string]string{"flink-conf.yaml": "rest.port: 8081\n"}}
	_, err := current.core.CoreV1().ConfigMaps(ns).Create(t.Context(), configMap, metav1.CreateOptions{})
	must(t, err)
	current.flink(t, t.Context(), "savepoint", "nodir", "-n", ns, "--path", "file:///flink-data/given", "--name", "given", "--wait=false").wants(t, exit.OK)
	r := current.flink(t, t.Context(), "savepoint", "nodir", "-n", ns, "--follow", "--timeout", "1s")
	r.wants(t, exit.TimedOut, "flinkstatesnapshot/given is not seen by the operator yet")
	current.completeSnapshots(t, ns)
	r = current.flink(t, t.Context(), "savepoint", "nodir", "-n", ns, "--follow")
	// The operator of this test may be done before --follow looks.
	if r.code != exit.OK && !strings.Contains(r.err, "no savepoint in progress") {
		t.Error(r)
	}
	current.flink(t, t.Context(), "savepoint", "nodir", "-n", ns, "--follow", "--path", "/x").wants(t, exit.Usage, "--path", "--follow")
}

func TestSavepointFailureShowsItsCause(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	failure := `{"type":"org.apache.flink.kubernetes.operator.exception.ReconciliationException","message":"java.util.concurrent.CompletionException: x","throwableList":[{"type":"java.io.IOException","message":"Mkdirs failed to create file:/no/write\n\tat a.b.C(D.java:1)"}]}`
	current.asOperator(t, api.StateSnap, ns, func(object *unstructured.Unstructured) {
		if (api.Snapshot{Object: object}).State() == "" {
			current.setStatus(t, api.StateSnap, object, map[string]any{"state": "FAILED", "failures": int64(1), "error": failure})
		}
	})
	r := current.flink(t, t.Context(), "savepoint", "basic", "-n", ns)
	r.wants(t, exit.Failed, "FAILED: IOException: Mkdirs failed to create file:/no/write", "can't write to the savepoint directory")
	if strings.Contains(r.err, "at a.b.C") || r.out != "" {
		t.Error(r)
	}
}

func TestSavepointTimeout(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	r := current.flink(t, t.Context(), "savepoint", "basic", "-n", ns, "--timeout", "1s", "--name", "slow")
	r.wants(t, exit.TimedOut, "timed out after 1s", "flinkstatesnapshot/slow is not seen by the operator yet", "kubectl flink snapshot wait slow", "kubectl get flinkstatesnapshot slow")
}

// An older savepoint of the same name is not the one asked for.
func TestSavepointNameIsTaken(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	current.completeSnapshots(t, ns)
	current.flink(t, t.Context(), "savepoint", "basic", "-n", ns, "--name", "nightly").wants(t, exit.OK)
	r := current.flink(t, t.Context(), "savepoint", "basic", "-n", ns, "--name", "nightly")
	r.wants(t, exit.Failed, "Error from server (AlreadyExists)", `"nightly" already exists`)
	if r.out != "" {
		t.Errorf("stdout %q", r.out)
	}
}

func TestSavepointInterrupted(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	ctx, cancel := context.WithCancelCause(t.Context())
	current.asOperator(t, api.StateSnap, ns, func(object *unstructured.Unstructured) {
		if (api.Snapshot{Object: object}).State() == "" {
			current.setStatus(t, api.StateSnap, object, map[string]any{"state": "IN_PROGRESS", "triggerId": "x"})
		}
	})
	// Ctrl-C as soon as the command knows that it has made the object.
	r := flinkSeen(t, ctx, current.kubeconfig, func(text string) {
		if strings.Contains(text, "/long created") {
			cancel(exit.With(exit.Interrupted, context.Canceled))
		}
	}, "savepoint", "basic", "-n", ns, "--name", "long")
	r.wants(t, exit.Interrupted, "flinkstatesnapshot/long is", "goes on without this command")
	if len(current.snapshots(t, ns)) != 1 {
		t.Error("Ctrl-C must not take the savepoint away")
	}
}

func TestSavepointWithoutWaiting(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	r := current.flink(t, t.Context(), "savepoint", "basic", "-n", ns, "--wait=false", "--name", "later")
	r.wants(t, exit.OK)
	if r.out != "flinkstatesnapshot.flink.apache.org/later created\n" {
		t.Errorf("stdout %q", r.out)
	}
}

func TestSavepointDryRunTouchesNothing(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	for _, mode := range []string{"client", "server"} {
		r := current.flink(t, t.Context(), "savepoint", "basic", "-n", ns, "--dry-run="+mode, "--name", "dry")
		r.wants(t, exit.OK)
		if want := "flinkstatesnapshot.flink.apache.org/dry created (" + mode + " dry run)\n"; r.out != want {
			t.Errorf("stdout %q, want %q", r.out, want)
		}
		r = current.flink(t, t.Context(), "savepoint", "basic", "-n", ns, "--dry-run="+mode, "--method", "nonce")
		r.wants(t, exit.OK)
	}
	if n := len(current.snapshots(t, ns)); n != 0 {
		t.Errorf("%d snapshots", n)
	}
	r := current.flink(t, t.Context(), "savepoint", "basic", "-n", ns, "--dry-run", "--name", "dry", "-o", "yaml")
	r.wants(t, exit.OK)
	if !strings.Contains(r.out, "kind: FlinkStateSnapshot") || !strings.Contains(r.out, "disposeOnDelete: false") {
		t.Errorf("stdout %s", r.out)
	}
	job, err := current.dynamic.Resource(api.Deployment.GVR()).Namespace(ns).Get(t.Context(), "basic", metav1.GetOptions{})
	must(t, err)
	if _, found, _ := unstructured.NestedFieldNoCopy(job.Object, "spec", "job", "savepointTriggerNonce"); found {
		t.Error("the nonce was set")
	}
}

func TestSavepointDeletedInBetween(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	client := current.dynamic.Resource(api.StateSnap.GVR()).Namespace(ns)
	current.asOperator(t, api.StateSnap, ns, func(object *unstructured.Unstructured) {
		_ = client.Delete(t.Context(), object.GetName(), metav1.DeleteOptions{})
	})
	current.flink(t, t.Context(), "savepoint", "basic", "-n", ns).wants(t, exit.Failed, "was deleted")
}

func TestSavepointOfBlueGreen(t *testing.T) {
	ns := current.namespace(t)
	child := current.runningJob(t, ns, "bg-green", savepointDir)
	spec := map[string]any{"template": map[string]any{"spec": deploymentSpec(savepointDir)}}
	parent := current.create(t, api.BlueGreen, ns, "bg", spec, map[string]any{
		"blueGreenState": "ACTIVE_GREEN", "jobStatus": map[string]any{"state": "RUNNING"},
	})
	current.completeSnapshots(t, ns)
	r := current.flink(t, t.Context(), "savepoint", "bluegreen/bg", "-n", ns, "-o", "jsonpath={.spec.jobReference.name}")
	r.wants(t, exit.OK)
	if r.out != "bg-green" {
		t.Error(r)
	}
	current.flink(t, t.Context(), "savepoint", "bluegreen/bg", "-n", ns, "--method", "nonce").wants(t, exit.Usage, "nonce")
	child.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: api.Group + "/" + api.Version, Kind: api.BlueGreen.Name, Name: "bg", UID: parent.GetUID(),
	}})
	_, err := current.dynamic.Resource(api.Deployment.GVR()).Namespace(ns).Update(t.Context(), child, metav1.UpdateOptions{})
	must(t, err)
	current.flink(t, t.Context(), "savepoint", "bg-green", "-n", ns, "--method", "nonce").wants(t, exit.Usage, "flinkbluegreendeployment/bg")
	current.setStatus(t, api.BlueGreen, parent, map[string]any{"blueGreenState": "TRANSITIONING_TO_BLUE"})
	current.flink(t, t.Context(), "savepoint", "bluegreen/bg", "-n", ns).wants(t, exit.Failed, "TRANSITIONING_TO_BLUE")
}

func TestSavepointOfSessionJob(t *testing.T) {
	ns := current.namespace(t)
	current.create(t, api.Deployment, ns, "session", map[string]any{
		"flinkVersion": "v2_3", "serviceAccount": "flink", "flinkConfiguration": map[string]any{"state": map[string]any{"savepoints": map[string]any{"dir": "s3://cluster"}}},
	}, runningStatus())
	status := runningStatus()
	delete(status, "jobManagerDeploymentStatus")
	job := func(name string, configuration map[string]any) {
		current.create(t, api.SessionJob, ns, name, map[string]any{
			"deploymentName": "session", "flinkConfiguration": configuration,
			"job": map[string]any{"jarURI": "https://x/y.jar", "parallelism": int64(1)},
		}, status)
	}
	job("plain", nil)
	job("own", map[string]any{"execution.checkpointing.savepoint-dir": "s3://own"})
	current.completeSnapshots(t, ns)
	const fields = "jsonpath={.spec.jobReference.kind} {.spec.savepoint.formatType} {.spec.savepoint.path}"
	r := current.flink(t, t.Context(), "savepoint", "sessionjob/plain", "-n", ns, "-o", fields)
	r.wants(t, exit.OK)
	if r.out != "FlinkSessionJob NATIVE " {
		t.Errorf("%q\n%s", r.out, r)
	}
	r = current.flink(t, t.Context(), "savepoint", "flinksessionjobs.flink.apache.org/own", "-n", ns, "-o", fields)
	r.wants(t, exit.OK)
	if r.out != "FlinkSessionJob NATIVE s3://own" {
		t.Errorf("%q\n%s", r.out, r)
	}
	current.flink(t, t.Context(), "savepoint", "plain", "-n", ns).wants(t, exit.Failed, "Did you mean flinksessionjob/plain?")
	current.flink(t, t.Context(), "savepoint", "session", "-n", ns).wants(t, exit.Failed, "is a session cluster", "flinksessionjob/own, flinksessionjob/plain")
}

func TestSavepointWithoutPermissionNamesIt(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	read := rbacv1.PolicyRule{APIGroups: []string{api.Group}, Resources: []string{"*"}, Verbs: []string{"get", "list", "watch"}}
	viewer := current.user(t, ns, read)
	flinkAs(t, t.Context(), viewer, "savepoint", "basic", "-n", ns).wants(t, exit.Failed,
		"Error from server (Forbidden)", `cannot create resource "flinkstatesnapshots"`, "kubectl auth can-i create flinkstatesnapshots.flink.apache.org")
	nobody := current.user(t, ns)
	flinkAs(t, t.Context(), nobody, "savepoint", "basic", "-n", ns).wants(t, exit.Failed, `cannot get resource "flinkdeployments"`)
	// Without the right to see the result, nothing must be asked for.
	blind := current.user(t, ns,
		rbacv1.PolicyRule{APIGroups: []string{api.Group}, Resources: []string{"flinkdeployments"}, Verbs: []string{"get"}},
		rbacv1.PolicyRule{APIGroups: []string{api.Group}, Resources: []string{"flinkstatesnapshots"}, Verbs: []string{"create"}})
	flinkAs(t, t.Context(), blind, "savepoint", "basic", "-n", ns).wants(t, exit.Failed, `cannot list resource "flinkstatesnapshots"`)
	if n := len(current.snapshots(t, ns)); n != 0 {
		t.Errorf("%d snapshots", n)
	}
	// Without the right to watch, this is only seen when it is asked for.
	lister := current.user(t, ns,
		rbacv1.PolicyRule{APIGroups: []string{api.Group}, Resources: []string{"*"}, Verbs: []string{"get", "list", "create"}})
	flinkAs(t, t.Context(), lister, "savepoint", "basic", "-n", ns, "--name", "unwatched").wants(t, exit.Failed,
		`cannot watch resource "flinkstatesnapshots"`, "goes on without this command", "kubectl get flinkstatesnapshot unwatched")
}

func TestWithoutTheOperatorsKinds(t *testing.T) {
	const words = "the Flink Kubernetes Operator's CRDs are not installed in this cluster"
	bare.flink(t, t.Context(), "savepoint", "basic").wants(t, exit.Failed, words)
	bare.flink(t, t.Context(), "savepoint").wants(t, exit.Failed, words)
	r := bare.flink(t, t.Context(), "version")
	r.wants(t, exit.OK)
	if !strings.Contains(r.out, words) || !strings.Contains(r.out, "v1.34.4") {
		t.Error(r)
	}
	ns := old.namespace(t)
	old.flink(t, t.Context(), "savepoint", "bluegreen/x", "-n", ns).wants(t, exit.Failed, "this cluster has no FlinkBlueGreenDeployment")
}

func TestVersionAsJSON(t *testing.T) {
	r := current.flink(t, t.Context(), "version", "-o", "json")
	r.wants(t, exit.OK)
	var got struct {
		Client     struct{ Version, GoVersion string }
		Kubernetes string
		Operator   struct{ Kinds []string }
	}
	must(t, json.Unmarshal([]byte(r.out), &got))
	if got.Kubernetes != "v1.34.4" || len(got.Operator.Kinds) != 4 || got.Client.Version == "" {
		t.Errorf("%+v", got)
	}
}

func TestUnreachableServer(t *testing.T) {
	r := current.flink(t, t.Context(), "savepoint", "x", "--server", "https://127.0.0.1:1")
	r.wants(t, exit.Failed, "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?")
}

func TestOperatorScaledToZeroIsFound(t *testing.T) {
	t.Parallel()
	// Without an operator in sight the command says that it has not reacted.
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := current.flink(t, ctx, "savepoint", "basic", "-n", ns, "--timeout", "15s")
	r.wants(t, exit.TimedOut, "The operator has not reacted", "No Deployment of the operator was found")
}

func TestHostileTextIsMadeSafe(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	current.asOperator(t, api.StateSnap, ns, func(object *unstructured.Unstructured) {
		if (api.Snapshot{Object: object}).State() == "" {
			current.setStatus(t, api.StateSnap, object, map[string]any{"state": "FAILED", "error": "boo\x1b]0;owned\x07m\x1b[2J"})
		}
	})
	r := current.flink(t, t.Context(), "savepoint", "basic", "-n", ns)
	r.wants(t, exit.Failed, "boom")
	if strings.ContainsAny(r.err+r.out, "\x1b\x07") {
		t.Errorf("%q", r.err)
	}
}
