package rest

import (
	"context"
	"io"
	"net/http"
)

// The states of a run of the profiler that are final.
const (
	ProfilingFinished = "FINISHED"
	ProfilingFailed   = "FAILED"
)

// Profiling is one run of Flink's profiler in a JVM (Flink 1.19 and newer, where
// rest.profiling.enabled is on).
type Profiling struct {
	Status    string `json:"status"` // RUNNING, FINISHED or FAILED
	Mode      string `json:"mode"`
	Triggered Millis `json:"triggerTime"`
	Finished  Millis `json:"finishedTime"`
	Seconds   int64  `json:"duration"`
	// Message says what went wrong, File is the result's name; an HTML page.
	Message string `json:"message"`
	File    string `json:"outputFile"`
}

// StartProfiling starts the profiler in a TaskManager; "" is the JobManager. mode is
// CPU, ALLOC, LOCK, WALL or ITIMER. Its error is NotFound where Flink's profiler is
// off or not there; what the profiler itself refuses has the status FAILED.
func (c *Client) StartProfiling(ctx context.Context, taskManager, mode string, seconds int) (Profiling, error) {
	var out Profiling
	request := map[string]any{"mode": mode, "duration": seconds}
	err := c.call(ctx, http.MethodPost, processAt(taskManager, "profiler"), request, &out)
	return out, err
}

// Profilings are the runs that a JVM remembers.
func (c *Client) Profilings(ctx context.Context, taskManager string) ([]Profiling, error) {
	var out struct {
		List []Profiling `json:"profilingList"`
	}
	err := c.call(ctx, http.MethodGet, processAt(taskManager, "profiler"), nil, &out)
	return out.List, err
}

// ProfilingFile opens the result of a run; the caller closes it.
func (c *Client) ProfilingFile(ctx context.Context, taskManager, name string) (io.ReadCloser, error) {
	response, err := c.open(ctx, http.MethodGet, processAt(taskManager, "profiler", name))
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}
