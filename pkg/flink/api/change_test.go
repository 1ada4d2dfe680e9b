package api

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestInverseTakesAMergePatchBack(t *testing.T) {
	before := map[string]any{"job": map[string]any{"state": "running", "parallelism": int64(2)}, "flinkConfiguration": map[string]any{"a": "1"}}
	patch := map[string]any{"job": map[string]any{"state": "suspended", "upgradeMode": "savepoint"}, "flinkConfiguration": map[string]any{"b": "2"}, "podTemplate": map[string]any{"x": "y"}}
	want := map[string]any{"job": map[string]any{"state": "running", "upgradeMode": nil}, "flinkConfiguration": map[string]any{"b": nil}, "podTemplate": nil}
	if diff := cmp.Diff(want, Inverse(before, patch)); diff != "" {
		t.Error(diff)
	}
}

func TestContains(t *testing.T) {
	object := map[string]any{"job": map[string]any{"parallelism": float64(2), "state": "running"}}
	for name, tc := range map[string]struct {
		patch map[string]any
		want  bool
	}{
		"same number":   {map[string]any{"job": map[string]any{"parallelism": int64(2)}}, true},
		"other value":   {map[string]any{"job": map[string]any{"state": "suspended"}}, false},
		"gone already":  {map[string]any{"job": map[string]any{"upgradeMode": nil}}, true},
		"to be removed": {map[string]any{"job": map[string]any{"state": nil}}, false},
		"nothing":       {nil, true},
	} {
		if got := Contains(object, tc.patch); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func changedJob(generation int64, status map[string]any) Job {
	object := &unstructured.Unstructured{Object: map[string]any{
		"spec":   map[string]any{"job": map[string]any{"state": "suspended", "upgradeMode": "savepoint"}},
		"status": status,
	}}
	object.SetName("orders")
	object.SetGeneration(generation)
	return Job{Deployment, object}
}

func TestManagedBy(t *testing.T) {
	for name, tc := range map[string]struct {
		labels, annotations map[string]string
		want                string
		reverts             bool
	}{
		"nobody":        {map[string]string{"app.kubernetes.io/instance": "x"}, nil, "", false},
		"Argo CD":       {nil, map[string]string{"argocd.argoproj.io/tracking-id": "x"}, "Argo CD", true},
		"Flux":          {map[string]string{"kustomize.toolkit.fluxcd.io/name": "x"}, nil, "Flux (Kustomization)", true},
		"Flux is off":   {map[string]string{"kustomize.toolkit.fluxcd.io/name": "x"}, map[string]string{"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}, "Flux (Kustomization)", false},
		"Helm release":  {map[string]string{"helm.toolkit.fluxcd.io/name": "x"}, nil, "Flux (HelmRelease)", true},
		"Helm by hand":  {map[string]string{"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "x"}, nil, "Helm", false},
		"Confluent CRs": {nil, map[string]string{"cmf.platform.confluent.io/managed-by": "a/b"}, "Confluent for Kubernetes", true},
	} {
		job := changedJob(1, nil)
		job.Object.SetLabels(tc.labels)
		job.Object.SetAnnotations(tc.annotations)
		manager, _ := job.ManagedBy()
		if manager.Name != tc.want || manager.Reverts != tc.reverts {
			t.Errorf("%s: %+v", name, manager)
		}
	}
}

// Seen with operator 1.7: just after a savepoint it noted a checkpoint of before
// as the last one.
func TestKeptStateOfAnOldOperator(t *testing.T) {
	saved := func(at int64, path, trigger string) map[string]any {
		return map[string]any{"timeStamp": at, "location": path, "triggerType": trigger}
	}
	job := changedJob(2, map[string]any{
		"reconciliationStatus": map[string]any{"state": "DEPLOYED", "lastReconciledSpec": `{"spec":{"job":{"state":"suspended","upgradeMode":"savepoint"}}}`},
		"jobStatus": map[string]any{"savepointInfo": map[string]any{
			"lastSavepoint": saved(1795648884410, "file:/c/a/chk-248", "UNKNOWN"),
			"savepointHistory": []any{
				saved(1795648867811, "file:/s/savepoint-1", "MANUAL"), saved(1795648885799, "file:/s/savepoint-2", "UPGRADE"), saved(1795648884410, "file:/c/a/chk-248", "UNKNOWN"),
			},
		}},
	})
	if kept := job.RetainedState(); kept.Kind != RetainedSavepoint || kept.Path != "file:/s/savepoint-2" {
		t.Errorf("%+v", kept)
	}
	for _, s := range SavedIn(job) {
		if s.Savepoint == IsCheckpointPath(s.Path) {
			t.Errorf("%s: savepoint %v", s.Path, s.Savepoint)
		}
	}
}
