package cmd

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

var update = flag.Bool("update", false, "write the golden files again")

// recorded is a job of a real cluster, and its pods.
type recorded struct {
	Now  time.Time      `json:"now"`
	Job  map[string]any `json:"job"`
	Pods []corev1.Pod   `json:"pods"`
	Live *view.Marks    `json:"live"`
}

func TestStatusPages(t *testing.T) {
	files, err := filepath.Glob("testdata/status/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var r recorded
			if err := json.Unmarshal(data, &r); err != nil {
				t.Fatal(err)
			}
			job := api.Job{Kind: api.Deployment, Object: &unstructured.Unstructured{Object: r.Job}}
			summary, err := api.Summarize(job.Kind, job.Object)
			if err != nil {
				t.Fatal(err)
			}
			own, _, _ := unstructured.NestedMap(r.Job, "spec", "flinkConfiguration")
			place := reach.Place{Job: job, Cluster: job, Config: api.Flatten(own)}
			status := statusOf(summary, place)
			status.Checkpoints = r.Live
			var around operator.Surroundings
			for i := range r.Pods {
				around.Pods = append(around.Pods, operator.ReadPod(&r.Pods[i]))
			}
			around.PodsKnown = len(r.Pods) > 0
			facts := &diagnosis.JobFacts{Now: r.Now, Object: job.Object, Marks: map[diagnosis.Source]diagnosis.Mark{diagnosis.FromPods: diagnosis.Read}}
			for i := range r.Pods {
				facts.Pods = append(facts.Pods, diagnosis.PodFacts{Pod: &r.Pods[i]})
			}
			judge(&status, summary, place, around, diagnosis.Job(facts), flinkAnswer{why: "it wasn't asked"}, r.Now)
			for _, output := range []string{printer.Human, printer.YAML} {
				flags := printer.Flags{Output: output}
				var out bytes.Buffer
				page := view.StatusPage{Width: 80, Now: r.Now}
				if err := flags.Print(&out, page.Result(status, job.Ref())); err != nil {
					t.Fatal(err)
				}
				golden(t, filepath.Join("testdata/status", name+map[string]string{printer.Human: ".txt", printer.YAML: ".yaml"}[output]), out.String())
			}
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s (renew with -update):\n%s\nwant:\n%s", file, got, want)
	}
}
