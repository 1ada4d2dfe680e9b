package rest

import (
	"slices"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// CheckpointEvent is something that happened to a job's checkpoints; one of
// its fields is set.
type CheckpointEvent struct {
	// Ended is a checkpoint or savepoint that was completed or failed.
	Ended *Checkpoint
	// Restored is what the job was restored from.
	Restored *Restored
	// Missed is how many ended between two looks that the JobManager no longer
	// remembered at the second.
	Missed int64
	// NewJob is the id of a new run of the job.
	NewJob string
}

// CheckpointWatch finds out what is new in a JobManager's checkpoints. The
// zero value has seen nothing.
type CheckpointWatch struct {
	job      string
	started  bool
	ended    map[int64]bool
	newest   int64
	restored Restored
}

// Look is what is new in c, oldest first. job is Flink's id of the run, which
// redeployments change; a JobManager that took over has forgotten the history.
func (w *CheckpointWatch) Look(job string, c Checkpoints) []CheckpointEvent {
	var out []CheckpointEvent
	if w.job != job {
		if w.started {
			out = append(out, CheckpointEvent{NewJob: job})
		}
		*w = CheckpointWatch{job: job, started: w.started, ended: map[int64]bool{}}
	}
	if r := c.Latest.Restored; r != nil && *r != w.restored {
		w.restored = *r
		out = append(out, CheckpointEvent{Restored: r})
	}
	var ended []CheckpointEvent
	for i, one := range slices.Backward(c.History) {
		// Numbers go on when another JobManager takes over, and after restores.
		if i == len(c.History)-1 && w.newest > 0 && one.ID > w.newest+1 && len(c.History) > 1 {
			out = append(out, CheckpointEvent{Missed: one.ID - w.newest - 1})
		}
		if one.Status == api.CheckpointInProgress || w.ended[one.ID] {
			continue
		}
		w.ended[one.ID] = true
		w.newest = max(w.newest, one.ID)
		ended = append(ended, CheckpointEvent{Ended: &c.History[i]})
	}
	w.started = true
	return append(out, ended...)
}
