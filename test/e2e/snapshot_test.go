//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// dataAt is where a path of /flink-data is on this machine.
func (c *cluster) dataAt(t *testing.T, path string) string {
	t.Helper()
	_, inside, ok := strings.Cut(strings.TrimSpace(path), "/flink-data/")
	if !ok {
		t.Fatalf("path %q", path)
	}
	return filepath.Join(c.data, inside)
}

// isGone sees that no file is left at a path. Flink removes the directory
// last.
func (c *cluster) isGone(t *testing.T, path string) {
	t.Helper()
	left, err := os.ReadDir(c.dataAt(t, path))
	if err == nil && len(left) > 0 || err != nil && !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v, %v", path, left, err)
	}
}

// One job's way through what is saved of it: taken, listed, restored, adopted,
// deleted, pruned.
func TestSnapshots(t *testing.T) {
	t.Parallel()
	ns := "snapshots-e2e"
	main.ownJob(t, ns)
	flink := func(args ...string) result {
		t.Helper()
		return main.run(t, append([]string{"flink", "-n", ns}, args...)...)
	}
	take := func(name string, flags ...string) string {
		t.Helper()
		path := flink(append([]string{"savepoint", "basic-example", "--name", name, "-o", pathOnly}, flags...)...).wants(t, 0).out
		main.hasMetadata(t, path)
		return path
	}

	r := flink("checkpoint", "basic-example").wants(t, 0, "format FULL")
	if !strings.Contains(r.out, "/chk-") || !strings.Contains(r.out, "(checkpoint ") || !strings.Contains(r.out, "KiB in ") {
		t.Error(r)
	}
	r = flink("checkpoint", "basic-example", "--type", "configured").wants(t, 0, "CONFIGURED")
	if !strings.Contains(r.out, "/chk-") {
		t.Error(r)
	}
	flink("checkpoint", "basic-example", "--type", "incremental").wants(t, 1, "--type configured")

	older, newer := take("older"), take("newer")
	disposable := take("disposable", "--dispose-on-delete")
	r = flink("snapshot", "list", "--type", "savepoint", "-o", "jsonpath={range .items[*]}{.metadata.name} {.summary.job} {.summary.dataOnDelete} {.summary.path}{\"\\n\"}{end}").wants(t, 0)
	if want := "disposable flinkdeployment/basic-example deleted " + disposable + "\nnewer flinkdeployment/basic-example kept " + newer + "\nolder flinkdeployment/basic-example kept " + older + "\n"; r.out != want {
		t.Errorf("%s\nwant\n%s", r.out, want)
	}

	// Back to the older one of two. The guard savepoint comes first.
	id := main.kubectl(t, "get", "flinkdeployment", "basic-example", "-n", ns, "-o", "jsonpath={.status.jobStatus.jobId}")
	r = flink("restore", "basic-example", "--from", "older").wants(t, 0, "savepoint of the job as it is now: file:/flink-data/"+ns)
	if !strings.Contains(r.out, "RUNNING from savepoint "+older) {
		t.Error(r)
	}
	now := main.kubectl(t, "flink", "-n", ns, "checkpoints", "basic-example", "-o", "jsonpath={.jobID} {.latest.restored.external_path}")
	if strings.Contains(now, id) || !strings.HasSuffix(now, " "+older) {
		t.Errorf("job %s, was %s; restored from %s", now, id, older)
	}
	r = flink("snapshot", "describe", "older").wants(t, 0)
	if !strings.Contains(r.out, "flinkdeployment/basic-example (initialSavepointPath)") {
		t.Error(r)
	}

	// A path without a savepoint: refused is only what is known beforehand.
	flink("restore", "basic-example", "--from", "nope").wants(t, 1, "not found")

	// Data: kept, deleted, in use.
	flink("snapshot", "delete", "disposable").wants(t, 2, "--keep-data", "--dispose")
	flink("snapshot", "delete", "disposable", "--dispose", "--yes").wants(t, 0)
	main.isGone(t, disposable)
	flink("snapshot", "delete", "newer").wants(t, 0)
	main.hasMetadata(t, newer)
	flink("snapshot", "adopt", newer, "--job", "basic-example", "--name", "adopted").wants(t, 0)
	flink("snapshot", "delete", "older", "--dispose", "--yes").wants(t, 1, "what a job starts from", "--force")
	main.hasMetadata(t, older)

	// A savepoint whose JobManager goes fails, and says so.
	lost := main.command(context.Background(), "flink", "-n", ns, "savepoint", "basic-example", "--name", "interrupted-by-failover")
	errOut, err := lost.StderrPipe()
	must(t, err)
	must(t, lost.Start())
	said := ""
	for lines := bufio.NewScanner(errOut); lines.Scan(); {
		said += lines.Text() + "\n"
		if strings.Contains(lines.Text(), ": in progress") {
			main.kubectl(t, "delete", "pods", "-n", ns, "-l", "app=basic-example,component=jobmanager", "--wait=false", "--grace-period=0", "--force")
		}
	}
	_ = lost.Wait()
	// The savepoint may have been completed in the moment before; then there is
	// nothing to explain.
	if code := lost.ProcessState.ExitCode(); code == 1 && !strings.Contains(said, "FAILED") && !strings.Contains(said, "ABANDONED") || code > 1 {
		t.Errorf("exit code %d\n%s", code, said)
	}
	main.running(t, "flinkdeployment", "basic-example", ns)

	// What hangs on a job that doesn't run.
	hanging := take("hanging", "--dispose-on-delete")
	main.kubectl(t, "patch", "flinkdeployment", "basic-example", "-n", ns, "--type=merge", "-p", `{"spec":{"job":{"state":"suspended"}}}`)
	eventually(t, "the job", "SUSPENDED", func() string {
		return main.run(t, "get", "flinkdeployment", "basic-example", "-n", ns, "-o", "jsonpath={.status.lifecycleState}").out
	})
	flink("snapshot", "delete", "hanging", "--dispose", "--yes").wants(t, 1, "is not RUNNING", "--keep-data")
	main.kubectl(t, "delete", "flinkstatesnapshot", "hanging", "-n", ns, "--wait=false")
	r = flink("snapshot", "describe", "hanging").wants(t, 0)
	if !strings.Contains(r.out, "is marked for deletion but doesn't go: its data can't be deleted") {
		t.Error(r)
	}
	flink("snapshot", "delete", "hanging", "--keep-data").wants(t, 0)
	main.hasMetadata(t, hanging)

	// Prune: the newest stays, and so does what the job started from.
	r = flink("snapshot", "prune", "--type", "savepoint", "--keep", "1", "--dry-run", "--verbose").wants(t, 0, "flinkstatesnapshot/older stays: used by", "flinkstatesnapshot/adopted stays: registered by hand")
	before := main.kubectl(t, "get", "flinkstatesnapshots", "-n", ns, "-o", "name")
	if strings.Contains(r.out, "/older ") || !strings.Contains(r.out, "-savepoint-manual-") {
		t.Error(r)
	}
	flink("snapshot", "prune", "--type", "savepoint", "--keep", "1").wants(t, 0)
	left := main.kubectl(t, "get", "flinkstatesnapshots", "-n", ns, "-o", "name")
	if left == before || !strings.Contains(left, "/older") || !strings.Contains(left, "-savepoint-upgrade-") || strings.Contains(left, "-savepoint-manual-") {
		t.Errorf("before:\n%s\nleft:\n%s", before, left)
	}
	main.hasMetadata(t, older)
}
