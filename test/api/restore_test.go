//go:build api

package api

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// acceptedSpec is a status of an operator that says which spec it has accepted.
func acceptedSpec(status map[string]any) map[string]any {
	status["observedGeneration"] = int64(1)
	return status
}

func TestRestoreRefusesBeforeItChangesAnything(t *testing.T) {
	ns := current.namespace(t)
	current.create(t, api.Deployment, ns, "basic", deploymentSpec(savepointDir), acceptedSpec(runningStatus()))
	current.create(t, api.Deployment, ns, "other", deploymentSpec(savepointDir), acceptedSpec(runningStatus()))
	failing := acceptedSpec(runningStatus())
	failing["jobStatus"].(map[string]any)["state"] = "RESTARTING"
	// Of a volume that no pod reads, a pod would have to be started, which nothing runs here.
	current.create(t, api.Deployment, ns, "failing", deploymentSpec(map[string]any{"state.savepoints.dir": "hdfs:///savepoints"}), failing)
	current.saved(t, ns, "mine", "basic", "file:/s/mine", false)
	current.saved(t, ns, "theirs", "other", "file:/s/theirs", false)
	current.create(t, api.StateSnap, ns, "bad", map[string]any{"jobReference": map[string]any{"kind": "FlinkDeployment", "name": "basic"}, "savepoint": map[string]any{}},
		map[string]any{"state": "FAILED", "error": "Permission denied"})
	current.create(t, api.Deployment, ns, "session", map[string]any{"flinkVersion": "v1_20", "serviceAccount": "flink"}, acceptedSpec(runningStatus()))
	suspended := acceptedSpec(runningStatus())
	suspended["lifecycleState"] = "SUSPENDED"
	delete(suspended, "jobManagerDeploymentStatus")
	current.create(t, api.SessionJob, ns, "asleep", map[string]any{
		"deploymentName": "session", "job": map[string]any{"jarURI": "https://x/y.jar", "parallelism": int64(1), "state": "suspended"},
	}, suspended)
	for _, test := range []struct {
		args []string
		code int
		want []string
	}{
		{[]string{"basic"}, exit.Usage, []string{"--from", "kubectl flink snapshot list --job flinkdeployment/basic"}},
		{[]string{"basic", "--from", "min"}, exit.Failed, []string{"Names near it: mine"}},
		{[]string{"basic", "--from", "bad"}, exit.Failed, []string{"flinkstatesnapshot/bad is not COMPLETED: FAILED: Permission denied"}},
		{[]string{"basic", "--from", "theirs"}, exit.Failed, []string{"is of another job, flinkdeployment/other", "--other-job"}},
		{[]string{"basic", "--from", "file:///s/theirs/"}, exit.Failed, []string{"is of another job, flinkdeployment/other"}},
		{[]string{"failing", "--from", "/s/x"}, exit.Failed, []string{"is not RUNNING (RESTARTING", "--no-savepoint"}},
		{[]string{"failing", "--from", "latest"}, exit.Failed, []string{"nothing is known to be saved"}},
		{[]string{"session", "--from", "mine"}, exit.Failed, []string{"is a session cluster"}},
		{[]string{"sessionjob/asleep", "--from", "/s/x"}, exit.Failed, []string{"FLINK-40374", "kubectl flink resume", "--recreate"}},
		{[]string{"basic", "--from", "mine", "--recreate", "--wait=false"}, exit.Usage, []string{"--recreate"}},
		{[]string{"basic", "--from", "mine", "--dry-run=bogus"}, exit.Usage, []string{"--dry-run"}},
	} {
		current.flink(t, t.Context(), append([]string{"restore", "-n", ns}, test.args...)...).wants(t, test.code, test.want...)
	}
	r := current.flink(t, t.Context(), "restore", "basic", "--from", "latest", "-n", ns, "--dry-run", "-o", "jsonpath={.spec.patch.spec.job.initialSavepointPath}")
	r.wants(t, exit.OK, "a savepoint would be taken first", "flinkstatesnapshot/mine")
	if r.out != "file:/s/mine" {
		t.Error(r)
	}
	current.flink(t, t.Context(), "restore", "basic", "--from", "mine", "-n", ns, "--dry-run=server", "--no-savepoint").wants(t, exit.OK)
	object, err := current.dynamic.Resource(api.Deployment.GVR()).Namespace(ns).Get(t.Context(), "basic", metav1.GetOptions{})
	must(t, err)
	if object.GetGeneration() != 1 || len(current.snapshots(t, ns)) != 3 {
		t.Errorf("generation %d, %d snapshots", object.GetGeneration(), len(current.snapshots(t, ns)))
	}
}

func TestRestoreTakesASavepointFirst(t *testing.T) {
	ns := current.namespace(t)
	current.create(t, api.Deployment, ns, "basic", deploymentSpec(savepointDir), acceptedSpec(runningStatus()))
	current.saved(t, ns, "mine", "basic", "file:/s/mine", false)
	current.completeSnapshots(t, ns)
	r := current.flink(t, t.Context(), "restore", "basic", "--from", "mine", "-n", ns, "--wait=false", "--allow-non-restored-state")
	r.wants(t, exit.OK, "savepoint of the job as it is now: file:/flink-data/savepoints/savepoint-basic-savepoint-manual-")
	object, err := current.dynamic.Resource(api.Deployment.GVR()).Namespace(ns).Get(t.Context(), "basic", metav1.GetOptions{})
	must(t, err)
	job, _, _ := unstructured.NestedMap(object.Object, "spec", "job")
	if fmt.Sprintf("%v %v %v %v", job["initialSavepointPath"], job["savepointRedeployNonce"], job["allowNonRestoredState"], job["state"]) != "file:/s/mine 1 true running" {
		t.Errorf("%v", job)
	}
	// Where no savepoint can be taken, nothing is changed.
	ns = current.namespace(t)
	current.create(t, api.Deployment, ns, "basic", deploymentSpec(savepointDir), acceptedSpec(runningStatus()))
	current.asOperator(t, api.StateSnap, ns, func(object *unstructured.Unstructured) {
		if (api.Snapshot{Object: object}).State() == "" {
			current.setStatus(t, api.StateSnap, object, map[string]any{"state": "FAILED", "error": "Permission denied"})
		}
	})
	current.flink(t, t.Context(), "restore", "basic", "--from", "/s/mine", "-n", ns).wants(t, exit.Failed, "nothing was changed", "Permission denied", "--no-savepoint")
	object, err = current.dynamic.Resource(api.Deployment.GVR()).Namespace(ns).Get(t.Context(), "basic", metav1.GetOptions{})
	must(t, err)
	if object.GetGeneration() != 1 {
		t.Error("the job was changed")
	}
}

func TestRestoreOnAnOldOperator(t *testing.T) {
	ns := old.namespace(t)
	old.create(t, api.Deployment, ns, "basic", deploymentSpecFor("v1_18"), runningStatus())
	r := old.flink(t, t.Context(), "restore", "basic", "--from", "/s/1", "-n", ns, "--no-savepoint")
	r.wants(t, exit.Failed, "came with operator 1.8", "--recreate")
	r = old.flink(t, t.Context(), "restore", "basic", "--from", "/s/1", "-n", ns, "--no-savepoint", "--recreate", "--dry-run")
	r.wants(t, exit.OK)
	object, err := old.dynamic.Resource(api.Deployment.GVR()).Namespace(ns).Get(t.Context(), "basic", metav1.GetOptions{})
	must(t, err)
	if object.GetGeneration() != 1 || strings.Contains(fmt.Sprint(object.Object["spec"]), "initialSavepointPath") {
		t.Errorf("%v", object.Object["spec"])
	}
}
