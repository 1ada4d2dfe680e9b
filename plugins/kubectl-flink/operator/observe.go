package operator

import (
	"context"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
)

// Pod is a JobManager's or TaskManager's pod.
type Pod struct {
	Name string
	// Role is jobmanager or taskmanager.
	Role string
	// Status is one word, as kubectl shows it: Running, Pending,
	// CrashLoopBackOff, Terminating, …
	Status  string
	Message string
	Ready   bool
	// Restarts of the Flink container.
	Restarts int32
	// LastEnd is why the container ended the last time (OOMKilled, Error …),
	// LastExit its exit code and LastAt when; "" if it never did.
	LastEnd  string
	LastExit int32
	LastAt   time.Time
	// Cause is why it ended, as its log says; read for pods that don't get up.
	Cause   string
	Node    string
	Started time.Time
	// Asked and Limit are "CPU, memory" as the pod has them.
	Asked, Limit string
}

// HasEnded reports whether it is worth to know why the container ended: the pod
// doesn't get up, or it is a JobManager that may have lost its job.
func (p Pod) HasEnded() bool {
	return p.LastEnd != "" && !p.Ready || p.Lost()
}

// Lost reports whether the pod is a JobManager that came up again after it
// ended by itself. It doesn't know a job that ended while it started.
func (p Pod) Lost() bool {
	return p.Role == "jobmanager" && p.Ready && p.Restarts > 0 && p.LastEnd == "Error"
}

// mainContainer is where Flink runs.
const mainContainer = "flink-main-container"

// ReadPod reads a pod of a Flink cluster.
func ReadPod(p *corev1.Pod) Pod {
	out := Pod{Name: p.Name, Role: p.Labels["component"], Status: string(p.Status.Phase), Message: p.Status.Message, Node: p.Spec.NodeName, Started: p.CreationTimestamp.Time}
	if p.Status.Reason != "" {
		out.Status = p.Status.Reason
	}
	for _, condition := range p.Status.Conditions {
		switch {
		case condition.Type == corev1.PodReady:
			out.Ready = condition.Status == corev1.ConditionTrue
		case condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse:
			out.Message = condition.Message
		}
	}
	for _, container := range p.Spec.Containers {
		if container.Name == mainContainer {
			out.Asked, out.Limit = amounts(container.Resources.Requests), amounts(container.Resources.Limits)
		}
	}
	for _, status := range p.Status.ContainerStatuses {
		if status.Name != mainContainer && len(p.Status.ContainerStatuses) > 1 {
			continue
		}
		out.Restarts = status.RestartCount
		if w := status.State.Waiting; w != nil && w.Reason != "" && w.Reason != "ContainerCreating" {
			out.Status, out.Message = w.Reason, w.Message
		}
		for _, end := range []*corev1.ContainerStateTerminated{status.State.Terminated, status.LastTerminationState.Terminated} {
			if end != nil && out.LastEnd == "" {
				out.LastEnd, out.LastExit, out.LastAt = end.Reason, end.ExitCode, end.FinishedAt.Time
			}
		}
	}
	if p.DeletionTimestamp != nil {
		out.Status = "Terminating"
	}
	return out
}

func amounts(list corev1.ResourceList) string {
	var parts []string
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if q, ok := list[name]; ok {
			parts = append(parts, q.String())
		}
	}
	return strings.Join(parts, ", ")
}

// PodSelector selects a Flink cluster's pods.
func PodSelector(cluster string) string { return "app=" + cluster + ",component" }

// Surroundings are what there is about a job besides its object. What can't be
// read is missing, and Problems says why.
type Surroundings struct {
	Pods []Pod
	// Ends are the pods that ended in the last hour, newest first; read only
	// where the pods that are there show that there were others.
	Ends []Ended
	// Snapshots are newest first.
	Snapshots []Snapshot
	// Events are newest first.
	Events []Event
	// Autoscaler is what it remembers of the job, if it works on it.
	Autoscaler Autoscaler
	Operator   OperatorState
	// Usages are what pods use, where somebody measures that.
	Usages   Usages
	Problems []string
}

// aroundLimit bounds each of the questions about a job's surroundings.
const aroundLimit = 10 * time.Second

// Around reads a job's surroundings, all at once. cluster is the
// FlinkDeployment that it runs in; "" if there is none.
func (c *Client) Around(ctx context.Context, job Ref, cluster string) Surroundings {
	ctx, cancel := context.WithTimeout(ctx, aroundLimit)
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
					pods[i].Cause = c.crashCause(ctx, job.Namespace, pods[i])
				}
			}
			out.Pods = pods
			if EndsKnown(pods) {
				out.Ends = c.Ends(ctx, job.Namespace, pods, time.Now())
			}
			return err
		})
	}
	ask("snapshots", func() error {
		if ok, err := c.Serves(ctx, StateSnap); err != nil || !ok {
			return err
		}
		items, err := c.List(ctx, StateSnap, job.Namespace, metav1.ListOptions{})
		for i := range items {
			if s := (Snapshot{&items[i]}); s.Refers(job) {
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

// EventsAbout are the events about a job, its cluster's pods and Deployments
// and its snapshots, newest first. Repeated ones are one with a count.
func (c *Client) EventsAbout(ctx context.Context, job Ref, cluster string) ([]Event, error) {
	var out keptEvents
	err := clientset.Pages(ctx, metav1.ListOptions{}, c.core.CoreV1().Events(job.Namespace).List, func(page *corev1.EventList) error {
		for i := range page.Items {
			e := &page.Items[i]
			if about(e.InvolvedObject.Kind, e.InvolvedObject.Name, job, cluster) {
				out.add(readEvent(e))
			}
		}
		return nil
	})
	return out.newest(), err
}

// maxEvents is how many events are kept, the newest: each has a message.
const maxEvents = 2000

// keptEvents are the newest of all that were added.
type keptEvents []Event

func (k *keptEvents) add(e Event) {
	if *k = append(*k, e); len(*k) >= 2*maxEvents {
		*k = slices.Clone(k.newest())
	}
}

// newest are those that are kept, newest first.
func (k *keptEvents) newest() []Event {
	sort.SliceStable(*k, func(i, j int) bool { return (*k)[i].Time.After((*k)[j].Time) })
	return (*k)[:min(len(*k), maxEvents)]
}

func readEvent(e *corev1.Event) Event {
	count := max(e.Count, 1)
	if e.Series != nil {
		count = max(count, e.Series.Count)
	}
	return Event{
		Object: strings.ToLower(e.InvolvedObject.Kind) + "/" + e.InvolvedObject.Name,
		Reason: e.Reason, Message: e.Message, Time: eventTime(e), Type: e.Type, Count: count,
	}
}

// EventsOf are the events about one of the operator's objects, newest first.
func (c *Client) EventsOf(ctx context.Context, ref Ref) ([]Event, error) {
	var out keptEvents
	err := clientset.Pages(ctx, metav1.ListOptions{
		FieldSelector: "involvedObject.name=" + ref.Name + ",involvedObject.kind=" + ref.Kind.Name,
	}, c.core.CoreV1().Events(ref.Namespace).List, func(page *corev1.EventList) error {
		for i := range page.Items {
			out.add(readEvent(&page.Items[i]))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out.newest(), nil
}

// about reports whether an object belongs to a job: by kind and name for the
// operator's kinds, by Flink's naming of what it makes for the others.
func about(kind, name string, job Ref, cluster string) bool {
	switch kind {
	case job.Kind.Name:
		return name == job.Name
	case Deployment.Name:
		return name == cluster
	case StateSnap.Name:
		return strings.HasPrefix(name, job.Name+"-")
	case "Pod", "ReplicaSet", "Deployment", "Service", "Ingress":
		return cluster != "" && (name == cluster || strings.HasPrefix(name, cluster+"-"))
	}
	return false
}

var podsResource = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

// FollowPods tells of a Flink cluster's pods and their changes until ctx ends;
// a Bookmark with the zero Pod says that all that exist have been told.
func (c *Client) FollowPods(ctx context.Context, namespace, cluster string, handle func(watch.EventType, Pod)) error {
	return PodLogs{c}.Follow(ctx, namespace, PodSelector(cluster), func(event watch.EventType, pod *corev1.Pod) {
		if pod == nil {
			handle(event, Pod{})
			return
		}
		handle(event, ReadPod(pod))
	})
}

// RestoresFrom says what the next upgrade of the job would do with its state.
func (j Job) RestoresFrom(savepoints string) string {
	if path := text(j.Object.Object, "status", "jobStatus", "upgradeSavepointPath"); path != "" && j.State() != "RUNNING" {
		if path == "KUBERNETES_OPERATOR_LAST_STATE" {
			return "resumes from the last checkpoint, by HA metadata"
		}
		return "resumes from " + path
	}
	mode := text(j.spec(), "job", "upgradeMode")
	switch {
	case section(j.spec(), "job") == nil:
		return ""
	case mode == "savepoint":
		return "an upgrade takes a savepoint to " + or(savepoints, "nowhere: no savepoint directory is set")
	case mode == "last-state":
		return "an upgrade goes on from the last checkpoint"
	}
	return "an upgrade starts without state"
}
