package operator

import (
	"context"
	"sort"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// PodSelector selects a Flink cluster's pods.
func PodSelector(cluster string) string { return "app=" + cluster + ",component" }

// Surroundings are what there is about a job besides its object. What can't be
// read is missing, and Problems says why.
type Surroundings struct {
	Pods []Pod
	// PodsKnown says that the pods could be read, and that there are some or
	// ought to be.
	PodsKnown bool
	// Snapshots are newest first.
	Snapshots []api.Snapshot
	// Events are newest first.
	Events []Event
	// Autoscaler is what it remembers of the job, if it works on it.
	Autoscaler Autoscaler
	Operator   OperatorState
	// Usages are what pods use, where somebody measures that.
	Usages   Usages
	Problems []string
}

// AroundLimit bounds each of the questions about a job's surroundings.
const AroundLimit = 10 * time.Second

// Around reads a job's surroundings, all at once. cluster is the
// FlinkDeployment that it runs in; "" if there is none.
func (c *Client) Around(ctx context.Context, job api.Ref, cluster string) Surroundings {
	ctx, cancel := context.WithTimeout(ctx, AroundLimit)
	defer cancel()
	var out Surroundings
	var mu sync.Mutex
	var group sync.WaitGroup
	ask := func(what string, question func() error) {
		group.Go(func() {
			if err := question(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				out.Problems = append(out.Problems, what+": "+err.Error())
			}
		})
	}
	if cluster != "" {
		ask("pods", func() error {
			pods, err := c.Pods(ctx, job.Namespace, cluster)
			for i := range pods {
				if pods[i].HasEnded() {
					pods[i].Cause = c.CrashCause(ctx, job.Namespace, pods[i])
				}
			}
			out.Pods = pods
			out.PodsKnown = err == nil && (len(pods) > 0 || c.hasJobManager(ctx, job.Namespace, cluster))
			return err
		})
	}
	ask("snapshots", func() error {
		if ok, err := c.Serves(ctx, api.StateSnap); err != nil || !ok {
			return err
		}
		items, err := c.List(ctx, api.StateSnap, job.Namespace, metav1.ListOptions{})
		for i := range items {
			if s := (api.Snapshot{Object: &items[i]}); s.Refers(job) {
				out.Snapshots = append(out.Snapshots, s)
			}
		}
		sort.SliceStable(out.Snapshots, func(i, j int) bool {
			return out.Snapshots[j].Object.GetCreationTimestamp().Time.Before(out.Snapshots[i].Object.GetCreationTimestamp().Time)
		})
		return err
	})
	ask("autoscaler", func() error {
		// Most jobs have none, and few may read ConfigMaps.
		scaler, err := c.Autoscaler(ctx, job.Namespace, job.Name)
		out.Autoscaler = scaler
		if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
			return nil
		}
		return err
	})
	if cluster != "" {
		ask("usage", func() error {
			out.Usages, _, _ = c.Usages(ctx, job.Namespace, cluster)
			return nil // a help where it is to be had
		})
	}
	ask("operator", func() error {
		out.Operator = c.OperatorHealth(ctx)
		return nil // a user of one namespace can't see it, mostly
	})
	ask("events", func() error {
		events, err := c.EventsAbout(ctx, job, cluster)
		out.Events = events
		return err
	})
	group.Wait()
	out.Pods = WithEvents(out.Pods, out.Events)
	for i := range out.Pods {
		out.Pods[i].Missing = c.IsMissing(ctx, job.Namespace, out.Pods[i].Mount)
	}
	sort.Strings(out.Problems)
	return out
}

// Pods are a Flink cluster's pods, JobManagers first.
func (c *Client) Pods(ctx context.Context, namespace, cluster string) ([]Pod, error) {
	var pods []Pod
	err := clientset.AllPages(ctx, metav1.ListOptions{LabelSelector: PodSelector(cluster)}, c.core.CoreV1().Pods(namespace).List, func(page *corev1.PodList) error {
		for i := range page.Items {
			pods = append(pods, ReadPod(&page.Items[i]))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	sort.SliceStable(pods, func(i, j int) bool {
		if pods[i].Role != pods[j].Role {
			return pods[i].Role < pods[j].Role
		}
		return pods[i].Name < pods[j].Name
	})
	return pods, nil
}

// PodsResource is what pods are asked for as.
var PodsResource = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

// FollowPods reports a Flink cluster's pods and their changes until ctx ends;
// a Bookmark with the zero Pod says that all that exist have been reported.
func (c *Client) FollowPods(ctx context.Context, namespace, cluster string, handle func(watch.EventType, Pod)) error {
	return PodLogs{c}.Follow(ctx, namespace, PodSelector(cluster), func(event watch.EventType, pod *corev1.Pod) {
		if pod == nil {
			handle(event, Pod{})
			return
		}
		handle(event, ReadPod(pod))
	})
}
