package operator

import (
	"context"
	"errors"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// AskLimit bounds a question to the JobManager.
const AskLimit = 20 * time.Second

// State is what the JobManager tells of a job; known is false where it can't
// be asked, and why says so.
func (c *Client) State(ctx context.Context, job api.Job) (state api.FlinkState, known bool, why string) {
	switch {
	case c.AskFlink == nil:
		return api.FlinkState{}, false, "nobody asks it"
	case job.JobID() == "" && job.Kind.Name != api.BlueGreen.Name:
		return api.FlinkState{}, false, "the job has no id yet"
	case job.JobManager() != "" && job.JobManager() != "READY":
		return api.FlinkState{}, false, "it is " + job.JobManager()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, AskLimit, errors.New("it doesn't answer"))
	defer cancel()
	state, err := c.AskFlink(ctx, job.Ref())
	if err != nil {
		return api.FlinkState{}, false, err.Error()
	}
	return state, true, ""
}
