package view

import (
	"maps"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// SnapshotList prints savepoints and checkpoints; Now is the time that ages
// are measured from.
type SnapshotList struct {
	Namespaces bool
	Palette    term.Palette
	Now        time.Time
}

// OnDelete says what becomes of a savepoint's data when the object is deleted:
// "deleted" or "kept"; "" where there is no object or no data, and for
// checkpoints, which the job deletes when they are old.
func OnDelete(s api.Saved) string {
	switch {
	case s.Snapshot.Object == nil, !s.Savepoint, !s.Snapshot.HasData():
		return ""
	case s.Snapshot.Disposes():
		return "deleted"
	}
	return "kept"
}

func kindOf(s api.Saved) string {
	if s.Savepoint {
		return "savepoint"
	}
	return "checkpoint"
}

// Result is the list in every format.
func (l SnapshotList) Result(saved []api.Saved) printer.Result {
	table := &printer.Table{Palette: l.Palette}
	if l.Namespaces {
		table.Columns = append(table.Columns, printer.Column{Name: "NAMESPACE"})
	}
	for _, name := range []string{"NAME", "JOB", "TYPE", "TRIGGER", "STATE", "AGE", "DURATION", "DATA ON DELETE", "PATH"} {
		table.Columns = append(table.Columns, printer.Column{Name: name})
	}
	for _, name := range []string{"FORMAT", "USED BY", "ERROR"} {
		table.Columns = append(table.Columns, printer.Column{Name: name, Wide: true})
	}
	result := printer.Result{Table: table, AsIs: true}
	objects := make([]any, len(saved))
	for i, s := range saved {
		objects[i] = SnapshotObject(s)
		if s.Name() != "" {
			result.Names = append(result.Names, api.StateSnap.Printed(s.Name()))
		}
		table.Rows = append(table.Rows, l.cells(s))
	}
	result.Object = printer.List(objects)
	return result
}

func (l SnapshotList) cells(s api.Saved) []printer.Cell {
	c := printer.C
	var cells []printer.Cell
	if l.Namespaces {
		cells = append(cells, c(s.Namespace))
	}
	duration, onDelete := "", OnDelete(s)
	if s.Duration > 0 {
		duration = Millis(s.Duration.Milliseconds())
	}
	data := printer.Cell{Text: or(onDelete, "-")}
	if onDelete == "deleted" {
		data.Color = term.Yellow
	}
	path := s.Path
	if api.NormalPath(path) == "" {
		path = ""
	}
	failure := ""
	if s.Snapshot.Object != nil {
		failure = s.Snapshot.Failure().Root()
	}
	return append(cells, c(or(s.Name(), "-")), c(jobName(s.Job)), c(kindOf(s)), c(lower(s.Trigger)), l.state(s), c(age(s.At(), l.Now)),
		c(duration), data, c(path), c(lower(s.Format)), c(usedBy(s)), c(term.SafeLine(term.Short(failure, maxText))))
}

func lower(word string) string { return strings.ToLower(word) }

func usedBy(s api.Saved) string { return strings.Join(s.UsedBy, ", ") }

// jobName is a job in a column; "-" where a snapshot refers to none.
func jobName(ref api.Ref) string {
	if ref.IsZero() {
		return "-"
	}
	return shortType(ref.Kind) + "/" + ref.Name
}

func (l SnapshotList) state(s api.Saved) printer.Cell {
	cell := printer.Cell{Text: or(s.State, "unseen")}
	switch s.State {
	case api.SnapshotCompleted:
		cell.Color = term.Green
	case api.SnapshotFailed, api.SnapshotAbandoned:
		cell.Color = term.Red
	default:
		cell.Color = term.Cyan
	}
	if s.Snapshot.Object != nil && !s.Snapshot.Object.GetDeletionTimestamp().IsZero() {
		cell.Text, cell.Color = cell.Text+", deleting", term.Yellow
	}
	return cell
}

// snapshotSummary is what -o json adds: what the table shows and the object
// doesn't say, or says in other words.
type snapshotSummary struct {
	Job            string     `json:"job,omitempty"`
	Type           string     `json:"type"`
	Trigger        string     `json:"trigger,omitempty"`
	State          string     `json:"state,omitempty"`
	Format         string     `json:"format,omitempty"`
	Path           string     `json:"path,omitempty"`
	Time           *time.Time `json:"time,omitempty"`
	DurationMillis int64      `json:"durationMillis,omitempty"`
	DataOnDelete   string     `json:"dataOnDelete,omitempty"`
	UsedBy         []string   `json:"usedBy,omitempty"`
	Error          string     `json:"error,omitempty"`
}

// SnapshotObject is a savepoint or checkpoint as JSON prints it. Where no
// FlinkStateSnapshot stands for it, it is an object of our own of the same
// shape.
func SnapshotObject(s api.Saved) map[string]any {
	summary := snapshotSummary{
		Job: s.Job.String(), Type: kindOf(s), Trigger: s.Trigger, State: s.State, Format: s.Format, Path: s.Path,
		Time: moment(s.At()), DurationMillis: s.Duration.Milliseconds(), DataOnDelete: OnDelete(s), UsedBy: s.UsedBy,
	}
	out := map[string]any{}
	if object := s.Snapshot.Object; object != nil {
		summary.Error = s.Snapshot.Failure().Root()
		maps.Copy(out, object.Object)
	} else {
		out["apiVersion"], out["kind"] = "kubectl-flink/v1", "Savepoint"
		if !s.Savepoint {
			out["kind"] = "Checkpoint"
		}
		out["metadata"] = map[string]any{"namespace": s.Namespace}
		out["spec"] = map[string]any{"jobReference": map[string]any{"kind": s.Job.Kind.Name, "name": s.Job.Name}}
		status := map[string]any{"state": s.State, "path": s.Path}
		if !s.Completed.IsZero() {
			status["resultTimestamp"] = s.Completed.UTC().Format(time.RFC3339Nano)
		}
		out["status"] = status
	}
	out["summary"] = plainJSON(summary)
	return out
}
