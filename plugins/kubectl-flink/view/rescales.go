package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// Rescales is what `kubectl flink rescales` knows: the JobManager's answers, under
// its own names.
type Rescales struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Job        string `json:"job"`
	JobID      string `json:"jobID"`
	// Counts are those of all rescales; nil where they aren't known.
	Counts *rest.RescaleCounts `json:"counts,omitempty"`
	Items  []rest.Rescale      `json:"items"`
}

// NewestFirst sorts rescales.
func NewestFirst(history []rest.Rescale) {
	sorting.By(history, func(a, b rest.Rescale) int { return cmp.Compare(b.Started, a.Started) })
}

// NewRescales are a job's rescales, in the order of history.
func NewRescales(job, id string, history []rest.Rescale, counts *rest.RescaleCounts) Rescales {
	items := append([]rest.Rescale{}, history...)
	return Rescales{APIVersion: "kubectl-flink/v1", Kind: "RescaleList", Job: job, JobID: id, Counts: counts, Items: items}
}

// Result is the rescales in every format.
func (r Rescales) Result(palette term.Palette, now time.Time) printer.Result {
	table := &printer.Table{Palette: palette, Columns: []printer.Column{
		{Name: "AGE"}, {Name: "TOOK"}, {Name: "STATE"}, {Name: "CAUSE"}, {Name: "REASON"}, {Name: "PARALLELISM"}, {Name: "ID", Wide: true},
	}}
	for _, one := range r.Items {
		state, color := cmp.Or(one.State, rest.RescaleGoing), term.Color("")
		switch one.State {
		case rest.RescaleFailed:
			color = term.Red
		case "":
			color = term.Cyan
		}
		took := ""
		if one.Ended != nil && *one.Ended > 0 {
			took = Millis(int64(max(*one.Ended-one.Started, 0)))
		}
		table.Rows = append(table.Rows, []printer.Cell{
			printer.C(age(one.Started.Time(), now)), printer.C(took),
			{Text: state, Color: color},
			printer.C(one.Cause), printer.C(one.Reason), printer.C(parallelisms(one)), printer.C(one.ID),
		})
	}
	return printer.Result{Object: r, Table: table, Text: func(w io.Writer) error {
		if c := r.Counts; c != nil {
			line := fmt.Sprintf("%s: %d completed, %d failed, %d ignored, %d in progress", r.Job, c.Completed, c.Failed, c.Ignored, c.InProgress)
			if _, err := fmt.Fprintln(w, term.SafeLine(line)); err != nil {
				return err
			}
		}
		return table.Print(w, false, false)
	}}
}

// parallelisms are the changes of vertices, each once: "1→2, 4→8".
func parallelisms(r rest.Rescale) string {
	known := func(n *int) string {
		if n == nil {
			return "?"
		}
		return strconv.Itoa(*n)
	}
	var out []string
	for _, v := range r.Vertices {
		change := known(v.After)
		switch {
		case v.After == nil && v.Desired != nil:
			change = known(v.Before) + " (wanted " + known(v.Desired) + ")"
		case v.Before != nil && v.After != nil && *v.Before != *v.After:
			change = known(v.Before) + "→" + known(v.After)
		}
		if !slices.Contains(out, change) {
			out = append(out, change)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
