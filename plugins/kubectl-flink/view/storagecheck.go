package view

import (
	"slices"
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
	Path string `json:"path"`
	Key  string `json:"key"`
	// Side is whose pod tried it: JobManager or TaskManager.
	Side  string      `json:"side"`
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
	// Images are what it was tried with, one for each side.
	Images []string
	// Same says that the TaskManagers' pods would be the same as the JobManager's, and
	// so only one was tried.
	Same bool
	// Untried says that one side couldn't be tried.
	Untried bool
}

// Failed is how many directories can't be used, by whomever.
func (p CheckPage) Failed() int {
	failed := map[string]bool{}
	for _, d := range p.Dirs {
		if !d.OK() {
			failed[d.Path] = true
		}
	}
	return len(failed)
}

// ByWhom says which side can't use directories, as the end of a sentence; "" where
// the sides are the same.
func (p CheckPage) ByWhom() string {
	var sides []string
	for _, d := range p.Dirs {
		if !d.OK() && !slices.Contains(sides, d.Side) {
			sides = append(sides, d.Side)
		}
	}
	if p.Same || len(sides) == 0 {
		return ""
	}
	return " by the " + strings.Join(sides, " and the ")
}

// Named is a directory with who tried it, where that makes a difference.
func (p CheckPage) Named(d TriedDir) string {
	if p.Same {
		return d.Path
	}
	return d.Path + " (" + d.Side + ")"
}

// SidesText says why only one side was tried; "" where both were to be.
func (p CheckPage) SidesText() string {
	if !p.Same {
		return ""
	}
	return "\nTried from the JobManager's side; the TaskManagers' pods have the same image, user, volumes,\nenvironment and service account.\n"
}

// Result is the page in every format.
func (p CheckPage) Result() printer.Result {
	table := &printer.Table{Columns: []printer.Column{{Name: "DIRECTORY"}}}
	if !p.Same {
		table.Columns = append(table.Columns, printer.Column{Name: "SIDE"})
	}
	for _, step := range probe.Steps {
		table.Columns = append(table.Columns, printer.Column{Name: strings.ToUpper(step)})
	}
	table.Columns = append(table.Columns, printer.Column{Name: "KEY"})
	for _, d := range p.Dirs {
		row := []printer.Cell{printer.C(d.Path)}
		if !p.Same {
			row = append(row, printer.C(d.Side))
		}
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
		Object: map[string]any{
			"kind": "StorageCheck", "job": p.Job.String(), "namespace": p.Job.Namespace, "image": p.Images[0], "ok": p.Failed() == 0 && !p.Untried,
			"sameSides": p.Same, "directories": dirs,
		},
		Table: table,
	}
}
