package rest

import (
	"context"
	"net/http"
	"strconv"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// CheckpointDetail is GET /jobs/:id/checkpoints/details/:checkpoint.
type CheckpointDetail struct {
	Checkpoint
	// Tasks are by vertex id. Sources that have finished are not among them.
	Tasks map[string]TaskCheckpoint `json:"tasks"`
}

// TaskCheckpoint is a checkpoint in one vertex. Sizes are in bytes.
type TaskCheckpoint struct {
	Status       string `json:"status"`
	Acknowledged Millis `json:"latest_ack_timestamp"`
	Size         int64  `json:"checkpointed_size"`
	State        int64  `json:"state_size"`
	Duration     Millis `json:"end_to_end_duration"`
	Processed    int64  `json:"processed_data"`
	Persisted    int64  `json:"persisted_data"`
	Subtasks     int    `json:"num_subtasks"`
	Acked        int    `json:"num_acknowledged_subtasks"`
	// Each is in TaskCheckpoint only.
	Each []SubtaskCheckpoint `json:"subtasks,omitempty"`
}

// SubtaskCheckpoint is a checkpoint in one subtask. A pending one has nothing
// but its index and status.
type SubtaskCheckpoint struct {
	Index int `json:"index"`
	// Status is completed or pending_or_failed.
	Status       string `json:"status"`
	Acknowledged Millis `json:"ack_timestamp"`
	Duration     Millis `json:"end_to_end_duration"`
	Size         int64  `json:"checkpointed_size"`
	State        int64  `json:"state_size"`
	Took         struct {
		Sync  Millis `json:"sync"`
		Async Millis `json:"async"`
	} `json:"checkpoint"`
	// Alignment is how long the first barrier waited for the last, and what
	// was done with records in between.
	Alignment struct {
		Processed int64  `json:"processed"`
		Persisted int64  `json:"persisted"`
		Duration  Millis `json:"duration"`
	} `json:"alignment"`
	// Delay is how long the first barrier took to get here.
	Delay     Millis `json:"start_delay"`
	Unaligned bool   `json:"unaligned_checkpoint"`
	Aborted   bool   `json:"aborted"`
}

// Done reports whether the subtask has acknowledged the checkpoint.
func (s SubtaskCheckpoint) Done() bool { return s.Status == "completed" }

// CheckpointDetail asks for one checkpoint; NotFound where the JobManager
// doesn't remember it.
func (c *Client) CheckpointDetail(ctx context.Context, job string, id int64) (CheckpointDetail, error) {
	var out CheckpointDetail
	err := c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", job, "checkpoints", "details", strconv.FormatInt(id, 10)), nil, &out)
	return out, err
}

// TaskCheckpoint asks for one checkpoint in one vertex, with its subtasks.
func (c *Client) TaskCheckpoint(ctx context.Context, job string, id int64, vertex string) (TaskCheckpoint, error) {
	var out TaskCheckpoint
	err := c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", job, "checkpoints", "details", strconv.FormatInt(id, 10), "subtasks", vertex), nil, &out)
	return out, err
}
