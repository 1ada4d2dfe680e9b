//go:build e2e && long

package e2e

import (
	"strings"
	"testing"
)

// What killed pods left in a volume is deleted, and nothing that the job needs: it
// goes on taking checkpoints and is restored from the savepoint before.
func TestOrphansInAVolume(t *testing.T) {
	t.Parallel()
	const ns = "orphans"
	main.flinkNamespace(t, ns)
	text := example(t, "basic-example.yaml", "file:///flink-data/", "file:///flink-data/orphans/",
		"  flinkConfiguration:\n", "  flinkConfiguration:\n    state.backend.type: rocksdb\n    execution.checkpointing.incremental: \"true\"\n")
	main.run(t, "flink", "submit", "-f", manifest(t, text), "-n", ns).wants(t, 0)
	path := main.run(t, "flink", "-n", ns, "savepoint", "basic-example", "-o", pathOnly).wants(t, 0).out
	run := main.run(t, "get", "flinkdep", "basic-example", "-n", ns, "-o", "jsonpath={.status.jobStatus.jobId}").wants(t, 0).out
	const other = "00000000000000000000000000000abc"
	dir := "/flink-data/orphans/checkpoints/"
	main.kubectl(t, "exec", "-n", ns, "deploy/basic-example", "--", "sh", "-ec", `for f in "$@"; do mkdir -p "$(dirname "$f")"; echo left > "$f"; touch -d "30 days ago" "$f"; done`, "sh",
		dir+run+"/shared/left-behind", dir+run+"/chk-0/left-behind", dir+other+"/shared/left-behind")
	r := main.run(t, "flink", "-n", ns, "storage", "orphans", "basic-example", "--delete", "--yes").wants(t, 0)
	if !strings.Contains(r.out, "2 files deleted") || !strings.Contains(r.out, "unknown   shared") {
		t.Error(r)
	}
	if files := main.run(t, "exec", "-n", ns, "deploy/basic-example", "--", "find", dir, "-name", "left-behind").wants(t, 0).out; strings.TrimSpace(files) != dir+other+"/shared/left-behind" {
		t.Errorf("left: %s", files)
	}
	main.run(t, "flink", "-n", ns, "storage", "orphans", "basic-example", "--run", other, "--delete", "--yes").wants(t, 0)
	main.run(t, "flink", "-n", ns, "snapshot", "inspect", "flinkdep/basic-example").wants(t, 0)
	main.run(t, "flink", "-n", ns, "restore", "basic-example", "--from", path, "--no-savepoint", "--yes").wants(t, 0)

	// A _metadata that can't be read may need anything.
	main.kubectl(t, "exec", "-n", ns, "deploy/basic-example", "--", "sh", "-ec", `mkdir -p "$1"; echo none > "$1/_metadata"`, "sh", "/flink-data/orphans/savepoints/savepoint-fedcba-1")
	main.run(t, "flink", "-n", ns, "storage", "orphans", "basic-example", "--delete", "--yes").wants(t, 1, "nothing was deleted", "savepoint-fedcba-1/_metadata couldn't be read")
}

// Which step fails is told, and why: before the job was ever started.
func TestStorageCheckTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	const ns = "check-storage"
	main.flinkNamespace(t, ns)
	for name, c := range map[string]struct{ from, to, want string }{
		"badkey":   {"s3.secret-key: minioadmin", "s3.secret-key: wrong-one", "S3 refuses the credentials"},
		"nobucket": {"s3://flink/", "s3://no-such-bucket/", "the bucket isn't there"},
		"away":     {"http://minio.minio-dev:9000", "http://minio.nowhere:9000", "S3 can't be reached"},
		"noplugin": {"s3://flink/", "gs://flink/", "lacks the plugin"},
		"noplace":  {"s3://flink/", "file:///proc/", "can't write"},
	} {
		text := strings.ReplaceAll(onS3(t, name), c.from, c.to)
		text = strings.ReplaceAll(text, "state: running", "state: suspended")
		main.apply(t, ns, text)
		r := main.run(t, "flink", "-n", ns, "storage", "check", name).wants(t, 3, "3 of 3 directories can't be used")
		if !strings.Contains(r.out, c.want) || strings.Contains(r.out+r.err, "wrong-one") {
			t.Errorf("%s: no %q in\n%s", name, c.want, r)
		}
	}
	eventually(t, "pods that try storage", "", func() string {
		return main.run(t, "get", "pods", "-n", ns, "-o", "name").out
	})
}

// Credentials that only the TaskManagers lack are found, and whose they are.
func TestStorageCheckOfTheTaskManagersSide(t *testing.T) {
	t.Parallel()
	const ns = "check-sides"
	main.flinkNamespace(t, ns)
	env := func(secret string) string {
		return `{spec: {containers: [{name: flink-main-container, env: [{name: AWS_ACCESS_KEY_ID, value: minioadmin}, {name: AWS_SECRET_ACCESS_KEY, value: ` + secret + `}]}]}}`
	}
	for name, c := range map[string]struct {
		jobManager, taskManager string
		code                    int
		want, wantErr           string
	}{
		"sameside": {"minioadmin", "minioadmin", 0, "the TaskManagers' pods have the same image", ""},
		"tmside":   {"minioadmin", "wrong-one", 3, "(TaskManager): S3 refuses the credentials", "2 of 3 directories can't be used by the TaskManager"},
		"jmside":   {"wrong-one", "minioadmin", 3, "(JobManager), ", "3 of 3 directories can't be used by the JobManager"},
	} {
		text := strings.NewReplacer("state: running", "state: suspended", "    s3.access-key: minioadmin\n", "", "    s3.secret-key: minioadmin\n", "",
			"  jobManager:\n", "  jobManager:\n    podTemplate: "+env(c.jobManager)+"\n", "  taskManager:\n", "  taskManager:\n    podTemplate: "+env(c.taskManager)+"\n").Replace(onS3(t, name))
		main.apply(t, ns, text)
		r := main.run(t, "flink", "-n", ns, "storage", "check", name).wants(t, c.code, c.wantErr)
		if !strings.Contains(r.out, c.want) || strings.Contains(r.out+r.err, "wrong-one") {
			t.Errorf("%s: no %q in\n%s", name, c.want, r)
		}
	}
}
