package operator

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Pod is a JobManager's or TaskManager's pod.
type Pod struct {
	Name string
	UID  string
	// Role is jobmanager or taskmanager.
	Role string
	// Status is one word, as kubectl shows it: Running, Pending,
	// ContainerCreating, CrashLoopBackOff, Init:Error, Terminating, …
	Status  string
	Message string
	Ready   bool
	// Unready says why it isn't; "" where it is. ReadyChanged is when that last
	// changed.
	Unready      string
	ReadyChanged time.Time
	// Restarts of the Flink container, OtherRestarts of all the others.
	Restarts, OtherRestarts int32
	// LastEnd is why Flink's container ended the last time (OOMKilled, Error
	// …), LastExit its exit code and LastAt when; "" if it never did.
	LastEnd  string
	LastExit int32
	LastAt   time.Time
	// Failing is the first container that keeps the pod from being ready;
	// without a name where none does.
	Failing Container
	// Unscheduled says that no node was found; Message says why.
	Unscheduled bool
	// NodeComing says that an autoscaler is about to bring a node.
	NodeComing bool
	// Mount is what the kubelet says of a volume that it can't mount; "" where
	// it doesn't complain. Missing says that what it misses isn't there.
	Mount   string
	Missing bool
	// Inits are the names of the init containers.
	Inits []string
	// Cause is why it ended, as its log says; read for pods that don't get up.
	Cause   string
	Node    string
	Started time.Time
	// Asked and Limit are "CPU, memory" as the pod has them.
	Asked, Limit string
}

// Container is a container that waits or has ended in failure.
type Container struct {
	Name string
	// Init says that it runs before the others.
	Init  bool
	Image string
	// Reason and Message are Kubernetes' own, of its waiting or its end.
	Reason, Message string
	Restarts        int32
	// End is why it ended the last time, Exit its exit code; "" if it didn't.
	End  string
	Exit int32
	At   time.Time
	// Ended says that it isn't running any more, and isn't started again yet.
	Ended bool
}

// Main reports whether it is Flink's own.
func (c Container) Main() bool { return c.Name == api.MainContainer }

// Called is the container as people name it.
func (c Container) Called() string {
	if c.Init {
		return "init container " + c.Name
	}
	return "container " + c.Name
}

// HasEnded reports whether it is worth to know why a container ended: the pod
// doesn't get up, or it is a JobManager that may have lost its job.
func (p Pod) HasEnded() bool {
	return (p.LastEnd != "" || p.Failing.End != "") && !p.Ready || p.Lost()
}

// Lost reports whether the pod is a JobManager that came up again after it
// ended by itself. It doesn't know a job that ended while it started.
func (p Pod) Lost() bool {
	return p.Role == "jobmanager" && p.Ready && p.Restarts > 0 && p.LastEnd == "Error"
}

// StartsInVain reports whether the pod is a JobManager that ended, and will each
// time: what its job is to start from isn't there. Of a job that runs it says
// nothing. It needs the pod's Cause.
func (p Pod) StartsInVain() bool {
	return p.Role == "jobmanager" && p.HasEnded() && NeverPasses(p.Cause)
}

// ReadPod reads a pod of a Flink cluster.
func ReadPod(p *corev1.Pod) Pod {
	out := Pod{Name: p.Name, UID: string(p.UID), Role: p.Labels["component"], Status: string(p.Status.Phase), Message: p.Status.Message, Node: p.Spec.NodeName, Started: p.CreationTimestamp.Time}
	if p.Status.Reason != "" {
		out.Status = p.Status.Reason
	}
	for _, condition := range p.Status.Conditions {
		switch {
		case condition.Type == corev1.PodReady:
			out.Ready = condition.Status == corev1.ConditionTrue
		case condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse:
			out.Message, out.Unscheduled = condition.Message, true
		}
	}
	images := map[string]string{}
	for _, container := range p.Spec.InitContainers {
		out.Inits = append(out.Inits, container.Name)
		images[container.Name] = container.Image
	}
	for _, container := range p.Spec.Containers {
		images[container.Name] = container.Image
		if container.Name == api.MainContainer {
			out.Asked, out.Limit = amounts(container.Resources.Requests), amounts(container.Resources.Limits)
		}
	}
	out.Unready, out.ReadyChanged = unready(p)
	out.readInits(p, images)
	if out.Failing.Name == "" {
		out.readContainers(p, images)
	}
	if p.DeletionTimestamp != nil {
		out.Status = "Terminating"
	}
	return out
}

// readInits reads the init containers; the first that isn't done says where
// the pod stands.
func (p *Pod) readInits(pod *corev1.Pod, images map[string]string) {
	done := 0
	for _, status := range pod.Status.InitContainerStatuses {
		p.OtherRestarts += status.RestartCount
		t := status.State.Terminated
		switch {
		case t != nil && t.ExitCode == 0, status.Ready && status.State.Running == nil, status.Started != nil && *status.Started:
			done++ // those that go on beside the others have started
			continue
		}
		failing := failingContainer(status, images)
		if failing.Name != "" {
			failing.Init = true
			p.Failing = failing
			p.Status, p.Message = "Init:"+failing.Reason, failing.Message
			return
		}
		if pod.Status.Phase == corev1.PodPending && !p.Unscheduled {
			p.Status = fmt.Sprintf("Init:%d/%d", done, len(pod.Spec.InitContainers))
		}
		return
	}
}

// readContainers reads the containers, Flink's before the others.
func (p *Pod) readContainers(pod *corev1.Pod, images map[string]string) {
	for _, main := range []bool{true, false} {
		for _, status := range pod.Status.ContainerStatuses {
			mine := status.Name == api.MainContainer || len(pod.Status.ContainerStatuses) == 1
			if mine != main {
				continue
			}
			if !mine {
				p.OtherRestarts += status.RestartCount
			} else {
				p.Restarts = status.RestartCount
				for _, end := range []*corev1.ContainerStateTerminated{status.State.Terminated, status.LastTerminationState.Terminated} {
					if end != nil && p.LastEnd == "" {
						p.LastEnd, p.LastExit, p.LastAt = end.Reason, end.ExitCode, end.FinishedAt.Time
					}
				}
			}
			if w := status.State.Waiting; w != nil && (w.Reason == "ContainerCreating" || w.Reason == "PodInitializing") && p.Status == string(corev1.PodPending) && !p.Unscheduled {
				p.Status = w.Reason
			}
			if failing := failingContainer(status, images); failing.Name != "" && p.Failing.Name == "" {
				p.Failing = failing
				p.Status, p.Message = failing.Reason, failing.Message
			}
		}
	}
}

// failingContainer is the container of a status, if it has failed or can't be
// made; without a name if not.
func failingContainer(status corev1.ContainerStatus, images map[string]string) Container {
	c := Container{Image: images[status.Name], Restarts: status.RestartCount}
	if last := status.LastTerminationState.Terminated; last != nil {
		c.End, c.Exit, c.At, c.Message = last.Reason, last.ExitCode, last.FinishedAt.Time, last.Message
	}
	switch w, t := status.State.Waiting, status.State.Terminated; {
	case w != nil && w.Reason != "" && w.Reason != "ContainerCreating" && w.Reason != "PodInitializing":
		c.Name, c.Reason = status.Name, w.Reason
		if w.Message != "" && (w.Reason != "CrashLoopBackOff" || c.Message == "") {
			c.Message = w.Message
		}
	case t != nil && t.ExitCode != 0:
		c.Name, c.Reason, c.Message = status.Name, cmp.Or(t.Reason, "Error"), t.Message
		c.End, c.Exit, c.At, c.Ended = cmp.Or(t.Reason, "Error"), t.ExitCode, t.FinishedAt.Time, true
	}
	return c
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
