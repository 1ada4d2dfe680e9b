package portforward

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func containerPort(pod *corev1.Pod, port intstr.IntOrString) (int32, error) {
	if port.Type == intstr.Int {
		return port.IntVal, nil
	}
	var have []string
	containers := slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers)
	for _, c := range containers {
		for _, p := range c.Ports {
			if p.Name == port.StrVal {
				return p.ContainerPort, nil
			}
			if p.Name != "" {
				have = append(have, p.Name)
			}
		}
	}
	return 0, fmt.Errorf("pod %s has no port named %q; it has: %s", pod.Name, port.StrVal, strings.Join(have, ", "))
}

// older sorts the pod that has been ready for longest first.
func older(a, b corev1.Pod) int { return readySince(&a).Compare(readySince(&b)) }

func readySince(pod *corev1.Pod) time.Time {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.LastTransitionTime.Time
		}
	}
	return pod.CreationTimestamp.Time
}

// notReady says why pod can't take connections; "" if it can. unready says
// that running is enough.
func notReady(pod *corev1.Pod, unready bool) string {
	if pod.DeletionTimestamp != nil {
		return "is terminating"
	}
	if pod.Status.Phase != corev1.PodRunning {
		return fmt.Sprintf("is %s%s", pod.Status.Phase, reason(pod))
	}
	if unready {
		return ""
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return ""
		}
	}
	return "is running but not ready" + reason(pod)
}

// halfReady says which containers keep a pod from being ready where the one
// that has the port is; "" where that isn't so. A pod that is held back by its
// readiness gates alone isn't meant to be reached.
func halfReady(pod *corev1.Pod, port int32) string {
	if pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodRunning {
		return ""
	}
	owner := ""
	for _, c := range pod.Spec.Containers {
		if slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.ContainerPort == port }) {
			owner = c.Name
		}
	}
	serves := false
	var broken []string
	for _, s := range pod.Status.ContainerStatuses {
		switch {
		case s.Name == owner:
			serves = s.Ready
		case !s.Ready:
			one := &corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{s}}}
			broken = append(broken, "container "+s.Name+reason(one))
		}
	}
	if !serves {
		return ""
	}
	return strings.Join(broken, "; ")
}

// reason is what the pod's containers or conditions say.
func reason(pod *corev1.Pod) string {
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, s := range statuses {
			if w := s.State.Waiting; w != nil && w.Reason != "" && w.Reason != "PodInitializing" {
				return describe(w.Reason, w.Message)
			}
			if e := s.State.Terminated; e != nil && e.ExitCode != 0 {
				return describe(e.Reason, e.Message)
			}
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return describe(c.Reason, c.Message)
		}
	}
	return ""
}

func describe(reason, message string) string {
	if message == "" {
		return ": " + reason
	}
	message = strings.TrimSpace(message)
	if len(message) > 200 {
		message = message[:200] + "…"
	}
	return fmt.Sprintf(": %s (%s)", reason, message)
}
