package operator

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// Why a pod of ours doesn't run is what its containers say, the first that failed first.
func TestWhyAProbeDoesntRun(t *testing.T) {
	t.Parallel()
	waiting := func(reason, message string) corev1.ContainerStatus {
		return corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
	}
	ended := func(code int32) corev1.ContainerStatus {
		return corev1.ContainerStatus{Name: "fetch", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error"}}}
	}
	for name, c := range map[string]struct {
		status corev1.PodStatus
		want   string
		image  bool
	}{
		"it starts":                {corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{waiting("ContainerCreating", "")}}, "", false},
		"an init container passed": {corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{ended(0)}}, "", false},
		"an init container failed": {corev1.PodStatus{Phase: corev1.PodFailed, InitContainerStatuses: []corev1.ContainerStatus{ended(3)}}, "its init container fetch ended with Error (exit code 3)", false},
		"no image":                 {corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{waiting("ImagePullBackOff", "gone")}}, "ImagePullBackOff: gone", true},
		"no Secret":                {corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{waiting("CreateContainerConfigError", "secret \"a\" not found")}}, "CreateContainerConfigError: secret \"a\" not found", false},
		"evicted":                  {corev1.PodStatus{Phase: corev1.PodFailed, Message: "The node was low on memory"}, "The node was low on memory", false},
	} {
		got := readerTrouble(&corev1.Pod{Status: c.status})
		if got != c.want || (&ProbeError{reason: got}).Image() != c.image {
			t.Errorf("%s: %q", name, got)
		}
	}
}
