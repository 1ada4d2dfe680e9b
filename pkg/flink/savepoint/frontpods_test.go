package savepoint

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
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

func waitingIn(reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: api.MainContainer, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
}

func TestNoSavepointWhileTheJobManagerIsAway(t *testing.T) {
	job := jobOf(t, api.SessionJob, `{"metadata":{"name":"a","namespace":"n"},"spec":{"deploymentName":"c","job":{}},"status":{"jobStatus":{"state":"RUNNING"}}}`)
	p := &plan{job: job, target: job, now: time.Now}
	away := flinkPod("jm", "c", func(p *corev1.Pod) { p.Status.ContainerStatuses[0] = waitingIn("CrashLoopBackOff") })
	if err := checkRunning(t.Context(), operator.ClientOf(nil, fake.NewClientset(away)), p); err == nil || !strings.Contains(err.Error(), "no savepoint of flinksessionjob/a can be taken: its JobManager's pod jm isn't ready: Flink's container is in CrashLoopBackOff") {
		t.Error(err)
	}
	there := flinkPod("jm", "c", func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionTrue })
	for name, client := range map[string]*operator.Client{"ready": operator.ClientOf(nil, fake.NewClientset(there)), "no pods known": operator.ClientOf(nil, fake.NewClientset())} {
		if err := checkRunning(t.Context(), client, p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	ought := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "c", Namespace: "n", Labels: map[string]string{"component": "jobmanager"}}}
	if err := checkRunning(t.Context(), operator.ClientOf(nil, fake.NewClientset(ought)), p); err == nil || !strings.Contains(err.Error(), "its JobManager has no pod") {
		t.Error(err)
	}
}
