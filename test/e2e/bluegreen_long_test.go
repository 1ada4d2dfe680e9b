//go:build e2e && long

package e2e

import (
	"strings"
	"testing"
)

// color is where a blue/green deployment is, with its job's state.
func color(t *testing.T, name, ns string) string {
	t.Helper()
	return main.kubectl(t, "get", "flinkbluegreendeployment", name, "-n", ns, "-o", "jsonpath={.status.blueGreenState} {.status.jobStatus.state}")
}

// Every change to a blue/green deployment, one right after the other, each from
// the state that the one before left.
func TestBlueGreenChangesKeepState(t *testing.T) {
	t.Parallel()
	const ns, job = "bluegreen-long", "bluegreen/shop"
	main.flinkNamespace(t, ns)
	flink := func(args ...string) result {
		t.Helper()
		return main.run(t, append([]string{"flink", "-n", ns}, args...)...)
	}
	flink("submit", "-f", manifest(t, blueGreen(t, ns, "shop"))).wants(t, 0)

	left := flink("suspend", job, "-o", pathOnly).wants(t, 0).out
	main.hasMetadata(t, left)
	if at := color(t, "shop", ns); at != "ACTIVE_BLUE SUSPENDED" {
		t.Error(at)
	}
	proof := "jsonpath={.status.restoredFrom.proven} {.status.path}"
	if r := flink("resume", job, "-o", proof).wants(t, 0); r.out != "true "+left {
		t.Errorf("resumed from %q, left %q", r.out, left)
	}
	older := flink("savepoint", job, "--name", "older", "-o", pathOnly).wants(t, 0).out
	for _, args := range [][]string{{"scale", job, "--parallelism", "1"}, {"restart", job}} {
		r := flink(append(args, "-o", proof)...).wants(t, 0, "the operator takes a savepoint (SAVEPOINTING_")
		path, ok := strings.CutPrefix(r.out, "true ")
		if !ok || path == left {
			t.Errorf("%v: %q", args, r.out)
		}
		main.hasMetadata(t, path)
		left = path
		// The color of before is gone, so that the next change may begin.
		if children := strings.Fields(main.kubectl(t, "get", "flinkdeployments", "-n", ns, "-o", "name")); len(children) != 1 {
			t.Errorf("%v left %v", args, children)
		}
	}
	r := flink("upgrade", job, "--image", "flink:none", "--rollback-on-failure", "--stable-for", "1s").wants(t, 1, "flink:none", "Rolled back: flinkbluegreendeployment/shop runs again as before, from savepoint ")
	_, path, _ := strings.Cut(r.err, "runs again as before, from savepoint ")
	path, _, _ = strings.Cut(path, "\n")
	main.hasMetadata(t, path)
	if r := flink("restore", job, "--from", "older", "-o", proof).wants(t, 0, "savepoint of the job as it is now: "); r.out != "true "+older {
		t.Errorf("restored from %q, want %q", r.out, older)
	}
	flink("suspend", "shop-blue").wants(t, 1, "belongs to a blue/green deployment")
	flink("delete", job, "--with-savepoint", "--yes").wants(t, 0, "savepoint completed: ")
}

// The savepoint of a transition is taken by the configuration of the color that
// serves: the format has to be there first.
func TestBlueGreenOnFlink2(t *testing.T) {
	t.Parallel()
	const ns, job = "bluegreen-long-2", "bluegreen/shop"
	main.flinkNamespace(t, ns)
	main.run(t, "flink", "-n", ns, "submit", "-f", manifest(t, blueGreen(t, ns, "shop", "flink:1.20", "flink:2.3", "v1_20", "v2_3"))).wants(t, 0)
	r := main.run(t, "flink", "-n", ns, "restart", job).wants(t, 0, "kubernetes.operator.savepoint.format.type: NATIVE is set")
	_, path, _ := strings.Cut(r.out, " restarted: RUNNING from savepoint ")
	main.hasMetadata(t, path)
	if at := color(t, "shop", ns); at != "ACTIVE_GREEN RUNNING" {
		t.Error(at)
	}
}
