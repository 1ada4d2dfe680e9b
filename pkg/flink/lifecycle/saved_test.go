package lifecycle

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// taken is a snapshot of the job "basic", ended some hours before noon.
func taken(name string, hours int, state, path string, spec map[string]any, labels map[string]string) api.Snapshot {
	end := noon.Add(-time.Duration(hours) * time.Hour)
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

func ofSavepoint(more map[string]any) map[string]any {
	if more == nil {
		more = map[string]any{}
	}
	return map[string]any{"savepoint": more}
}
