package rest

import "slices"

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
	total    int64
	restored Restored
}

// Look is what is new in c, oldest first. job is Flink's id of the run, which
// redeployments change; a JobManager that took over has forgotten the history
// and counts anew.
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
	total := c.Counts.Completed + c.Counts.Failed
	if total < w.total { // another JobManager
		w.total = 0
	}
	fresh := int64(0)
	var ended []CheckpointEvent
	for i, one := range slices.Backward(c.History) {
		// Numbers start again only with another job id.
		if one.Status == "IN_PROGRESS" || w.ended[one.ID] {
			continue
		}
		w.ended[one.ID] = true
		fresh++
		ended = append(ended, CheckpointEvent{Ended: &c.History[i]})
	}
	if missed := total - w.total - fresh; missed > 0 && w.started && w.total > 0 {
		out = append(out, CheckpointEvent{Missed: missed})
	}
	w.total, w.started = total, true
	return append(out, ended...)
}
