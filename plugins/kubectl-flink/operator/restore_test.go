package operator

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestLatestIsTheNewestStateThatExists(t *testing.T) {
	checkpoint := map[string]any{"checkpoint": map[string]any{}}
	going := taken("going", 1, SnapshotCompleted, "/s/going", ofSavepoint(nil), nil)
	at := metav1.NewTime(noon)
	going.Object.SetDeletionTimestamp(&at)
	other := taken("other", 0, SnapshotCompleted, "/s/other", ofSavepoint(nil), nil)
	section(other.Object.Object, "spec")["jobReference"] = map[string]any{"kind": Deployment.Name, "name": "other"}
	inventory := Inventory{Saved: []Saved{
		SavedFrom(taken("adopted", 0, SnapshotCompleted, "/s/adopted", ofSavepoint(map[string]any{"alreadyExists": true}), nil)),
		SavedFrom(other),
		SavedFrom(going),
		SavedFrom(taken("failed", 2, SnapshotFailed, "", ofSavepoint(nil), nil)),
		SavedFrom(taken("chk", 3, SnapshotCompleted, "/c/chk-3", checkpoint, nil)),
		SavedFrom(taken("sp", 4, SnapshotCompleted, "/s/sp", ofSavepoint(nil), nil)),
		SavedFrom(taken("older", 5, SnapshotCompleted, "/s/older", ofSavepoint(nil), nil)),
	}}
	newest := FlinkState{Latest: &FlinkSnapshot{Path: "file:/c/chk-9", At: noon}}
	running := testJob(map[string]any{"jobStatus": map[string]any{"state": "RUNNING"}, "jobManagerDeploymentStatus": "READY"})
	failing := testJob(map[string]any{"jobStatus": map[string]any{"state": "RESTARTING"}})
	for _, test := range []struct {
		name  string
		job   Job
		flink FlinkState
		want  string
	}{
		{"running", running, newest, "/s/sp"},
		{"failing", failing, newest, "file:/c/chk-9"},
		{"no JobManager", failing, FlinkState{}, "/s/sp"},
		{"older checkpoint", failing, FlinkState{Latest: &FlinkSnapshot{Path: "file:/c/chk-1", At: noon.Add(-9 * time.Hour)}}, "/s/sp"},
	} {
		source, err := latest(test.job, inventory, test.flink, Reporter{})
		if err != nil || source.Path != test.want {
			t.Errorf("%s: %s %v, want %s", test.name, source.Path, err, test.want)
		}
	}
	inventory.Saved = inventory.Saved[:1]
	if source, err := latest(failing, inventory, FlinkState{}, Reporter{}); err != nil || source.Snapshot != "adopted" || !source.At.IsZero() {
		t.Errorf("%+v %v", source, err)
	}
	if _, err := latest(failing, Inventory{}, FlinkState{}, Reporter{}); err == nil || !strings.Contains(err.Error(), "nothing is known to be saved") {
		t.Error(err)
	}
}

// A savepoint on a pod's own disk is passed over, and that is said.
func TestLatestPassesOverWhatGoesWithPods(t *testing.T) {
	job := testJob(map[string]any{"jobStatus": map[string]any{"state": "RUNNING"}, "jobManagerDeploymentStatus": "READY"})
	disk := SavedFrom(taken("disk", 1, SnapshotCompleted, "file:/tmp/sp", ofSavepoint(nil), nil))
	disk.Passing = "is in no volume of the job's pods"
	good := SavedFrom(taken("good", 4, SnapshotCompleted, "s3://b/sp", ofSavepoint(nil), nil))
	said := ""
	reporter := Reporter{Note: func(s string) { said += s + "\n" }}
	source, err := latest(job, Inventory{Saved: []Saved{disk, good}}, FlinkState{}, reporter)
	if err != nil || source.Snapshot != "good" || !strings.Contains(said, "savepoint disk is passed over: it is in no volume") {
		t.Errorf("%+v %v\n%s", source, err, said)
	}
	if _, err := latest(job, Inventory{Saved: []Saved{disk}}, FlinkState{}, reporter); err == nil {
		t.Error("it was chosen all the same")
	}
	// The inventory itself finds that out from the job's spec.
	inventory := Inventory{mounts: map[Ref]podMounts{}, clusters: map[Ref]Ref{}}
	inventory.noteMounts(jobOf(t, Deployment, `{"metadata":{"name":"c","namespace":"ns"},"spec":{"podTemplate":`+template(`"nfs":{}`, "/data", "")+`}}`))
	inventory.noteMounts(jobOf(t, SessionJob, `{"metadata":{"name":"j","namespace":"ns"},"spec":{"deploymentName":"c"}}`))
	for path, want := range map[string]PlaceKind{"file:///data/sp": SharedPlace, "file:///tmp/sp": PodPlace, "gs://b/sp": RemotePlace} {
		if got := inventory.place(Ref{SessionJob, "ns", "j"}, path); got.Kind != want {
			t.Errorf("%s: %+v, want %s", path, got, want)
		}
	}
	if got := inventory.place(Ref{Deployment, "ns", "gone"}, "file:///tmp/sp"); !got.Lasts() {
		t.Errorf("of a job that isn't known: %+v", got)
	}
}

func TestWhoseStateItIs(t *testing.T) {
	ref := func(kind Kind, name string) Ref { return Ref{kind, "ns", name} }
	child := testJob(nil)
	parent := Job{BlueGreen, child.Object}
	for _, test := range []struct {
		job     Job
		of      Ref
		allowed bool
		ok      bool
	}{
		{child, ref(Deployment, "basic"), false, true},
		{child, ref(SessionJob, "basic"), false, false},
		{child, ref(Deployment, "other"), false, false},
		{child, ref(Deployment, "other"), true, true},
		{child, Ref{}, false, true},
		{parent, ref(Deployment, "basic-blue"), false, true},
		{parent, ref(Deployment, "basic"), false, false},
	} {
		if err := checkOwner(test.job, Source{Of: test.of}, test.allowed); (err == nil) != test.ok {
			t.Errorf("%s of %s: %v", test.job.Ref(), test.of, err)
		}
	}
}

func TestRedeploy(t *testing.T) {
	job := testJob(nil)
	job.Object.Object["spec"] = map[string]any{"job": map[string]any{"savepointRedeployNonce": int64(41)}}
	change := redeploy(job, "s3://b/sp", true)
	fields := section(change.Spec, "job")
	if fields["savepointRedeployNonce"] != int64(42) || fields["initialSavepointPath"] != "s3://b/sp" || fields["state"] != "running" || fields["allowNonRestoredState"] != true {
		t.Errorf("%v", fields)
	}
	if !change.Goal.NewJobID || change.Goal.Path != "s3://b/sp" {
		t.Errorf("%+v", change.Goal)
	}
	if fields := section(redeploy(testJob(nil), "s3://b/sp", false).Spec, "job"); fields["savepointRedeployNonce"] != int64(1) || fields["allowNonRestoredState"] != nil {
		t.Errorf("%v", fields)
	}
}

func TestAnObjectCreatedAnew(t *testing.T) {
	job := testJob(map[string]any{"jobStatus": map[string]any{}})
	job.Object.Object["spec"] = map[string]any{"image": "flink:1.20", "job": map[string]any{"savepointTriggerNonce": int64(1), "state": "suspended", "upgradeMode": "savepoint"}}
	job.Object.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}", "team": "a"})
	job.Object.SetFinalizers([]string{"f"})
	job.Object.SetResourceVersion("7")
	fresh := job.anew("/s/1", false).Object
	fields := section(fresh.Object, "spec", "job")
	if fields["initialSavepointPath"] != "/s/1" || fields["state"] != "running" || fields["upgradeMode"] != "savepoint" || fields["savepointTriggerNonce"] != nil {
		t.Errorf("%v", fields)
	}
	if fresh.GetResourceVersion() != "" || len(fresh.GetFinalizers()) > 0 || fresh.Object["status"] != nil || len(fresh.GetAnnotations()) != 1 {
		t.Errorf("%v", fresh.Object)
	}
	if section(job.Object.Object, "spec", "job")["state"] != "suspended" {
		t.Error("the original was changed")
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
	for want, saved := range map[string]Saved{
		"8s ago       savepoint  file:/s/savepoint-1":             {Savepoint: true, Trigger: "MANUAL", Path: "file:/s/savepoint-1", Created: now.Add(-8 * time.Second)},
		"3h ago       savepoint of a change  file:/s/savepoint-1": {Savepoint: true, Trigger: "UPGRADE", Path: "file:/s/savepoint-1", Created: now.Add(-3 * time.Hour)},
		"age unknown  checkpoint  file:/c/chk-7":                  {Path: "file:/c/chk-7"},
	} {
		if got := choiceOf(saved, now); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
