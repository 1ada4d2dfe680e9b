package view

import (
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// The formats of a graph beside those that every command has.
const (
	GraphTree    = "tree"
	GraphDot     = "dot"
	GraphMermaid = "mermaid"
	GraphSVG     = "svg"
)

// JobGraph is what `kubectl flink graph` shows.
type JobGraph struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   StatusMetadata `json:"metadata"`
	JobID      string         `json:"jobID,omitempty"`
	JobName    string         `json:"jobName,omitempty"`
	State      string         `json:"state,omitempty"`
	Vertices   []GraphVertex  `json:"vertices"`
	Edges      []GraphEdge    `json:"edges"`
	// PendingOperators are not in the graph yet: the adaptive batch scheduler
	// of Flink 2 plans them once it has seen how much data comes.
	PendingOperators int `json:"pendingOperators,omitempty"`
	// Unreachable says why numbers are missing, or the rest is what it last was.
	Unreachable string `json:"unreachable,omitempty"`
}

// GraphVertex is one vertex of a JobGraph.
type GraphVertex struct {
	TopVertex
	// Operators are those that are chained in the vertex.
	Operators []string `json:"operators,omitempty"`
	// RecordsRead and RecordsWritten are totals, as far as the tasks that ran
	// last have counted.
	RecordsRead    *int64 `json:"recordsRead,omitempty"`
	RecordsWritten *int64 `json:"recordsWritten,omitempty"`
}

// GraphEdge is what flows from one vertex to another.
type GraphEdge struct {
	From         string `json:"from"`
	To           string `json:"to"`
	ShipStrategy string `json:"shipStrategy"`
	Exchange     string `json:"exchange,omitempty"`
}

// NewJobGraph makes the model of what the JobManager said.
func NewJobGraph(ref api.Ref, id string, load rest.Load) JobGraph {
	graph := JobGraph{
		APIVersion: "kubectl-flink/v1", Kind: "JobGraph",
		Metadata: StatusMetadata{Type: ref.Kind.Singular, Name: ref.Name, Namespace: ref.Namespace},
		JobID:    id, JobName: load.Job.Name, State: load.Job.State,
		Vertices: []GraphVertex{}, Edges: []GraphEdge{}, PendingOperators: load.Job.PendingOperators,
	}
	descriptions := map[string]string{}
	for _, node := range load.Job.Plan.Nodes {
		descriptions[node.ID] = node.Description
	}
	known := map[string]bool{}
	for i, v := range NewJobLoad(ref, id, load).Vertices {
		vertex := GraphVertex{TopVertex: v, Operators: operators(descriptions[v.ID])}
		if counted := load.Vertices[i].Metrics; counted.ReadComplete && counted.WriteComplete {
			vertex.RecordsRead, vertex.RecordsWritten = &counted.Read, &counted.Written
		}
		graph.Vertices = append(graph.Vertices, vertex)
		known[v.ID] = true
	}
	for _, node := range load.Job.Plan.Nodes {
		for _, input := range node.Inputs {
			if known[node.ID] && known[input.ID] {
				graph.Edges = append(graph.Edges, GraphEdge{From: input.ID, To: node.ID, ShipStrategy: input.ShipStrategy, Exchange: input.Exchange})
			}
		}
	}
	return graph
}

// operators are the lines of a plan's description, which is HTML that shows a
// vertex's operators as a tree.
func operators(description string) []string {
	var out []string
	for line := range strings.SplitSeq(description, "<br/>") {
		if name := strings.TrimLeft(term.SafeLine(html.UnescapeString(line)), "+-: "); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// GraphPage prints JobGraphs.
type GraphPage struct {
	Palette term.Palette
	// Width is the number of columns that boxes and trees may take.
	Width int
}

// Result is the graph in every format.
func (p GraphPage) Result(g JobGraph) printer.Result {
	write := func(text func(JobGraph) string) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := io.WriteString(w, text(g))
			return err
		}
	}
	lines := func(lines []string) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Join(append(append([]string{p.Title(g)}, lines...), ""), "\n"))
			return err
		}
	}
	boxes, _ := p.Boxes(g)
	return printer.Result{
		Object: g, Text: lines(boxes),
		Forms: map[string]func(io.Writer) error{
			GraphTree: lines(p.Tree(g)), GraphDot: write(dot), GraphMermaid: write(mermaid), GraphSVG: write(drawSVG),
		},
	}
}

// Title is the line above the picture.
func (p GraphPage) Title(g JobGraph) string {
	text := p.Palette.Paint(term.Bold, term.SafeLine(g.Metadata.Type+"/"+g.Metadata.Name))
	state := g.State
	if state == "" {
		state = "no job"
	}
	text += "  " + p.Palette.Paint(stateColor(state), term.SafeLine(state))
	if g.PendingOperators > 0 {
		text += fmt.Sprintf("  (%d operators not planned yet)", g.PendingOperators)
	}
	if g.JobName != "" {
		text += "  " + term.SafeLine(g.JobName)
	}
	return term.Cut(text, p.Width)
}

// flow is an edge of the picture: all that flow from one vertex to another.
type flow struct {
	from, to int // vertices, by index
	label    string
}

// flows are the edges, with those between the same vertices as one.
func (g JobGraph) flows() []flow {
	index := map[string]int{}
	for i, v := range g.Vertices {
		index[v.ID] = i
	}
	type ends struct{ from, to int }
	at := map[ends]int{}
	times := map[ends]map[string]int{}
	var out []flow
	var order [][]string
	for _, e := range g.Edges {
		key := ends{index[e.From], index[e.To]}
		n, ok := at[key]
		if !ok {
			n = len(out)
			at[key], times[key] = n, map[string]int{}
			out, order = append(out, flow{from: key.from, to: key.to}), append(order, nil)
		}
		strategy := term.SafeLine(e.ShipStrategy)
		if times[key][strategy]++; times[key][strategy] == 1 {
			order[n] = append(order[n], strategy)
		}
	}
	for n := range out {
		counts := times[ends{out[n].from, out[n].to}]
		for i, strategy := range order[n] {
			if counts[strategy] > 1 {
				order[n][i] = strings.TrimSpace(fmt.Sprintf("%s ×%d", strategy, counts[strategy]))
			}
		}
		out[n].label = term.Cut(strings.Join(order[n], ", "), 40)
	}
	return out
}

// note is a piece of what is said of a vertex.
type note struct {
	text  string
	short string // where there is little room; "" keeps text
	color term.Color
}

// notes are what is said of a vertex, in groups that belong together.
func (v GraphVertex) notes(source, sink bool) [][]note {
	parallelism := fmt.Sprintf("×%d", v.Parallelism)
	if v.Parallelism <= 0 { // Flink decides when the data comes
		parallelism = "×?"
	}
	groups := [][]note{{{text: parallelism}, {text: term.SafeLine(v.Status), color: taskColor(v.Status)}}}
	var load []note
	if v.BusyMax != nil {
		busy := percent(v.BusyMax, "")
		load = append(load, note{text: "busy " + busy.Text, color: busy.Color})
	}
	if v.BackpressuredMax != nil {
		pressure := percent(v.BackpressuredMax, "")
		load = append(load, note{text: "backpressured " + pressure.Text, short: "backpr " + pressure.Text, color: pressure.Color})
	}
	if len(load) > 0 {
		groups = append(groups, load)
	}
	var records []note
	switch {
	case v.In != nil || v.Out != nil:
		if !source && v.In != nil {
			records = append(records, note{text: "in " + count(v.In, "-") + "/s"})
		}
		if !sink && v.Out != nil {
			records = append(records, note{text: "out " + count(v.Out, "-") + "/s"})
		}
		if v.Lag != nil {
			records = append(records, note{text: "lag " + count(v.Lag, "-")})
		}
	case v.RecordsRead != nil && v.RecordsWritten != nil:
		total := func(n int64) string { f := float64(n); return count(&f, "-") }
		if !source {
			records = append(records, note{text: "in " + total(*v.RecordsRead) + " records", short: "in " + total(*v.RecordsRead)})
		}
		if !sink {
			records = append(records, note{text: "out " + total(*v.RecordsWritten) + " records", short: "out " + total(*v.RecordsWritten)})
		}
	}
	if len(records) > 0 {
		groups = append(groups, records)
	}
	return groups
}

// taskColor is that of a vertex's state.
func taskColor(status string) term.Color {
	switch status {
	case api.TaskRunning, api.TaskFinished:
		return ""
	case api.TaskFailed:
		return term.Red
	}
	return term.Yellow
}

// worry is the color of a vertex: that of its worst number, or of its state.
func (v GraphVertex) worry() term.Color {
	color := taskColor(v.Status)
	for _, n := range []*float64{v.BusyMax, v.BackpressuredMax} {
		if c := percent(n, "").Color; c == term.Red || color == "" {
			color = c
		}
	}
	return color
}

// ends tells sources and sinks: nothing flows in, or out.
func ends(vertices int, flows []flow) (source, sink []bool) {
	source, sink = make([]bool, vertices), make([]bool, vertices)
	for i := range vertices {
		source[i], sink[i] = true, true
	}
	for _, f := range flows {
		source[f.to], sink[f.from] = false, false
	}
	return source, sink
}
