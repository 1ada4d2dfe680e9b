package sqlshell

import (
	"fmt"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// shown is the format of results now; that of an exported file is its own.
func (r *runner) shown() string {
	if r.forced != "" {
		return r.forced
	}
	if r.expand == expandOn && r.out == r.options.Out {
		return Vertical
	}
	return r.format
}

func (r *runner) writer(schema Schema) rowWriter {
	width := 0
	if term.IsTerminal(r.out) {
		width = term.Width(r.out)
	}
	palette := r.palette
	if r.out != r.options.Out {
		palette = term.Palette{}
	}
	if r.whole {
		width = 0
	}
	out := r.out
	if r.pages != nil {
		out = r.pages
	}
	writer := newRowWriter(r.shown(), out, width, palette)
	switch inner := writer.(type) {
	case *separatedWriter:
		inner.safe = term.IsTerminal(r.out)
	case *tableWriter:
		table := inner
		table.lines = r.prompt && r.out == r.options.Out && !table.op
		table.keep(schema)
		if !schema.Query && len(schema.Columns) == 1 {
			return &answerWriter{tableWriter: table}
		}
		if r.expand == expandAuto && r.shown() == Table && term.IsTerminal(r.out) {
			return &fittingWriter{table: table, vertical: newRowWriter(Vertical, out, 0, palette), width: term.Width(r.out)}
		}
	}
	return writer
}

// answerWriter prints a text of several lines, such as EXPLAIN's, as it is,
// and other answers as a table.
type answerWriter struct{ *tableWriter }

func (w *answerWriter) row(row Row) error {
	if len(row.Fields) == 1 && !w.started {
		if text, ok := row.Fields[0].(string); ok && isLong(text) {
			w.started, w.box = true, false
			_, err := fmt.Fprintln(w.out, term.Safe(text))
			return err
		}
	}
	return w.tableWriter.row(row)
}
