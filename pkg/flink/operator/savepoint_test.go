package operator

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

func testJob(status map[string]any) api.Job {
	u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{}, "status": status}}
	u.SetName("basic")
	u.SetNamespace("ns")
	return api.Job{Kind: api.Deployment, Object: u}
}

// Events bear the server's time, so what they are compared with must too.
func TestTimesAreTheServers(t *testing.T) {
	mine, server := time.Unix(2000, 0), time.Unix(1000, 0)
	u := testJob(nil).Object
	if got := CreatedAt(u, mine); !got.Equal(mine) {
		t.Errorf("not created: %v", got)
	}
	if got := ChangedAt(u, mine); !got.Equal(mine) {
		t.Errorf("not changed: %v", got)
	}
	at, later := metav1.NewTime(server), metav1.NewTime(server.Add(time.Hour))
	u.SetCreationTimestamp(at)
	u.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: FieldManager, Time: &at}, {Manager: "okhttp", Time: &later}})
	if got := CreatedAt(u, mine); !got.Equal(server) {
		t.Errorf("created: %v", got)
	}
	if got := ChangedAt(u, mine); !got.Equal(server) {
		t.Errorf("changed: %v", got)
	}
}
