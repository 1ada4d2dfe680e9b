package change

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// HPAResource is Kubernetes' own autoscaler, which may own a FlinkDeployment's
// number of TaskManagers by its scale subresource.
var HPAResource = schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}

// hpaOf is the HorizontalPodAutoscaler that sizes a FlinkDeployment, in words;
// "" where none does, or they can't be listed.
func hpaOf(ctx context.Context, c *operator.Client, job api.Job) string {
	ref := job.Ref()
	if ref.Kind.Name != api.Deployment.Name {
		return ""
	}
	found := ""
	_ = clientset.Pages(ctx, metav1.ListOptions{}, c.Dynamic().Resource(HPAResource).Namespace(ref.Namespace).List, func(page *unstructured.UnstructuredList) error {
		for i := range page.Items {
			object := page.Items[i].Object
			group, _, _ := strings.Cut(api.Text(object, "spec", "scaleTargetRef", "apiVersion"), "/")
			if group != api.Group || api.Text(object, "spec", "scaleTargetRef", "kind") != api.Deployment.Name || api.Text(object, "spec", "scaleTargetRef", "name") != ref.Name {
				continue
			}
			least, ok := api.Number(object, "spec", "minReplicas")
			if !ok {
				least = 1
			}
			most, _ := api.Number(object, "spec", "maxReplicas")
			found = fmt.Sprintf("horizontalpodautoscaler/%s (%d to %d TaskManagers)", page.Items[i].GetName(), least, most)
		}
		return nil
	})
	return found
}

// CheckHPA refuses, without options.Force, to set a size that a
// HorizontalPodAutoscaler would set back.
func CheckHPA(ctx context.Context, c *operator.Client, job api.Job, options Options, reporter operator.Reporter) error {
	hpa := hpaOf(ctx, c, job)
	switch {
	case hpa == "":
		return nil
	case options.Force:
		reporter.Notef("warning: %s is sized by %s, which will set its size by its own metrics again", job.Ref(), hpa)
		return nil
	}
	return fmt.Errorf("%s is sized by %s, which would set its size by its own metrics again\nNothing was changed. Change minReplicas and maxReplicas there, or use --force", job.Ref(), hpa)
}

// ChangesSize reports whether a change is one of a job's size.
func ChangesSize(changes []api.FieldChange) bool {
	for _, change := range changes {
		if change.Path == "taskManager.replicas" || change.Path == "job.parallelism" {
			return true
		}
	}
	return false
}
