package flinktest

import (
	"context"
	"errors"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Flink is JobManagers of fakes: a field answers the question of its name, nil
// answers as one that can't be asked.
type Flink struct {
	OnState       func(ctx context.Context, job api.Ref) (api.FlinkState, error)
	OnCheckpoints func(ctx context.Context, job api.Ref) (api.CheckpointFacts, error)
	OnFailures    func(ctx context.Context, job api.Ref, since time.Time) []string
	OnRunningJobs func(ctx context.Context, cluster api.Ref) (map[string]string, error)
	OnCause       func(ctx context.Context, cluster api.Ref, jobID, triggerID string) string
}

var _ operator.Flink = Flink{}

// ErrNoAnswer is the answer of a JobManager that isn't there.
var ErrNoAnswer = errors.New("no such JobManager")

// States answers every question for a state in the same way.
func States(state api.FlinkState, err error) Flink {
	return Flink{OnState: func(context.Context, api.Ref) (api.FlinkState, error) { return state, err }}
}

// Causes answers every question for the cause of a savepoint's failure.
func Causes(cause string) Flink {
	return Flink{OnCause: func(context.Context, api.Ref, string, string) string { return cause }}
}

// State answers with OnState.
func (f Flink) State(ctx context.Context, job api.Ref) (api.FlinkState, error) {
	if f.OnState == nil {
		return api.FlinkState{}, ErrNoAnswer
	}
	return f.OnState(ctx, job)
}

// Checkpoints answers with OnCheckpoints.
func (f Flink) Checkpoints(ctx context.Context, job api.Ref) (api.CheckpointFacts, error) {
	if f.OnCheckpoints == nil {
		return api.CheckpointFacts{}, ErrNoAnswer
	}
	return f.OnCheckpoints(ctx, job)
}

// Failures answers with OnFailures.
func (f Flink) Failures(ctx context.Context, job api.Ref, since time.Time) []string {
	if f.OnFailures == nil {
		return nil
	}
	return f.OnFailures(ctx, job, since)
}

// RunningJobs answers with OnRunningJobs.
func (f Flink) RunningJobs(ctx context.Context, cluster api.Ref) (map[string]string, error) {
	if f.OnRunningJobs == nil {
		return nil, ErrNoAnswer
	}
	return f.OnRunningJobs(ctx, cluster)
}

// SavepointCause answers with OnCause.
func (f Flink) SavepointCause(ctx context.Context, cluster api.Ref, jobID, triggerID string) string {
	if f.OnCause == nil {
		return ""
	}
	return f.OnCause(ctx, cluster, jobID, triggerID)
}

// Ask gives the cluster's client JobManagers to ask.
func (c *Cluster) Ask(flink Flink) { c.Client = c.Client.Asking(flink) }
