package rest

import (
	"context"
	"net/http"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// Accumulator is a value that a job's code adds to. Value is its text; where the
// code's own merging or printing failed, Flink writes the exception there.
type Accumulator struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

// SubtaskAccumulators are those of one subtask.
type SubtaskAccumulators struct {
	Subtask int `json:"subtask"`
	Attempt int `json:"attempt"`
	// Endpoint is host:port; Host is its name before Flink 1.19.
	Endpoint     string        `json:"endpoint"`
	Host         string        `json:"host"`
	Accumulators []Accumulator `json:"user-accumulators"`
}

// Accumulators asks for a job's accumulators, each over all tasks that have it.
func (c *Client) Accumulators(ctx context.Context, job string) ([]Accumulator, error) {
	var out struct {
		Accumulators []Accumulator `json:"user-task-accumulators"`
	}
	err := c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", job, "accumulators"), nil, &out)
	return out.Accumulators, err
}

// VertexAccumulators asks for a vertex's accumulators, subtask by subtask.
func (c *Client) VertexAccumulators(ctx context.Context, job, vertex string) ([]SubtaskAccumulators, error) {
	var out struct {
		Subtasks []SubtaskAccumulators `json:"subtasks"`
	}
	err := c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", job, "vertices", vertex, "subtasks", "accumulators"), nil, &out)
	return out.Subtasks, err
}
