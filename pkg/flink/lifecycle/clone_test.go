package lifecycle

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// A checkpoint of a job that goes on is gone before the clone could read it;
// the one that the job itself was restored from stays.
func TestWhatACloneOfARunningJobMayStartFrom(t *testing.T) {
	job := api.Job{Kind: api.Deployment, Object: &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "j", "namespace": "ns"},
		"status":   map[string]any{"jobStatus": map[string]any{"upgradeSavepointPath": "file:/c/a1/chk-7"}},
	}}}
	states := []savepoint.LastState{
		{Path: "file:/c/a2/chk-9", Passing: true},
		{Path: "file:/c/a2/chk-8"}, // of a FlinkStateSnapshot
		{Path: "file:/s/savepoint-1", Savepoint: true},
		{Path: "file:///c/a1/chk-7/"},
	}
	got := lasting(job, states)
	if len(got) != 2 || got[0].Path != "file:/s/savepoint-1" || got[1].Path != "file:///c/a1/chk-7/" {
		t.Errorf("%+v", got)
	}
	if got := lasting(job, states[:2]); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}
