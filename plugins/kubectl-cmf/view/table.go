// Package view makes text of CMF's resources: tables and descriptions. It
// reads nothing and asks nobody.
package view

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Row is one resource of a table with its place.
type Row struct {
	Object cmf.Object
	Scope  cmf.Scope
}

// TableOptions change a table.
type TableOptions struct {
	// Environments adds the column that tells rows of several apart.
	Environments bool
	Now          time.Time
	Palette      term.Palette
}

// Table shows rows in the columns of their kind.
func Table(kind *cmf.Kind, rows []Row, o TableOptions) *printer.Table {
	t := &printer.Table{Palette: o.Palette}
	if o.Environments {
		t.Columns = append(t.Columns, printer.Column{Name: "ENVIRONMENT"})
	}
	for _, column := range kind.Columns {
		t.Columns = append(t.Columns, printer.Column{Name: column.Header, Wide: column.Wide})
	}
	for _, row := range rows {
		var cells []printer.Cell
		if o.Environments {
			cells = append(cells, printer.C(row.Scope.Environment))
		}
		for _, column := range kind.Columns {
			cells = append(cells, cell(kind, column, row.Object, o.Now))
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// maxCell bounds long text, such as SQL, in characters.
const maxCell = 60

func cell(kind *cmf.Kind, c cmf.Column, o cmf.Object, now time.Time) printer.Cell {
	text := o.Text(c.Path)
	switch c.Format {
	case "age":
		return printer.C(Age(text, now))
	case "cut":
		return printer.C(term.Cut(term.SafeLine(text), maxCell))
	case "bytes":
		return printer.C(size(text))
	case "state":
		return printer.Cell{Text: text, Color: color(kind, text)}
	case "list":
		return printer.C(strings.Join(texts(o, c.Path), ","))
	case "labels":
		return printer.C(labels(o.Strings(c.Path)))
	}
	return printer.C(text)
}

func texts(o cmf.Object, paths string) []string {
	var out []string
	for path := range strings.SplitSeq(paths, "|") {
		value, _ := o.At(path)
		list, _ := value.([]any)
		for _, item := range list {
			out = append(out, fmt.Sprint(item))
		}
		if len(out) > 0 {
			break
		}
	}
	return out
}

func labels(set map[string]string) string {
	var out []string
	for key, value := range set {
		out = append(out, key+"="+value)
	}
	sort.Strings(out)
	return strings.Join(out, ",")
}

// Age is how long ago text, an RFC 3339 time, was; "" where it is none.
func Age(text string, now time.Time) string {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return ""
	}
	return duration.HumanDuration(max(now.Sub(t), 0))
}

func size(text string) string {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if n < 1024 {
			return strings.TrimSuffix(strconv.FormatFloat(n, 'f', 1, 64), ".0") + " " + unit
		}
		n /= 1024
	}
	return fmt.Sprintf("%.1f TiB", n)
}

var (
	goodStates = []string{cmf.PhaseRunning, api.LifecycleStable, cmf.PhaseReady, cmf.PhaseCompleted, "CONNECTED", api.JobFinished, cmf.PhaseDedicated}
	badStates  = []string{cmf.PhaseFailed, cmf.PhaseFailing, api.JobManagerError, api.SnapshotAbandoned, api.JobManagerMissing, "DISCONNECTED", cmf.PhaseFileMissing, cmf.PhaseStoreUnreachable, api.LifecycleRolledBack}
	idleStates = []string{cmf.PhaseSuspended, cmf.PhaseStopped, "DECOMMISSIONED", api.JobCanceled}
)

func color(kind *cmf.Kind, state string) term.Color {
	switch {
	case state == "":
		return ""
	case slices.Contains(goodStates, state):
		return term.Green
	case slices.Contains(badStates, state):
		return term.Red
	case slices.Contains(idleStates, state):
		return term.Dim
	case len(kind.Phases) > 0:
		return term.Yellow
	}
	return ""
}
