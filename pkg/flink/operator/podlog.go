package operator

import (
	"cmp"
	"context"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// PodLogs reads pods and what they write.
type PodLogs struct{ Client *Client }

// List lists pods by labels.
func (p PodLogs) List(ctx context.Context, namespace, selector string) ([]corev1.Pod, error) {
	return clientset.Pods(ctx, p.Client.core, namespace, metav1.ListOptions{LabelSelector: selector})
}

// Follow reports pods and their changes until ctx ends; a Bookmark with a nil
// pod says that all that exist have been reported.
func (p PodLogs) Follow(ctx context.Context, namespace, selector string, handle func(watch.EventType, *corev1.Pod)) error {
	return wait.Follow(ctx, p.Client.dynamic.Resource(PodsResource).Namespace(namespace), metav1.ListOptions{LabelSelector: selector},
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

// LoggingConfig is the text of what configures the logging of pods: the files
// for log4j and logback in the ConfigMaps that they mount, and those of a
// FlinkDeployment's spec.logConfiguration. "" where none can be read.
func (c *Client) LoggingConfig(ctx context.Context, cluster api.Job, namespace string, configMaps ...string) string {
	ctx, cancel := context.WithTimeout(ctx, causeLimit)
	defer cancel()
	files := map[string]string{}
	for _, name := range configMaps {
		found, err := c.core.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			continue
		}
		for file, text := range found.Data {
			if strings.Contains(file, "log4j") || strings.Contains(file, "logback") {
				files[file] = text
			}
		}
	}
	if cluster.Object != nil && len(files) == 0 {
		for file, text := range api.Section(cluster.Spec(), "logConfiguration") {
			files[file], _ = text.(string)
		}
	}
	names := api.SortedKeys(files)
	// The console's go first: they are what the containers write.
	sorting.By(names, func(a, b string) int {
		return cmp.Compare(boolToInt(!strings.Contains(a, "console")), boolToInt(!strings.Contains(b, "console")))
	})
	var out strings.Builder
	for _, name := range names {
		out.WriteString(files[name] + "\n")
	}
	return out.String()
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
