//go:build e2e

package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest/incluster"
)

// The examples are applied, changed, suspended and restored, with real Flink
// behind the stand-in for CMF.
func TestCMFApplicationsOnRealFlink(t *testing.T) {
	t.Parallel()
	const space = "cmf-demo" // that of the example environment
	main := main.space(t, space)
	main.standIn(t, incluster.Options{Namespace: space})
	cmf := func(code int, args ...string) string {
		t.Helper()
		return main.run(t, append(append([]string{"cmf"}, args...), "-n", space)...).wants(t, code).out
	}
	wants := func(text string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%q is missing in:\n%s", part, text)
			}
		}
	}
	cmf(0, "apply", "-f", root+"/examples/cmf", "--wait")
	again := cmf(0, "apply", "-f", root+"/examples/cmf")
	if strings.Count(again, " unchanged\n") != 6 || strings.Count(again, " configured\n") != 1 {
		t.Errorf("applied again:\n%s", again)
	}
	wants(cmf(0, "app", "status", "state-machine"), "ready", "RUNNING", "STABLE")
	wants(cmf(0, "app", "logs", "state-machine", "--component", "jobmanager"), "JobManager")
	taken := cmf(0, "app", "savepoint", "state-machine", "--name", "first")
	_, path, _ := strings.Cut(taken, "created: ")
	main.hasMetadata(t, path)

	changed := example(t, "cmf/application.yaml", "parallelism: 1", "parallelism: 2")
	file := t.TempDir() + "/app.yaml"
	must(t, os.WriteFile(file, []byte(changed), 0o600))
	wants(cmf(3, "diff", "-f", file), "-    parallelism: 1", "+    parallelism: 2")
	cmf(0, "apply", "-f", file, "--wait")
	if got := main.kubectl(t, "-n", space, "get", "flinkdeployment", "state-machine", "-o", "jsonpath={.status.jobStatus.state} {.status.lifecycleState} {.spec.job.parallelism}"); got != "RUNNING STABLE 2" {
		t.Errorf("after apply --wait: %s", got)
	}
	cmf(0, "app", "suspend", "state-machine")
	if got := main.kubectl(t, "-n", space, "get", "flinkdeployment", "state-machine", "-o", "jsonpath={.status.lifecycleState}"); got != "SUSPENDED" {
		t.Errorf("after suspend: %s", got)
	}
	cmf(0, "app", "start", "state-machine", "--from", "first")
	wants(main.kubectl(t, "-n", space, "logs", "deployment/state-machine"), "execution.savepoint.path, "+strings.TrimSpace(path))
	kept := cmf(0, "app", "delete", "state-machine", "--with-savepoint")
	_, path, _ = strings.Cut(strings.SplitAfter(kept, "\n")[0], "created: ")
	main.hasMetadata(t, path)
}
