package rest

import (
	"context"
	"net/http"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// CancelJob asks for the end of a job, without a savepoint. It doesn't wait.
func (c *Client) CancelJob(ctx context.Context, job string) error {
	return c.call(ctx, http.MethodPatch, httpapi.IDPath("jobs", job).Asking("mode", "cancel"), nil, nil)
}
