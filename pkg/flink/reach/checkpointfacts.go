package reach

import (
	"context"
	"fmt"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// CheckpointFacts asks a JobManager how a job's checkpoints are kept. Its error
// may be rest.NotFound.
func CheckpointFacts(ctx context.Context, client *rest.Client, jobID string) (api.CheckpointFacts, error) {
	job, err := client.Job(ctx, jobID)
	if err != nil {
		return api.CheckpointFacts{}, err
	}
	facts := api.CheckpointFacts{State: job.State, Ended: rest.Ended(job.State)}
	config, err := client.CheckpointConfig(ctx, jobID)
	if rest.NotFound(err) {
		facts.Off = true // of a batch job Flink knows no checkpoints at all
		return facts, nil
	}
	if err != nil {
		return facts, fmt.Errorf("ask how job %s keeps its checkpoints: %w", jobID, err)
	}
	facts.Kept, facts.Deletes = config.Externalization.Enabled, config.Externalization.Delete
	state, err := State(ctx, client, jobID)
	if err != nil {
		return facts, err
	}
	facts.Latest = state.Latest
	checkpoints, err := client.Checkpoints(ctx, jobID)
	if err != nil {
		return facts, fmt.Errorf("ask for the checkpoints of job %s: %w", jobID, err)
	}
	if c := checkpoints.Latest.Completed; c != nil && !c.IsSavepoint {
		facts.Checkpoint = &api.FlinkSnapshot{ID: c.ID, Path: c.Path, At: c.Acknowledged.Time()}
	}
	return facts, nil
}
