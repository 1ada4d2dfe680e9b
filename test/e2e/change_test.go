//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"strings"
	"testing"
)

// One job through every change, its state followed from each to the next.
func TestChangesKeepState(t *testing.T) {
	t.Parallel()
	ns := main.ownJob(t, "change-e2e")

	// By hand the operator would throw the state away here.
	main.kubectl(t, "patch", "flinkdeployment", "basic-example", "-n", ns, "--type", "merge", "-p", `{"spec":{"job":{"upgradeMode":"stateless"}}}`)
	generation := func() string {
		return main.kubectl(t, "get", "flinkdeployment", "basic-example", "-n", ns, "-o", "jsonpath={.metadata.generation}")
	}
	before := generation()
	main.run(t, "flink", "restart", "basic-example", "-n", ns).wants(t, 1, "upgradeMode stateless", "--lose-state")
	main.run(t, "flink", "scale", "basic-example", "--parallelism", "1", "-n", ns).wants(t, 1, "upgradeMode stateless")
	if after := generation(); after != before {
		t.Errorf("generation %s, was %s", after, before)
	}

	// Checkpoints are taken all the time here, so that this is during one, too.
	left := main.run(t, "flink", "suspend", "basic-example", "-n", ns, "-o", pathOnly).wants(t, 0).out
	main.hasMetadata(t, left)
	r := main.run(t, "flink", "resume", "basic-example", "-n", ns, "-o", "jsonpath={.status.path} {.status.restoredFrom.proven}").wants(t, 0, "upgradeMode is stateless again")
	if r.out != left+" true" {
		t.Errorf("resumed from %q, left %q", r.out, left)
	}
	main.kubectl(t, "patch", "flinkdeployment", "basic-example", "-n", ns, "--type", "merge", "-p", `{"spec":{"job":{"upgradeMode":"savepoint"}}}`)
	r = main.run(t, "flink", "savepoint", "basic-example", "-n", ns, "--method", "nonce", "-o", pathOnly).wants(t, 0, "savepointTriggerNonce set to")
	main.hasMetadata(t, r.out)

	r = main.run(t, "flink", "stop", "basic-example", "--drain", "-n", ns, "-o", pathOnly).wants(t, 0)
	main.hasMetadata(t, r.out)
	main.run(t, "flink", "resume", "basic-example", "-n", ns).wants(t, 1, "was drained")
}

// Restart and scale start from a savepoint of their own, also where the API
// server or the operator goes away in the middle: not in parallel, because
// those are everybody's. It is the shared job that is changed, into what it is
// for the tests after this.
func TestChangesThroughOutages(t *testing.T) {
	const ns = "default"
	main.apply(t, ns, example(t, "basic-example.yaml", "parallelism: 2", "parallelism: 1"))
	main.running(t, "flinkdeployment", "basic-example", ns)
	left := ""
	for _, c := range []struct {
		args    []string
		disturb func()
	}{
		{[]string{"restart"}, func() {
			_, err := tool("restart", "kube-apiserver", "--name", main.name)
			must(t, err)
		}},
		{[]string{"scale", "--parallelism", "2"}, func() {
			main.kubectl(t, "delete", "pods", "--all", "-n", "flink-operator", "--wait=false")
		}},
	} {
		args := append(append([]string{"flink"}, c.args...), "basic-example", "-n", ns, "-o", "jsonpath={.status.restoredFrom.kind} {.status.restoredFrom.proven} {.status.path}")
		r := main.runDisturbed(t, "patched (", c.disturb, args...).wants(t, 0, "a savepoint is taken first")
		path, ok := strings.CutPrefix(r.out, "savepoint true ")
		if !ok || path == left {
			t.Errorf("%v: %q", c.args, r.out)
		}
		main.hasMetadata(t, path)
		left = path
	}
}

// runDisturbed runs `kubectl args` and disturbs it once it has said sign.
func (c *cluster) runDisturbed(t *testing.T, sign string, disturb func(), args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := c.command(ctx, args...)
	var out, errOut bytes.Buffer
	command.Stdout = &out
	said, err := command.StderrPipe()
	must(t, err)
	must(t, command.Start())
	done := false
	for lines := bufio.NewScanner(said); lines.Scan(); {
		errOut.WriteString(lines.Text() + "\n")
		if !done && strings.Contains(lines.Text(), sign) {
			done = true
			disturb()
		}
	}
	_ = command.Wait()
	if !done {
		t.Errorf("it never said %q", sign)
	}
	return result{out.String(), errOut.String(), command.ProcessState.ExitCode()}
}

// On Flink 2 the operator's canonical savepoint of this job fails and restarts
// it, again and again, while the operator says STABLE.
func TestSuspendOnFlink2(t *testing.T) {
	const key = "kubernetes.operator.savepoint.format.type"
	t.Parallel()
	ns := main.flinkNamespace(t, "change-e2e-2")
	main.apply(t, ns, exampleIn(t, ns, "flink-2-example.yaml", key+": NATIVE", key+": CANONICAL"))
	main.running(t, "flinkdeployment", "flink-2-example", ns)
	if r := main.run(t, "flink", "applications", "flink-2-example", "-n", ns).wants(t, 0); !strings.Contains(r.out, "StateMachineExample   RUNNING") || !strings.Contains(r.out, "State machine job   RUNNING") {
		t.Error(r)
	}
	main.run(t, "flink", "suspend", "flink-2-example", "-n", ns).wants(t, 1,
		"UnsupportedOperationException", `"`+key+`":"NATIVE"`, "The spec was put back", "the job is RUNNING")
	main.kubectl(t, "patch", "flinkdeployment", "flink-2-example", "-n", ns, "--type", "merge", "-p", `{"spec":{"flinkConfiguration":{"`+key+`":null}}}`)
	main.running(t, "flinkdeployment", "flink-2-example", ns)

	r := main.run(t, "flink", "suspend", "flink-2-example", "-n", ns).wants(t, 0, key+": NATIVE is set")
	_, path, _ := strings.Cut(r.out, " suspended: savepoint ")
	main.hasMetadata(t, path)
}
