package cmd

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// slowlyEmptied is a directory whose file goes after some looks.
type slowlyEmptied struct {
	storage.Store
	looks int
	fails error
}

func (s *slowlyEmptied) List(_ context.Context, dir string, each func(storage.Entry) error) error {
	if s.looks--; s.looks >= 0 {
		return each(storage.Entry{Path: dir + "/_metadata"})
	}
	return s.fails
}

// That an object is gone says nothing of its data: the operator doesn't wait for
// the JobManager to delete it.
func TestDisposedDataIsLookedFor(t *testing.T) {
	snapshot := api.Snapshot{Object: &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "nightly", "namespace": "ns", "uid": "1"},
		"spec":     map[string]any{"jobReference": map[string]any{"kind": "FlinkDeployment", "name": "orders"}, "savepoint": map[string]any{"disposeOnDelete": true}},
		"status":   map[string]any{"state": "COMPLETED", "path": "s3://b/savepoints/it's one"},
	}}}
	for name, c := range map[string]struct {
		store  *slowlyEmptied
		why    error
		unseen string
		fails  []string
		took   time.Duration
	}{
		"it goes after its object": {store: &slowlyEmptied{looks: 3}, took: 3 * time.Second},
		"it stays": {store: &slowlyEmptied{looks: 1000}, took: time.Minute, fails: []string{
			"flinkstatesnapshot/nightly is deleted, but its data isn't: after 1m0s files are still there, as s3://b/savepoints/it's one/_metadata",
			"kubectl flink logs flinkdeployment/orders -n ns",
			`kubectl flink storage rm 's3://b/savepoints/it'\''s one' --job flinkdeployment/orders -n ns`,
		}},
		"it can't be listed":       {store: &slowlyEmptied{fails: errors.New("access denied")}, unseen: "access denied"},
		"its store can't be found": {why: errors.New("no pod runs"), unseen: "no pod runs"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at := doomedStore{why: c.why}
				if c.store != nil {
					at.store = c.store
				}
				data := doomedData{stores: map[types.UID]doomedStore{"1": at}}
				began := time.Now()
				unseen, err := data.awaitGone(t.Context(), snapshot)
				if unseen != c.unseen || (err != nil) != (c.fails != nil) {
					t.Errorf("unseen %q, error %v", unseen, err)
				}
				for _, want := range c.fails {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q lacks %q", err, want)
					}
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("took %s, want %s", took, c.took)
				}
			})
		})
	}
}
