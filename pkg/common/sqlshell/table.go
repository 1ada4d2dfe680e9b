package sqlshell

import (
	"bufio"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// tableWriter prints rows in columns. The first rows are held back a little so
// that the columns fit them; later ones widen a column where they must. It
// holds no more than firstRows rows.
type tableWriter struct {
	out *bufio.Writer
	// op adds a column with each row's change; box draws lines around cells;
	// lines draws one below the heading and between the columns.
	op, box, lines bool
	palette        term.Palette
	// limit is the number of columns of the terminal; 0 cuts nothing.
	limit int
	// hold is how many rows are held back; 0 is firstRows.
	hold int
	// whole is how many columns, from the first, are never cut: they name what
	// a line is about, and are typed into the next statement.
	whole   int
	columns []Column
	widths  []int
	numeric []bool
	first   [][]string
	nulls   [][]bool
	started bool
}

const firstRows = 200

func (w *tableWriter) begin(columns []Column) error {
	w.columns = columns
	if w.op {
		w.columns = append([]Column{{Name: changeName(columns)}}, columns...)
	}
	w.widths = make([]int, len(w.columns))
	w.numeric = make([]bool, len(w.columns))
	for i, column := range w.columns {
		w.widths[i] = term.DisplayWidth(term.SafeLine(column.Name))
		w.numeric[i] = column.Type.numeric()
	}
	return nil
}

func (w *tableWriter) row(row Row) error {
	cells, nulls := make([]string, 0, len(w.columns)), make([]bool, 0, len(w.columns))
	if w.op {
		cells, nulls = append(cells, row.Change.Symbol()), append(nulls, false)
	}
	offset := len(cells)
	for i, field := range row.Fields {
		if i+offset >= len(w.columns) {
			break
		}
		cells = append(cells, cell(field, w.columns[i+offset].Type))
		nulls = append(nulls, field == nil)
	}
	if w.started {
		return w.line(cells, nulls)
	}
	w.first, w.nulls = append(w.first, cells), append(w.nulls, nulls)
	if hold := w.hold; len(w.first) >= max(hold, 1) && (hold > 0 || len(w.first) >= firstRows) {
		return w.start()
	}
	return nil
}

// keep has the columns that name what an answer's lines are about printed whole.
func (w *tableWriter) keep(schema Schema) {
	if schema.Query {
		return
	}
	w.whole = 1
	if w.op {
		w.whole = 2
	}
}

// cell is a value on one line.
func cell(value any, t Type) string {
	return strings.ReplaceAll(term.Safe(strings.NewReplacer("\r\n", "↵", "\n", "↵", "\t", " ").Replace(shown(value, t))), "\n", " ")
}

// start prints the heading and the rows that were held back.
func (w *tableWriter) start() error {
	if w.started {
		return nil
	}
	w.started = true
	for _, cells := range w.first {
		for i, c := range cells {
			w.widths[i] = max(w.widths[i], term.DisplayWidth(c))
		}
	}
	w.widths = fit(w.widths, w.limit, w.edges(), w.whole)
	names := make([]string, len(w.columns))
	for i, column := range w.columns {
		names[i] = term.SafeLine(column.Name)
	}
	w.rule("┌", "┬", "┐")
	w.heading(names)
	w.rule("├", "┼", "┤")
	var err error
	for i, cells := range w.first {
		err = w.line(cells, w.nulls[i])
	}
	w.first, w.nulls = nil, nil
	return err
}

// between is the number of columns between two cells.
const between = 3

// edges is the number of columns before the first and behind the last cell.
func (w *tableWriter) edges() int {
	switch {
	case w.box:
		return 4
	case w.lines:
		return 2
	}
	return 0
}

// fit makes widths small enough for limit columns, of which edges are taken:
// the widest shrink first, and the first whole ones not at all.
func fit(widths []int, limit, edges, whole int) []int {
	if limit <= 0 || len(widths) <= whole {
		return widths
	}
	room := limit - between*(len(widths)-1) - edges
	for {
		total, widest := 0, whole
		for i, width := range widths {
			total += width
			if i >= whole && width > widths[widest] {
				widest = i
			}
		}
		if total <= room || widths[widest] <= leastWidth {
			return widths
		}
		// Not below the second widest at once: equals shrink together.
		second := leastWidth
		for i, width := range widths {
			if i >= whole && i != widest && width < widths[widest] {
				second = max(second, width)
			}
		}
		widths[widest] = max(second, widths[widest]-max((total-room)/len(widths), 1))
	}
}

// leastWidth is what a cut column keeps.
const leastWidth = 6

func (w *tableWriter) rule(left, middle, right string) {
	if !w.box && (!w.lines || left != "├") {
		return
	}
	parts := make([]string, len(w.widths))
	for i, width := range w.widths {
		parts[i] = strings.Repeat("─", width+2)
	}
	line := strings.Join(parts, middle)
	if w.box {
		line = left + line + right
	}
	_, _ = w.out.WriteString(w.palette.Paint(term.Dim, line) + "\n")
}

func (w *tableWriter) heading(names []string) {
	painted := term.Palette{}
	if w.palette.On {
		painted = w.palette
	}
	_ = w.cells(names, func(_ int, text string) string { return painted.Paint(term.Bold, text) })
}

func (w *tableWriter) line(cells []string, nulls []bool) error {
	return w.cells(cells, func(i int, text string) string {
		switch {
		case nulls[i]:
			return w.palette.Paint(term.Dim, text)
		case i == 0 && w.op:
			return w.palette.Paint(changeColor(cells[0]), text)
		}
		return text
	})
}

func changeColor(symbol string) term.Color {
	switch symbol {
	case "+I":
		return term.Green
	case "-D", "-U":
		return term.Red
	}
	return term.Yellow
}

func (w *tableWriter) cells(cells []string, paint func(i int, text string) string) error {
	var out strings.Builder
	separator := "   "
	if w.box || w.lines {
		separator = w.palette.Paint(term.Dim, "│")
		separator = " " + separator + " "
	}
	switch {
	case w.box:
		out.WriteString(w.palette.Paint(term.Dim, "│") + " ")
	case w.lines:
		out.WriteByte(' ')
	}
	for i, text := range cells {
		width := term.DisplayWidth(text)
		if w.limit > 0 && i >= w.whole && width > w.widths[i] {
			text = term.Cut(text, w.widths[i])
			width = term.DisplayWidth(text)
		}
		// A later, wider row widens its column for the rows below.
		w.widths[i] = max(w.widths[i], width)
		pad := strings.Repeat(" ", w.widths[i]-width)
		if i > 0 {
			out.WriteString(separator)
		}
		switch {
		case w.numeric[i]:
			out.WriteString(pad + paint(i, text))
		case i < len(cells)-1 || w.box:
			out.WriteString(paint(i, text) + pad)
		default:
			out.WriteString(paint(i, text))
		}
	}
	if w.box {
		out.WriteString(" " + w.palette.Paint(term.Dim, "│"))
	}
	out.WriteByte('\n')
	_, err := w.out.WriteString(out.String())
	return err
}

func (w *tableWriter) end() error {
	err := w.start()
	w.rule("└", "┴", "┘")
	if flushed := w.out.Flush(); err == nil {
		err = flushed
	}
	return err
}

func (w *tableWriter) flush() error {
	if !w.started && len(w.first) == 0 {
		return nil
	}
	if err := w.start(); err != nil {
		return err
	}
	return w.out.Flush()
}
