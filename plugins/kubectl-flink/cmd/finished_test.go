package cmd

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every verb that asks the JobManager says that there is none any more, and
// what is known of the job, at once.
func TestAFinishedJobWhoseJobManagerWasTakenAway(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	data, err := os.ReadFile("testdata/recorded/finished.json")
	if err != nil {
		t.Fatal(err)
	}
	var p playback
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	for path, raw := range p.Answers {
		switch {
		case strings.Contains(path, "/proxy/"), strings.Contains(path, "/services"), strings.Contains(path, "/pods"):
			delete(p.Answers, path)
		case strings.Contains(path, "/flinkdeployments"):
			p.Answers[path] = bytes.ReplaceAll(raw, []byte(`"jobManagerDeploymentStatus":"READY"`), []byte(`"jobManagerDeploymentStatus":"MISSING"`))
			p.Answers[path] = bytes.ReplaceAll(p.Answers[path], []byte(`"jobManagerDeploymentStatus": "READY"`), []byte(`"jobManagerDeploymentStatus": "MISSING"`))
		}
	}
	p.Answers["/api/v1/namespaces/"+p.Namespace+"/pods"] = json.RawMessage(`{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]}`)
	for _, args := range []string{"exceptions top-speed", "checkpoints top-speed", "graph top-speed", "top top-speed --once", "jobs top-speed", "rest top-speed /config", "logs top-speed --file jobmanager.log", "logs top-speed", "ui top-speed --no-browser --port 0"} {
		began := time.Now()
		got := played(t, p, strings.Fields(args)...)
		if !strings.Contains(got, "the job has FINISHED at 20") || !strings.Contains(got, "taken its JobManager away (kubernetes.operator.jm-deployment.shutdown-ttl") || strings.Contains(got, "not found") {
			t.Errorf("%s: %s", args, got)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s took %s", args, took)
		}
	}
}
