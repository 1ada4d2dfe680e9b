package diagnosis

import (
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// A job restarts again and again where it did so at least this often within
// this time.
var stormy = []struct {
	restarts int
	within   time.Duration
}{{3, time.Hour}, {6, 24 * time.Hour}}

// restartsOften finds a job that restarts again and again, and what that cost.
func restartsOften(j *job) []Finding {
	if j.over() {
		return nil
	}
	failures := j.failures()
	n, window := 0, time.Duration(0)
	for _, s := range stormy {
		if recent := since(failures, j.Now.Add(-s.within)); len(recent) >= s.restarts {
			n, window, failures = len(recent), s.within, recent
			break
		}
	}
	counted := fmt.Sprintf("%d restarts since the job's start, %d exceptions in the last %s", j.Flink.Restarts, n, ago(window))
	if n == 0 {
		// Without its history, the count of a job that is young enough is as good.
		if j.Mark(FromExceptions) == Read || j.Flink.Restarts < int64(stormy[0].restarts) || j.Flink.Window == 0 || j.Flink.Window > stormy[0].within {
			return nil
		}
		n, window, counted = int(j.Flink.Restarts), j.Flink.Window, fmt.Sprintf("%d restarts since the job's start", j.Flink.Restarts)
	}
	f := Finding{Subject: j.ref(), Means: fmt.Sprintf("the job has restarted %d times in the last %s", n, ago(window)), Evidence: []Evidence{{Source: "the JobManager", Text: counted}}, Cures: look("see its failures", j.flink("exceptions %s", j.target()))}
	if lost, slots := j.lostWork(failures), j.slots(); lost >= time.Minute && slots > 0 {
		f.Means += fmt.Sprintf("; at least %s of work was lost with them (%s)", ago(lost), slotHours(lost, slots))
		f.Evidence = append(f.Evidence, Evidence{Source: "the JobManager", Text: "each failure took the job back to its last completed checkpoint"})
	}
	if j.running() {
		f.Severity = Warning
	}
	return []Finding{f}
}

// failures are when the job failed, oldest first.
func (j *job) failures() []time.Time {
	var out []time.Time
	for _, e := range j.Flink.Exceptions {
		if !e.At.IsZero() && !e.At.After(j.Now) {
			out = append(out, e.At)
		}
	}
	sorting.By(out, time.Time.Compare)
	return out
}

// since are the times from one on; all are in order.
func since(all []time.Time, from time.Time) []time.Time {
	i, _ := slices.BinarySearchFunc(all, from, time.Time.Compare)
	return all[i:]
}

// lostWork is for how long the job worked for nothing before the failures,
// which are in order: since the trigger of the last checkpoint that was
// completed by then, or since the failure before. Where the JobManager no longer
// lists the checkpoints of that time, nothing is counted.
func (j *job) lostWork(failures []time.Time) time.Duration {
	c := j.Flink.Checkpoints
	if c == nil || j.Flink.Started.IsZero() {
		return 0
	}
	known := j.Flink.Started
	if len(c.History) > 0 && int64(len(c.History)) < c.Total {
		known = c.History[len(c.History)-1].Triggered
	}
	lost, before := time.Duration(0), known
	for _, at := range failures {
		from := before
		for _, h := range c.History {
			if done := h.Triggered.Add(h.Duration); h.Status == api.CheckpointCompleted && !done.After(at) && h.Triggered.After(from) {
				from = h.Triggered
			}
		}
		lost += max(at.Sub(from), 0)
		before = maxTime(before, at)
	}
	return lost
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// slots is how many slots the job needs at least: tasks of different vertices
// share one.
func (j *job) slots() int {
	out := 0
	for _, v := range j.Flink.Vertices {
		out = max(out, v.Parallelism)
	}
	return out
}

// slotHours is what a number of slots did in a time.
func slotHours(d time.Duration, slots int) string {
	hours := d.Hours() * float64(slots)
	if hours < 0.95 {
		return fmt.Sprintf("%.0f slot minutes", hours*60)
	}
	return trim(hours) + " slot hours"
}
