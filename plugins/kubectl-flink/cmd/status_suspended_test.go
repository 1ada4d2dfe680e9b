package cmd

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

func TestStatusOfASuspendedJobThatRunsOrMay(t *testing.T) {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	place := func(config api.Config) reach.Place {
		return reach.Place{Job: api.Job{Kind: api.Deployment, Object: object}, Known: true, Config: config}
	}
	there := []operator.Pod{{Role: "jobmanager", Ready: true}}
	for name, c := range map[string]struct {
		place reach.Place
		run   *lifecycle.Rerun
		pods  []operator.Pod
		word  health.Word
		next  string
	}{
		"runs":              {place(nil), &lifecycle.Rerun{State: "RUNNING"}, there, health.Degraded, "End that run for good: kubectl flink suspend flinkdeployment/a -n ns"},
		"may run":           {place(nil), nil, there, health.Suspended, "would run again"},
		"no JobManager":     {place(nil), nil, nil, health.Suspended, ""},
		"high availability": {place(api.Config{"high-availability": "kubernetes"}), nil, there, health.Suspended, ""},
	} {
		status := view.Status{Health: health.Suspended, Metadata: view.StatusMetadata{Type: "flinkdeployment", Name: "a", Namespace: "ns"}}
		runsAllTheSame(&status, c.run)
		mayRunAgain(&status, c.place, c.pods)
		next := strings.Join(status.Next, "\n")
		if status.Health != c.word || !strings.Contains(next, c.next) || (next == "") != (c.next == "") || (status.Why == "") != (c.run == nil) {
			t.Errorf("%s: %s, %s\n%s", name, status.Health, status.Why, next)
		}
	}
}
