package operator

import (
	"context"
	"errors"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Flink asks JobManagers for what the operator doesn't pass on. Its methods are
// safe for use by several goroutines.
type Flink interface {
	// State is the state that a job runs from and has: the proof that a change
	// kept it.
	State(ctx context.Context, job api.Ref) (api.FlinkState, error)
	// Checkpoints says whether a job's checkpoints outlive it, and the newest.
	Checkpoints(ctx context.Context, job api.Ref) (api.CheckpointFacts, error)
	// Failures are the root causes of a job's failures since a moment, newest
	// first; none where its JobManager can't be asked.
	Failures(ctx context.Context, job api.Ref, since time.Time) []string
	// RunningJobs are the names of a session cluster's jobs that haven't ended,
	// by their ids.
	RunningJobs(ctx context.Context, cluster api.Ref) (map[string]string, error)
	// SavepointCause is Flink's own exception for a savepoint that failed in the
	// FlinkDeployment cluster; "" where it isn't known. The operator passes on
	// only its outermost layers.
	SavepointCause(ctx context.Context, cluster api.Ref, jobID, triggerID string) string
}

// Asking is c with a way to ask JobManagers.
func (c *Client) Asking(flink Flink) *Client {
	asking := *c
	asking.flink = flink
	return &asking
}

// Flink is the way to ask JobManagers; nil where there is none.
func (c *Client) Flink() Flink { return c.flink }

// AskLimit bounds a question to the JobManager.
const AskLimit = 20 * time.Second

// State is what the JobManager says of a job; known is false where it can't
// be asked, and why says so.
func (c *Client) State(ctx context.Context, job api.Job) (state api.FlinkState, known bool, why string) {
	switch {
	case c.flink == nil:
		return api.FlinkState{}, false, "nobody asks it"
	case job.JobID() == "" && job.Kind.Name != api.BlueGreen.Name:
		return api.FlinkState{}, false, "the job has no id yet"
	case job.JobManager() != "" && job.JobManager() != api.JobManagerReady:
		return api.FlinkState{}, false, "it is " + job.JobManager()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, AskLimit, errors.New("it doesn't answer"))
	defer cancel()
	state, err := c.flink.State(ctx, job.Ref())
	if err != nil {
		return api.FlinkState{}, false, err.Error()
	}
	return state, true, ""
}
