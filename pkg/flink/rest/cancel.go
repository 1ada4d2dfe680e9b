package rest

import (
	"context"
	"net/http"
)

// CancelJob asks for the end of a job, without a savepoint. It doesn't wait.
func (c *Client) CancelJob(ctx context.Context, job string) error {
	return c.call(ctx, http.MethodPatch, idPath("jobs", job).asking("mode", "cancel"), nil, nil)
}
