//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

const pathOnly = "jsonpath={.status.path}"

// One job, of which every kind of savepoint is taken, one after the other.
func TestSavepoint(t *testing.T) {
	t.Parallel()
	ns := main.ownJob(t, "savepoint-e2e")
	t.Run("canonical", func(t *testing.T) { canonicalSavepoint(t, ns) })
	t.Run("native, and its path alone", func(t *testing.T) { nativeSavepointAndItsPathAlone(t, ns) })
	t.Run("interrupted", func(t *testing.T) { savepointInterrupted(t, ns) })
	t.Run("into an unwritable directory", func(t *testing.T) { savepointIntoAnUnwritableDirectory(t, ns) })
}

func canonicalSavepoint(t *testing.T, ns string) {
	r := main.run(t, "flink", "-n", ns, "savepoint", "basic-example").wants(t, 0, "format CANONICAL: Flink 1.20", "in progress")
	name, path, ok := strings.Cut(strings.TrimSpace(r.out), " completed: ")
	if !ok || !strings.HasPrefix(name, "flinkstatesnapshot.flink.apache.org/basic-example-savepoint-manual-") {
		t.Fatal(r)
	}
	main.hasMetadata(t, path)
	if dispose := main.kubectl(t, "-n", ns, "get", name, "-o", "jsonpath={.spec.savepoint.disposeOnDelete}"); dispose != "false" {
		t.Errorf("disposeOnDelete is %q", dispose)
	}
	main.kubectl(t, "-n", ns, "delete", name)
	main.hasMetadata(t, path)
}

func nativeSavepointAndItsPathAlone(t *testing.T, ns string) {
	r := main.run(t, "flink", "-n", ns, "savepoint", "basic-example", "--format", "native", "--name", "native", "-o", pathOnly).wants(t, 0)
	if strings.ContainsAny(r.out, " \n") {
		t.Errorf("stdout %q", r.out)
	}
	main.hasMetadata(t, r.out)
	if format := main.kubectl(t, "-n", ns, "get", "flinkstatesnapshot", "native", "-o", "jsonpath={.spec.savepoint.formatType}"); format != "NATIVE" {
		t.Error(format)
	}
}

func savepointIntoAnUnwritableDirectory(t *testing.T, ns string) {
	main.run(t, "flink", "-n", ns, "savepoint", "basic-example", "--path", "file:///proc/nope").wants(t, 2, "--path", "in no volume of the job's pods", "No savepoint was taken")
	main.run(t, "flink", "-n", ns, "savepoint", "basic-example", "--path", "relative/dir").wants(t, 2, "relative path")
	r := main.run(t, "flink", "-n", ns, "savepoint", "basic-example", "--path", "file:///proc/nope", "--force").wants(t, 1,
		"FAILED", "IOException: Failed to create savepoint directory at file:/proc/nope", "can't write to the savepoint directory")
	if r.out != "" {
		t.Errorf("stdout %q", r.out)
	}
}

func savepointInterrupted(t *testing.T, ns string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// The plugin itself: kubectl replaces itself with it, so that a signal
	// reaches it just the same.
	command := main.command(ctx, "flink", "-n", ns, "savepoint", "basic-example", "--name", "interrupted")
	var out, errOut bytes.Buffer
	command.Stdout = &out
	stderr, err := command.StderrPipe()
	must(t, err)
	must(t, command.Start())
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		errOut.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), " created (format") {
			must(t, command.Process.Signal(os.Interrupt))
		}
	}
	_ = command.Wait()
	r := result{out.String(), errOut.String(), command.ProcessState.ExitCode()}
	r.wants(t, 130, "flinkstatesnapshot/interrupted", "goes on without this command")
	// It does go on.
	eventually(t, "the savepoint", "COMPLETED", func() string {
		return main.run(t, "-n", ns, "get", "flinkstatesnapshot", "interrupted", "-o", "jsonpath={.status.state}").out
	})
}

// A job of a session cluster, through the operator, past it, and on its page.
func TestSessionJob(t *testing.T) {
	t.Parallel()
	ns := main.flinkNamespace(t, "session-e2e")
	main.apply(t, ns, exampleIn(t, ns, "session-example.yaml"))
	main.apply(t, ns, exampleIn(t, ns, "session-job-example.yaml"))
	main.running(t, "flinksessionjob", "session-job-example", ns)
	t.Run("dashboard", func(t *testing.T) { uiOfASessionJob(t, ns) })
	t.Run("savepoint", func(t *testing.T) { savepointOfASessionJob(t, ns) })
}

func savepointOfASessionJob(t *testing.T, ns string) {
	flink := func(args ...string) result {
		t.Helper()
		return main.run(t, append([]string{"flink", "-n", ns}, args...)...)
	}
	r := flink("savepoint", "sessionjob/session-job-example", "-o", pathOnly).wants(t, 0)
	main.hasMetadata(t, r.out)
	// To Flink it is a job like one that no object manages.
	r = flink("savepoint", "session-example", "--method", "rest", "-o", pathOnly).wants(t, 0, "asked for (format CANONICAL: Flink 1.20)")
	main.hasMetadata(t, r.out)
	flink("savepoint", "session-example", "--method", "rest", "--path", "file:///proc/nope").wants(t, 2, "in no volume of the job's pods")
	flink("savepoint", "session-example", "--method", "rest", "--path", "file:///proc/nope", "--force").wants(t, 1, "Failed to create savepoint directory")
	flink("savepoint", "session-example").wants(t, 1, "is a session cluster", "flinksessionjob/session-job-example")
}

// On Flink 2 a canonical savepoint of this job fails and restarts it.
func TestSavepointOnFlink2(t *testing.T) {
	t.Parallel()
	ns := main.flinkNamespace(t, "savepoint-e2e-2")
	main.apply(t, ns, exampleIn(t, ns, "flink-2-example.yaml"))
	main.running(t, "flinkdeployment", "flink-2-example", ns)
	r := main.run(t, "flink", "-n", ns, "savepoint", "flink-2-example").wants(t, 0, "format NATIVE: Flink 2.3")
	_, path, _ := strings.Cut(r.out, " completed: ")
	main.hasMetadata(t, path)
	main.run(t, "flink", "-n", ns, "savepoint", "flink-2-example", "--format", "canonical").wants(t, 1,
		"canonical savepoint of a job with asynchronous state fails and restarts the job", "--format native")
	main.run(t, "flink", "-n", ns, "savepoint", "flink-2-example", "--format", "canonical", "--force").wants(t, 1, "UnsupportedOperationException", "--format native")
}

// Not in parallel: the operator is everybody's.
func TestSavepointWithoutOperator(t *testing.T) {
	main.basic(t)
	main.kubectl(t, "scale", "deployment", "flink-kubernetes-operator", "-n", "flink-operator", "--replicas=0")
	main.kubectl(t, "wait", "pods", "-n", "flink-operator", "-l", "app.kubernetes.io/name=flink-kubernetes-operator", "--for=delete", "--timeout=2m")
	t.Cleanup(func() {
		main.kubectl(t, "scale", "deployment", "flink-kubernetes-operator", "-n", "flink-operator", "--replicas=1")
		main.kubectl(t, "rollout", "status", "deployment", "flink-kubernetes-operator", "-n", "flink-operator", "--timeout=3m")
	})
	main.run(t, "flink", "savepoint", "basic-example", "--name", "early", "--timeout", "3s").wants(t, 124,
		"timed out after 3s", "flinkstatesnapshot/early is not seen by the operator yet", "kubectl flink snapshot wait early")
	main.kubectl(t, "delete", "flinkstatesnapshot", "early")
	main.run(t, "flink", "savepoint", "basic-example", "--name", "unseen").wants(t, 1,
		"the operator is not running", "flink-operator/flink-kubernetes-operator has 0 of 0 replicas ready", "kubectl delete flinkstatesnapshot unseen")
	main.kubectl(t, "delete", "flinkstatesnapshot", "unseen")
	main.run(t, "flink", "suspend", "basic-example").wants(t, 1,
		"the operator is not running", "flink-operator/flink-kubernetes-operator has 0 of 0 replicas ready", "kubectl patch flinkdeployment basic-example")
	main.kubectl(t, "patch", "flinkdeployment", "basic-example", "--type", "merge", "-p", `{"spec":{"job":{"state":"running"}}}`)
}

// Two jobs of one namespace; of all namespaces those with a label, because
// other tests' jobs are there, too.
func TestSavepointOfManyJobs(t *testing.T) {
	t.Parallel()
	ns := main.flinkNamespace(t, "savepoint-many")
	names := []string{"first-example", "second-example"}
	for _, name := range names {
		main.apply(t, ns, exampleIn(t, ns, "basic-example.yaml", "name: basic-example", "name: "+name+"\n  labels: {of: many}"))
	}
	for _, name := range names {
		main.running(t, "flinkdeployment", name, ns)
	}
	main.run(t, "flink", "savepoint", "-n", ns).wants(t, 2, "flinkdeployment/first-example, flinkdeployment/second-example")
	for _, which := range [][]string{{"--all", "-n", ns}, {"-l", "of=many", "-A"}} {
		r := main.run(t, append([]string{"flink", "savepoint", "-o", "jsonpath={range .items[*]}{.status.path}{\"\\n\"}{end}"}, which...)...).wants(t, 0)
		paths := strings.Fields(r.out)
		if len(paths) != 2 {
			t.Fatal(r)
		}
		for _, path := range paths {
			main.hasMetadata(t, path)
		}
	}
}

// Completion as kubectl asks for it.
func TestCompletionThroughKubectl(t *testing.T) {
	t.Parallel()
	main.basic(t)
	out := main.kubectl(t, "__complete", "flink", "savepoint", "bas")
	if !strings.HasPrefix(out, "basic-example\tRUNNING since ") {
		t.Error(out)
	}
}
