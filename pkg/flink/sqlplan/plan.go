package sqlplan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

const (
	// Largest bounds the text of a plan, in bytes.
	Largest = 8 << 20
	// mostNodes and mostEdges bound what is in one: the largest statement sets
	// that Flink plans within minutes have some hundred.
	mostNodes, mostEdges = 10_000, 50_000
)

// Plan is what COMPILE PLAN writes.
type Plan struct {
	// FlinkVersion is that of the planner, as in 2.3.
	FlinkVersion string
	// Nodes are ordered by their ids: what a node reads comes before it.
	Nodes []Node
}

// Node is one step of a plan. Flink makes one operator of it, or several.
type Node struct {
	ID int `json:"id"`
	// Type has the kind and its version, as in stream-exec-join_1.
	Type        string  `json:"type"`
	Description string  `json:"description"`
	OutputType  string  `json:"outputType"`
	State       []State `json:"state"`
	// Inputs are the ids of the nodes that it reads, in order.
	Inputs []int `json:"-"`
}

// State is one of the states that a node declares.
type State struct {
	Index int    `json:"index"`
	TTL   string `json:"ttl"`
	Name  string `json:"name"`
}

var typeForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,99}_[0-9]{1,6}$`)

// ErrBatch says that a plan is of a batch job, which keeps no state.
var ErrBatch = errors.New("it is the plan of a batch job, which keeps no state")

// Read reads a plan and refuses what Flink would never write.
func Read(data []byte) (Plan, error) {
	var text struct {
		FlinkVersion string `json:"flinkVersion"`
		Nodes        []Node `json:"nodes"`
		Edges        []struct {
			Source int `json:"source"`
			Target int `json:"target"`
		} `json:"edges"`
	}
	err := untrusted.ReadJSON(context.Background(), bytes.NewReader(data), Largest, func(data []byte) error { return json.Unmarshal(data, &text) })
	if err != nil {
		return Plan{}, fmt.Errorf("a compiled plan: %w", err)
	}
	switch {
	case len(text.Nodes) == 0:
		return Plan{}, errors.New("a compiled plan without nodes")
	case len(text.Nodes) > mostNodes || len(text.Edges) > mostEdges:
		return Plan{}, fmt.Errorf("a compiled plan of %d nodes and %d edges is more than the program takes", len(text.Nodes), len(text.Edges))
	case len(text.FlinkVersion) > 20:
		return Plan{}, errors.New("a compiled plan whose flinkVersion is no version")
	}
	out := Plan{FlinkVersion: text.FlinkVersion, Nodes: text.Nodes}
	sorting.By(out.Nodes, func(a, b Node) int { return a.ID - b.ID })
	at := map[int]int{}
	for i := range out.Nodes {
		n := &out.Nodes[i]
		if _, twice := at[n.ID]; twice || n.ID < 0 {
			return Plan{}, fmt.Errorf("a compiled plan with two nodes, or an impossible one, of id %d", n.ID)
		}
		if strings.HasPrefix(n.Type, "batch-exec-") {
			return Plan{}, ErrBatch
		}
		if !typeForm.MatchString(n.Type) {
			return Plan{}, fmt.Errorf("a compiled plan whose node %d has no type as in stream-exec-join_1", n.ID)
		}
		at[n.ID] = i
	}
	for _, edge := range text.Edges {
		_, from := at[edge.Source]
		to, there := at[edge.Target]
		if !from || !there {
			return Plan{}, fmt.Errorf("a compiled plan with an edge from %d to %d, and one of them isn't there", edge.Source, edge.Target)
		}
		out.Nodes[to].Inputs = append(out.Nodes[to].Inputs, edge.Source)
	}
	return out, out.order(at)
}

// order puts what a node reads before it. It refuses circles, which no plan has.
func (p *Plan) order(at map[int]int) error {
	ordered := make([]Node, 0, len(p.Nodes))
	open, readers := make([]int, len(p.Nodes)), make([][]int, len(p.Nodes))
	var ready []int
	for i, n := range p.Nodes {
		if open[i] = len(n.Inputs); open[i] == 0 {
			ready = append(ready, i)
		}
		for _, input := range n.Inputs {
			readers[at[input]] = append(readers[at[input]], i)
		}
	}
	for len(ready) > 0 {
		i := ready[0]
		ready = ready[1:]
		ordered = append(ordered, p.Nodes[i])
		for _, reader := range readers[i] {
			if open[reader]--; open[reader] == 0 {
				ready = append(ready, reader)
			}
		}
	}
	if len(ordered) < len(p.Nodes) {
		return errors.New("a compiled plan whose edges go in a circle")
	}
	p.Nodes = ordered
	return nil
}

// Kind is a node's type without its version: group-aggregate.
func (n Node) Kind() string {
	kind, _, _ := strings.Cut(n.Type, "_")
	return strings.TrimPrefix(kind, "stream-exec-")
}

// virtual are the kinds of which Flink makes no operator.
var virtual = []string{"exchange", "union"}

// stateless are the kinds that keep nothing from one row to the next, or nothing
// that a checkpoint has, unless they declare a state.
var stateless = []string{
	"exchange", "union", "values", "calc", "async-calc", "python-calc", "correlate", "async-correlate", "python-correlate", "expand",
	"drop-update-before", "watermark-assigner", "mini-batch-assigner", "local-group-aggregate", "local-window-aggregate", "python-local-aggregate",
	"window-table-function", "lookup-join", "ml-predict-table-function", "vector-search-table-function",
}

// Keeps reports whether a node keeps state. What it does of a kind that isn't
// known is taken for state.
func (n Node) Keeps() bool { return len(n.State) > 0 || !slices.Contains(stateless, n.Kind()) }

// sometimes are the kinds whose state depends on the connector.
var sometimes = []string{"sink", "legacy-sink"}

// Perhaps reports whether a node that keeps state may also have none.
func (n Node) Perhaps() bool { return len(n.State) == 0 && slices.Contains(sometimes, n.Kind()) }
