package rest

import (
	"context"
	"net/http"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// CheckpointStatus is GET /jobs/:id/checkpoints/:trigger. Completed alone does
// not mean success.
type CheckpointStatus struct {
	Completed bool
	// ID is the checkpoint's number; 0 where it failed.
	ID int64
	// FailureTrace says why it failed.
	FailureTrace string
}

// TriggerCheckpoint starts a checkpoint of a type (CONFIGURED, FULL or
// INCREMENTAL) and returns its trigger id, which the JobManager remembers for
// some minutes after the end. Flink 1.17 and newer.
func (c *Client) TriggerCheckpoint(ctx context.Context, job, checkpointType string) (string, error) {
	var out struct {
		ID string `json:"request-id"`
	}
	in := map[string]string{"checkpointType": checkpointType}
	err := c.call(ctx, http.MethodPost, httpapi.IDPath("jobs", job, "checkpoints"), in, &out)
	return out.ID, err
}

// CheckpointStatus asks how far a checkpoint is that was asked for. Its
// error is NotFound once the JobManager has forgotten the trigger.
func (c *Client) CheckpointStatus(ctx context.Context, job, trigger string) (CheckpointStatus, error) {
	var out struct {
		Status struct {
			ID string `json:"id"`
		} `json:"status"`
		Operation struct {
			ID    int64 `json:"checkpointId"`
			Cause struct {
				Trace string `json:"stack-trace"`
			} `json:"failureCause"`
		} `json:"operation"`
	}
	err := c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", job, "checkpoints", trigger), nil, &out)
	return CheckpointStatus{Completed: out.Status.ID == operationCompleted, ID: out.Operation.ID, FailureTrace: out.Operation.Cause.Trace}, err
}
