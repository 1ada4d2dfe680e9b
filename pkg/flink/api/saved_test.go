package api

import (
	"cmp"
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
		out = append(out, cmp.Or(s.Name(), s.Path))
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
	told := SavedIn(job)
	if got := names(told); got != "file:/s/3 file:/s/2 file:/s/1 file:/c/chk-7" {
		t.Error(got)
	}
	if told[3].Savepoint || !told[0].Savepoint || told[2].Trigger != "UPGRADE" || !told[1].At().Equal(noon.Add(-time.Hour)) {
		t.Errorf("%+v", told)
	}
	// A path that the job was told to start from is none of its own.
	job.Object.Object["spec"] = map[string]any{"job": map[string]any{"initialSavepointPath": "/c/chk-7"}}
	if got := names(SavedIn(job)); strings.Contains(got, "chk-7") {
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
	if got := names(MergeSaved(own, told, false)); got != "new file:/s/told old" {
		t.Error(got)
	}
	if got := names(MergeSaved(own, told, true)); got != "new old" {
		t.Error("labels select objects:", got)
	}
}
