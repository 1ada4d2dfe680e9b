package lifecycle

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

func changedJob(generation int64, status map[string]any) api.Job {
	object := &unstructured.Unstructured{Object: map[string]any{
		"spec":   map[string]any{"job": map[string]any{"state": "suspended", "upgradeMode": "savepoint"}},
		"status": status,
	}}
	object.SetName("orders")
	object.SetGeneration(generation)
	return api.Job{Kind: api.Deployment, Object: object}
}
