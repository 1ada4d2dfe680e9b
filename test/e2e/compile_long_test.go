//go:build e2e && long

package e2e

import (
	"strings"
	"testing"
)

// What the graph of the new program says comes true: a start that is foretold to fail
// fails when it is forced, and one that isn't goes well.
func TestUpgradeIsForetoldByItsGraph(t *testing.T) {
	t.Parallel()
	const ns = "foretold"
	main.ownJob(t, ns)
	other := example(t, "basic-example.yaml", "StateMachineExample.jar", "TopSpeedWindowing.jar")
	upgrade := func(code int, text string, args ...string) result {
		t.Helper()
		return main.run(t, append([]string{"flink", "-n", ns, "upgrade", "basic-example", "-f", manifest(t, text)}, args...)...).wants(t, code)
	}
	for _, c := range []struct {
		name, text, want string
		code             int
	}{
		{"the same program", example(t, "basic-example.yaml", `taskmanager.numberOfTaskSlots: "2"`, `taskmanager.numberOfTaskSlots: "3"`), "every state has its operator in the new graph", 0},
		{"another program", other, "of state have no operator in the new graph", 3},
		{"the same program on Flink 2", example(t, "basic-example.yaml", "flink:1.20", "flink:2.3", "v1_20", "v2_3"), "every state has its operator in the new graph", 0},
		{"no such class", example(t, "basic-example.yaml", "    parallelism: 2", "    entryClass: com.acme.Missing\n    parallelism: 2"), "FLINK-JOB-ENTRY", 3},
		{"no such jar", example(t, "basic-example.yaml", "StateMachineExample.jar", "Missing.jar"), "the job's jar isn't there", 3},
		{"a main method that fails", example(t, "basic-example.yaml", "    parallelism: 2", "    args: [\"--rps\", \"many\"]\n    parallelism: 2"), "the job's main method failed when its graph was to be made", 1},
	} {
		if r := upgrade(c.code, c.text, "--check", "--compile"); !strings.Contains(r.out, c.want) {
			t.Errorf("%s: %s", c.name, r)
		}
	}
	eventually(t, "pods that made graphs", "", func() string {
		return main.run(t, "get", "pods", "-n", ns, "-l", "app.kubernetes.io/component=graph-probe", "-o", "name").out
	})
	path := main.run(t, "flink", "-n", ns, "savepoint", "basic-example", "-o", pathOnly).wants(t, 0).out
	for want, text := range map[string]string{
		"every state has its operator in the new graph": example(t, "basic-example.yaml", "name: basic-example", "name: copy"),
		"of state have no operator in the new graph":    strings.Replace(other, "name: basic-example", "name: copy", 1),
	} {
		if r := main.run(t, "flink", "-n", ns, "submit", "-f", manifest(t, text), "--from", path, "--check", "--compile"); !strings.Contains(r.out, want) {
			t.Error(r)
		}
	}
	main.run(t, "get", "flinkdep", "copy", "-n", ns).wants(t, 1, "NotFound")
	run := main.run(t, "get", "flinkdep", "basic-example", "-n", ns, "-o", "jsonpath={.status.jobStatus.jobId}").wants(t, 0).out
	upgrade(1, other, "--compile", "--yes").wants(t, 1, "it would not start from")
	if now := main.run(t, "get", "flinkdep", "basic-example", "-n", ns, "-o", "jsonpath={.status.jobStatus.jobId}").wants(t, 0).out; now != run {
		t.Errorf("the job was restarted: %s, was %s", now, run)
	}
	if r := upgrade(1, other, "--no-check", "--yes", "--rollback-on-failure", "--timeout", "6m"); !strings.Contains(r.err, "FLINK-STATE-MAP") {
		t.Error(r)
	}
	// Told to, it drops what has no operator, once.
	if r := upgrade(0, other, "--compile", "--yes", "--allow-non-restored-state", "--timeout", "6m"); !strings.Contains(r.out+r.err, "are dropped, as allowNonRestoredState says") || !strings.Contains(r.err, "allowNonRestoredState is as it was before") {
		t.Error(r)
	}
	if left := main.run(t, "get", "flinkdep", "basic-example", "-n", ns, "-o", "jsonpath={.spec.job.allowNonRestoredState}").wants(t, 0).out; left != "" {
		t.Errorf("spec.job.allowNonRestoredState is %s", left)
	}
}
