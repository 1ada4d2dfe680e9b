package view

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
)

func registered(t *testing.T, job string) *unstructured.Unstructured {
	t.Helper()
	reference := ""
	if job != "" {
		reference = `"jobReference":{"kind":"FlinkSessionJob","name":"` + job + `"},`
	}
	object := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(`{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkStateSnapshot","metadata":{"name":"sp","namespace":"n"},
		"spec":{`+reference+`"savepoint":{"alreadyExists":true,"disposeOnDelete":false,"path":"/data/savepoint-1"}},"status":{"state":"COMPLETED","path":"/data/savepoint-1"}}`), &object.Object); err != nil {
		t.Fatal(err)
	}
	return object
}

// In a list JOB is a job's state; of a snapshot it is the job that it is of.
func TestSnapshotsInAListAndTheirJobs(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for job, want := range map[string][3]string{
		"":     {"flinksnp/sp - COMPLETED completed", "sp - savepoint", "none: it refers to no job, and was registered only"},
		"sums": {"flinksnp/sp sessionjob/sums COMPLETED completed", "sp sessionjob/sums savepoint", "flinksessionjob/sums"},
	} {
		object := registered(t, job)
		summary, err := api.Summarize(api.StateSnap, object)
		if err != nil {
			t.Fatal(err)
		}
		row := Row{Summary: summary, Verdict: health.Of(summary, now), Object: object}
		saved := api.SavedFrom(api.Snapshot{Object: object})
		shown := func(result printer.Result) string {
			var out bytes.Buffer
			if err := (&printer.Flags{}).Print(&out, result); err != nil {
				t.Fatal(err)
			}
			return strings.Join(strings.Fields(out.String()), " ")
		}
		for i, got := range []string{
			shown(List{Now: now}.Result([]Row{row})),
			shown(SnapshotList{Now: now}.Result([]api.Saved{saved})),
			shown(SnapshotPage{Saved: saved, Now: now}.Result()),
		} {
			if !strings.Contains(got, want[i]) {
				t.Errorf("job %q: no %q in %s", job, want[i], got)
			}
		}
		if data, _ := json.Marshal(List{}.Object(row)); job == "" && strings.Contains(string(data), `"job":`) || job != "" && !strings.Contains(string(data), `"job":"flinksessionjob/sums"`) {
			t.Errorf("%s", data)
		}
	}
}
