//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// The path that delete prints is there when the job is gone, and the job starts
// from it.
func TestDeleteKeepsWhatItPrints(t *testing.T) {
	t.Parallel()
	const ns = "delete-e2e"
	main.flinkNamespace(t, ns)
	job := example(t, "basic-example.yaml", "name: basic-example", "name: kept")
	file := manifest(t, job)
	main.run(t, "flink", "submit", "-f", file, "-n", ns).wants(t, 0, "created")
	eventually(t, "a checkpoint", "true", func() string {
		if main.checkpoints(t, "kept", ns).Latest.Completed == nil {
			return "false"
		}
		return "true"
	})
	r := main.run(t, "flink", "delete", "kept", "-n", ns, "--yes").wants(t, 0, "its state is checkpoint ", "Start it again from there: ")
	_, path, ok := strings.Cut(strings.TrimSpace(r.out), " deleted: checkpoint ")
	if !ok || strings.Index(r.err, path) > strings.Index(r.err, "waiting until it is gone") {
		t.Fatal(r)
	}
	main.hasMetadata(t, path)
	r = main.run(t, "flink", "submit", "-f", file, "-n", ns, "--from", path).wants(t, 0)
	if !strings.Contains(r.out, "restored from "+path) {
		t.Error(r)
	}

	// Flink would delete the checkpoint with the job here.
	main.kubectl(t, "patch", "flinkdeployment", "kept", "-n", ns, "--type", "merge", "-p",
		`{"spec":{"flinkConfiguration":{"execution.checkpointing.externalized-checkpoint-retention":"DELETE_ON_CANCELLATION"}}}`)
	main.run(t, "flink", "status", "kept", "-n", ns, "--for", "upgraded").wants(t, 0)
	main.run(t, "flink", "delete", "kept", "-n", ns, "--yes").wants(t, 1, "DELETE_ON_CANCELLATION", "--with-savepoint", "--lose-state")
	r = main.run(t, "flink", "delete", "kept", "-n", ns, "--yes", "--with-savepoint", "-o", "jsonpath={.spec.job.initialSavepointPath}").wants(t, 0, "savepoint completed: ")
	main.hasMetadata(t, r.out)
}

// Without high availability a suspended job ran again, from its start, as soon
// as the pod of its JobManager was replaced.
func TestSuspendedWithoutHighAvailabilityStaysSo(t *testing.T) {
	t.Parallel()
	const ns = "suspend-e2e"
	main.flinkNamespace(t, ns)
	main.apply(t, ns, example(t, "basic-example.yaml", "name: basic-example", "name: once", "high-availability.type: kubernetes", "high-availability.type: NONE"))
	main.running(t, "flinkdeployment", "once", ns)

	// By hand: it runs twice, and that is seen.
	main.kubectl(t, "patch", "flinkdeployment", "once", "-n", ns, "--type", "merge", "-p", `{"spec":{"job":{"state":"suspended"}}}`)
	eventually(t, "the suspension", "SUSPENDED", func() string {
		return main.run(t, "get", "flinkdeployment", "once", "-n", ns, "-o", "jsonpath={.status.lifecycleState}").out
	})
	main.kubectl(t, "delete", "pod", "-l", "app=once,component=jobmanager", "-n", ns, "--wait=false")
	eventually(t, "the second run", "RUNNING", func() string {
		var jobs struct{ Jobs []struct{ State string } }
		r := main.run(t, "flink", "rest", "once", "-n", ns, "/jobs/overview")
		if json.Unmarshal([]byte(r.out), &jobs) != nil || len(jobs.Jobs) == 0 {
			return r.String()
		}
		return jobs.Jobs[0].State
	})
	r := main.run(t, "flink", "status", "once", "-n", ns, "--exit-status").wants(t, 3)
	if !strings.Contains(strings.Join(strings.Fields(r.out), " "), "suspended, but runs") {
		t.Error(r)
	}
	if r := main.run(t, "flink", "list", "-n", ns, "--live").wants(t, 0); !strings.Contains(r.out, "degraded") {
		t.Error(r)
	}
	main.run(t, "flink", "suspend", "once", "-n", ns).wants(t, 0, "suspended, but runs", "its JobManager is taken away")
	main.run(t, "flink", "resume", "once", "-n", ns).wants(t, 0)

	// With suspend it can't: nothing is left that could start it.
	main.run(t, "flink", "suspend", "once", "-n", ns).wants(t, 0, "its JobManager is taken away")
	eventually(t, "the end of its pods", "", func() string {
		return main.run(t, "get", "deployments,replicasets,pods", "-n", ns, "-o", "name").out
	})
	main.run(t, "flink", "status", "once", "-n", ns, "--exit-status").wants(t, 0)
}
