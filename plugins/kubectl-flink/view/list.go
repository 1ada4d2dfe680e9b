package view

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
)

// Row is one line of `kubectl flink list`.
type Row struct {
	api.Summary
	health.Verdict
	// Object is nil where nobody asked for whole objects.
	Object *unstructured.Unstructured
	// Savepoint is when the newest savepoint was completed, wherever it is
	// recorded; zero for none.
	Savepoint time.Time
	// Live is what the JobManager says; nil where nobody asked it.
	Live *Live
}

// Live is what only the JobManager knows.
type Live struct {
	// Checkpoint is when the newest checkpoint was completed; zero for none.
	Checkpoint time.Time
	// Restarts is -1 where unknown.
	Restarts int64
	// Problem says why the rest is unknown.
	Problem string
}

// List prints rows; now is the time that ages are measured from.
type List struct {
	Namespaces bool
	Live       bool
	Palette    term.Palette
	Layout     *printer.Layout
	// Width is the terminal's; 0 prints all columns.
	Width int
	Now   time.Time
}

// Color is the color of a health word.
func Color(word health.Word) term.Color {
	switch {
	case word == health.Healthy || word == health.Finished || word == health.Completed:
		return term.Green
	case word.OK():
		return term.Dim
	case word.Moving():
		return term.Cyan
	case word == health.Degraded || word == health.RolledBack || word == health.Canceled:
		return term.Yellow
	}
	return term.Red
}

// shortType is how a kind is called where space is short; every verb takes it.
func shortType(kind api.Kind) string {
	short, _, _ := strings.Cut(kind.Aliases, " ")
	return short
}

// Result is the rows in every format.
func (l List) Result(rows []Row) printer.Result {
	table := &printer.Table{Palette: l.Palette, Width: l.Width, Layout: l.Layout}
	if l.Namespaces {
		table.Columns = append(table.Columns, printer.Column{Name: "NAMESPACE"})
	}
	table.Columns = append(table.Columns, printer.Column{Name: "TYPE/NAME"}, printer.Column{Name: "JOB"},
		printer.Column{Name: "LIFECYCLE", Give: 4}, printer.Column{Name: "HEALTH"}, printer.Column{Name: "VERSION", Give: 2},
		printer.Column{Name: "PARALLELISM", Short: "PAR", Give: 3}, printer.Column{Name: "MODE", Give: 1},
		printer.Column{Name: "LAST SAVEPOINT", Short: "SAVEPOINT", Give: 5})
	if l.Live {
		table.Columns = append(table.Columns, printer.Column{Name: "LAST CHECKPOINT", Short: "CHECKPOINT"}, printer.Column{Name: "RESTARTS"})
	}
	table.Columns = append(table.Columns, printer.Column{Name: "AGE"})
	for _, name := range []string{"JM", "IMAGE", "JOB ID", "ERROR"} {
		table.Columns = append(table.Columns, printer.Column{Name: name, Wide: true})
	}
	result := printer.Result{Table: table, AsIs: true}
	objects := make([]any, len(rows))
	for i, row := range rows {
		objects[i] = l.object(row)
		result.Names = append(result.Names, row.Ref().Printed())
		table.Rows = append(table.Rows, l.cells(row))
	}
	result.Object = printer.List(objects)
	return result
}

// Object is one row as JSON prints it.
func (l List) Object(row Row) any { return l.object(row) }

func (l List) cells(r Row) []printer.Cell {
	c := printer.C
	var cells []printer.Cell
	if l.Namespaces {
		cells = append(cells, c(r.Namespace))
	}
	state, lifecycle := r.State, r.Lifecycle
	switch {
	case r.Session:
		state = "-"
	case r.Kind.Name == api.BlueGreen.Name && lifecycle == "":
		lifecycle = r.BlueGreen
	case r.Kind.Name == api.StateSnap.Name:
		// The state is the snapshot's own; its job is another object.
		state, lifecycle = jobName(r.Of), state
	}
	parallelism := ""
	if r.Parallelism > 0 {
		parallelism = strconv.FormatInt(r.Parallelism, 10)
	}
	cells = append(cells,
		c(shortType(r.Kind)+"/"+r.Name), printer.Cell{Text: state, Color: stateColor(state)}, c(lifecycle),
		printer.Cell{Text: string(r.Word), Color: Color(r.Word)},
		c(r.Version), c(parallelism), c(r.UpgradeMode), c(age(r.Savepoint, l.Now)))
	if l.Live {
		checkpoint, restarts := "?", "?"
		switch {
		case r.Live == nil:
			checkpoint, restarts = "-", "-"
		case r.Live.Problem == "":
			checkpoint = age(r.Live.Checkpoint, l.Now)
			if r.Live.Restarts >= 0 {
				restarts = strconv.FormatInt(r.Live.Restarts, 10)
			}
		}
		cells = append(cells, c(checkpoint), c(restarts))
	}
	failure := r.Error.Root()
	if failure == "" && !r.Word.OK() {
		failure = r.Why
	}
	return append(cells, c(age(r.Created, l.Now)), c(r.JobManager), c(r.Image), c(r.JobID), c(term.SafeLine(term.Short(failure, maxText))))
}

func stateColor(state string) term.Color {
	switch state {
	case api.JobFailed, api.JobFailing, api.SnapshotAbandoned:
		return term.Red
	case api.JobRestarting, api.JobCanceled, api.JobCancelling:
		return term.Yellow
	}
	return ""
}

// age is as kubectl writes it.
func age(at, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	return duration.HumanDuration(max(now.Sub(at), 0))
}

// rowSummary is what -o json adds to an object: all that the table shows of it
// and that isn't in the object itself.
type rowSummary struct {
	Health         health.Word `json:"health"`
	Why            string      `json:"why,omitempty"`
	State          string      `json:"state,omitempty"`
	Job            string      `json:"job,omitempty"`
	Lifecycle      string      `json:"lifecycle,omitempty"`
	Version        string      `json:"version,omitempty"`
	Parallelism    int64       `json:"parallelism,omitempty"`
	UpgradeMode    string      `json:"upgradeMode,omitempty"`
	LastSavepoint  *time.Time  `json:"lastSavepoint,omitempty"`
	LastCheckpoint *time.Time  `json:"lastCheckpoint,omitempty"`
	Restarts       *int64      `json:"restarts,omitempty"`
	Unreachable    string      `json:"unreachable,omitempty"`
}

func (l List) object(r Row) any {
	if r.Object == nil {
		return nil
	}
	s := rowSummary{
		Health: r.Word, Why: r.Why, State: r.State, Job: r.Of.String(), Lifecycle: r.Lifecycle, Version: r.Version,
		Parallelism: r.Parallelism, UpgradeMode: r.UpgradeMode, LastSavepoint: moment(r.Savepoint),
	}
	if r.Live != nil {
		s.Unreachable = r.Live.Problem
		if s.Unreachable == "" {
			s.LastCheckpoint = moment(r.Live.Checkpoint)
			if r.Live.Restarts >= 0 {
				s.Restarts = &r.Live.Restarts
			}
		}
	}
	out := make(map[string]any, len(r.Object.Object)+1)
	maps.Copy(out, r.Object.Object)
	out["summary"] = plainJSON(s)
	return out
}

// plainJSON is v as maps and lists, which the template printers walk through.
func plainJSON(v any) any {
	data, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var out any
	_ = json.Unmarshal(data, &out)
	return out
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
