//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// manifest writes a file for -f.
func manifest(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "job.yaml")
	must(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

// checkpoints are what the JobManager tells of a job's.
type checkpoints struct {
	Latest struct {
		Completed *struct{ ID int64 }
		Restored  *struct {
			ID          int64
			IsSavepoint bool   `json:"is_savepoint"`
			Path        string `json:"external_path"`
		}
	}
}

func (c *cluster) checkpoints(t *testing.T, name, namespace string) (out checkpoints) {
	t.Helper()
	id := c.kubectl(t, "get", "flinkdeployment", name, "-n", namespace, "-o", "jsonpath={.status.jobStatus.jobId}")
	must(t, json.Unmarshal([]byte(c.kubectl(t, "flink", "rest", name, "-n", namespace, "/jobs/"+id+"/checkpoints")), &out))
	return out
}

// One job is submitted, upgraded, upgraded in vain, cloned and deleted; its
// checkpoint counter, which is a part of its state, never goes down.
func TestLifecycleKeepsState(t *testing.T) {
	t.Parallel()
	const ns, other = "lifecycle", "lifecycle-other"
	main.flinkNamespace(t, ns)
	main.flinkNamespace(t, other)
	file := manifest(t, example(t, "basic-example.yaml", "name: basic-example", "name: counter"))
	r := main.run(t, "flink", "submit", "-f", file, "-n", ns).wants(t, 0, "created")
	if !strings.HasPrefix(r.out, "flinkdeployment.flink.apache.org/counter running: job ") {
		t.Error(r)
	}
	main.run(t, "flink", "submit", "-f", file, "-n", ns).wants(t, 1, "already exists", "kubectl flink upgrade flinkdeployment/counter")

	r = main.run(t, "flink", "upgrade", "counter", "-n", ns, "--parallelism", "1", "--stable-for", "2s").wants(t, 0,
		"- job.parallelism: 2", "+ job.parallelism: 1", "a savepoint is taken first")
	_, path, ok := strings.Cut(strings.TrimSpace(r.out), " upgraded: RUNNING from savepoint ")
	if !ok {
		t.Fatal(r)
	}
	main.hasMetadata(t, path)
	first := main.checkpoints(t, "counter", ns)
	if restored := first.Latest.Restored; restored == nil || !restored.IsSavepoint || restored.Path != path {
		t.Fatalf("%+v, want %s", restored, path)
	}
	r = main.run(t, "flink", "upgrade", "counter", "-n", ns, "--parallelism", "1").wants(t, 0, "Nothing to change")
	if r.out != "flinkdeployment.flink.apache.org/counter unchanged\n" {
		t.Error(r)
	}

	r = main.run(t, "flink", "upgrade", "counter", "-n", ns, "--image", "flink:none", "--rollback-on-failure").wants(t, 1, "flink:none", "Rolled back: flinkdeployment/counter runs again as before, from savepoint ")
	_, path, _ = strings.Cut(r.err, "runs again as before, from savepoint ")
	path, _, _ = strings.Cut(path, "\n")
	main.hasMetadata(t, path)
	after := main.checkpoints(t, "counter", ns)
	switch restored := after.Latest.Restored; {
	case restored == nil || restored.Path != path:
		t.Errorf("%+v, want %s", restored, path)
	case restored.ID <= first.Latest.Restored.ID:
		t.Errorf("the counter went from %d to %d", first.Latest.Restored.ID, restored.ID)
	}
	if got := main.kubectl(t, "get", "flinkdeployment", "counter", "-n", ns, "-o", "jsonpath={.spec.image} {.spec.job.parallelism} {.status.jobStatus.state}"); got != "flink:1.20 1 RUNNING" {
		t.Error(got)
	}

	r = main.run(t, "flink", "clone", "counter", "copy", "-n", ns, "--to-namespace", other).wants(t, 0, "savepoint completed: ", "flinkdeployment/counter goes on running")
	_, path, _ = strings.Cut(strings.TrimSuffix(r.out, " (namespace "+other+")\n"), ", restored from ")
	main.hasMetadata(t, path)
	if cloned := main.checkpoints(t, "copy", other).Latest.Restored; cloned == nil || cloned.Path != path || cloned.ID <= after.Latest.Restored.ID {
		t.Errorf("%+v, want %s", cloned, path)
	}
	main.run(t, "flink", "clone", "counter", "copy", "-n", ns, "--to-namespace", "none-such").wants(t, 1, "no namespace none-such")
	main.run(t, "flink", "delete", "copy", "-n", other, "--with-savepoint", "--yes").wants(t, 0, "savepoint completed: ")
	main.run(t, "get", "flinkdeployment", "copy", "-n", other).wants(t, 1, "not found")
}

func TestLifecycleOfSessionJobs(t *testing.T) {
	t.Parallel()
	const ns = "lifecycle-session"
	main.flinkNamespace(t, ns)
	main.run(t, "flink", "submit", "-f", manifest(t, exampleIn(t, ns, "session-example.yaml")), "-n", ns).wants(t, 0)
	jar := "file:///opt/flink/examples/streaming/TopSpeedWindowing.jar"
	at := []string{"-n", ns, "--deployment", "session-example"}
	submit := func(args ...string) result {
		return main.run(t, append([]string{"flink", "submit"}, append(at, args...)...)...)
	}

	// What can't run says why, long before the time-out.
	submit("absent", "--jar", "file:///opt/none.jar").wants(t, 1, "FileNotFoundException: /opt/none.jar", "Take it away: kubectl flink delete flinksessionjob/absent")
	submit("forbidden", "--jar", "gopher://x/y.jar").wants(t, 1, "rejects the spec: jarURI scheme 'gopher' is not in the allowlist")
	submit("classless", "--jar", jar, "--class", "no.such.Class").wants(t, 1, "class 'no.such.Class' was not found in the jar file")
	main.run(t, "flink", "delete", "sessionjob/absent", "sessionjob/forbidden", "sessionjob/classless", "-n", ns, "--yes").wants(t, 0)
	main.run(t, "flink", "submit", "x", "-n", ns, "--deployment", "none", "--jar", jar).wants(t, 1, "Session clusters in namespace "+ns+": session-example")

	// No checkpoint for a long time: deleting it would lose what it has done.
	r := submit("top-speed", "--jar", jar, "--set", "execution.checkpointing.interval=1h").wants(t, 0)
	if !strings.HasPrefix(r.out, "flinksessionjob.flink.apache.org/top-speed running: job ") {
		t.Error(r)
	}
	main.run(t, "flink", "delete", "session-example", "-n", ns, "--yes").wants(t, 1, "would wait for its jobs to end: flinksessionjob/top-speed")
	main.run(t, "flink", "delete", "sessionjob/top-speed", "-n", ns).wants(t, 2, "add --yes")
	main.run(t, "flink", "delete", "sessionjob/top-speed", "-n", ns, "--yes").wants(t, 1, "it has completed no checkpoint yet", "--with-savepoint")
	main.kubectl(t, "get", "flinksessionjob", "top-speed", "-n", ns)

	r = main.run(t, "flink", "delete", "sessionjob/top-speed", "-n", ns, "--with-savepoint", "--yes", "-o", "yaml").wants(t, 0)
	_, path, _ := strings.Cut(r.out, "initialSavepointPath: ")
	path, _, _ = strings.Cut(path, "\n")
	main.hasMetadata(t, path)
	main.run(t, "get", "flinksessionjob", "top-speed", "-n", ns).wants(t, 1, "not found")
	// What it printed starts the job again, from there.
	r = main.run(t, "flink", "submit", "-f", manifest(t, r.out), "-n", ns).wants(t, 0)
	if !strings.HasSuffix(r.out, ", restored from "+path+"\n") {
		t.Error(r)
	}
	main.run(t, "flink", "delete", "sessionjob/top-speed", "-n", ns, "--lose-state", "--yes").wants(t, 0)
	main.run(t, "flink", "delete", "session-example", "-n", ns, "--yes").wants(t, 0)
}
