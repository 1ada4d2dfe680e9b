package operator

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Pods may have volumes that no pod template names: a webhook gave them.
func TestStatePlaceAsksThePods(t *testing.T) {
	pod := func(role string) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: role, Namespace: "ns", Labels: map[string]string{"app": "a", "component": role}}}
		p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{Server: "s"}}}}
		p.Spec.Containers = []corev1.Container{{Name: api.MainContainer, VolumeMounts: []corev1.VolumeMount{{Name: "v", MountPath: "/data"}}}}
		return p
	}
	job := jobOf(t, api.Deployment, `{"metadata":{"name":"a","namespace":"ns"},"spec":{}}`)
	client := ClientOf(nil, fake.NewClientset(pod("jobmanager"), pod("taskmanager")))
	if got := client.StatePlace(t.Context(), job, "file:///data/sp"); got.Kind != api.SharedPlace {
		t.Errorf("%+v", got)
	}
	if got := client.StatePlace(t.Context(), job, "file:///tmp/sp"); got.Kind != api.PodPlace {
		t.Errorf("%+v", got)
	}
	client = ClientOf(nil, fake.NewClientset(pod("jobmanager")))
	if got := client.StatePlace(t.Context(), job, "file:///data/sp"); got.Kind != api.PodPlace {
		t.Errorf("without TaskManagers: %+v", got)
	}
}
