package operator

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

func TestClaimsThatGoWithTheJob(t *testing.T) {
	gone := metav1.Now()
	cluster := api.Job{Kind: api.Deployment, Object: &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "orders", "namespace": "ns", "uid": "u1"},
		"spec": map[string]any{"podTemplate": map[string]any{"spec": map[string]any{
			"volumes":    []any{map[string]any{"name": "v", "persistentVolumeClaim": map[string]any{"claimName": "data"}}},
			"containers": []any{map[string]any{"name": "flink-main-container", "volumeMounts": []any{map[string]any{"name": "v", "mountPath": "/data"}}}},
		}}},
	}}}
	for name, c := range map[string]struct {
		claim *metav1.ObjectMeta
		// pods is why it goes with the pods, job why with the FlinkDeployment.
		pods, job string
	}{
		"of its own":        {&metav1.ObjectMeta{}, "", ""},
		"not to be read":    {nil, "", ""},
		"of something else": {&metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{Kind: "HelmRelease", Name: "r", UID: "u2"}}}, "", ""},
		"being deleted":     {&metav1.ObjectMeta{DeletionTimestamp: &gone, Finalizers: []string{"kubernetes.io/pvc-protection"}}, "is being deleted", ""},
		"of the deployment": {&metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{Kind: "FlinkDeployment", Name: "orders", UID: "u1"}}}, "", "belongs to flinkdeployment/orders"},
		"of a pod":          {&metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{Kind: "Pod", Name: "p", UID: "u3"}}}, "belongs to pod/p", ""},
	} {
		core := fake.NewClientset()
		if c.claim != nil {
			c.claim.Name, c.claim.Namespace = "data", "ns"
			core = fake.NewClientset(&corev1.PersistentVolumeClaim{ObjectMeta: *c.claim})
		}
		place := ClientOf(nil, core, api.Deployment).StatePlace(t.Context(), cluster, "file:///data/sp")
		if place.Lasts() != (c.pods == "") || !strings.Contains(place.Why, c.pods) || (place.GoesWithJob == "") != (c.job == "") || !strings.Contains(place.GoesWithJob, c.job) {
			t.Errorf("%s: %+v, want %q and %q", name, place, c.pods, c.job)
		}
	}
}
