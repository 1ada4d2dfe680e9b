package change

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

func blueGreenAt(state, jobState, failure string) api.Job {
	object := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "shop"},
		"spec":     map[string]any{"template": map[string]any{"spec": map[string]any{"job": map[string]any{}}}},
		"status": map[string]any{
			"blueGreenState": state, "error": failure, "jobStatus": map[string]any{"state": jobState},
			"lastReconciledSpec": `{"template":{"spec":{"restartNonce":1}}}`,
		},
	}}
	return api.Job{Kind: api.BlueGreen, Object: object}
}

// A change that the operator gave up is not waited for.
func TestJudgeBlueGreenGivenUp(t *testing.T) {
	before := blueGreenAt("ACTIVE_BLUE", "RUNNING", "")
	taken := Change{Job: before, Spec: map[string]any{"restartNonce": int64(1)}, Goal: Goal{NewRun: true}}
	untaken := Change{Job: before, Spec: map[string]any{"restartNonce": int64(2)}, Goal: Goal{NewRun: true}}
	for name, tc := range map[string]struct {
		change Change
		job    api.Job
		want   stage
	}{
		"given up":      {taken, blueGreenAt("ACTIVE_BLUE", "FAILING", "Transition to GREEN not possible"), lost},
		"can't begin":   {untaken, blueGreenAt("ACTIVE_BLUE", "FAILING", "Could not trigger Savepoint"), failing},
		"savepoint":     {untaken, blueGreenAt("SAVEPOINTING_BLUE", "RUNNING", ""), notTaken},
		"on the way":    {taken, blueGreenAt("TRANSITIONING_TO_GREEN", "RECONCILING", ""), moving},
		"other color":   {taken, blueGreenAt("ACTIVE_GREEN", "RUNNING", ""), reached},
		"the old color": {taken, blueGreenAt("ACTIVE_BLUE", "RUNNING", ""), moving},
	} {
		if got := tc.change.judge(tc.job, 2); got.stage != tc.want {
			t.Errorf("%s: stage %d (%s), want %d", name, got.stage, got.what, tc.want)
		}
	}
}

// The savepoint's format goes ahead of what needs the savepoint, and only then.
func TestFormatGoesFirst(t *testing.T) {
	format := map[string]any{"flinkConfiguration": map[string]any{api.FormatKey: "NATIVE"}}
	running := blueGreenAt("ACTIVE_BLUE", "RUNNING", "")
	both := api.Merge(map[string]any{"restartNonce": int64(2)}, format)
	for name, tc := range map[string]struct {
		change Change
		want   bool
	}{
		"restart": {Change{Job: running, Spec: both}, true},
		"alone":   {Change{Job: running, Spec: format}, false},
		"without": {Change{Job: running, Spec: map[string]any{"restartNonce": int64(2)}}, false},
		"suspend": {Change{Job: running, Spec: both, Goal: Goal{Suspended: true}}, false},
		"plain":   {Change{Job: api.Job{Kind: api.Deployment, Object: running.Object}, Spec: both}, false},
	} {
		if got := tc.change.first(); (got != nil) != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
