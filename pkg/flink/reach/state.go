package reach

import (
	"context"
	"fmt"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// State asks a JobManager what state a job runs from and has. Its error may be
// rest.NotFound.
func State(ctx context.Context, client *rest.Client, jobID string) (api.FlinkState, error) {
	job, err := client.Job(ctx, jobID)
	if err != nil {
		return api.FlinkState{}, err
	}
	state := api.FlinkState{State: job.State, Started: job.StartTime.Time()}
	for _, vertex := range job.Vertices {
		state.Parallelism = max(state.Parallelism, vertex.Parallelism)
		single := vertex.MaxParallelism == 1 && vertex.Parallelism == 1 // it is never scaled
		if vertex.MaxParallelism > 0 && !single && (state.MaxParallelism == 0 || vertex.MaxParallelism < state.MaxParallelism) {
			state.MaxParallelism = vertex.MaxParallelism
		}
	}
	state.Tasks, state.Waiting = tasks(job)
	checkpoints, err := client.Checkpoints(ctx, jobID)
	if err != nil {
		return state, fmt.Errorf("ask for the checkpoints of job %s: %w", jobID, err)
	}
	Marked(&state, checkpoints)
	return state, nil
}

// Marked fills in what a JobManager reported of a job's checkpoints.
func Marked(state *api.FlinkState, checkpoints rest.Checkpoints) {
	if c := checkpoints.Latest.Completed; c != nil && c.Path != "" && !c.IsSavepoint {
		state.Checkpoint = &api.FlinkSnapshot{ID: c.ID, Path: c.Path, At: c.Acknowledged.Time()}
	}
	if r := checkpoints.Latest.Restored; r != nil {
		state.Restored = &api.FlinkSnapshot{ID: r.ID, Path: r.Path, Savepoint: r.Savepoint(), At: r.Time.Time()}
	}
	state.Latest = newest(checkpoints)
}

// newest is the newest completed checkpoint or savepoint; nil where there is
// none.
func newest(checkpoints rest.Checkpoints) *api.FlinkSnapshot {
	var out *api.FlinkSnapshot
	for _, c := range []*rest.Checkpoint{checkpoints.Latest.Completed, checkpoints.Latest.Savepoint} {
		if c == nil || c.Path == "" || out != nil && c.Acknowledged.Time().Before(out.At) {
			continue
		}
		out = &api.FlinkSnapshot{ID: c.ID, Path: c.Path, Savepoint: c.IsSavepoint, At: c.Acknowledged.Time()}
	}
	return out
}

// tasks counts a job's tasks, and those of them that don't run. The tasks of a
// batch job run one after the other, so that one of them is enough.
func tasks(job rest.Job) (total, waiting int) {
	counts := map[string]int{}
	for _, vertex := range job.Vertices {
		for state, n := range vertex.Tasks {
			counts[state] += n
			total += n
		}
	}
	busy := counts[api.TaskRunning] + counts[api.TaskFinished]
	// Flink before 1.20 doesn't say; there, tasks that nobody has asked a slot
	// for yet are the sign.
	batch := job.JobType == "BATCH" || job.JobType == "" && counts[api.TaskCreated]+counts[api.TaskFinished] > 0
	if batch && busy > 0 {
		return total, 0
	}
	return total, total - busy
}
