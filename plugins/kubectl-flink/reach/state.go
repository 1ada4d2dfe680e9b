package reach

import (
	"context"
	"fmt"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/rest"
)

// State asks a JobManager what state a job runs from and has. Its error may be
// rest.NotFound.
func State(ctx context.Context, client *rest.Client, jobID string) (operator.FlinkState, error) {
	job, err := client.Job(ctx, jobID)
	if err != nil {
		return operator.FlinkState{}, err
	}
	state := operator.FlinkState{State: job.State, Started: job.StartTime.Time()}
	for _, vertex := range job.Vertices {
		state.Parallelism = max(state.Parallelism, vertex.Parallelism)
		if vertex.MaxParallelism > 0 && (state.MaxParallelism == 0 || vertex.MaxParallelism < state.MaxParallelism) {
			state.MaxParallelism = vertex.MaxParallelism
		}
	}
	checkpoints, err := client.Checkpoints(ctx, jobID)
	if err != nil {
		return state, fmt.Errorf("ask for the checkpoints of job %s: %w", jobID, err)
	}
	if r := checkpoints.Latest.Restored; r != nil {
		state.Restored = &operator.FlinkSnapshot{ID: r.ID, Path: r.Path, Savepoint: r.IsSavepoint, At: r.Time.Time()}
	}
	for _, c := range []*rest.Checkpoint{checkpoints.Latest.Completed, checkpoints.Latest.Savepoint} {
		if c == nil || c.Path == "" || state.Latest != nil && c.Acknowledged.Time().Before(state.Latest.At) {
			continue
		}
		state.Latest = &operator.FlinkSnapshot{ID: c.ID, Path: c.Path, Savepoint: c.IsSavepoint, At: c.Acknowledged.Time()}
	}
	return state, nil
}
