package flinktest

import (
	"encoding/json"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// JobOf is the job of a manifest in JSON.
func JobOf(t testing.TB, kind api.Kind, manifest string) api.Job {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(manifest), &object.Object); err != nil {
		t.Fatal(err)
	}
	return api.Job{Kind: kind, Object: object}
}

// JobWith is the FlinkDeployment ns/basic with an empty spec and a status.
func JobWith(status map[string]any) api.Job {
	u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{}, "status": status}}
	u.SetName("basic")
	u.SetNamespace("ns")
	return api.Job{Kind: api.Deployment, Object: u}
}

// Noon is the moment that Taken counts back from.
var Noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// Taken is a FlinkStateSnapshot of the FlinkDeployment "basic" that ended some
// hours before Noon.
func Taken(name string, hours int, state, path string, spec map[string]any, labels map[string]string) api.Snapshot {
	end := Noon.Add(-time.Duration(hours) * time.Hour)
	spec["jobReference"] = map[string]any{"kind": api.Deployment.Name, "name": "basic"}
	u := &unstructured.Unstructured{Object: map[string]any{
		"spec":   spec,
		"status": map[string]any{"state": state, "path": path, "triggerTimestamp": end.Add(-2 * time.Second).Format(time.RFC3339), "resultTimestamp": end.Format(time.RFC3339)},
	}}
	u.SetName(name)
	u.SetNamespace("ns")
	u.SetLabels(labels)
	u.SetUID("uid-" + metav1.ObjectMeta{}.UID)
	u.SetCreationTimestamp(metav1.NewTime(end.Add(-2 * time.Second)))
	return api.Snapshot{Object: u}
}

// OfSavepoint is the spec of a snapshot that is a savepoint; more may be nil.
func OfSavepoint(more map[string]any) map[string]any {
	if more == nil {
		more = map[string]any{}
	}
	return map[string]any{"savepoint": more}
}

// Pod is a JobManager's pod in the namespace n, as the operator's Deployments
// make it, with a sidecar; it isn't ready.
func Pod(name, app string, change func(*corev1.Pod)) *corev1.Pod {
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "n", Labels: map[string]string{"app": app, "component": "jobmanager", "type": "flink-native-kubernetes"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: api.MainContainer}, {Name: "proxy"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}, ContainerStatuses: []corev1.ContainerStatus{
			{Name: api.MainContainer, Ready: true, State: running},
			{Name: "proxy", Ready: true, State: running},
		}},
	}
	change(p)
	return p
}

// WaitingIn is the status of Flink's container while it waits for a reason.
func WaitingIn(reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: api.MainContainer, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
}
