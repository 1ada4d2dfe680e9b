package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// CheckpointDetail is one checkpoint, vertex by vertex.
type CheckpointDetail struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Job        string `json:"job"`
	JobID      string `json:"jobID"`
	rest.Checkpoint
	Vertices []VertexCheckpoint `json:"vertices"`
}

// VertexCheckpoint is a checkpoint in one vertex.
type VertexCheckpoint struct {
	VertexID string `json:"vertexID"`
	Name     string `json:"name"`
	rest.TaskCheckpoint
}

// slowest is the subtask that took longest; nil where none is done.
func (v VertexCheckpoint) slowest() *rest.SubtaskCheckpoint {
	var out *rest.SubtaskCheckpoint
	for i, s := range v.Each {
		if s.Done() && (out == nil || s.Duration > out.Duration) {
			out = &v.Each[i]
		}
	}
	return out
}

// longest is the longest of a duration among the subtasks that are done.
func (v VertexCheckpoint) longest(of func(rest.SubtaskCheckpoint) rest.Millis) rest.Millis {
	var out rest.Millis
	for _, s := range v.Each {
		if s.Done() {
			out = max(out, of(s))
		}
	}
	return out
}

// missing are the subtasks that haven't acknowledged it, counted from 1 as in
// the names of tasks.
func (v VertexCheckpoint) missing() []string {
	var out []string
	for _, s := range v.Each {
		if !s.Done() {
			out = append(out, fmt.Sprint(s.Index+1))
		}
	}
	return out
}

// CheckpointDetailPage prints one checkpoint for people.
type CheckpointDetailPage struct {
	Palette term.Palette
	// Width is the number of columns of the terminal; 0 where there is none, and
	// then nothing is cut or broken.
	Width int
	Now   time.Time
}

// Result is the checkpoint in every format.
func (p CheckpointDetailPage) Result(d CheckpointDetail) printer.Result {
	return printer.Result{Object: d, Table: p.subtasks(d), Text: func(w io.Writer) error {
		var out strings.Builder
		p.head(&out, d)
		if err := p.vertices(d).Print(&out, false, false); err != nil {
			return err
		}
		for _, v := range d.Vertices {
			if missing := v.missing(); len(missing) > 0 {
				text := fmt.Sprintf("%s: no acknowledgement of subtask %s", OperatorName(v.Name, 40), strings.Join(missing[:min(len(missing), 10)], ", "))
				if more := len(missing) - 10; more > 0 {
					text += fmt.Sprintf(" and %d more", more)
				}
				out.WriteString(term.SafeLine(text) + "\n")
			}
		}
		_, err := io.WriteString(w, out.String())
		return err
	}}
}

func (p CheckpointDetailPage) head(out *strings.Builder, d CheckpointDetail) {
	color := map[string]term.Color{api.CheckpointCompleted: term.Green, api.CheckpointFailed: term.Red, api.CheckpointInProgress: term.Cyan}[d.Status]
	fmt.Fprintf(out, "%s  checkpoint #%d  %s\n", p.Palette.Paint(term.Bold, term.SafeLine(d.Job)), d.ID, p.Palette.Paint(color, term.SafeLine(d.Status)))
	line := func(label, format string, args ...any) {
		for i, text := range wrapped(term.SafeLine(fmt.Sprintf(format, args...)), atLeast(room(p.Width, 12), 40)) {
			if i > 0 {
				label = ""
			}
			fmt.Fprintf(out, "%s%s\n", term.Pad(p.Palette.Paint(term.Dim, label), 12), text)
		}
	}
	kind := checkpointKind(d.Checkpoint)
	if d.Format != "" {
		kind += ", " + strings.ToLower(d.Format)
	}
	line("Type", "%s", kind)
	line("Triggered", "%s ago, took %s, %d of %d subtasks acknowledged", api.Ago(max(p.Now.Sub(d.Triggered.Time()), 0)), Millis(int64(d.Duration)), d.Acked, d.Subtasks)
	line("Size", "%s written, %s of state; records in flight: %s processed, %s kept", Bytes(d.Size), Bytes(d.State), Bytes(d.Processed), Bytes(d.Persisted))
	if d.Path != "" {
		gone := ""
		if d.Discarded {
			gone = " (deleted: newer ones took its place)"
		}
		line("Path", "%s%s", d.Path, gone)
	}
	if d.Failure != "" {
		line("Failed", "%s ago: %s", api.Ago(max(p.Now.Sub(d.FailedAt.Time()), 0)), api.RootCause(d.Failure))
	}
	out.WriteByte('\n')
}

// checkpointKind is checkpoint, unaligned checkpoint, savepoint ….
func checkpointKind(c rest.Checkpoint) string {
	kind := strings.ToLower(strings.ReplaceAll(c.Type, "_", " "))
	if kind == "" && c.IsSavepoint {
		kind = "savepoint"
	}
	return kind
}

func (p CheckpointDetailPage) vertices(d CheckpointDetail) *printer.Table {
	table := &printer.Table{Palette: p.Palette, Width: p.Width, Columns: []printer.Column{
		{Name: "VERTEX"}, {Name: "ACKED"}, {Name: "TOOK"}, {Name: "DELAY", Give: 3}, {Name: "ALIGN"}, {Name: "SYNC", Give: 1}, {Name: "ASYNC", Give: 2}, {Name: "SIZE"}, {Name: "SLOWEST"},
	}}
	name := 30
	if p.Width <= 0 {
		name = 0 // whole, for who reads a pipe
	}
	for _, v := range d.Vertices {
		slowest := "-"
		if s := v.slowest(); s != nil {
			slowest = fmt.Sprintf("%d: %s", s.Index+1, Millis(int64(s.Duration)))
		}
		longest := func(of func(rest.SubtaskCheckpoint) rest.Millis) printer.Cell {
			if v.slowest() == nil {
				return printer.C("-")
			}
			return printer.C(Millis(int64(v.longest(of))))
		}
		acked := printer.C(fmt.Sprintf("%d/%d", v.Acked, v.Subtasks))
		if v.Acked < v.Subtasks {
			acked.Color = term.Red
		}
		table.Rows = append(table.Rows, []printer.Cell{
			printer.C(OperatorName(v.Name, name)), acked, printer.C(Millis(int64(v.Duration))),
			longest(func(s rest.SubtaskCheckpoint) rest.Millis { return s.Delay }),
			longest(func(s rest.SubtaskCheckpoint) rest.Millis { return s.Alignment.Duration }),
			longest(func(s rest.SubtaskCheckpoint) rest.Millis { return s.Took.Sync }),
			longest(func(s rest.SubtaskCheckpoint) rest.Millis { return s.Took.Async }),
			printer.C(Bytes(v.Size)), printer.C(slowest),
		})
	}
	return table
}

// subtasks is every subtask, for -o wide.
func (p CheckpointDetailPage) subtasks(d CheckpointDetail) *printer.Table {
	table := &printer.Table{Palette: p.Palette, Columns: []printer.Column{
		{Name: "VERTEX"}, {Name: "SUBTASK"}, {Name: "STATUS"}, {Name: "TOOK"}, {Name: "DELAY"}, {Name: "ALIGN"}, {Name: "SYNC"}, {Name: "ASYNC"}, {Name: "SIZE"}, {Name: "STATE"}, {Name: "IN FLIGHT"}, {Name: "UNALIGNED"},
	}}
	for _, v := range d.Vertices {
		each := slices.Clone(v.Each)
		sorting.By(each, func(a, b rest.SubtaskCheckpoint) int { return int(b.Duration - a.Duration) })
		for _, s := range each {
			row := []printer.Cell{printer.C(v.Name), printer.C(fmt.Sprint(s.Index + 1)), {Text: s.Status}}
			if s.Done() {
				for _, took := range []rest.Millis{s.Duration, s.Delay, s.Alignment.Duration, s.Took.Sync, s.Took.Async} {
					row = append(row, printer.C(Millis(int64(took))))
				}
				row = append(row, printer.C(Bytes(s.Size)), printer.C(Bytes(s.State)), printer.C(Bytes(s.Alignment.Persisted)), printer.C(fmt.Sprint(s.Unaligned)))
			}
			table.Rows = append(table.Rows, row)
		}
	}
	return table
}

// Slowest says in a line what held a checkpoint up; "" where nothing is known
// of its subtasks.
func (d CheckpointDetail) Slowest() string {
	var vertex *VertexCheckpoint
	for i, v := range d.Vertices {
		if v.slowest() != nil && (vertex == nil || v.slowest().Duration > vertex.slowest().Duration) {
			vertex = &d.Vertices[i]
		}
	}
	if vertex == nil {
		return ""
	}
	s := vertex.slowest()
	return fmt.Sprintf("%s (%d/%d) took %s: start delay %s, alignment %s, sync %s, async %s", OperatorName(vertex.Name, 30), s.Index+1, vertex.Subtasks,
		Millis(int64(s.Duration)), Millis(int64(s.Delay)), Millis(int64(s.Alignment.Duration)), Millis(int64(s.Took.Sync)), Millis(int64(s.Took.Async)))
}
