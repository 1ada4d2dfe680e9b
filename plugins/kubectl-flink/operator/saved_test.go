package operator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// taken is a snapshot of the job "basic", ended some hours before noon.
func taken(name string, hours int, state, path string, spec map[string]any, labels map[string]string) Snapshot {
	end := noon.Add(-time.Duration(hours) * time.Hour)
	spec["jobReference"] = map[string]any{"kind": Deployment.Name, "name": "basic"}
	u := &unstructured.Unstructured{Object: map[string]any{
		"spec":   spec,
		"status": map[string]any{"state": state, "path": path, "triggerTimestamp": end.Add(-2 * time.Second).Format(time.RFC3339), "resultTimestamp": end.Format(time.RFC3339)},
	}}
	u.SetName(name)
	u.SetNamespace("ns")
	u.SetLabels(labels)
	u.SetUID("uid-" + metav1.ObjectMeta{}.UID)
	u.SetCreationTimestamp(metav1.NewTime(end.Add(-2 * time.Second)))
	return Snapshot{u}
}

func ofSavepoint(more map[string]any) map[string]any {
	if more == nil {
		more = map[string]any{}
	}
	return map[string]any{"savepoint": more}
}

func names(saved []Saved) string {
	var out []string
	for _, s := range saved {
		out = append(out, or(s.Name(), s.Path))
	}
	return strings.Join(out, " ")
}

func TestWhatAnOldOperatorsStatusTellsOf(t *testing.T) {
	job := testJob(map[string]any{"jobStatus": map[string]any{
		"upgradeSavepointPath": "file:/c/chk-7",
		"savepointInfo": map[string]any{
			"lastSavepoint": map[string]any{"timeStamp": noon.UnixMilli(), "location": "file:/s/3", "triggerType": "MANUAL", "formatType": "CANONICAL"},
			"savepointHistory": []any{
				map[string]any{"timeStamp": noon.Add(-2 * time.Hour).UnixMilli(), "location": "file:/s/1", "triggerType": "UPGRADE"},
				map[string]any{"timeStamp": noon.Add(-time.Hour).UnixMilli(), "location": "file:/s/2", "triggerType": "PERIODIC"},
				map[string]any{"timeStamp": noon.UnixMilli(), "location": "file:///s/3", "triggerType": "MANUAL"},
			},
		},
	}})
	told := savedIn(job)
	if got := names(told); got != "file:/s/3 file:/s/2 file:/s/1 file:/c/chk-7" {
		t.Error(got)
	}
	if told[3].Savepoint || !told[0].Savepoint || told[2].Trigger != "UPGRADE" || !told[1].At().Equal(noon.Add(-time.Hour)) {
		t.Errorf("%+v", told)
	}
	// A path that the job was told to start from is none of its own.
	job.Object.Object["spec"] = map[string]any{"job": map[string]any{"initialSavepointPath": "/c/chk-7"}}
	if got := names(savedIn(job)); strings.Contains(got, "chk-7") {
		t.Error(got)
	}
}

func TestEachPathIsListedOnce(t *testing.T) {
	own := []Saved{
		SavedFrom(taken("old", 5, SnapshotCompleted, "file:/s/old", ofSavepoint(nil), nil)),
		SavedFrom(taken("new", 1, SnapshotCompleted, "file:/s/new", ofSavepoint(nil), nil)),
	}
	basic := Ref{Deployment, "ns", "basic"}
	told := []Saved{
		{Namespace: "ns", Job: basic, Path: "file:///s/new", Savepoint: true, State: SnapshotCompleted},
		{Namespace: "ns", Job: basic, Path: "file:/s/told", Savepoint: true, State: SnapshotCompleted, Created: noon.Add(-3 * time.Hour)},
	}
	if got := names(merge(own, told, false)); got != "new file:/s/told old" {
		t.Error(got)
	}
	if got := names(merge(own, told, true)); got != "new old" {
		t.Error("labels select objects:", got)
	}
}

func TestPrune(t *testing.T) {
	checkpoint := map[string]any{"checkpoint": map[string]any{}}
	mine := map[string]any{"alreadyExists": true}
	upgrade := map[string]string{labelTrigger: "UPGRADE"}
	saved := merge([]Saved{
		SavedFrom(taken("adopted", 0, SnapshotCompleted, "/s/0", ofSavepoint(mine), nil)),
		SavedFrom(taken("sp1", 1, SnapshotCompleted, "/s/1", ofSavepoint(nil), nil)),
		SavedFrom(taken("failed", 1, SnapshotFailed, "", ofSavepoint(nil), nil)),
		SavedFrom(taken("running", 1, SnapshotInProgress, "", ofSavepoint(nil), nil)),
		SavedFrom(taken("sp2", 2, SnapshotCompleted, "/s/2", ofSavepoint(mine), upgrade)),
		SavedFrom(taken("used", 30, SnapshotCompleted, "/s/3", ofSavepoint(nil), nil)),
		SavedFrom(taken("sp4", 40, SnapshotCompleted, "/s/4", ofSavepoint(nil), nil)),
		SavedFrom(taken("chk1", 50, SnapshotCompleted, "/c/chk-2", checkpoint, nil)),
		SavedFrom(taken("chk2", 60, SnapshotCompleted, "/c/chk-1", checkpoint, nil)),
		SavedFrom(taken("aborted", 60, SnapshotAbandoned, "", ofSavepoint(nil), nil)),
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
		{PruneRule{Before: noon.Add(-24 * time.Hour)}, "sp4 aborted chk2"},
		{PruneRule{Keep: 1, Before: noon.Add(-24 * time.Hour)}, "sp4 aborted chk2"},
		{PruneRule{Keep: 2, Before: noon.Add(-24 * time.Hour)}, "sp4 aborted"},
		{PruneRule{Before: noon}, "adopted failed sp2 sp4 aborted chk2"},
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

// A savepoint on a pod's own disk doesn't count as the newest, unless its job
// has no others.
func TestPruneDoesNotCountWhatGoesWithPods(t *testing.T) {
	saved := []Saved{
		SavedFrom(taken("disk", 1, SnapshotCompleted, "/tmp/1", ofSavepoint(nil), nil)),
		SavedFrom(taken("good", 2, SnapshotCompleted, "/s/2", ofSavepoint(nil), nil)),
		SavedFrom(taken("older", 3, SnapshotCompleted, "/s/3", ofSavepoint(nil), nil)),
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
	snapshot := func(more string) Snapshot {
		return Snapshot{jobOf(t, StateSnap, `{"metadata":{"name":"s","namespace":"ns"`+more+`,"savepoint":{"disposeOnDelete":true}},"status":{"state":"COMPLETED","path":"s3://b/sp"}}`).Object}
	}
	finalizer := `,"finalizers":["flinkstatesnapshots.flink.apache.org/finalizer"]`
	of := `"jobReference":{"kind":"FlinkDeployment","name":"a"}`
	for name, c := range map[string]struct{ object, want string }{
		"without a job":                 {finalizer + `},"spec":{"backoffLimit":0`, "names no job"},
		"with a job of an empty name":   {finalizer + `},"spec":{"jobReference":{"kind":"FlinkDeployment"}`, "names no job"},
		"no operator has taken it up":   {`},"spec":{` + of, "no operator has taken it up"},
		"another one's finalizer alone": {`,"finalizers":["example.com/x"]},"spec":{` + of, "no operator has taken it up"},
	} {
		_, err := (&Client{}).PlanDeletion(t.Context(), snapshot(c.object), DisposeData, false, Inventory{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "--keep-data") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
