package operator

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// jobManagerSelector selects the JobManagers' pods of all Flink clusters that an
// operator made, and none that was deployed by hand with labels alike.
const jobManagerSelector = "component=jobmanager,type in (flink-native-kubernetes,flink-standalone-kubernetes)"

// ClusterPods are the JobManagers' pods of several Flink clusters.
type ClusterPods map[api.Ref][]Pod

// JobManagerPods lists the JobManagers' pods of a namespace ("" is all), by the
// FlinkDeployment that each belongs to.
func (c *Client) JobManagerPods(ctx context.Context, namespace string) (ClusterPods, error) {
	out := ClusterPods{}
	err := clientset.Pages(ctx, metav1.ListOptions{LabelSelector: jobManagerSelector}, c.core.CoreV1().Pods(namespace).List, func(page *corev1.PodList) error {
		for i := range page.Items {
			p := &page.Items[i]
			if p.Labels["component"] == "jobmanager" {
				at := api.Ref{Kind: api.Deployment, Namespace: p.Namespace, Name: p.Labels["app"]}
				out[at] = append(out[at], ReadPod(p))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// hasJobManager reports whether there is a Deployment that ought to have a
// JobManager's pod for a Flink cluster; false where that can't be seen.
func (c *Client) hasJobManager(ctx context.Context, namespace, cluster string) bool {
	found, err := c.core.AppsV1().Deployments(namespace).Get(ctx, cluster, metav1.GetOptions{})
	return err == nil && found.Labels["component"] == "jobmanager"
}

// JobManagerDeployments are the FlinkDeployments of a namespace ("" is all) for
// which there is a Deployment that ought to have a JobManager's pod; nil where
// that can't be seen.
func (c *Client) JobManagerDeployments(ctx context.Context, namespace string) map[api.Ref]bool {
	out := map[api.Ref]bool{}
	err := clientset.Pages(ctx, metav1.ListOptions{LabelSelector: jobManagerSelector}, c.core.AppsV1().Deployments(namespace).List, func(page *appsv1.DeploymentList) error {
		for i := range page.Items {
			out[api.Ref{Kind: api.Deployment, Namespace: page.Items[i].Namespace, Name: page.Items[i].Name}] = true
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return out
}

// FrontPods are the pods of a Flink cluster by which its JobManager can be
// judged; known is false where they can't be read, and where there is nothing
// that ought to have pods.
func (c *Client) FrontPods(ctx context.Context, namespace, cluster string) (pods []Pod, known bool) {
	pods, err := c.Pods(ctx, namespace, cluster)
	return pods, err == nil && (len(pods) > 0 || c.hasJobManager(ctx, namespace, cluster))
}

// unready says why a pod isn't Ready, and since when; "" where it is.
func unready(p *corev1.Pod) (why string, since time.Time) {
	ready := corev1.PodCondition{Status: corev1.ConditionUnknown}
	for _, condition := range p.Status.Conditions {
		if condition.Type == corev1.PodReady {
			ready = condition
		}
	}
	since = ready.LastTransitionTime.Time
	switch {
	case p.DeletionTimestamp != nil:
		// The timestamp is when the pod has to be gone.
		grace := time.Duration(0)
		if p.DeletionGracePeriodSeconds != nil {
			grace = time.Duration(*p.DeletionGracePeriodSeconds) * time.Second
		}
		return "it is being deleted", p.DeletionTimestamp.Add(-grace)
	case ready.Status == corev1.ConditionTrue:
		return "", since
	case p.Status.Reason != "":
		return strings.TrimSuffix(p.Status.Reason+": "+p.Status.Message, ": "), since
	case p.Status.Phase == corev1.PodUnknown:
		return "its node doesn't answer", since
	}
	for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for i := range list {
			if why := unreadyContainer(&list[i], list[i].Name == api.MainContainer || len(p.Spec.Containers) == 1); why != "" {
				return why, since
			}
		}
	}
	for _, gate := range p.Spec.ReadinessGates {
		if !hasCondition(p, gate.ConditionType) {
			return fmt.Sprintf("its readiness gate %s isn't met", gate.ConditionType), since
		}
	}
	if ready.Message != "" {
		return ready.Message, since
	}
	if len(p.Status.ContainerStatuses) == 0 {
		return "its containers don't run yet", since
	}
	// All containers are ready: the node's end of it.
	return strings.TrimSuffix("its node says so: "+ready.Reason, ": "), since
}

func hasCondition(p *corev1.Pod, kind corev1.PodConditionType) bool {
	for _, condition := range p.Status.Conditions {
		if condition.Type == kind {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// unreadyContainer says what keeps one container of a pod from being ready; ""
// where nothing does. Init containers that have ended well are done.
func unreadyContainer(c *corev1.ContainerStatus, flink bool) string {
	name := "its container " + c.Name
	if flink {
		name = "Flink's container"
	}
	switch state := c.State; {
	case state.Terminated != nil && state.Terminated.ExitCode == 0 && state.Terminated.Reason == "Completed" && c.Ready:
		return ""
	case state.Terminated != nil:
		return fmt.Sprintf("%s ended: %s (exit code %d)", name, cmp.Or(state.Terminated.Reason, "no reason given"), state.Terminated.ExitCode)
	case state.Waiting != nil && state.Waiting.Reason != "":
		return strings.TrimSuffix(fmt.Sprintf("%s is in %s: %s", name, state.Waiting.Reason, state.Waiting.Message), ": ")
	case c.Ready:
		return ""
	case state.Running != nil && c.Started != nil && !*c.Started:
		return name + " is starting"
	case state.Running != nil:
		return name + " runs, but its readiness probe fails"
	}
	return name + " doesn't run yet"
}

// JobManagersReady reports whether a Flink cluster has a JobManager that answers: a pod
// of its JobManager that is ready and stays.
func JobManagersReady(pods []Pod) bool {
	for _, p := range pods {
		if p.Role == "jobmanager" && p.Ready && p.Status != "Terminating" {
			return true
		}
	}
	return false
}

// JobManagerAway says what is the matter with a JobManager of which no pod is
// ready, and since when that is so; "" where one is. The time is zero where it
// isn't known.
func JobManagerAway(pods []Pod) (why string, since time.Time) {
	if JobManagersReady(pods) {
		return "", time.Time{}
	}
	var newest Pod
	for _, p := range pods {
		ends, ended := p.Status == "Terminating", newest.Status == "Terminating"
		if p.Role == "jobmanager" && (newest.Name == "" || ended && !ends || ended == ends && p.Started.After(newest.Started)) {
			newest = p
		}
	}
	switch {
	case newest.Name == "":
		return "its JobManager has no pod", time.Time{}
	case newest.Unready == "":
		return fmt.Sprintf("its JobManager's pod %s isn't ready", newest.Name), newest.ReadyChanged
	}
	return fmt.Sprintf("its JobManager's pod %s isn't ready: %s", newest.Name, api.FirstLine(newest.Unready)), newest.ReadyChanged
}
