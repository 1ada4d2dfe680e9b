package rest

import (
	"context"
	"net/http"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// Subtask is one of a vertex, in GET /jobs/:id/vertices/:vertex.
type Subtask struct {
	Index   int           `json:"subtask"`
	Status  string        `json:"status"`
	Metrics VertexMetrics `json:"metrics"`
}

// VertexSubtasks asks for a vertex's subtasks.
func (c *Client) VertexSubtasks(ctx context.Context, job, vertex string) ([]Subtask, error) {
	var out struct {
		Subtasks []Subtask `json:"subtasks"`
	}
	err := c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", job, "vertices", vertex), nil, &out)
	return out.Subtasks, err
}
