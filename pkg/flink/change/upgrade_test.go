package change

import (
	"encoding/json"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

func jobOf(t *testing.T, kind api.Kind, manifest string) api.Job {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(manifest), &object.Object); err != nil {
		t.Fatal(err)
	}
	return api.Job{Kind: kind, Object: object}
}
