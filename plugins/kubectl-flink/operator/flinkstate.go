package operator

import (
	"context"
	"errors"
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
func (s *FlinkSnapshot) Kept() Kept {
	if s == nil {
		return Kept{Kind: KeptNone, Proven: true}
	}
	kind := KeptCheckpoint
	if s.Savepoint {
		kind = KeptSavepoint
	}
	return Kept{Kind: kind, Path: s.Path, Proven: true}
}

// askLimit bounds a question to the JobManager.
const askLimit = 20 * time.Second

// State is what the JobManager tells of a job; known is false where it can't
// be asked, and why says so.
func (c *Client) State(ctx context.Context, job Job) (state FlinkState, known bool, why string) {
	switch {
	case c.AskFlink == nil:
		return FlinkState{}, false, "nobody asks it"
	case job.JobID() == "" && job.Kind.Name != BlueGreen.Name:
		return FlinkState{}, false, "the job has no id yet"
	case job.JobManager() != "" && job.JobManager() != "READY":
		return FlinkState{}, false, "it is " + job.JobManager()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, askLimit, errors.New("it doesn't answer"))
	defer cancel()
	state, err := c.AskFlink(ctx, job.Ref())
	if err != nil {
		return FlinkState{}, false, err.Error()
	}
	return state, true, ""
}
