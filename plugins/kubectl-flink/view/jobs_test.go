package view

import (
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

func TestJobsThatGoOnComeFirst(t *testing.T) {
	now := time.UnixMilli(100_000)
	jobs := []rest.JobOverview{
		{ID: "old", State: "CANCELED", StartTime: 1_000, EndTime: 2_000},
		{ID: "first", State: "RUNNING", StartTime: 3_000, EndTime: -1},
		{ID: "newer", State: "FINISHED", StartTime: 50_000, EndTime: 60_000},
		{ID: "second", State: "RESTARTING", StartTime: 40_000, EndTime: -1},
	}
	result := Jobs(jobs, map[string]api.Ref{"first": {Kind: api.SessionJob, Namespace: "ns", Name: "j"}}, term.Palette{}, now)
	var got []string
	for _, row := range result.Table.Rows {
		got = append(got, row[0].Text+" "+row[2].Text)
	}
	if want := "second <unmanaged>, first flinksessionjob/j, newer -, old -"; strings.Join(got, ", ") != want {
		t.Errorf("%q, want %q", got, want)
	}
	if jobs[0].ID != "old" {
		t.Error("the caller's order was changed")
	}
}

func TestJobsOfWhichOnlyTheStateIsKnown(t *testing.T) {
	result := Jobs([]rest.JobOverview{{ID: "a", State: "RUNNING", StartTime: -1, EndTime: -1, StateOnly: true}}, nil, term.Palette{}, time.UnixMilli(100_000))
	var got []string
	for _, cell := range result.Table.Rows[0] {
		got = append(got, cell.Text)
	}
	if text := strings.Join(got, " "); text != "a RUNNING <unmanaged> ? ? ?" {
		t.Error(text)
	}
}
