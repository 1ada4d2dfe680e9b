package rest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// at is a JobManager's answer with the last of n checkpoints that ended; the
// numbers of failed ones are negative.
func at(total int64, ids ...int64) Checkpoints {
	var c Checkpoints
	c.Counts.Completed = total
	for _, id := range slices.Backward(ids) {
		one := Checkpoint{ID: id, Status: "COMPLETED"}
		if id < 0 {
			one.ID, one.Status = -id, "FAILED"
		}
		c.History = append(c.History, one)
	}
	return c
}

func told(events []CheckpointEvent) string {
	var out []string
	for _, e := range events {
		switch {
		case e.Ended != nil:
			out = append(out, fmt.Sprintf("%s %d", strings.ToLower(e.Ended.Status), e.Ended.ID))
		case e.Restored != nil:
			out = append(out, fmt.Sprintf("restored %d", e.Restored.ID))
		case e.NewJob != "":
			out = append(out, "job "+e.NewJob)
		default:
			out = append(out, fmt.Sprintf("missed %d", e.Missed))
		}
	}
	return strings.Join(out, ", ")
}

func TestOnlyWhatIsNewIsTold(t *testing.T) {
	var w CheckpointWatch
	restored := func(c Checkpoints, id int64) Checkpoints {
		c.Latest.Restored = &Restored{ID: id}
		return c
	}
	running := at(3, 2, 3)
	running.History = append([]Checkpoint{{ID: 4, Status: "IN_PROGRESS"}}, running.History...)
	for i, c := range []struct {
		job    string
		answer Checkpoints
		want   string
	}{
		{"a", running, "completed 2, completed 3"},
		{"a", running, ""},
		{"a", at(4, 2, 3, -4), "failed 4"},
		{"a", at(9, 8, 9), "missed 3, completed 8, completed 9"},
		// Counted, but not yet in the history.
		{"a", at(10, 8, 9), ""},
		{"a", restored(at(9, 8, 9), 9), "restored 9"},
		{"a", restored(at(9, 8, 9), 9), ""},
		// A JobManager that took over knows nothing of before.
		{"a", restored(at(0), 9), ""},
		{"a", restored(at(1, 10), 9), "completed 10"},
		{"b", restored(at(0), 10), "job b, restored 10"},
		{"b", restored(at(1, 1), 10), "completed 1"},
	} {
		if got := told(w.Look(c.job, c.answer)); got != c.want {
			t.Errorf("look %d: %q, want %q", i, got, c.want)
		}
	}
}
