package cmd

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// snapshotsNow is when the recorded snapshots are looked at.
var snapshotsNow = time.Date(2026, 11, 25, 1, 20, 0, 0, time.UTC)

// recordedSnapshots are FlinkStateSnapshots of a real cluster, and one that
// only the status of a job reports.
func recordedSnapshots(t *testing.T) []api.Saved {
	t.Helper()
	data, err := os.ReadFile("testdata/snapshot/snapshots.json")
	if err != nil {
		t.Fatal(err)
	}
	var items []map[string]any
	if err := json.Unmarshal(data, &items); err != nil {
		t.Fatal(err)
	}
	var saved []api.Saved
	for _, item := range items {
		saved = append(saved, api.SavedFrom(api.Snapshot{Object: &unstructured.Unstructured{Object: item}}))
	}
	saved[0].UsedBy = []string{"flinkdeployment/basic-example (initialSavepointPath)"}
	return append(saved, api.Saved{
		Namespace: "default", Job: api.Ref{Kind: api.SessionJob, Namespace: "default", Name: "clicks"}, Savepoint: true,
		Trigger: "PERIODIC", State: api.SnapshotCompleted, Format: "CANONICAL", Path: "s3://bucket/savepoint-1", Created: snapshotsNow.Add(-26 * time.Hour), Completed: snapshotsNow.Add(-26 * time.Hour),
	})
}

func TestSnapshotList(t *testing.T) {
	saved := recordedSnapshots(t)
	for name, list := range map[string]view.SnapshotList{"list": {}, "list-all": {Namespaces: true}} {
		list.Now = snapshotsNow
		for output, file := range map[string]string{printer.Human: name, printer.Wide: name + "-wide", printer.YAML: name + "-yaml", printer.Name: name + "-name"} {
			flags := printer.Flags{Output: output}
			var out bytes.Buffer
			if err := flags.Print(&out, list.Result(saved)); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata/snapshot", file+".txt"), out.String())
		}
	}
}

func TestSnapshotPages(t *testing.T) {
	for _, saved := range recordedSnapshots(t) {
		if saved.Snapshot.Object == nil {
			continue
		}
		page := view.SnapshotPage{Saved: saved, Now: snapshotsNow, Advice: snapshotAdvice(saved.Snapshot, nil, snapshotsNow)}
		page.Events = []operator.Event{{
			Object: "flinkstatesnapshot/" + saved.Name(), Type: "Warning", Reason: "CleanupFailed", Count: 2, Time: snapshotsNow.Add(-time.Minute),
			Message: "Cannot dispose of snapshot because referenced Flink job is not running!",
		}}
		if saved.Snapshot.Object.GetDeletionTimestamp() != nil {
			page.Stuck = "it hangs"
		}
		var out bytes.Buffer
		flags := printer.Flags{}
		if err := flags.Print(&out, page.Result()); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata/snapshot", "page-"+saved.Name()+".txt"), out.String())
	}
}

func TestAges(t *testing.T) {
	for text, want := range map[string]time.Duration{"7d": 168 * time.Hour, "1.5d": 36 * time.Hour, "2w": 336 * time.Hour, "90m": 90 * time.Minute} {
		if got, err := parseAge(text); err != nil || got != want {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "7", "d", "-1d", "0d", "1dd", "1d2h", "1h-", "-3h", "NaNd", "1e9d", "week"} {
		if got, err := parseAge(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestWhichJobIsMeant(t *testing.T) {
	ref := func(kind api.Kind, name string) api.Ref {
		return api.Ref{Kind: kind, Namespace: "ns", Name: name}
	}
	for _, test := range []struct {
		job  string
		of   api.Ref
		want bool
	}{
		{"", ref(api.Deployment, "a"), true},
		{"a", ref(api.Deployment, "a"), true},
		{"a", ref(api.SessionJob, "a"), true},
		{"a", ref(api.Deployment, "b"), false},
		{"sessionjob/a", ref(api.Deployment, "a"), false},
		{"bluegreen/a", ref(api.Deployment, "a-green"), true},
		{"bluegreen/a", ref(api.Deployment, "a"), false},
		{"flinkdep/a-green", ref(api.Deployment, "a-green"), true},
	} {
		if got := (&snapshotFilter{job: test.job}).wantsJob(test.of); got != test.want {
			t.Errorf("--job %q and %s: %v", test.job, test.of, got)
		}
	}
}
