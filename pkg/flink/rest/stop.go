package rest

import (
	"context"
	"net/http"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// StopRequest is the body of POST /jobs/:id/stop. Empty fields are left to
// Flink.
type StopRequest struct {
	TargetDirectory string `json:"targetDirectory,omitempty"`
	FormatType      string `json:"formatType,omitempty"` // CANONICAL or NATIVE
	// Drain sends the last watermark first, so that windows and timers fire.
	Drain bool `json:"drain"`
}

// StopJob stops a job with a savepoint and returns the trigger id, to be asked
// for with SavepointStatus.
func (c *Client) StopJob(ctx context.Context, job string, request StopRequest) (string, error) {
	var out struct {
		ID string `json:"request-id"`
	}
	err := c.call(ctx, http.MethodPost, httpapi.IDPath("jobs", job, "stop"), request, &out)
	return out.ID, err
}
