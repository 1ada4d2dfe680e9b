package operator

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func testJob(status map[string]any) Job {
	u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{}, "status": status}}
	u.SetName("basic")
	u.SetNamespace("ns")
	return Job{Deployment, u}
}

// Another user's command makes snapshots of the same names as the operator.
func TestTheSnapshotOfAnotherUserIsNotTheNonces(t *testing.T) {
	f := &nonceFollower{plan: &plan{target: testJob(nil), known: map[string]bool{"basic-savepoint-manual-1": true}}}
	made := func(name, manager string) Snapshot {
		u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"jobReference": map[string]any{"kind": Deployment.Name, "name": "basic"}}}}
		u.SetName(name)
		u.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: manager}})
		return Snapshot{u}
	}
	for _, test := range []struct {
		s    Snapshot
		want bool
	}{
		{made("basic-savepoint-manual-2", "okhttp"), true},
		{made("basic-savepoint-manual-1", "okhttp"), false},
		{made("basic-savepoint-manual-2", fieldManager), false},
	} {
		if got := f.isOurs(test.s); got != test.want {
			t.Errorf("%s: got %v", test.s.Name(), got)
		}
	}
}

// The operator ignores a spec that it has rejected, and a nonce in it.
func TestNonceInARejectedSpecIsRefused(t *testing.T) {
	job := testJob(map[string]any{"error": `{"type":"org.apache.flink.kubernetes.operator.exception.ValidationException","message":"Bad parallelism"}`})
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

// Events bear the server's time, so what they are compared with must too.
func TestTimesAreTheServers(t *testing.T) {
	mine, server := time.Unix(2000, 0), time.Unix(1000, 0)
	u := testJob(nil).Object
	if got := createdAt(u, mine); !got.Equal(mine) {
		t.Errorf("not created: %v", got)
	}
	if got := changedAt(u, mine); !got.Equal(mine) {
		t.Errorf("not changed: %v", got)
	}
	at, later := metav1.NewTime(server), metav1.NewTime(server.Add(time.Hour))
	u.SetCreationTimestamp(at)
	u.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: fieldManager, Time: &at}, {Manager: "okhttp", Time: &later}})
	if got := createdAt(u, mine); !got.Equal(server) {
		t.Errorf("created: %v", got)
	}
	if got := changedAt(u, mine); !got.Equal(server) {
		t.Errorf("changed: %v", got)
	}
}
