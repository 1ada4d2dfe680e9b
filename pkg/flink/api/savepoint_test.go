package api

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func testJob(status map[string]any) Job {
	u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{}, "status": status}}
	u.SetName("basic")
	u.SetNamespace("ns")
	return Job{Deployment, u}
}
