package operator

import (
	"errors"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	k8stesting "k8s.io/client-go/testing"
)

// measured is a PodMetrics as metrics-server writes it.
func measured(name string, labels map[string]any, usage ...string) *unstructured.Unstructured {
	var containers []any
	for i := 0; i < len(usage); i += 2 {
		containers = append(containers, map[string]any{"name": fmt.Sprint(i), "usage": map[string]any{"cpu": usage[i], "memory": usage[i+1]}})
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics",
		"metadata":  map[string]any{"name": name, "namespace": "default", "labels": labels},
		"timestamp": "2026-11-20T10:00:00Z", "window": "15.1s", "containers": containers,
	}}
}

func TestUsages(t *testing.T) {
	scheme := runtime.NewScheme()
	fake := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(scheme, map[schema.GroupVersionResource]string{podMetrics: "PodMetricsList"})
	labels := map[string]any{"app": "basic-example", "component": "taskmanager"}
	missing := false
	fake.PrependReactor("list", "pods", func(k8stesting.Action) (bool, runtime.Object, error) {
		if missing {
			return true, nil, apierrors.NewNotFound(schema.GroupResource{}, "")
		}
		return true, &unstructured.UnstructuredList{Object: map[string]any{"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1"}, Items: []unstructured.Unstructured{
			*measured("basic-example-taskmanager-1-1", labels, "312554n", "700Mi", "1m", "1Mi"),
			*measured("basic-example-6d5f49f8d4-gsmjp", map[string]any{"app": "basic-example", "component": "jobmanager"}, "250m", "612340Ki"),
			*measured("other-taskmanager-1-2", map[string]any{"app": "other", "component": "taskmanager"}, "2", "1Gi"),
		}}, nil
	})
	client := ClientOf(fake, nil)
	pods, clusters, err := client.Usages(t.Context(), "default", "")
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := pods.Of("default", "basic-example-taskmanager-1-1"); !ok || got != (Usage{CPU: 2, Memory: 701 << 20}) {
		t.Errorf("pod: %+v %v", got, ok)
	}
	if got, _ := clusters.Of("default", "basic-example"); got != (Usage{CPU: 252, Memory: 701<<20 + 612340<<10}) {
		t.Errorf("cluster: %+v", got)
	}
	if got, _ := clusters.Of("default", "other"); got != (Usage{CPU: 2000, Memory: 1 << 30}) {
		t.Errorf("the other cluster: %+v", got)
	}
	missing = true
	var none *NoMetricsError
	if _, _, err := client.Usages(t.Context(), "default", ""); !errors.As(err, &none) {
		t.Errorf("without a metrics API: %v", err)
	}
}
