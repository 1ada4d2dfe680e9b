package api

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func blueGreenAt(state, jobState, failure string) Job {
	object := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "shop"},
		"spec":     map[string]any{"template": map[string]any{"spec": map[string]any{"job": map[string]any{}}}},
		"status": map[string]any{
			"blueGreenState": state, "error": failure, "jobStatus": map[string]any{"state": jobState},
			"lastReconciledSpec": `{"template":{"spec":{"restartNonce":1}}}`,
		},
	}}
	return Job{BlueGreen, object}
}

func TestColors(t *testing.T) {
	for state, want := range map[string][2]string{
		"ACTIVE_BLUE": {"shop-green", ""}, "ACTIVE_GREEN": {"shop-blue", ""}, "SAVEPOINTING_BLUE": {"", ""},
		"TRANSITIONING_TO_GREEN": {"", "shop-green"}, "TRANSITIONING_TO_BLUE": {"", "shop-blue"},
	} {
		job := blueGreenAt(state, "RUNNING", "")
		if got := [2]string{job.OtherColor(), job.NextColor()}; got != want {
			t.Errorf("%s: %v, want %v", state, got, want)
		}
	}
}
