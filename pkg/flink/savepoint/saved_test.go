package savepoint

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

func TestPrune(t *testing.T) {
	checkpoint := map[string]any{"checkpoint": map[string]any{}}
	mine := map[string]any{"alreadyExists": true}
	upgrade := map[string]string{api.LabelTrigger: "UPGRADE"}
	saved := api.MergeSaved([]api.Saved{
		api.SavedFrom(flinktest.Taken("adopted", 0, api.SnapshotCompleted, "/s/0", flinktest.OfSavepoint(mine), nil)),
		api.SavedFrom(flinktest.Taken("sp1", 1, api.SnapshotCompleted, "/s/1", flinktest.OfSavepoint(nil), nil)),
		api.SavedFrom(flinktest.Taken("failed", 1, api.SnapshotFailed, "", flinktest.OfSavepoint(nil), nil)),
		api.SavedFrom(flinktest.Taken("running", 1, api.SnapshotInProgress, "", flinktest.OfSavepoint(nil), nil)),
		api.SavedFrom(flinktest.Taken("sp2", 2, api.SnapshotCompleted, "/s/2", flinktest.OfSavepoint(mine), upgrade)),
		api.SavedFrom(flinktest.Taken("used", 30, api.SnapshotCompleted, "/s/3", flinktest.OfSavepoint(nil), nil)),
		api.SavedFrom(flinktest.Taken("sp4", 40, api.SnapshotCompleted, "/s/4", flinktest.OfSavepoint(nil), nil)),
		api.SavedFrom(flinktest.Taken("chk1", 50, api.SnapshotCompleted, "/c/chk-2", checkpoint, nil)),
		api.SavedFrom(flinktest.Taken("chk2", 60, api.SnapshotCompleted, "/c/chk-1", checkpoint, nil)),
		api.SavedFrom(flinktest.Taken("aborted", 60, api.SnapshotAbandoned, "", flinktest.OfSavepoint(nil), nil)),
	}, nil, false)
	for i := range saved {
		if saved[i].Name() == "used" {
			saved[i].UsedBy = []string{"flinkdeployment/other (initialSavepointPath)"}
		}
	}
	for _, test := range []struct {
		rule PruneRule
		goes string
	}{
		{PruneRule{Keep: 1}, "failed sp2 sp4 aborted chk2"},
		{PruneRule{Keep: 2}, "failed sp4 aborted"},
		{PruneRule{Before: flinktest.Noon.Add(-24 * time.Hour)}, "sp4 aborted chk2"},
		{PruneRule{Keep: 1, Before: flinktest.Noon.Add(-24 * time.Hour)}, "sp4 aborted chk2"},
		{PruneRule{Keep: 2, Before: flinktest.Noon.Add(-24 * time.Hour)}, "sp4 aborted"},
		{PruneRule{Before: flinktest.Noon}, "adopted failed sp2 sp4 aborted chk2"},
	} {
		goes := map[string]bool{}
		for _, p := range Prune(saved, test.rule) {
			if p.Goes {
				goes[p.Name()] = true
			} else if p.Why == "" {
				t.Errorf("%s stays without a reason", p.Name())
			}
		}
		want := map[string]bool{}
		for name := range strings.FieldsSeq(test.goes) {
			want[name] = true
		}
		if fmt.Sprint(goes) != fmt.Sprint(want) {
			t.Errorf("%+v: %v go, want %v", test.rule, goes, want)
		}
	}
}

// A savepoint that is being deleted doesn't stand for those that would be left.
func TestPruneDoesNotCountWhatIsBeingDeleted(t *testing.T) {
	going := flinktest.Taken("going", 1, api.SnapshotCompleted, "/s/1", flinktest.OfSavepoint(nil), nil)
	at := metav1.NewTime(flinktest.Noon)
	going.Object.SetDeletionTimestamp(&at)
	saved := []api.Saved{
		api.SavedFrom(going),
		api.SavedFrom(flinktest.Taken("good", 2, api.SnapshotCompleted, "/s/2", flinktest.OfSavepoint(nil), nil)),
		api.SavedFrom(flinktest.Taken("older", 3, api.SnapshotCompleted, "/s/3", flinktest.OfSavepoint(nil), nil)),
	}
	for _, p := range Prune(saved, PruneRule{Keep: 1}) {
		if p.Goes != (p.Name() == "older") {
			t.Errorf("%s goes: %v (%s)", p.Name(), p.Goes, p.Why)
		}
	}
}

// A savepoint on a pod's own disk doesn't count as the newest, unless its job
// has no others.
func TestPruneDoesNotCountWhatGoesWithPods(t *testing.T) {
	saved := []api.Saved{
		api.SavedFrom(flinktest.Taken("disk", 1, api.SnapshotCompleted, "/tmp/1", flinktest.OfSavepoint(nil), nil)),
		api.SavedFrom(flinktest.Taken("good", 2, api.SnapshotCompleted, "/s/2", flinktest.OfSavepoint(nil), nil)),
		api.SavedFrom(flinktest.Taken("older", 3, api.SnapshotCompleted, "/s/3", flinktest.OfSavepoint(nil), nil)),
	}
	saved[0].Passing = "is in no volume"
	goes := func(rule PruneRule) (names string) {
		for _, p := range Prune(saved, rule) {
			if p.Goes {
				names += p.Name() + " "
			}
		}
		return names
	}
	if got := goes(PruneRule{Keep: 1}); got != "disk older " {
		t.Error(got)
	}
	if got := goes(PruneRule{Keep: 2}); got != "disk " {
		t.Error(got)
	}
	saved = saved[:1]
	if got := goes(PruneRule{Keep: 1}); got != "" {
		t.Error("the only one goes:", got)
	}
}

func TestDisposeOnlyWhereSomebodyDoes(t *testing.T) {
	snapshot := func(more string) api.Snapshot {
		return api.Snapshot{Object: flinktest.JobOf(t, api.StateSnap, `{"metadata":{"name":"s","namespace":"ns"`+more+`,"savepoint":{"disposeOnDelete":true}},"status":{"state":"COMPLETED","path":"s3://b/sp"}}`).Object}
	}
	finalizer := `,"finalizers":["flinkstatesnapshots.flink.apache.org/finalizer"]`
	of := `"jobReference":{"kind":"FlinkDeployment","name":"a"}`
	for name, c := range map[string]struct{ object, want string }{
		"without a job":                 {finalizer + `},"spec":{"backoffLimit":0`, "names no job"},
		"with a job of an empty name":   {finalizer + `},"spec":{"jobReference":{"kind":"FlinkDeployment"}`, "names no job"},
		"no operator has taken it up":   {`},"spec":{` + of, "no operator has taken it up"},
		"another one's finalizer alone": {`,"finalizers":["example.com/x"]},"spec":{` + of, "no operator has taken it up"},
	} {
		_, err := PlanDeletion(t.Context(), (&operator.Client{}), snapshot(c.object), DisposeData, false, Inventory{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "--keep-data") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
