package lifecycle

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

func testJob(status map[string]any) api.Job {
	u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{}, "status": status}}
	u.SetName("basic")
	u.SetNamespace("ns")
	return api.Job{Kind: api.Deployment, Object: u}
}
