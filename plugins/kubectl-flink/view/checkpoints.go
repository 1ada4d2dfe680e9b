package view

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// Checkpoints is what `kubectl flink checkpoints` knows: the JobManager's
// answers, under its own names.
type Checkpoints struct {
	Job   string `json:"job"`
	JobID string `json:"jobID"`
	rest.Checkpoints
	Config *rest.CheckpointConfig `json:"config,omitempty"`
	// Detail is the latest completed one, vertex by vertex.
	Detail *CheckpointDetail `json:"detail,omitempty"`
}

// CheckpointPage prints checkpoints for people.
type CheckpointPage struct {
	Palette term.Palette
	Now     time.Time
}

// Result is the checkpoints in every format.
func (p CheckpointPage) Result(c Checkpoints) printer.Result {
	return printer.Result{Object: c, Text: func(w io.Writer) error {
		var out strings.Builder
		p.head(&out, c)
		if err := p.table(c).Print(&out, false, false); err != nil {
			return err
		}
		for _, one := range c.History {
			if one.Failure != "" {
				fmt.Fprintf(&out, "#%d failed: %s\n", one.ID, term.SafeLine(api.RootCause(one.Failure)))
			}
		}
		_, err := io.WriteString(w, out.String())
		return err
	}, Table: p.table(c)}
}

func (p CheckpointPage) head(out *strings.Builder, c Checkpoints) {
	fmt.Fprintf(out, "%s  %s\n", p.Palette.Paint(term.Bold, term.SafeLine(c.Job)), term.SafeLine(c.JobID))
	line := func(label, format string, args ...any) {
		fmt.Fprintf(out, "%s%s\n", term.Pad(p.Palette.Paint(term.Dim, label), 12), term.SafeLine(fmt.Sprintf(format, args...)))
	}
	line("Counts", "%d completed, %d failed, %d in progress, %d restored", c.Counts.Completed, c.Counts.Failed, c.Counts.InProgress, c.Counts.Restored)
	if config := c.Config; config != nil {
		every := "off"
		if int64(config.Interval) < math.MaxInt64 {
			every = "every " + Millis(int64(config.Interval))
		}
		aligned := "aligned"
		if config.Unaligned {
			aligned = "unaligned"
		}
		line("Config", "%s, %s, %s, time-out %s, pause %s, at most %d at once", every, config.Mode, aligned, Millis(int64(config.Timeout)), Millis(int64(config.MinPause)), config.MaxConcurrent)
		line("Backend", "%s, %s", config.Backend, config.Storage)
	}
	if r := c.Latest.Restored; r != nil {
		what := "checkpoint"
		if r.Savepoint() {
			what = "savepoint"
		}
		line("Restored", "%s ago from %s #%d %s", api.Ago(max(p.Now.Sub(r.Time.Time()), 0)), what, r.ID, r.Path)
	}
	if last := c.Latest.Completed; last != nil {
		line("Latest", "#%d %s", last.ID, last.Path)
	}
	if c.Detail != nil {
		if slowest := c.Detail.Slowest(); slowest != "" {
			line("Slowest", "%s", slowest)
		}
	}
	var sizes, durations []float64
	for _, one := range slices.Backward(c.History) {
		if one.Status == api.CheckpointCompleted {
			sizes, durations = append(sizes, float64(one.State)), append(durations, float64(one.Duration))
		}
	}
	if d := c.Summary.Duration; d.Max > 0 && c.Counts.Completed > 1 {
		usual := func(s rest.Statistics) int64 { // Flink before 1.14 has no percentiles
			if s.P50 > 0 {
				return int64(s.P50)
			}
			return int64(s.Avg)
		}
		line("Usual", "%s (p99 %s, at most %s), %s of state (at most %s)", Millis(usual(d)), Millis(int64(max(d.P99, 0))), Millis(int64(d.Max)), Bytes(usual(c.Summary.State)), Bytes(int64(c.Summary.State.Max)))
	}
	if len(sizes) > 1 {
		line("Size", "%s  %s to %s", Bars(sizes), Bytes(int64(slices.Min(sizes))), Bytes(int64(slices.Max(sizes))))
		line("Duration", "%s  %s to %s", Bars(durations), Millis(int64(slices.Min(durations))), Millis(int64(slices.Max(durations))))
	}
	out.WriteByte('\n')
}

func (p CheckpointPage) table(c Checkpoints) *printer.Table {
	table := &printer.Table{Palette: p.Palette, Columns: []printer.Column{
		{Name: "ID"}, {Name: "STATUS"}, {Name: "TYPE"}, {Name: "AGE"}, {Name: "DURATION"}, {Name: "SIZE"}, {Name: "STATE"}, {Name: "ACKED"}, {Name: "IN FLIGHT", Wide: true}, {Name: "PATH", Wide: true},
	}}
	for _, one := range c.History {
		color := term.Color("")
		switch one.Status {
		case api.CheckpointFailed:
			color = term.Red
		case api.CheckpointInProgress:
			color = term.Cyan
		}
		table.Rows = append(table.Rows, []printer.Cell{
			printer.C(fmt.Sprint(one.ID)),
			{Text: one.Status, Color: color},
			printer.C(checkpointKind(one)), printer.C(age(one.Triggered.Time(), p.Now)),
			printer.C(Millis(int64(one.Duration))), printer.C(Bytes(one.Size)), printer.C(Bytes(one.State)),
			printer.C(fmt.Sprintf("%d/%d", one.Acked, one.Subtasks)), printer.C(Bytes(one.Persisted)), printer.C(one.Path),
		})
	}
	return table
}

// Bars draws values as a row of small bars, from 0 to the largest.
func Bars(values []float64) string {
	const levels = "▁▂▃▄▅▆▇█"
	steps := []rune(levels)
	most := slices.Max(values)
	var out strings.Builder
	for _, v := range values {
		i := 0
		if most > 0 {
			i = int(math.Round(v / most * float64(len(steps)-1)))
		}
		out.WriteRune(steps[max(0, min(i, len(steps)-1))])
	}
	return out.String()
}
