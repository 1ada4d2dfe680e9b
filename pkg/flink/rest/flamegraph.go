package rest

import (
	"context"
	"net/http"
	"strconv"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// FlameNode is a call in a flame graph: how many samples had it, and what it
// called.
type FlameNode struct {
	Name     string       `json:"name"` // CLASS.METHOD:LINE; "root" at the top
	Value    int64        `json:"value"`
	Children []*FlameNode `json:"children"`
}

// FlameGraph is GET /jobs/:id/vertices/:vertex/flamegraph.
type FlameGraph struct {
	// End is when the samples were complete, by the JobManager's clock.
	End Millis
	// Root is nil until there are samples, which the first question makes the
	// JobManager take.
	Root *FlameNode
	// Disabled says that rest.flamegraph.enabled is off, Ended that the vertex
	// doesn't run any more.
	Disabled, Ended bool
}

// What Flink writes for the end of samples that it doesn't have.
const (
	flameEnded    = -1
	flameDisabled = -2
)

// FlameGraph asks for the flame graph of a vertex; mode is FULL, ON_CPU or
// OFF_CPU, and subtask one of its subtasks or -1 for all (Flink 1.18 and newer).
func (c *Client) FlameGraph(ctx context.Context, job, vertex, mode string, subtask int) (FlameGraph, error) {
	var answer struct {
		End  *Millis    `json:"endTimestamp"`
		Data *FlameNode `json:"data"`
	}
	at := httpapi.IDPath("jobs", job, "vertices", vertex, "flamegraph").Asking("type", mode)
	if subtask >= 0 {
		at = at.And("subtaskindex", strconv.Itoa(subtask))
	}
	if err := c.call(ctx, http.MethodGet, at, nil, &answer); err != nil {
		return FlameGraph{}, err
	}
	out := FlameGraph{Root: answer.Data}
	switch {
	case answer.End == nil:
	case *answer.End == flameEnded:
		out.Ended = true
	case *answer.End == flameDisabled:
		out.Disabled = true
	default:
		out.End = max(*answer.End, 0)
	}
	return out, nil
}
