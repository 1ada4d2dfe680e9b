package lifecycle

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

func TestLatestIsTheNewestStateThatExists(t *testing.T) {
	checkpoint := map[string]any{"checkpoint": map[string]any{}}
	going := flinktest.Taken("going", 1, api.SnapshotCompleted, "/s/going", flinktest.OfSavepoint(nil), nil)
	at := metav1.NewTime(flinktest.Noon)
	going.Object.SetDeletionTimestamp(&at)
	other := flinktest.Taken("other", 0, api.SnapshotCompleted, "/s/other", flinktest.OfSavepoint(nil), nil)
	api.Section(other.Object.Object, "spec")["jobReference"] = map[string]any{"kind": api.Deployment.Name, "name": "other"}
	inventory := savepoint.Inventory{Saved: []api.Saved{
		api.SavedFrom(flinktest.Taken("adopted", 0, api.SnapshotCompleted, "/s/adopted", flinktest.OfSavepoint(map[string]any{"alreadyExists": true}), nil)),
		api.SavedFrom(other),
		api.SavedFrom(going),
		api.SavedFrom(flinktest.Taken("failed", 2, api.SnapshotFailed, "", flinktest.OfSavepoint(nil), nil)),
		api.SavedFrom(flinktest.Taken("chk", 3, api.SnapshotCompleted, "/c/chk-3", checkpoint, nil)),
		api.SavedFrom(flinktest.Taken("sp", 4, api.SnapshotCompleted, "/s/sp", flinktest.OfSavepoint(nil), nil)),
		api.SavedFrom(flinktest.Taken("older", 5, api.SnapshotCompleted, "/s/older", flinktest.OfSavepoint(nil), nil)),
	}}
	newest := api.FlinkState{Latest: &api.FlinkSnapshot{Path: "file:/c/chk-9", At: flinktest.Noon}}
	running := flinktest.JobWith(map[string]any{"jobStatus": map[string]any{"state": "RUNNING"}, "jobManagerDeploymentStatus": "READY"})
	failing := flinktest.JobWith(map[string]any{"jobStatus": map[string]any{"state": "RESTARTING"}})
	for _, test := range []struct {
		name  string
		job   api.Job
		flink api.FlinkState
		want  string
	}{
		{"running", running, newest, "/s/sp"},
		{"failing", failing, newest, "file:/c/chk-9"},
		{"no JobManager", failing, api.FlinkState{}, "/s/sp"},
		{"older checkpoint", failing, api.FlinkState{Latest: &api.FlinkSnapshot{Path: "file:/c/chk-1", At: flinktest.Noon.Add(-9 * time.Hour)}}, "/s/sp"},
	} {
		source, err := latest(test.job, inventory, test.flink, operator.Reporter{})
		if err != nil || source.Path != test.want {
			t.Errorf("%s: %s %v, want %s", test.name, source.Path, err, test.want)
		}
	}
	// The operator doesn't say when a suspended job stopped.
	stopped := flinktest.JobWith(map[string]any{
		"jobStatus": map[string]any{"state": "FINISHED", "upgradeSavepointPath": "/s/left"}, "lifecycleState": "SUSPENDED",
		"reconciliationStatus": map[string]any{"lastReconciledSpec": `{"spec":{"job":{"state":"suspended","upgradeMode":"savepoint"}}}`},
	})
	left := savepoint.Inventory{Saved: api.MergeSaved(inventory.Saved, api.SavedIn(stopped), false)}
	if source, err := latest(stopped, left, api.FlinkState{}, operator.Reporter{}); err != nil || source.Path != "/s/left" {
		t.Errorf("suspended: %s %v", source.Path, err)
	}
	inventory.Saved = inventory.Saved[:1]
	if source, err := latest(failing, inventory, api.FlinkState{}, operator.Reporter{}); err != nil || source.Snapshot != "adopted" || !source.At.IsZero() {
		t.Errorf("%+v %v", source, err)
	}
	if _, err := latest(failing, savepoint.Inventory{}, api.FlinkState{}, operator.Reporter{}); err == nil || !strings.Contains(err.Error(), "nothing is known to be saved") {
		t.Error(err)
	}
}

// A savepoint on a pod's own disk is passed over, and that is said.
func TestLatestPassesOverWhatGoesWithPods(t *testing.T) {
	job := flinktest.JobWith(map[string]any{"jobStatus": map[string]any{"state": "RUNNING"}, "jobManagerDeploymentStatus": "READY"})
	disk := api.SavedFrom(flinktest.Taken("disk", 1, api.SnapshotCompleted, "file:/tmp/sp", flinktest.OfSavepoint(nil), nil))
	disk.Passing = "is in no volume of the job's pods"
	good := api.SavedFrom(flinktest.Taken("good", 4, api.SnapshotCompleted, "s3://b/sp", flinktest.OfSavepoint(nil), nil))
	said := ""
	reporter := operator.Reporter{Note: func(s string) { said += s + "\n" }}
	source, err := latest(job, savepoint.Inventory{Saved: []api.Saved{disk, good}}, api.FlinkState{}, reporter)
	if err != nil || source.Snapshot != "good" || !strings.Contains(said, "savepoint disk is passed over: it is in no volume") {
		t.Errorf("%+v %v\n%s", source, err, said)
	}
	if _, err := latest(job, savepoint.Inventory{Saved: []api.Saved{disk}}, api.FlinkState{}, reporter); err == nil {
		t.Error("it was chosen all the same")
	}
	// The inventory itself finds that out from the job's spec.
	inventory := savepoint.Inventory{Mounts: map[api.Ref]api.PodMounts{}, Clusters: map[api.Ref]api.Ref{}}
	inventory.NoteMounts(flinktest.JobOf(t, api.Deployment, `{"metadata":{"name":"c","namespace":"ns"},"spec":{"podTemplate":`+template(`"nfs":{}`, "/data", "")+`}}`))
	inventory.NoteMounts(flinktest.JobOf(t, api.SessionJob, `{"metadata":{"name":"j","namespace":"ns"},"spec":{"deploymentName":"c"}}`))
	for path, want := range map[string]api.PlaceKind{"file:///data/sp": api.SharedPlace, "file:///tmp/sp": api.PodPlace, "gs://b/sp": api.RemotePlace} {
		if got := inventory.Place(api.Ref{Kind: api.SessionJob, Namespace: "ns", Name: "j"}, path); got.Kind != want {
			t.Errorf("%s: %+v, want %s", path, got, want)
		}
	}
	if got := inventory.Place(api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "gone"}, "file:///tmp/sp"); !got.Lasts() {
		t.Errorf("of a job that isn't known: %+v", got)
	}
}

func TestWhoseStateItIs(t *testing.T) {
	ref := func(kind api.Kind, name string) api.Ref { return api.Ref{Kind: kind, Namespace: "ns", Name: name} }
	child := flinktest.JobWith(nil)
	parent := api.Job{Kind: api.BlueGreen, Object: child.Object}
	for _, test := range []struct {
		job     api.Job
		of      api.Ref
		allowed bool
		ok      bool
	}{
		{child, ref(api.Deployment, "basic"), false, true},
		{child, ref(api.SessionJob, "basic"), false, false},
		{child, ref(api.Deployment, "other"), false, false},
		{child, ref(api.Deployment, "other"), true, true},
		{child, api.Ref{}, false, true},
		{parent, ref(api.Deployment, "basic-blue"), false, true},
		{parent, ref(api.Deployment, "basic"), false, false},
	} {
		if err := checkOwner(test.job, Source{Of: test.of}, test.allowed); (err == nil) != test.ok {
			t.Errorf("%s of %s: %v", test.job.Ref(), test.of, err)
		}
	}
}

func TestPathsAndNames(t *testing.T) {
	for from, want := range map[string]bool{"/s/1": true, "s3://b/1": true, "file:/s": true, "sp-1": false, "flinksnp/sp-1": false, "latest": false} {
		if isPath(from) != want {
			t.Error(from)
		}
	}
}

// What a person chooses from fits a narrow terminal.
func TestChoices(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for want, saved := range map[string]api.Saved{
		"8s ago       savepoint  file:/s/savepoint-1":             {Savepoint: true, Trigger: "MANUAL", Path: "file:/s/savepoint-1", Created: now.Add(-8 * time.Second)},
		"3h ago       savepoint of a change  file:/s/savepoint-1": {Savepoint: true, Trigger: "UPGRADE", Path: "file:/s/savepoint-1", Created: now.Add(-3 * time.Hour)},
		"age unknown  checkpoint  file:/c/chk-7":                  {Path: "file:/c/chk-7"},
	} {
		if got := choiceOf(saved, now); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// When a registered savepoint was taken isn't known: the object's own
// age says nothing of it, so that it isn't the newest state of its job.
func TestWhatWasRegisteredIsNotTheNewestState(t *testing.T) {
	snapshot := func(name string, hours int, path string, more map[string]any) api.Job {
		s := flinktest.Taken(name, hours, api.SnapshotCompleted, path, flinktest.OfSavepoint(more), nil)
		api.Section(s.Object.Object, "spec")["jobReference"] = map[string]any{"kind": api.Deployment.Name, "name": "orders"}
		return api.Job{Kind: api.StateSnap, Object: s.Object}
	}
	adopted := snapshot("adopted", 0, "s3://b/s/adopted", map[string]any{"alreadyExists": true, "path": "s3://b/s/adopted"})
	taken := snapshot("taken", 5, "s3://b/s/taken", nil)
	for name, c := range map[string]struct {
		job   []string
		saved []api.Job
		flink *api.FlinkState
		want  string
		note  string
	}{
		"beside a savepoint":             {saved: []api.Job{adopted, taken}, want: "s3://b/s/taken", note: "savepoint s3://b/s/adopted (flinkstatesnapshot/adopted) was registered by hand, so that its age isn't known: it may be newer than savepoint s3://b/s/taken"},
		"beside an old checkpoint":       {saved: []api.Job{adopted}, flink: &api.FlinkState{State: "RUNNING", Latest: &api.FlinkSnapshot{Path: "s3://b/c/aaa/chk-7", At: flinktest.Noon.Add(-9 * time.Hour)}}, want: "s3://b/c/aaa/chk-7", note: "it may be newer than checkpoint s3://b/c/aaa/chk-7"},
		"alone":                          {saved: []api.Job{adopted}, want: "s3://b/s/adopted", note: "was registered by hand, so that its age isn't known; nothing else of flinkdeployment/orders is"},
		"beside what a job stopped with": {job: []string{suspendedBy("savepoint", "s3://b/s/left")}, saved: []api.Job{adopted, taken}, want: "s3://b/s/left"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeOperator(t, nil, append(c.saved, ordersWith(t, c.job...))...)
			if c.flink != nil {
				f.flink[ordersRef] = c.flink
			}
			source, err := NewestState(t.Context(), f.client, ordersWith(t, c.job...), f.reporter())
			if err != nil || source.Path != c.want {
				t.Errorf("%s %v, want %s", source, err, c.want)
			}
			f.noted(c.note)
			if strings.Contains(strings.Join(f.notes, "\n"), "registered") != (c.note != "") {
				t.Errorf("notes: %q", f.notes)
			}
		})
	}
}
