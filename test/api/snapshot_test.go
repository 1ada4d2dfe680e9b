//go:build api

package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// saved makes a completed savepoint of a job, as the operator would, held by
// the operator's finalizer.
func (s *server) saved(t *testing.T, namespace, name, job, path string, dispose bool) {
	t.Helper()
	object := s.create(t, api.StateSnap, namespace, name, map[string]any{
		"backoffLimit": int64(0), "jobReference": map[string]any{"kind": "FlinkDeployment", "name": job},
		"savepoint": map[string]any{"formatType": "CANONICAL", "disposeOnDelete": dispose},
	}, map[string]any{"state": "COMPLETED", "path": path, "resultTimestamp": "2026-01-02T03:04:09.500Z"})
	object.SetFinalizers([]string{"flinkstatesnapshots.flink.apache.org/finalizer"})
	_, err := s.dynamic.Resource(api.StateSnap.GVR()).Namespace(namespace).Update(t.Context(), object, metav1.UpdateOptions{})
	must(t, err)
}

// finalize lets deleted snapshots go, as the operator does: those with data to
// dispose only while the job runs.
func (s *server) finalize(t *testing.T, namespace string, jobRuns bool) *[]string {
	t.Helper()
	disposed := &[]string{}
	s.asOperator(t, api.StateSnap, namespace, func(object *unstructured.Unstructured) {
		snapshot := api.Snapshot{Object: object}
		if object.GetDeletionTimestamp() == nil || len(object.GetFinalizers()) == 0 || snapshot.Disposes() && !jobRuns {
			return
		}
		if snapshot.Disposes() {
			*disposed = append(*disposed, snapshot.Path())
		}
		object = object.DeepCopy()
		object.SetFinalizers(nil)
		_, _ = s.dynamic.Resource(api.StateSnap.GVR()).Namespace(namespace).Update(t.Context(), object, metav1.UpdateOptions{})
	})
	return disposed
}

func TestCheckpointByResource(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", nil)
	current.asOperator(t, api.StateSnap, ns, func(object *unstructured.Unstructured) {
		if (api.Snapshot{Object: object}).State() == "" {
			current.setStatus(t, api.StateSnap, object, map[string]any{
				"state": "COMPLETED", "path": "file:/c/a1/chk-7", "triggerId": "t1",
				"triggerTimestamp": "2026-01-02T03:04:05Z", "resultTimestamp": "2026-01-02T03:04:06Z",
			})
		}
	})
	r := current.flink(t, t.Context(), "checkpoint", "basic", "-n", ns, "--name", "mine", "--reconnect-timeout", "1s")
	r.wants(t, exit.OK, "format FULL")
	if r.out != "flinkstatesnapshot.flink.apache.org/mine completed: file:/c/a1/chk-7\n" {
		t.Errorf("stdout %q", r.out)
	}
	made := current.snapshots(t, ns)[0]
	spec, _, _ := unstructured.NestedMap(made.Object, "spec")
	want := map[string]any{"backoffLimit": int64(0), "checkpoint": map[string]any{}, "jobReference": map[string]any{"kind": "FlinkDeployment", "name": "basic"}}
	if fmt.Sprint(spec) != fmt.Sprint(want) {
		t.Errorf("spec %v", spec)
	}
	current.flink(t, t.Context(), "checkpoint", "basic", "-n", ns, "--type", "incremental").wants(t, exit.Failed, "--type configured")
	current.flink(t, t.Context(), "checkpoint", "basic", "-n", ns, "--type", "configured", "--method", "resource").wants(t, exit.Usage, "--type configured")
	current.flink(t, t.Context(), "checkpoint", "basic", "-n", ns, "--type", "huge").wants(t, exit.Usage, `--type: "huge"`)
}

func TestCheckpointByNonceOnAnOldOperator(t *testing.T) {
	ns := old.namespace(t)
	old.create(t, api.Deployment, ns, "basic", deploymentSpecFor("v1_18"), runningStatus())
	old.create(t, api.Deployment, ns, "older", deploymentSpecFor("v1_16"), runningStatus())
	old.flink(t, t.Context(), "checkpoint", "older", "-n", ns).wants(t, exit.Failed, "came with Flink 1.17")
	r := old.flink(t, t.Context(), "checkpoint", "basic", "-n", ns, "--wait=false", "--method", "nonce", "--type", "incremental")
	r.wants(t, exit.OK)
	object, err := old.dynamic.Resource(api.Deployment.GVR()).Namespace(ns).Get(t.Context(), "basic", metav1.GetOptions{})
	must(t, err)
	nonce, found, _ := unstructured.NestedInt64(object.Object, "spec", "job", "checkpointTriggerNonce")
	kind, _, _ := unstructured.NestedString(object.Object, "spec", "flinkConfiguration", "kubernetes.operator.checkpoint.type")
	if !found || nonce == 0 || kind != "INCREMENTAL" {
		t.Errorf("nonce %d, type %q", nonce, kind)
	}
}

func TestSnapshotListMergesObjectsAndHistory(t *testing.T) {
	ns := current.namespace(t)
	status := runningStatus()
	status["jobStatus"].(map[string]any)["savepointInfo"] = map[string]any{
		"lastSavepoint":    map[string]any{"timeStamp": int64(1764000003000), "location": "file:/s/2", "triggerType": "MANUAL", "formatType": "CANONICAL"},
		"savepointHistory": []any{map[string]any{"timeStamp": int64(1764000000000), "location": "file:///s/1", "triggerType": "UPGRADE", "formatType": "CANONICAL"}},
		"triggerTimestamp": int64(0), "lastPeriodicSavepointTimestamp": int64(0),
	}
	current.create(t, api.Deployment, ns, "basic", deploymentSpec(nil), status)
	next := deploymentSpec(nil)
	next["job"].(map[string]any)["initialSavepointPath"] = "/s/2"
	current.create(t, api.Deployment, ns, "next", next, runningStatus())
	current.saved(t, ns, "one", "basic", "file:/s/1", true)
	r := current.flink(t, t.Context(), "snapshot", "list", "-n", ns, "-o", "json")
	r.wants(t, exit.OK)
	var list struct {
		Items []struct {
			Kind     string
			Metadata struct{ Name string }
			Summary  struct {
				Job, Type, Path, DataOnDelete string
				UsedBy                        []string
			}
		}
	}
	must(t, json.Unmarshal([]byte(r.out), &list))
	if len(list.Items) != 2 {
		t.Fatal(r)
	}
	for _, item := range list.Items {
		got := strings.Join([]string{item.Kind, item.Metadata.Name, item.Summary.Job, item.Summary.Type, item.Summary.Path, item.Summary.DataOnDelete, fmt.Sprint(item.Summary.UsedBy)}, " ")
		if got != "FlinkStateSnapshot one flinkdeployment/basic savepoint file:/s/1 deleted []" &&
			got != "Savepoint  flinkdeployment/basic savepoint file:/s/2  [flinkdeployment/next (initialSavepointPath)]" {
			t.Error(got)
		}
	}
	if r := current.flink(t, t.Context(), "snapshot", "list", "-n", ns, "--job", "next"); !strings.Contains(r.err, "No savepoints or checkpoints match") {
		t.Error(r)
	}
	current.flink(t, t.Context(), "snapshot", "list", "-n", ns, "--sort-by", "color").wants(t, exit.Usage, "--sort-by")
	current.flink(t, t.Context(), "snapshot", "list", "-n", ns, "--state", "DONE").wants(t, exit.Usage, "--state")
	current.flink(t, t.Context(), "snapshot", "list", "-n", ns, "--older-than", "soon").wants(t, exit.Usage, "--older-than")
	// Who may read snapshots only gets those.
	limited := current.user(t, ns, rbacv1.PolicyRule{APIGroups: []string{api.Group}, Resources: []string{"flinkstatesnapshots"}, Verbs: []string{"get", "list"}})
	r = flinkAs(t, t.Context(), limited, "snapshot", "list", "-n", ns, "-o", "name")
	r.wants(t, exit.OK, "Left out", "flinkdeployments")
	if r.out != "flinkstatesnapshot.flink.apache.org/one\n" {
		t.Error(r)
	}
}

func TestSnapshotDelete(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", nil)
	disposed := current.finalize(t, ns, true)
	for _, name := range []string{"a", "b", "c"} {
		current.saved(t, ns, name, "basic", "file:/s/"+name, true)
	}
	current.saved(t, ns, "kept", "basic", "file:/s/kept", false)
	left := func() (names string) {
		for _, s := range current.snapshots(t, ns) {
			names += s.GetName() + " "
		}
		return names
	}
	current.flink(t, t.Context(), "snapshot", "delete", "a", "-n", ns).wants(t, exit.Usage, "file:/s/a", "--keep-data", "--dispose")
	current.flink(t, t.Context(), "snapshot", "delete", "a", "-n", ns, "--dispose").wants(t, exit.Usage, "file:/s/a", "--yes")
	current.flink(t, t.Context(), "snapshot", "delete", "a", "-n", ns, "--dispose", "--keep-data").wants(t, exit.Usage, "exclude each other")
	current.flink(t, t.Context(), "snapshot", "delete", "a", "nope", "-n", ns, "--keep-data").wants(t, exit.Failed, "not found")
	current.flink(t, t.Context(), "snapshot", "delete", "a", "-n", ns, "--dispose", "--dry-run").wants(t, exit.OK)
	current.flink(t, t.Context(), "snapshot", "delete", "a", "-n", ns, "--keep-data", "--dry-run=server").wants(t, exit.OK)
	if got := left(); got != "a b c kept " || len(*disposed) != 0 {
		t.Fatal("something was deleted:", got, *disposed)
	}
	r := current.flink(t, t.Context(), "snapshot", "delete", "a", "-n", ns, "--dispose", "--yes")
	r.wants(t, exit.OK)
	// There is no pod here that could see the files.
	if r.out != "flinkstatesnapshot.flink.apache.org/a deleted; the job's JobManager was told to delete its data, which can't be looked at from here (no pod of flinkdeployment/basic runs that could read file:/s/a): file:/s/a\n" {
		t.Error(r)
	}
	r = current.flink(t, t.Context(), "snapshot", "delete", "b", "-n", ns, "--keep-data")
	r.wants(t, exit.OK, "disposeOnDelete is false now")
	if r.out != "flinkstatesnapshot.flink.apache.org/b deleted; its data is kept: file:/s/b\n" {
		t.Error(r)
	}
	current.flink(t, t.Context(), "snapshot", "delete", "kept", "-n", ns).wants(t, exit.OK)
	if got := left(); got != "c " || fmt.Sprint(*disposed) != "[file:/s/a]" {
		t.Error(got, *disposed)
	}
	// What a job starts from goes only by force.
	next := deploymentSpec(nil)
	next["job"].(map[string]any)["initialSavepointPath"] = "/s/c"
	current.create(t, api.Deployment, ns, "next", next, runningStatus())
	current.flink(t, t.Context(), "snapshot", "delete", "c", "-n", ns, "--dispose", "--yes").wants(t, exit.Failed, "flinkdeployment/next (initialSavepointPath)", "--force")
	viewer := current.user(t, ns, rbacv1.PolicyRule{APIGroups: []string{api.Group}, Resources: []string{"*"}, Verbs: []string{"get", "list", "watch"}})
	flinkAs(t, t.Context(), viewer, "snapshot", "delete", "c", "-n", ns, "--keep-data").wants(t, exit.Failed, "cannot patch", "can-i patch flinkstatesnapshots.flink.apache.org")
	if got := left(); got != "c " {
		t.Error(got)
	}
}

func TestSnapshotWithAStuckFinalizer(t *testing.T) {
	ns := current.namespace(t)
	status := runningStatus()
	status["jobStatus"].(map[string]any)["state"] = "FINISHED"
	current.create(t, api.Deployment, ns, "basic", deploymentSpec(nil), status)
	current.finalize(t, ns, false)
	current.saved(t, ns, "stuck", "basic", "file:/s/stuck", true)
	current.saved(t, ns, "orphan", "gone", "file:/s/orphan", true)
	current.flink(t, t.Context(), "snapshot", "delete", "orphan", "-n", ns, "--dispose", "--yes").wants(t, exit.Failed, "flinkdeployment/gone doesn't exist any more", "--keep-data")
	must(t, current.dynamic.Resource(api.StateSnap.GVR()).Namespace(ns).Delete(t.Context(), "stuck", metav1.DeleteOptions{}))
	r := current.flink(t, t.Context(), "snapshot", "describe", "stuck", "-n", ns)
	r.wants(t, exit.OK)
	if !strings.Contains(r.out, "is marked for deletion but doesn't go") || !strings.Contains(r.out, "flinkdeployment/basic is not RUNNING (FINISHED)") {
		t.Error(r)
	}
	current.flink(t, t.Context(), "snapshot", "delete", "stuck", "-n", ns).wants(t, exit.Usage, "is waiting to delete", "--keep-data")
	current.flink(t, t.Context(), "snapshot", "delete", "stuck", "-n", ns, "--keep-data").wants(t, exit.OK)
	if n := len(current.snapshots(t, ns)); n != 1 {
		t.Errorf("%d snapshots", n)
	}
}

func TestSnapshotPrune(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", nil)
	disposed := current.finalize(t, ns, true)
	for i := range 4 {
		name := fmt.Sprintf("sp%d", i)
		current.saved(t, ns, name, "basic", "file:/s/"+name, true)
		object, err := current.dynamic.Resource(api.StateSnap.GVR()).Namespace(ns).Get(t.Context(), name, metav1.GetOptions{})
		must(t, err)
		current.setStatus(t, api.StateSnap, object, map[string]any{"state": "COMPLETED", "path": "file:/s/" + name, "resultTimestamp": fmt.Sprintf("2026-01-0%dT00:00:00Z", i+1)})
	}
	next := deploymentSpec(nil)
	next["job"].(map[string]any)["initialSavepointPath"] = "/s/sp0"
	current.create(t, api.Deployment, ns, "next", next, runningStatus())
	current.flink(t, t.Context(), "snapshot", "prune", "-n", ns).wants(t, exit.Usage, "--keep N", "--older-than AGE")
	current.flink(t, t.Context(), "snapshot", "prune", "-n", ns, "--keep", "0").wants(t, exit.Usage, "--keep")
	current.flink(t, t.Context(), "snapshot", "prune", "-n", ns, "--keep", "1").wants(t, exit.Usage, "2 snapshots would take the data along", "sp2, sp1", "--keep-data")
	r := current.flink(t, t.Context(), "snapshot", "prune", "-n", ns, "--keep", "1", "--dry-run", "--verbose")
	r.wants(t, exit.OK, "flinkstatesnapshot/sp3 stays: the newest savepoint of its job", "flinkstatesnapshot/sp0 stays: used by flinkdeployment/next (initialSavepointPath)", "--keep-data or --dispose")
	want := "flinkstatesnapshot.flink.apache.org/sp2 deleted (client dry run); its data goes too: file:/s/sp2\nflinkstatesnapshot.flink.apache.org/sp1 deleted (client dry run); its data goes too: file:/s/sp1\n"
	if r.out != want || len(current.snapshots(t, ns)) != 4 {
		t.Error(r)
	}
	current.flink(t, t.Context(), "snapshot", "prune", "-n", ns, "--keep", "2", "--keep-data").wants(t, exit.OK)
	current.flink(t, t.Context(), "snapshot", "prune", "-n", ns, "--older-than", "1d", "--dispose", "--yes").wants(t, exit.OK)
	left := ""
	for _, s := range current.snapshots(t, ns) {
		left += s.GetName() + " "
	}
	if left != "sp0 sp3 " || fmt.Sprint(*disposed) != "[file:/s/sp2]" {
		t.Error(left, *disposed)
	}
	r = current.flink(t, t.Context(), "snapshot", "prune", "-n", ns, "--keep", "1")
	r.wants(t, exit.OK, "Nothing to delete")
}

func TestSnapshotAdopt(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", nil)
	current.asOperator(t, api.StateSnap, ns, func(object *unstructured.Unstructured) {
		snapshot := api.Snapshot{Object: object}
		if path, _, _ := unstructured.NestedString(object.Object, "spec", "savepoint", "path"); snapshot.State() == "" && snapshot.Adopted() {
			current.setStatus(t, api.StateSnap, object, map[string]any{"state": "COMPLETED", "path": path})
		}
	})
	r := current.flink(t, t.Context(), "snapshot", "adopt", "s3://b/sp-1/_metadata", "--job", "basic", "--name", "mine", "-n", ns)
	r.wants(t, exit.OK)
	if r.out != "flinkstatesnapshot.flink.apache.org/mine completed: s3://b/sp-1\n" {
		t.Error(r)
	}
	if s := (api.Snapshot{Object: &current.snapshots(t, ns)[0]}); s.Disposes() || !s.Adopted() || s.Job().Name != "basic" {
		t.Errorf("%v", s.Object.Object)
	}
	current.flink(t, t.Context(), "snapshot", "adopt", "s3://b/sp-1", "--job", "basic", "-n", ns).wants(t, exit.Failed, "registered already: flinkstatesnapshot/mine")
	current.flink(t, t.Context(), "snapshot", "adopt", "sp-1", "--job", "basic", "-n", ns).wants(t, exit.Usage, "PATH")
	current.flink(t, t.Context(), "snapshot", "adopt", "s3://b/sp-2", "-n", ns).wants(t, exit.Usage, "--job")
	current.flink(t, t.Context(), "snapshot", "adopt", "s3://b/sp-2", "--job", "nope", "-n", ns).wants(t, exit.Failed, "not found")
}

func TestSnapshotWait(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savepointDir)
	current.saved(t, ns, "done", "basic", "file:/s/done", false)
	current.create(t, api.StateSnap, ns, "bad", map[string]any{"jobReference": map[string]any{"kind": "FlinkDeployment", "name": "basic"}, "savepoint": map[string]any{}},
		map[string]any{"state": "FAILED", "error": "Permission denied"})
	r := current.flink(t, t.Context(), "snapshot", "wait", "done", "-n", ns)
	r.wants(t, exit.OK)
	if r.out != "flinkstatesnapshot.flink.apache.org/done completed: file:/s/done\n" {
		t.Error(r)
	}
	current.flink(t, t.Context(), "snapshot", "wait", "bad", "-n", ns).wants(t, exit.Failed, "flinkstatesnapshot/bad FAILED: Permission denied", "can't write to the savepoint directory")
	current.flink(t, t.Context(), "snapshot", "wait", "done", "bad", "-n", ns).wants(t, exit.Failed, "1 of 2 are not completed")
	current.flink(t, t.Context(), "snapshot", "wait", "don", "-n", ns).wants(t, exit.Failed, "Names near it: done")
	current.create(t, api.StateSnap, ns, "slow", map[string]any{"jobReference": map[string]any{"kind": "FlinkDeployment", "name": "basic"}, "savepoint": map[string]any{}},
		map[string]any{"state": "IN_PROGRESS", "triggerId": "t"})
	current.flink(t, t.Context(), "snapshot", "wait", "slow", "-n", ns, "--timeout", "1s").wants(t, exit.TimedOut, "slow is IN_PROGRESS")
}
