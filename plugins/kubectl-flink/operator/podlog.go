package operator

import (
	"context"
	"io"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
)

// MainContainer is the container in which Flink runs.
const MainContainer = mainContainer

// PodLogs reads pods and what they write.
type PodLogs struct{ Client *Client }

// List lists pods by labels.
func (p PodLogs) List(ctx context.Context, namespace, selector string) ([]corev1.Pod, error) {
	return clientset.Pods(ctx, p.Client.core, namespace, metav1.ListOptions{LabelSelector: selector})
}

// Follow tells of pods and their changes until ctx ends; a Bookmark with a nil
// pod says that all that exist have been told.
func (p PodLogs) Follow(ctx context.Context, namespace, selector string, handle func(watch.EventType, *corev1.Pod)) error {
	return wait.Follow(ctx, p.Client.dynamic.Resource(podsResource).Namespace(namespace), metav1.ListOptions{LabelSelector: selector},
		func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
			if object == nil {
				handle(event, nil)
				return false, nil
			}
			var pod corev1.Pod
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &pod); err != nil {
				return true, err
			}
			handle(event, &pod)
			return false, nil
		})
}

// Open opens the log of a container.
func (p PodLogs) Open(ctx context.Context, namespace, pod string, options *corev1.PodLogOptions) (io.ReadCloser, error) {
	return p.Client.core.CoreV1().Pods(namespace).GetLogs(pod, options).Stream(ctx)
}
