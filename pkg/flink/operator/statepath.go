package operator

import (
	"context"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// StatePlace is where a path of state is, as the pods of a FlinkDeployment see
// it. Where its pod templates say that it is on a pod's own disk, the pods
// themselves are asked, which may have been given more volumes. A claim that goes
// when they do counts as theirs.
func (c *Client) StatePlace(ctx context.Context, cluster api.Job, text string) api.StatePlace {
	place := c.mountedPlace(ctx, cluster, text)
	fate := c.claimFate(ctx, cluster, place.Claim)
	if fate.withPods != "" {
		return api.StatePlace{Kind: api.PodPlace, Volume: place.Volume, Why: fate.withPods}
	}
	place.GoesWithJob = fate.withJob
	return place
}

// mountedPlace is where a path is by the volumes that the pods mount.
func (c *Client) mountedPlace(ctx context.Context, cluster api.Job, text string) api.StatePlace {
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

// claimFor is how long it is known of a claim whether it stays.
const claimFor = 5 * time.Second

// claims remembers which PersistentVolumeClaims go with pods: many paths are in one.
type claims struct {
	mu    sync.Mutex
	known map[string]claimFate
}

// claimFate is when a PersistentVolumeClaim goes, as far as is known: each is why,
// or "" where it doesn't.
type claimFate struct {
	// withPods is said of one that doesn't outlive a cluster's pods, withJob of one
	// that goes with the FlinkDeployment itself.
	withPods, withJob string
	at                time.Time
}

func (c *Client) claimFate(ctx context.Context, cluster api.Job, name string) claimFate {
	if name == "" || c.core == nil {
		return claimFate{}
	}
	key := cluster.Object.GetNamespace() + "/" + name + "/" + string(cluster.Object.GetUID())
	c.claims.mu.Lock()
	defer c.claims.mu.Unlock()
	if fate, ok := c.claims.known[key]; ok && time.Since(fate.at) < claimFor {
		return fate
	}
	ctx, cancel := context.WithTimeout(ctx, AskLimit)
	defer cancel()
	var fate claimFate
	// Who may not read claims isn't kept from anything.
	if claim, err := c.core.CoreV1().PersistentVolumeClaims(cluster.Object.GetNamespace()).Get(ctx, name, metav1.GetOptions{}); err == nil {
		fate = fateOf(claim, cluster)
	}
	fate.at = time.Now()
	c.claims.known[key] = fate
	return fate
}

func fateOf(claim *corev1.PersistentVolumeClaim, cluster api.Job) (fate claimFate) {
	if at := claim.GetDeletionTimestamp(); at != nil {
		fate.withPods = "is in persistentvolumeclaim/" + claim.Name + ", which is being deleted since " + at.UTC().Format(time.RFC3339) + " and goes as soon as no pod uses it"
		return fate
	}
	for _, owner := range claim.GetOwnerReferences() {
		why := "is in persistentvolumeclaim/" + claim.Name + ", which belongs to " + strings.ToLower(owner.Kind) + "/" + owner.Name + " and goes with it"
		switch {
		case owner.Kind == "Pod":
			fate.withPods = why
		case owner.UID != "" && owner.UID == cluster.Object.GetUID():
			fate.withJob = why
		}
	}
	return fate
}
