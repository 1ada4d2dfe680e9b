package operator

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
)

// hpaResource is Kubernetes' own autoscaler, which may own a FlinkDeployment's
// number of TaskManagers by its scale subresource.
var hpaResource = schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}

// hpaOf is the HorizontalPodAutoscaler that sizes a FlinkDeployment, in words;
// "" where none does, or they can't be listed.
func (c *Client) hpaOf(ctx context.Context, job Job) string {
	ref := job.Ref()
	if ref.Kind.Name != Deployment.Name {
		return ""
	}
	found := ""
	_ = clientset.Pages(ctx, metav1.ListOptions{}, c.dynamic.Resource(hpaResource).Namespace(ref.Namespace).List, func(page *unstructured.UnstructuredList) error {
		for i := range page.Items {
			object := page.Items[i].Object
			group, _, _ := strings.Cut(text(object, "spec", "scaleTargetRef", "apiVersion"), "/")
			if group != Group || text(object, "spec", "scaleTargetRef", "kind") != Deployment.Name || text(object, "spec", "scaleTargetRef", "name") != ref.Name {
				continue
			}
			least, ok := number(object, "spec", "minReplicas")
			if !ok {
				least = 1
			}
			most, _ := number(object, "spec", "maxReplicas")
			found = fmt.Sprintf("horizontalpodautoscaler/%s (%d to %d TaskManagers)", page.Items[i].GetName(), least, most)
		}
		return nil
	})
	return found
}

// checkHPA refuses, without options.Force, to set a size that a
// HorizontalPodAutoscaler would set back.
func (c *Client) checkHPA(ctx context.Context, job Job, options ChangeOptions, reporter Reporter) error {
	hpa := c.hpaOf(ctx, job)
	switch {
	case hpa == "":
		return nil
	case options.Force:
		reporter.note("warning: %s is sized by %s, which will set its size by its own metrics again", job.Ref(), hpa)
		return nil
	}
	return fmt.Errorf("%s is sized by %s, which would set its size by its own metrics again\nNothing was changed. Change minReplicas and maxReplicas there, or use --force", job.Ref(), hpa)
}

// sizes reports whether a change is one of a job's size.
func sizes(changes []FieldChange) bool {
	for _, change := range changes {
		if change.Path == "taskManager.replicas" || change.Path == "job.parallelism" {
			return true
		}
	}
	return false
}
