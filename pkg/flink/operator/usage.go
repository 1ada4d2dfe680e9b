package operator

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Usage is what pods use at the moment: CPU in millicores, Memory in bytes.
type Usage struct {
	CPU    int64 `json:"cpuMillicores"`
	Memory int64 `json:"memoryBytes"`
}

// Usages are what pods use, by namespace and name.
type Usages map[string]Usage

// Of is what the pod uses; ok is false where that isn't known (yet).
func (u Usages) Of(namespace, pod string) (usage Usage, ok bool) {
	usage, ok = u[namespace+"/"+pod]
	return usage, ok
}

// NoMetricsError says that nobody measures the pods of this cluster.
type NoMetricsError struct{ Why string }

func (e *NoMetricsError) Error() string { return e.Why }

var podMetrics = schema.GroupVersionResource{Group: "metrics.k8s.io", Version: "v1beta1", Resource: "pods"}

// Usages asks the cluster's metrics API (metrics-server) for Flink's pods in a
// namespace, or in all with "", and says which pods each Flink cluster has as
// NAMESPACE/CLUSTER → its usage. cluster limits it to one; "" is all. The
// error is an *NoMetricsError where nobody serves that API.
func (c *Client) Usages(ctx context.Context, namespace, cluster string) (pods, clusters Usages, err error) {
	selector := "component in (jobmanager, taskmanager),app"
	if cluster != "" {
		selector = PodSelector(cluster)
	}
	pods, clusters = Usages{}, Usages{}
	options := metav1.ListOptions{LabelSelector: selector}
	list, err := c.dynamic.Resource(podMetrics).Namespace(namespace).List(ctx, options)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil, &NoMetricsError{"this cluster serves no metrics.k8s.io (metrics-server isn't installed)"}
	case apierrors.IsServiceUnavailable(err):
		return nil, nil, &NoMetricsError{"metrics.k8s.io isn't available: its server doesn't answer"}
	case err != nil:
		return nil, nil, err
	}
	for i := range list.Items {
		item := &list.Items[i]
		usage := readUsage(item)
		pods[item.GetNamespace()+"/"+item.GetName()] = usage
		key := item.GetNamespace() + "/" + item.GetLabels()["app"]
		sum := clusters[key]
		sum.CPU += usage.CPU
		sum.Memory += usage.Memory
		clusters[key] = sum
	}
	return pods, clusters, nil
}

func readUsage(item *unstructured.Unstructured) Usage {
	var out Usage
	containers, _, _ := unstructured.NestedSlice(item.Object, "containers")
	for _, container := range containers {
		c, _ := container.(map[string]any)
		out.CPU += quantity(api.Text(c, "usage", "cpu")).MilliValue()
		memory := quantity(api.Text(c, "usage", "memory"))
		out.Memory += memory.Value()
	}
	return out
}

func quantity(text string) *resource.Quantity {
	q, err := resource.ParseQuantity(text)
	if err != nil {
		return &resource.Quantity{}
	}
	return &q
}
