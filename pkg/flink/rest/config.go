package rest

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// JobManagerConfig is the configuration that the JobManager runs with, by key.
// Flink hides passwords in it itself.
func (c *Client) JobManagerConfig(ctx context.Context) (map[string]string, error) {
	var answer []struct{ Key, Value string }
	err := c.call(ctx, http.MethodGet, httpapi.Path("jobmanager", "config"), nil, &answer)
	out := make(map[string]string, len(answer))
	for _, one := range answer {
		out[one.Key] = one.Value
	}
	return out, err
}

// JobConfig is GET /jobs/:id/config: what a job's code set.
type JobConfig struct {
	Name      string `json:"name"`
	Execution struct {
		// Restarts describes the restart strategy in words.
		Restarts    string `json:"restart-strategy"`
		Parallelism int    `json:"job-parallelism"`
		ObjectReuse bool   `json:"object-reuse-mode"`
		// Parameters are the job's global parameters.
		Parameters map[string]string `json:"user-config"`
	} `json:"execution-config"`
}

// JobConfig asks how a job is configured.
func (c *Client) JobConfig(ctx context.Context, job string) (JobConfig, error) {
	var out JobConfig
	err := c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", job, "config"), nil, &out)
	return out, err
}

// Settings are the checkpoint configuration under the keys that Flink has for
// it (the names of Flink 1.20 and later). text spells a duration.
func (c CheckpointConfig) Settings(text func(time.Duration) string) map[string]string {
	out := map[string]string{}
	if int64(c.Interval) == math.MaxInt64 || c.Mode == "" {
		return out // the job takes no checkpoints
	}
	const at = "execution.checkpointing."
	duration := func(key string, value Millis) { out[at+key] = text(time.Duration(value) * time.Millisecond) }
	duration("interval", c.Interval)
	duration("timeout", c.Timeout)
	duration("min-pause", c.MinPause)
	duration("aligned-checkpoint-timeout", c.AlignedFor)
	out[at+"mode"] = strings.ToUpper(c.Mode)
	out[at+"max-concurrent-checkpoints"] = strconv.Itoa(c.MaxConcurrent)
	out[at+"tolerable-failed-checkpoints"] = strconv.Itoa(c.Tolerable)
	out[at+"unaligned.enabled"] = strconv.FormatBool(c.Unaligned)
	out[at+"checkpoints-after-tasks-finish"] = strconv.FormatBool(c.AfterEnd)
	switch {
	case !c.Externalization.Enabled:
		out[at+"externalized-checkpoint-retention"] = "NO_EXTERNALIZED_CHECKPOINTS"
	case c.Externalization.Delete:
		out[at+"externalized-checkpoint-retention"] = "DELETE_ON_CANCELLATION"
	default:
		out[at+"externalized-checkpoint-retention"] = "RETAIN_ON_CANCELLATION"
	}
	out["state.changelog.enabled"] = strconv.FormatBool(c.Changelog)
	for class, name := range map[string]string{"HashMapStateBackend": "hashmap", "EmbeddedRocksDBStateBackend": "rocksdb", "ForStStateBackend": "forst"} {
		if c.Backend == class {
			out["state.backend.type"] = name
		}
	}
	return out
}
