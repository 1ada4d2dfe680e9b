package operator

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// flinkPod is a pod as the operator's Deployments make it.
func flinkPod(name, app string, change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "n", Labels: map[string]string{"app": app, "component": "jobmanager", "type": "flink-native-kubernetes"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: api.MainContainer}, {Name: "proxy"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}, ContainerStatuses: []corev1.ContainerStatus{
			{Name: api.MainContainer, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			{Name: "proxy", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		}},
	}
	change(p)
	return p
}

func TestWhyAPodIsNotReady(t *testing.T) {
	no := false
	flink, proxy := 0, 1
	for want, change := range map[string]func(*corev1.Pod){
		"": func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionTrue },
		"Flink's container ended: Error (exit code 143)": func(p *corev1.Pod) {
			p.Status.ContainerStatuses[flink] = corev1.ContainerStatus{Name: api.MainContainer, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 143}}}
		},
		"Flink's container is starting": func(p *corev1.Pod) {
			p.Status.ContainerStatuses[flink].Ready, p.Status.ContainerStatuses[flink].Started = false, &no
		},
		"Flink's container runs, but its readiness probe fails": func(p *corev1.Pod) { p.Status.ContainerStatuses[flink].Ready = false },
		"its container proxy is in CrashLoopBackOff: back-off 10s": func(p *corev1.Pod) {
			p.Status.ContainerStatuses[proxy] = corev1.ContainerStatus{Name: "proxy", RestartCount: 4, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 10s"}}}
		},
		"its container fetch is in ImagePullBackOff": func(p *corev1.Pod) {
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "fetch", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}}}
		},
		"its readiness gate example.com/ok isn't met": func(p *corev1.Pod) {
			p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/ok"}}
		},
		"its node doesn't answer":                   func(p *corev1.Pod) { p.Status.Phase = corev1.PodUnknown },
		"NodeLost: Node a was unresponsive":         func(p *corev1.Pod) { p.Status.Reason, p.Status.Message = "NodeLost", "Node a was unresponsive" },
		"Evicted: The node was low on resource":     func(p *corev1.Pod) { p.Status.Reason, p.Status.Message = "Evicted", "The node was low on resource" },
		"it is being deleted":                       func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Now()} },
		"its node says so":                          func(*corev1.Pod) {},
		"its containers don't run yet":              func(p *corev1.Pod) { p.Status.ContainerStatuses = nil },
		"Flink's container is in ContainerCreating": func(p *corev1.Pod) { p.Status.ContainerStatuses[flink] = waitingIn("ContainerCreating") },
		"Flink's container is in ImagePullBackOff: no such image": func(p *corev1.Pod) {
			s := waitingIn("ImagePullBackOff")
			s.State.Waiting.Message = "no such image"
			p.Status.ContainerStatuses[flink] = s
		},
	} {
		if got := ReadPod(flinkPod("jm", "a", change)); got.Unready != want {
			t.Errorf("%q, want %q", got.Unready, want)
		}
	}
}

func waitingIn(reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: api.MainContainer, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
}

func TestAPodThatIsMadeIsNotPendingAndItsSidecarsCount(t *testing.T) {
	pod := ReadPod(flinkPod("jm", "a", func(p *corev1.Pod) {
		p.Status.Phase = corev1.PodPending
		p.Status.ContainerStatuses[0] = waitingIn("ContainerCreating")
		p.Status.ContainerStatuses[1].RestartCount = 3
		p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "fetch", RestartCount: 2, Ready: true}}
	}))
	if pod.Status != "ContainerCreating" || pod.Restarts != 0 || pod.OtherRestarts != 5 {
		t.Errorf("%s, %d and %d restarts", pod.Status, pod.Restarts, pod.OtherRestarts)
	}
}

func TestJobManagerPodsAreThoseOfOperators(t *testing.T) {
	byHand := flinkPod("by-hand", "a", func(p *corev1.Pod) { delete(p.Labels, "type") })
	worker := flinkPod("tm", "a", func(p *corev1.Pod) { p.Labels["component"] = "taskmanager" })
	standalone := flinkPod("b-jm", "b", func(p *corev1.Pod) { p.Labels["type"] = "flink-standalone-kubernetes" })
	client := ClientOf(nil, fake.NewClientset(byHand, worker, standalone, flinkPod("a-1", "a", func(*corev1.Pod) {}), flinkPod("a-2", "a", func(*corev1.Pod) {})))
	pods, err := client.JobManagerPods(t.Context(), "")
	if err != nil || len(pods) != 2 || len(pods[api.Ref{Kind: api.Deployment, Namespace: "n", Name: "a"}]) != 2 || len(pods[api.Ref{Kind: api.Deployment, Namespace: "n", Name: "b"}]) != 1 {
		t.Errorf("%v: %v", pods, err)
	}
}
