package api

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestDescribe(t *testing.T) {
	now := time.UnixMilli(1764000300000)
	job := func(status map[string]any) Job {
		return Job{Deployment, &unstructured.Unstructured{Object: map[string]any{"status": status}}}
	}
	for want, status := range map[string]map[string]any{
		"not started yet":  nil,
		"RUNNING since 5m": {"lifecycleState": "STABLE", "jobManagerDeploymentStatus": "READY", "jobStatus": map[string]any{"state": "RUNNING", "updateTime": "1764000000000"}},
		"FINISHED (lifecycle SUSPENDED, JobManager MISSING)": {"lifecycleState": "SUSPENDED", "jobManagerDeploymentStatus": "MISSING", "jobStatus": map[string]any{"state": "FINISHED", "updateTime": "1764000000000"}},
	} {
		if got := job(status).Describe(now); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
