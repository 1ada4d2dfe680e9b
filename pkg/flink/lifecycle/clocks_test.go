package lifecycle

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// What keeps a new run from running is seen whatever this computer's clock says.
func TestNewPodsAreKnownWhereClocksDiffer(t *testing.T) {
	server := time.Unix(1764000000, 0)
	for _, ahead := range []time.Duration{-time.Hour, 0, time.Hour} {
		object := &unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"name": "j", "generation": int64(2)}, "spec": map[string]any{"job": map[string]any{}},
			"status": map[string]any{"observedGeneration": int64(2), "lifecycleState": "DEPLOYED", "jobStatus": map[string]any{"state": "RECONCILING"}, "reconciliationStatus": map[string]any{"state": "DEPLOYED"}},
		}}
		object.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: operator.FieldManager, Time: &metav1.Time{Time: server}}})
		now := situation{job: api.Job{Kind: api.Deployment, Object: object}, pods: []operator.Pod{
			{Name: "old", Status: "ImagePullBackOff", Started: server.Add(-time.Minute)},
			{Name: "new", Status: "ImagePullBackOff", Started: server.Add(3 * time.Second)},
		}}
		found := newRun{since: server.Add(ahead), generation: 1}.obstacles(now)
		if len(found) != 1 || found[0].About != "pod/new" {
			t.Errorf("a clock that is %s ahead: %v", ahead, found)
		}
	}
}

// A JobManager that ended before the change is none of the new run's, though this
// computer's clock may be behind; one that came after it is, though it is ahead.
func TestOnlyANewJobManagersEndCounts(t *testing.T) {
	pod := func(name string, created time.Time) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns", UID: types.UID(name), CreationTimestamp: metav1.NewTime(created), Labels: map[string]string{"app": "a", "component": "jobmanager"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: api.MainContainer}}},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
				Name: api.MainContainer, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", Message: "what " + name + " ended with"}},
			}}},
		}
	}
	for _, ahead := range []time.Duration{-time.Hour, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			server := time.Now().Add(-ahead)
			f := newFakeOperator(t, []runtime.Object{pod("old", server.Add(-time.Minute))})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			before := podsOf(ctx, f.client, "ns", "a")
			if got := awaitCrash(ctx, f.client, "ns", "a", before); got != "" {
				t.Errorf("a clock that is %s ahead: %q of a pod of before", ahead, got)
			}
			if err := f.core.Tracker().Add(pod("new", server)); err != nil {
				t.Fatal(err)
			}
			again, stop := context.WithTimeout(t.Context(), 10*time.Second)
			defer stop()
			if got := awaitCrash(again, f.client, "ns", "a", before); got != "what new ended with" {
				t.Errorf("a clock that is %s ahead: %q", ahead, got)
			}
		})
	}
}
