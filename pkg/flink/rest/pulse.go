package rest

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// Pulse is the little that a list shows of a job.
type Pulse struct {
	// Checkpoint is when the newest checkpoint was completed; 0 for none.
	Checkpoint Millis
	// Restarts since the JobManager started the job; -1 if unknown.
	Restarts int64
}

// Pulse asks for a job's last checkpoint and restarts. Its error may be
// NotFound.
func (c *Client) Pulse(ctx context.Context, job string) (Pulse, error) {
	checkpoints, err := c.Checkpoints(ctx, job)
	if err != nil {
		return Pulse{}, err
	}
	pulse := Pulse{Restarts: -1}
	if last := checkpoints.Latest.Completed; last != nil {
		pulse.Checkpoint = last.Acknowledged
	}
	// A JobManager that wasn't asked for a while has no metrics yet: the first
	// question makes it fetch them.
	for range 5 {
		metrics, err := c.JobMetrics(ctx, job, "numRestarts", "fullRestarts")
		if err != nil {
			return Pulse{}, err
		}
		for _, name := range []string{"numRestarts", "fullRestarts"} {
			if n, err := strconv.ParseInt(metrics[name], 10, 64); err == nil {
				pulse.Restarts = n
				return pulse, nil
			}
		}
		timer := time.NewTimer(200 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return pulse, nil
		case <-timer.C:
		}
	}
	return pulse, nil
}

// JobMetrics asks for metrics of a job by name; those that don't exist are left
// out.
func (c *Client) JobMetrics(ctx context.Context, job string, names ...string) (map[string]string, error) {
	var answer []struct {
		ID    string `json:"id"`
		Value string `json:"value"`
	}
	err := c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", job, "metrics").Asking("get", names...), nil, &answer)
	out := make(map[string]string, len(answer))
	for _, m := range answer {
		out[m.ID] = m.Value
	}
	return out, err
}
