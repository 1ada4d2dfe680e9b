package cmd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
)

// Every rule is listed, completes and is explained.
func TestDoctorRules(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var p playback
	p.Namespace = "default"
	table, completed := played(t, p, "doctor", "rules"), map[string]bool{}
	choices, _ := completeRules(newDoctorExplain(&common{}), nil, "")
	for _, choice := range choices {
		id, _, _ := strings.Cut(choice, "\t")
		completed[id] = true
	}
	if len(diagnosis.Rules()) < 200 {
		t.Fatalf("only %d rules", len(diagnosis.Rules()))
	}
	for _, r := range diagnosis.Rules() {
		if !strings.Contains(table, r.ID+" ") {
			t.Errorf("%s isn't listed", r.ID)
		}
		if !completed[r.ID] {
			t.Errorf("%s doesn't complete", r.ID)
		}
		if text, code := play(t, p, "doctor", "explain", strings.ToLower(r.ID)); code != 0 || !strings.Contains(text, r.Title) || !strings.Contains(text, r.Link) {
			t.Errorf("%s: exit code %d: %s", r.ID, code, text)
		}
	}
	if text, code := play(t, p, "doctor", "explain", "FLINK-POD-INITT"); code != exit.Usage || !strings.Contains(text, "FLINK-POD-INIT") {
		t.Errorf("exit code %d: %s", code, text)
	}
}

// What the JobManager of a recording says is a finding; a job that can't be
// found is an error and no finding.
func TestDoctorOfARecording(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	data, err := os.ReadFile("testdata/recorded/restarting.json")
	if err != nil {
		t.Fatal(err)
	}
	var p playback
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	text, code := play(t, p, "doctor", p.target(t), "--via", "apiserver", "--timeout", "3s")
	if code != exit.No || !strings.Contains(text, "FLINK-JOB-TASKMANAGER-LOST, flinkdeployment/basic-example in see-rec") || strings.Contains(text, "FLINK-CRD-MISSING") || strings.Contains(text, "FLINK-JOB-TIME") {
		t.Errorf("exit code %d:\n%s", code, text)
	}
	if text, code := play(t, p, "doctor", "nobody"); code != 1 || !strings.Contains(text, "has: basic-example") {
		t.Errorf("exit code %d: %s", code, text)
	}
	if text, code := play(t, p, "doctor", "-A", "nobody"); code != exit.Usage {
		t.Errorf("exit code %d: %s", code, text)
	}
}
