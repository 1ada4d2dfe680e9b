package api

import (
	"time"
)

// FlinkState is what a JobManager tells of a job, as far as changes care.
type FlinkState struct {
	// State is Flink's: RUNNING, …; Started is when this run began.
	State   string
	Started time.Time
	// Restored is the state that this run started from; nil where it started
	// empty.
	Restored *FlinkSnapshot
	// Latest is the newest completed checkpoint or savepoint of this run; nil
	// where there is none yet.
	Latest *FlinkSnapshot
	// Checkpoint is the newest completed checkpoint of this run that is no
	// savepoint; nil where there is none yet.
	Checkpoint *FlinkSnapshot
	// Parallelism is the largest of all vertices, MaxParallelism the smallest;
	// 0 is unknown.
	Parallelism, MaxParallelism int
	// Tasks is how many there are, Waiting how many of them don't run and ought
	// to: they have no slot, or are being deployed. Flink calls a job RUNNING
	// before.
	Tasks, Waiting int
}

// FlinkSnapshot is one checkpoint or savepoint.
type FlinkSnapshot struct {
	ID        int64
	Path      string
	Savepoint bool
	// At is when it was completed or restored.
	At time.Time
}

// Kept is the snapshot as a Kept, proven by the JobManager.
func (s *FlinkSnapshot) RetainedState() RetainedState {
	if s == nil {
		return RetainedState{Kind: RetainedNone, Proven: true}
	}
	kind := RetainedCheckpoint
	if s.Savepoint {
		kind = RetainedSavepoint
	}
	return RetainedState{Kind: kind, Path: s.Path, Proven: true}
}
