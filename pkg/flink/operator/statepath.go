package operator

import (
	"context"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// StatePlace is where a path of state is, as the pods of a FlinkDeployment see
// it. Where its pod templates say that it is on a pod's own disk, the pods
// themselves are asked, which may have been given more volumes.
func (c *Client) StatePlace(ctx context.Context, cluster api.Job, text string) api.StatePlace {
	mounts := api.MountsOf(cluster.RunsWith())
	place := mounts.Place(text)
	if place.Lasts() || api.CheckPathForm(text) != nil || c.core == nil {
		return place
	}
	if mounts.DefaultScheme == "" {
		if config, _, err := c.EffectiveConfig(ctx, cluster); err == nil {
			scheme, _, _ := strings.Cut(config[api.DefaultSchemeKey], ":")
			mounts.DefaultScheme = strings.ToLower(scheme)
		}
	}
	list, err := c.core.CoreV1().Pods(cluster.Object.GetNamespace()).List(ctx, metav1.ListOptions{LabelSelector: PodSelector(cluster.Object.GetName()), Limit: chunk})
	if err == nil {
		live := api.PodMounts{DefaultScheme: mounts.DefaultScheme}
		for i := range list.Items {
			switch pod := &list.Items[i]; pod.Labels["component"] {
			case "jobmanager":
				live.JobManager = api.MountsIn(api.PodSpecMap(pod.Spec))
			case "taskmanager":
				live.TaskManager = api.MountsIn(api.PodSpecMap(pod.Spec))
			}
		}
		if seen := live.Place(text); seen.Lasts() {
			return seen
		}
	}
	if seen := mounts.Place(text); seen.Lasts() {
		return seen
	}
	return place
}
