package view

import (
	"strconv"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// Accumulators are a job's accumulators; of one vertex, subtask by subtask, where
// Vertex is set.
type Accumulators struct {
	Job, JobID string
	Vertex     string
	Items      []Accumulator
	Palette    term.Palette
}

// Accumulator is one of them. Subtask is nil where it is over all tasks.
type Accumulator struct {
	rest.Accumulator
	Subtask  *int   `json:"subtask,omitempty"`
	Attempt  *int   `json:"attempt,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
}

// maxValue bounds how much of a value is kept, in bytes.
const maxValue = 64 << 10

// AddAll takes accumulators over all tasks.
func (a *Accumulators) AddAll(all []rest.Accumulator) {
	for _, one := range all {
		one.Value = term.Short(one.Value, maxValue)
		a.Items = append(a.Items, Accumulator{Accumulator: one})
	}
}

// AddSubtasks takes a vertex's accumulators.
func (a *Accumulators) AddSubtasks(subtasks []rest.SubtaskAccumulators) {
	for _, s := range subtasks {
		endpoint := s.Endpoint
		if endpoint == "" {
			endpoint = s.Host
		}
		for _, one := range s.Accumulators {
			one.Value = term.Short(one.Value, maxValue)
			a.Items = append(a.Items, Accumulator{Accumulator: one, Subtask: &s.Subtask, Attempt: &s.Attempt, Endpoint: endpoint})
		}
	}
}

// Result is the accumulators in every format.
func (a *Accumulators) Result() printer.Result {
	table := &printer.Table{Palette: a.Palette}
	if a.Vertex != "" {
		table.Columns = []printer.Column{{Name: "SUBTASK"}}
	}
	table.Columns = append(table.Columns, printer.Column{Name: "NAME"}, printer.Column{Name: "TYPE"}, printer.Column{Name: "VALUE"})
	items := append([]Accumulator{}, a.Items...)
	seen := map[string]bool{}
	var names []string
	for _, one := range items {
		var row []printer.Cell
		if a.Vertex != "" {
			subtask := ""
			if one.Subtask != nil {
				subtask = strconv.Itoa(*one.Subtask)
			}
			row = append(row, printer.C(subtask))
		}
		table.Rows = append(table.Rows, append(row, printer.C(one.Name), printer.C(one.Type), printer.C(one.Value)))
		if name := term.SafeLine(one.Name); !seen[name] {
			seen[name] = true
			names = append(names, "accumulator/"+name)
		}
	}
	object := map[string]any{"apiVersion": "kubectl-flink/v1", "kind": "AccumulatorList", "job": a.Job, "jobID": a.JobID, "items": items}
	if a.Vertex != "" {
		object["vertex"] = a.Vertex
	}
	return printer.Result{Object: object, Names: names, Table: table}
}
