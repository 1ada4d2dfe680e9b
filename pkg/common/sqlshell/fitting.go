package sqlshell

import (
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// expansion is whether results have a line for each field.
type expansion string

// The settings of \x: auto expands what doesn't fit the terminal.
const (
	expandOff  expansion = ""
	expandOn   expansion = "on"
	expandAuto expansion = "auto"
)

// expandBy is \x.
func (s *shell) expandBy(argument string) error {
	switch strings.ToLower(argument) {
	case "":
		if s.expand == expandOff {
			s.expand = expandOn
		} else {
			s.expand = expandOff
		}
	case "on":
		s.expand = expandOn
	case "off":
		s.expand = expandOff
	case "auto":
		s.expand = expandAuto
	default:
		return fmt.Errorf("expanded display is on, off or auto, not %q", argument)
	}
	switch s.expand {
	case expandOff:
		s.note("Expanded display is off")
	case expandOn:
		s.note("Expanded display is on")
	case expandAuto:
		s.note("Expanded display is auto: a line for each field of rows that are wider than the terminal")
	}
	return nil
}

// fittingWriter prints a table where its first rows fit the terminal, and a line
// for each field where they don't. It holds back as many rows as a table does.
type fittingWriter struct {
	table, vertical rowWriter
	chosen          rowWriter
	columns         []Column
	// width is the terminal's; widths are those of the columns.
	width  int
	widths []int
	rows   []Row
}

func (w *fittingWriter) begin(columns []Column) error {
	w.columns = columns
	w.widths = make([]int, len(columns))
	for i, column := range columns {
		w.widths[i] = term.DisplayWidth(term.SafeLine(column.Name))
	}
	return nil
}

func (w *fittingWriter) row(row Row) error {
	if w.chosen != nil {
		return w.chosen.row(row)
	}
	for i, field := range row.Fields {
		if i < len(w.columns) {
			w.widths[i] = max(w.widths[i], term.DisplayWidth(cell(field, w.columns[i].Type)))
		}
	}
	if w.rows = append(w.rows, row); len(w.rows) >= firstRows {
		return w.choose()
	}
	return nil
}

func (w *fittingWriter) choose() error {
	if w.chosen != nil {
		return nil
	}
	total := between*(len(w.widths)-1) + 2 // as a table with lines has it
	for _, width := range w.widths {
		total += width
	}
	if w.chosen = w.table; total > w.width && len(w.rows) > 0 {
		w.chosen = w.vertical
	}
	err := w.chosen.begin(w.columns)
	for _, row := range w.rows {
		if err == nil {
			err = w.chosen.row(row)
		}
	}
	w.rows = nil
	return err
}

func (w *fittingWriter) end() error {
	if err := w.choose(); err != nil {
		return err
	}
	return w.chosen.end()
}

func (w *fittingWriter) flush() error {
	if w.chosen == nil && len(w.rows) == 0 {
		return nil
	}
	if err := w.choose(); err != nil {
		return err
	}
	return w.chosen.flush()
}
