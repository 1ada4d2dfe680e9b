package view

import (
	"fmt"
	"io"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// CheckpointLines prints what happens to a job's checkpoints, a line each.
type CheckpointLines struct {
	Palette term.Palette
	// JSON prints an object a line.
	JSON bool
	// Zone is where times are shown; nil is local time.
	Zone *time.Location

	layout printer.Layout
	headed bool
}

// checkpointLine is a line as JSON.
type checkpointLine struct {
	Type       string           `json:"type"`
	Job        string           `json:"jobID"`
	Checkpoint *rest.Checkpoint `json:"checkpoint,omitempty"`
	Restored   *rest.Restored   `json:"restored,omitempty"`
	Missed     int64            `json:"missed,omitempty"`
}

// Print writes one event of the job's run with Flink's id job.
func (l *CheckpointLines) Print(w io.Writer, job string, e rest.CheckpointEvent) error {
	if l.JSON {
		line := checkpointLine{Job: job, Checkpoint: e.Ended, Restored: e.Restored, Missed: e.Missed}
		switch {
		case e.Ended != nil:
			line.Type = "checkpoint"
		case e.Restored != nil:
			line.Type = "restored"
		case e.NewJob != "":
			line.Type = "newJob"
		default:
			line.Type = "missed"
		}
		encoder := printer.JSONEncoder(w)
		return encoder.Encode(line)
	}
	if e.Ended == nil {
		return l.remark(w, e)
	}
	table := &printer.Table{Palette: l.Palette, Layout: &l.layout, Columns: []printer.Column{
		{Name: "TIME    "}, {Name: "ID   "}, {Name: "STATUS   "}, {Name: "TYPE      "}, {Name: "TOOK "}, {Name: "SIZE    "}, {Name: "STATE   "}, {Name: "ACKED"}, {Name: "PATH OR CAUSE"},
	}}
	c := e.Ended
	color, what := term.Color(""), c.Path
	if c.Status == api.CheckpointFailed {
		color, what = term.Red, api.RootCause(c.Failure)
	} else if c.IsSavepoint {
		color = term.Green
	}
	table.Rows = [][]printer.Cell{{
		printer.C(l.clock(c.Triggered)), printer.C(fmt.Sprint(c.ID)),
		{Text: c.Status, Color: color},
		printer.C(checkpointKind(*c)),
		printer.C(Millis(int64(c.Duration))), printer.C(Bytes(c.Size)), printer.C(Bytes(c.State)), printer.C(fmt.Sprintf("%d/%d", c.Acked, c.Subtasks)), printer.C(what),
	}}
	err := table.Print(w, false, l.headed)
	l.headed = true
	return err
}

func (l *CheckpointLines) clock(at rest.Millis) string {
	zone := l.Zone
	if zone == nil {
		zone = time.Local
	}
	return at.Time().In(zone).Format("15:04:05")
}

func (l *CheckpointLines) remark(w io.Writer, e rest.CheckpointEvent) error {
	text := ""
	switch {
	case e.Restored != nil:
		what := "checkpoint"
		if e.Restored.Savepoint() {
			what = "savepoint"
		}
		text = fmt.Sprintf("%s   restored from %s %d: %s", l.clock(e.Restored.Time), what, e.Restored.ID, e.Restored.Path)
	case e.NewJob != "":
		text = "the job restarted, as " + e.NewJob
	default:
		text = fmt.Sprintf("%d more ended than the JobManager remembers (web.checkpoints.history)", e.Missed)
	}
	_, err := fmt.Fprintln(w, l.Palette.Paint(term.Cyan, term.SafeLine(text)))
	return err
}
