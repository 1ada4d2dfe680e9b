package view

import (
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/probe"
)

// TriedStep is how a step of a check went.
type TriedStep struct {
	Step string `json:"step"`
	OK   bool   `json:"ok"`
	// Why is what failed, Advice what to do about it.
	Why    string   `json:"why,omitempty"`
	Rule   string   `json:"rule,omitempty"`
	Advice []string `json:"advice,omitempty"`
}

// TriedDir is a directory that was tried.
type TriedDir struct {
	Path  string      `json:"path"`
	Key   string      `json:"key"`
	Steps []TriedStep `json:"steps"`
}

// OK reports whether all steps went well.
func (d TriedDir) OK() bool {
	for _, s := range d.Steps {
		if !s.OK {
			return false
		}
	}
	return len(d.Steps) == len(probe.Steps)
}

// CheckPage is what `kubectl flink storage check` shows.
type CheckPage struct {
	Job  api.Ref
	Dirs []TriedDir
	// Image is what it was tried with.
	Image string
}

// Failed is how many directories can't be used.
func (p CheckPage) Failed() int {
	n := 0
	for _, d := range p.Dirs {
		if !d.OK() {
			n++
		}
	}
	return n
}

// Result is the page in every format.
func (p CheckPage) Result() printer.Result {
	table := &printer.Table{Columns: []printer.Column{{Name: "DIRECTORY"}}}
	for _, step := range probe.Steps {
		table.Columns = append(table.Columns, printer.Column{Name: strings.ToUpper(step)})
	}
	table.Columns = append(table.Columns, printer.Column{Name: "KEY"})
	for _, d := range p.Dirs {
		row := []printer.Cell{printer.C(d.Path)}
		for _, step := range probe.Steps {
			word := "-"
			for _, s := range d.Steps {
				switch {
				case s.Step != step:
				case s.OK:
					word = "ok"
				default:
					word = "failed"
				}
			}
			row = append(row, printer.C(word))
		}
		table.Rows = append(table.Rows, append(row, printer.C(d.Key)))
	}
	dirs := p.Dirs
	if dirs == nil {
		dirs = []TriedDir{}
	}
	return printer.Result{
		Object: map[string]any{"kind": "StorageCheck", "job": p.Job.String(), "namespace": p.Job.Namespace, "image": p.Image, "ok": p.Failed() == 0, "directories": dirs},
		Table:  table,
	}
}
