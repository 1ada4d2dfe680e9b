//go:build e2e && long

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// keptJobs is what the index of a backup says, as far as the test asks.
type keptJobs struct {
	Whole bool
	Jobs  []struct {
		Name, Condition string
		State           *struct {
			Path         string
			CheckpointID int64
		}
	}
}

// A namespace is lost with all that is in it. Its jobs come back from a backup,
// from the very savepoints in it, and their counters never go down; also in
// another namespace, and suspended where they were.
func TestBackupAndRecover(t *testing.T) {
	t.Parallel()
	const ns, other = "disaster", "disaster-other"
	main.flinkNamespace(t, ns)
	config := "kind: ConfigMap\napiVersion: v1\nmetadata: {name: settings}\ndata: {mode: fast}\n---\n"
	shop := strings.Replace(onS3(t, "shop"), "      volumes:\n", "      volumes:\n        - name: settings\n          configMap: {name: settings}\n", 1)
	main.apply(t, ns, config)
	main.run(t, "flink", "submit", "-f", manifest(t, shop), "-n", ns).wants(t, 0)
	session := exampleIn(t, ns, "session-example.yaml") + "\n---\n" + exampleIn(t, ns, "session-job-example.yaml")
	main.run(t, "flink", "submit", "-f", manifest(t, session), "-n", ns).wants(t, 0)

	dir := filepath.Join(t.TempDir(), "backup")
	main.run(t, "flink", "backup", "--all", "-n", ns, "-o", dir).wants(t, 1, "take a savepoint with --savepoint")
	main.run(t, "flink", "backup", "--all", "-n", ns, "-o", dir, "--savepoint").wants(t, 2, "holds a backup already")
	main.run(t, "flink", "backup", "--all", "-n", ns, "-o", dir, "--savepoint", "--overwrite").wants(t, 0)
	index := readIndex(t, dir)
	if !index.Whole || len(index.Jobs) != 3 {
		t.Fatalf("%+v", index)
	}
	r := main.run(t, "flink", "backup", "--all", "-n", ns, "-o", "manifests").wants(t, 0)
	if strings.Count(r.out, "kind: ") < 4 || !strings.Contains(r.out, "initialSavepointPath: s3://flink/shop/savepoints/") {
		t.Error(r)
	}

	lose := func() {
		main.kubectl(t, "delete", "flinksessionjobs,flinkdeployments", "--all", "-n", ns, "--timeout=4m")
		main.kubectl(t, "delete", "namespace", ns, "--timeout=4m")
	}
	lose()
	main.run(t, "flink", "recover", "-f", dir, "--yes").wants(t, 1, "namespace "+ns+" isn't there")
	main.kubectl(t, "create", "namespace", ns)
	main.run(t, "flink", "recover", "-f", dir, "--dry-run").wants(t, 1)
	rbac, err := tool("manifests", "flink-rbac", "--namespace", ns)
	must(t, err)
	main.apply(t, ns, rbac)
	main.run(t, "flink", "recover", "-f", dir, "--dry-run=server").wants(t, 0)
	r = main.run(t, "flink", "recover", "-f", dir, "--yes").wants(t, 0)
	for _, job := range index.Jobs {
		if job.State != nil && !strings.Contains(r.out, "restored from "+job.State.Path) {
			t.Errorf("%s wasn't restored from %s\n%s", job.Name, job.State.Path, r)
		}
	}
	if got := main.kubectl(t, "get", "configmap", "settings", "-n", ns, "-o", "jsonpath={.data.mode}"); got != "fast" {
		t.Errorf("the ConfigMap has %q", got)
	}
	counts := func(namespace string) {
		t.Helper()
		for _, job := range index.Jobs {
			if job.State == nil || job.Name != "shop" {
				continue
			}
			eventually(t, "a checkpoint after that of the backup", "yes", func() string {
				latest := main.checkpoints(t, job.Name, namespace).Latest
				switch {
				case latest.Restored == nil || latest.Restored.ID != job.State.CheckpointID:
					t.Fatalf("restored from %+v, want number %d", latest.Restored, job.State.CheckpointID)
				case latest.Completed == nil:
					return "none yet"
				case latest.Completed.ID <= job.State.CheckpointID:
					t.Fatalf("checkpoint %d after %d", latest.Completed.ID, job.State.CheckpointID)
				}
				return "yes"
			})
		}
	}
	counts(ns)

	// The same command again finds everything done.
	r = main.run(t, "flink", "recover", "-f", dir, "--yes").wants(t, 0)
	if strings.Count(r.out, "is left as it is") != 3 {
		t.Error(r)
	}
	main.run(t, "flink", "upgrade", "shop", "-n", ns, "--set", "taskmanager.numberOfTaskSlots=3", "--yes").wants(t, 0)
	main.run(t, "flink", "recover", "-f", dir, "shop", "--yes").wants(t, 1, "with another spec")

	// What was suspended comes back suspended, somewhere else, and resumes.
	main.flinkNamespace(t, other)
	main.run(t, "flink", "suspend", "shop", "-n", ns, "--yes").wants(t, 0)
	main.run(t, "flink", "backup", "shop", "-n", ns, "-o", dir, "--overwrite").wants(t, 0)
	index = readIndex(t, dir)
	lose()
	r = main.run(t, "flink", "recover", "-f", dir, "shop", "--namespace-map", ns+"="+other, "--yes").wants(t, 0)
	if !strings.Contains(r.out, "created suspended; it resumes from "+index.Jobs[0].State.Path) {
		t.Error(r)
	}
	main.run(t, "flink", "resume", "shop", "-n", other).wants(t, 0)
	counts(other)
	// The sweep at the end expects it.
	main.kubectl(t, "create", "namespace", ns)
}

func readIndex(t *testing.T, dir string) (out keptJobs) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "backup.json"))
	must(t, err)
	must(t, json.Unmarshal(data, &out))
	return out
}
