//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

func TestSeeARunningJob(t *testing.T) {
	t.Parallel()
	main.basic(t)
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"list", "-A"}, []string{"NAMESPACE", "HEALTH", "flinkdep/basic-example", "RUNNING", "STABLE", "healthy"}},
		{[]string{"list", "--live"}, []string{"LAST CHECKPOINT", "RESTARTS"}},
		{[]string{"status", "basic-example", "--exit-status"}, []string{"flinkdeployment/basic-example  healthy", "slots used", "Checkpoint", "basic-example-taskmanager-1-"}},
		{[]string{"status", "basic-example", "--for", "running", "-o", "jsonpath={.health}"}, []string{"healthy"}},
		{[]string{"checkpoints", "basic-example"}, []string{"Counts", "Config", "COMPLETED"}},
		{[]string{"exceptions", "basic-example"}, []string{""}},
		{[]string{"events", "basic-example"}, []string{"flinkdeployment/basic-example"}},
		{[]string{"jobs", "basic-example"}, []string{"RUNNING", "flinkdeployment/basic-example"}},
	} {
		out := main.kubectl(t, append(append([]string{"flink"}, c.args...), "-n", "default")...)
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%v lacks %q:\n%s", c.args, want, out)
			}
		}
	}
}
