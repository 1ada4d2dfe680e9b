package reach

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// watchAnEndFor bounds how long the end of a TaskManager is waited for.
const watchAnEndFor = 5 * time.Second

// watchAnEnd waits until a TaskManager ends and reads why while its log is there.
// The pod with its log takes the place among the facts of what is gone by then.
func (g *Gatherer) watchAnEnd(ctx context.Context, f *diagnosis.JobFacts, namespace, cluster string) {
	ctx, cancel := context.WithTimeout(ctx, min(watchAnEndFor, g.limit()))
	defer cancel()
	found := make(chan diagnosis.PodFacts, 1)
	_ = operator.PodLogs{Client: g.Client}.Follow(ctx, namespace, operator.PodSelector(cluster), func(event watch.EventType, pod *corev1.Pod) {
		if pod == nil || event == watch.Deleted || pod.Labels["component"] != "taskmanager" || len(found) > 0 {
			return
		}
		for _, c := range endedIn([]corev1.Pod{*pod}) {
			tail := int64(endLines)
			lines, err := g.tail(ctx, namespace, c.pod, &corev1.PodLogOptions{Container: c.container, Previous: c.previous, TailLines: &tail})
			if err != nil || len(lines) == 0 {
				continue
			}
			kept := pod.DeepCopy()
			kept.ManagedFields = nil
			found <- diagnosis.PodFacts{Pod: kept, Role: "taskmanager", Logs: []diagnosis.ContainerLog{{Container: c.container, Previous: c.previous, Lines: lines}}}
			cancel()
			return
		}
	})
	select {
	case pod := <-found:
		for i := range f.Pods {
			if f.Pods[i].Pod.Name == pod.Pod.Name {
				f.Pods[i] = pod
				return
			}
		}
		f.Pods = append(f.Pods, pod)
	default: // none ended in time
	}
}
