//go:build api

package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

func TestStatusAnswersWithItsExitCode(t *testing.T) {
	ns := current.namespace(t)
	current.create(t, api.Deployment, ns, "good", deploymentSpec(nil), observed(runningStatus(), 1))
	failed := runningStatus()
	failed["lifecycleState"] = "FAILED"
	failed["error"] = "\x1b[31mManual restore required."
	failed["jobStatus"].(map[string]any)["state"] = "FAILED"
	current.create(t, api.Deployment, ns, "bad", deploymentSpec(nil), failed)

	current.flink(t, t.Context(), "status", "good", "-n", ns, "--live-timeout", "0", "--exit-status").wants(t, exit.OK)
	r := current.flink(t, t.Context(), "status", "bad", "-n", ns, "--live-timeout", "0", "--exit-status")
	r.wants(t, exit.No)
	for _, want := range []string{"flinkdeployment/bad  failed", "Manual restore required.", "kubectl flink restore bad --from"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q\n%s", want, r)
		}
	}
	if strings.Contains(r.out, "\x1b") {
		t.Errorf("raw escape sequence: %q", r.out)
	}
	r = current.flink(t, t.Context(), "status", "bad", "-n", ns, "--live-timeout", "0", "-o", "json")
	var page struct {
		Health string
		Job    struct{ State string }
		Next   []string
	}
	must(t, json.Unmarshal([]byte(r.out), &page))
	if page.Health != "failed" || page.Job.State != "FAILED" || len(page.Next) == 0 {
		t.Errorf("json %s", r)
	}
	current.flink(t, t.Context(), "status", "bad", "-n", ns, "--for", "running").wants(t, exit.Failed, "can't become running: failed")
	current.flink(t, t.Context(), "status", "good", "-n", ns, "--for", "finished", "--timeout", "300ms").wants(t, exit.TimedOut, "timed out after 300ms")
	current.flink(t, t.Context(), "status", "goood", "-n", ns).wants(t, exit.Failed, "not found", "good")
	for _, args := range [][]string{{"--for", "luck"}, {"--for", "running", "-w"}, {"-w", "-o", "json"}, {"--timeout", "0s"}} {
		current.flink(t, t.Context(), append([]string{"status", "good", "-n", ns}, args...)...).wants(t, exit.Usage)
	}
}

func TestStatusWaitsForAnUpgrade(t *testing.T) {
	ns := current.namespace(t)
	current.create(t, api.Deployment, ns, "basic", deploymentSpec(nil), observed(runningStatus(), 1))
	must(t, current.bump(t, "basic", ns))
	out := current.background(t, "status", "basic", "-n", ns, "--for", "upgraded", "--live-timeout", "0", "-o", "name")
	shows(t, out, "hasn't taken up generation 3")
	if strings.Contains(out.String(), "flinkdeployment.flink.apache.org/basic") {
		t.Errorf("didn't wait:\n%s", out)
	}
	current.patch(t, ns, "basic", `{"status":{"observedGeneration":3}}`, "status")
	shows(t, out, "flinkdeployment.flink.apache.org/basic\n")
}

func TestStatusWatchAppendsChanges(t *testing.T) {
	ns := current.namespace(t)
	object := current.runningJob(t, ns, "basic", nil)
	out := current.background(t, "status", "basic", "-w", "-n", ns, "--live-timeout", "0")
	shows(t, out, "healthy  RUNNING")
	status := runningStatus()
	status["jobStatus"].(map[string]any)["state"] = "RESTARTING"
	current.setStatus(t, api.Deployment, object, status)
	shows(t, out, "RESTARTING, STABLE")
}
