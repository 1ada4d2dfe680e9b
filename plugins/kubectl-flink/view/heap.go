package view

import (
	"fmt"
	"io"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/jvm"
)

// HeapText is jcmd's own text, as a format.
const HeapText = "text"

// HeapPage is what is in a JVM's heap.
type HeapPage struct {
	Job, Pod string
	// Java is the JVM's version, "" where it isn't known.
	Java      string
	Histogram jvm.Histogram
	// Text is what jcmd printed.
	Text string
	// Top bounds how many classes are shown; 0 shows all.
	Top     int
	Palette term.Palette
}

// Result is the page in every format.
func (p HeapPage) Result() printer.Result {
	shown := append([]jvm.Class{}, p.Histogram.Classes...)
	if p.Top > 0 {
		shown = shown[:min(len(shown), p.Top)]
	}
	table := &printer.Table{Palette: p.Palette, Columns: []printer.Column{{Name: "BYTES"}, {Name: "SHARE"}, {Name: "INSTANCES"}, {Name: "CLASS"}}}
	for _, c := range shown {
		share := fmt.Sprintf("%.1f%%", 100*float64(c.Bytes)/float64(max(p.Histogram.Bytes, 1)))
		table.Rows = append(table.Rows, []printer.Cell{printer.C(Bytes(c.Bytes)), printer.C(share), printer.C(fmt.Sprint(c.Instances)), printer.C(c.Name)})
	}
	object := map[string]any{
		"apiVersion": "kubectl-flink/v1", "kind": "ClassHistogram", "job": p.Job, "pod": p.Pod, "java": p.Java,
		"classes": len(p.Histogram.Classes), "instances": p.Histogram.Instances, "bytes": p.Histogram.Bytes, "items": shown,
	}
	return printer.Result{
		Object: object, Table: table,
		Text: func(w io.Writer) error {
			line := fmt.Sprintf("%s: %s in %d objects of %d classes are reachable", p.Pod, Bytes(p.Histogram.Bytes), p.Histogram.Instances, len(p.Histogram.Classes))
			if len(shown) < len(p.Histogram.Classes) {
				line += fmt.Sprintf("; the largest %d", len(shown))
			}
			if _, err := fmt.Fprintln(w, term.SafeLine(line)); err != nil {
				return err
			}
			return table.Print(w, false, false)
		},
		Forms: map[string]func(io.Writer) error{HeapText: func(w io.Writer) error {
			_, err := io.WriteString(w, term.Safe(p.Text))
			return err
		}},
	}
}
