package savepoint

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Another user's command makes snapshots of the same names as the operator.
func TestTheSnapshotOfAnotherUserIsNotTheNonces(t *testing.T) {
	f := &nonceFollower{plan: &plan{target: flinktest.JobWith(nil), known: map[string]bool{"basic-savepoint-manual-1": true}}}
	made := func(name, manager string) api.Snapshot {
		u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"jobReference": map[string]any{"kind": api.Deployment.Name, "name": "basic"}}}}
		u.SetName(name)
		u.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: manager}})
		return api.Snapshot{Object: u}
	}
	for _, test := range []struct {
		s    api.Snapshot
		want bool
	}{
		{made("basic-savepoint-manual-2", "okhttp"), true},
		{made("basic-savepoint-manual-1", "okhttp"), false},
		{made("basic-savepoint-manual-2", operator.FieldManager), false},
	} {
		if got := f.isOurs(test.s); got != test.want {
			t.Errorf("%s: got %v", test.s.Name(), got)
		}
	}
}

// The operator ignores a spec that it has rejected, and a nonce in it.
func TestNonceInARejectedSpecIsRefused(t *testing.T) {
	job := flinktest.JobWith(map[string]any{"error": `{"type":"org.apache.flink.kubernetes.operator.exception.ValidationException","message":"Bad parallelism"}`})
	p := &plan{method: Nonce, job: job, target: job}
	if err := p.checkNotRejected(); err == nil || !strings.Contains(err.Error(), "Bad parallelism") || strings.Contains(err.Error(), "--method resource") {
		t.Errorf("without snapshots: %v", err)
	}
	p.hasSnapshots = true
	if err := p.checkNotRejected(); err == nil || !strings.Contains(err.Error(), "--method resource") {
		t.Errorf("with snapshots: %v", err)
	}
	p.method = Resource
	if err := p.checkNotRejected(); err != nil {
		t.Errorf("resource: %v", err)
	}
}
