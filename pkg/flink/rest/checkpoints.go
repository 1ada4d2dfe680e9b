package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// Checkpoints is GET /jobs/:id/checkpoints.
type Checkpoints struct {
	Counts  CheckpointCounts `json:"counts"`
	Summary struct {
		Size      Statistics `json:"checkpointed_size"`
		State     Statistics `json:"state_size"`
		Duration  Statistics `json:"end_to_end_duration"`
		Processed Statistics `json:"processed_data"`
		Persisted Statistics `json:"persisted_data"`
	} `json:"summary"`
	Latest struct {
		Completed *Checkpoint `json:"completed"`
		Savepoint *Checkpoint `json:"savepoint"`
		Failed    *Checkpoint `json:"failed"`
		Restored  *Restored   `json:"restored"`
	} `json:"latest"`
	// History is newest first; web.checkpoints.history (10) of them.
	History []Checkpoint `json:"history"`
}

// Restored is what a job was restored from last.
type Restored struct {
	ID          int64  `json:"id"`
	Time        Millis `json:"restore_timestamp"`
	IsSavepoint bool   `json:"is_savepoint"`
	Path        string `json:"external_path"`
}

// checkpointName is the last part of a checkpoint's path.
var checkpointName = regexp.MustCompile(`(^|/)chk-[0-9]+/*$`)

// Savepoint reports whether it was a savepoint: Flink calls one whatever a job
// was told to start from, a retained checkpoint too.
func (r Restored) Savepoint() bool { return r.IsSavepoint && !checkpointName.MatchString(r.Path) }

// CheckpointCounts counts since the JobManager started.
type CheckpointCounts struct {
	Restored   int64 `json:"restored"`
	Total      int64 `json:"total"`
	InProgress int64 `json:"in_progress"`
	Completed  int64 `json:"completed"`
	Failed     int64 `json:"failed"`
}

// Statistics are of bytes or milliseconds.
type Statistics struct {
	Min Number `json:"min"`
	Max Number `json:"max"`
	Avg Number `json:"avg"`
	P50 Number `json:"p50"`
	P99 Number `json:"p99"`
}

// Checkpoint is a checkpoint or savepoint. Sizes are in bytes.
type Checkpoint struct {
	ID           int64  `json:"id"`
	Status       string `json:"status"`
	IsSavepoint  bool   `json:"is_savepoint"`
	Format       string `json:"savepointFormat"`
	Triggered    Millis `json:"trigger_timestamp"`
	Acknowledged Millis `json:"latest_ack_timestamp"`
	Size         int64  `json:"checkpointed_size"`
	State        int64  `json:"state_size"`
	Duration     Millis `json:"end_to_end_duration"`
	Processed    int64  `json:"processed_data"`
	Persisted    int64  `json:"persisted_data"`
	Subtasks     int    `json:"num_subtasks"`
	Acked        int    `json:"num_acknowledged_subtasks"`
	Type         string `json:"checkpoint_type"`
	// Path and Discarded are of completed ones.
	Path      string `json:"external_path"`
	Discarded bool   `json:"discarded"`
	// FailedAt and Failure are of failed ones.
	FailedAt Millis `json:"failure_timestamp"`
	Failure  string `json:"failure_message"`
}

// CheckpointConfig is GET /jobs/:id/checkpoints/config. Interval is
// 9223372036854775807 where checkpoints are off.
type CheckpointConfig struct {
	Mode            string `json:"mode"`
	Interval        Millis `json:"interval"`
	Timeout         Millis `json:"timeout"`
	MinPause        Millis `json:"min_pause"`
	MaxConcurrent   int    `json:"max_concurrent"`
	Externalization struct {
		Enabled bool `json:"enabled"`
		Delete  bool `json:"delete_on_cancellation"`
	} `json:"externalization"`
	Backend    string `json:"state_backend"`
	Storage    string `json:"checkpoint_storage"`
	Unaligned  bool   `json:"unaligned_checkpoints"`
	Tolerable  int    `json:"tolerable_failed_checkpoints"`
	AlignedFor Millis `json:"aligned_checkpoint_timeout"`
	AfterEnd   bool   `json:"checkpoints_after_tasks_finish"`
	Changelog  bool   `json:"state_changelog_enabled"`
}

// Checkpoints asks for a job's checkpoints. Its error may be NotFound.
func (c *Client) Checkpoints(ctx context.Context, job string) (Checkpoints, error) {
	var out Checkpoints
	err := c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", job, "checkpoints"), nil, &out)
	return out, err
}

// CheckpointConfig asks how checkpoints are configured; NotFound where they
// aren't.
func (c *Client) CheckpointConfig(ctx context.Context, job string) (CheckpointConfig, error) {
	var out CheckpointConfig
	err := c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", job, "checkpoints", "config"), nil, &out)
	return out, err
}

// Number is a number that Flink writes as "NaN" where it has none; that is 0.
type Number float64

// UnmarshalJSON reads a number or a string.
func (n *Number) UnmarshalJSON(data []byte) error {
	var f float64
	if json.Unmarshal(data, &f) != nil {
		f = 0
	}
	*n = Number(f)
	return nil
}
