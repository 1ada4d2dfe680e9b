package printer

import (
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// Column is a column of a table. Wide ones are shown with -o wide only.
type Column struct {
	Name string
	Wide bool
}

// Cell is one cell: foreign text is fine, it is made safe when printed.
type Cell struct {
	Text  string
	Color term.Color
}

// C is a cell without colour. An empty text is shown as kubectl does.
func C(text string) Cell { return Cell{Text: text} }

// Table is rows under upper-case headings.
type Table struct {
	Columns []Column
	Rows    [][]Cell
	Palette term.Palette
	// Widths, where set, are the least widths of the shown columns; printing
	// raises them, so that the lines of a watch stay below their headings.
	Widths *[]int
}

// gap is the space between columns, as in kubectl.
const gap = 3

// Print writes the table as a part of a page of text.
func (t *Table) Print(w io.Writer, wide, noHeaders bool) error { return t.print(w, wide, noHeaders) }

func (t *Table) print(w io.Writer, wide, noHeaders bool) error {
	var shown []int
	for i, column := range t.Columns {
		if !column.Wide || wide {
			shown = append(shown, i)
		}
	}
	var lines [][]Cell
	if !noHeaders && len(shown) > 0 {
		header := make([]Cell, len(shown))
		for i, c := range shown {
			header[i] = C(t.Columns[c].Name)
		}
		lines = append(lines, header)
	}
	for _, row := range t.Rows {
		line := make([]Cell, len(shown))
		for i, c := range shown {
			if c < len(row) {
				line[i] = Cell{Text: term.SafeLine(row[c].Text), Color: row[c].Color}
			}
			if line[i].Text == "" {
				line[i].Text = "<none>"
			}
		}
		lines = append(lines, line)
	}
	widths := make([]int, len(shown))
	if t.Widths != nil {
		copy(widths, *t.Widths)
		*t.Widths = widths
	}
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], term.DisplayWidth(cell.Text))
		}
	}
	for _, line := range lines {
		var out strings.Builder
		for i, cell := range line {
			text := cell.Text
			if cell.Color != "" {
				text = t.Palette.Paint(cell.Color, text)
			}
			if i < len(line)-1 {
				text = term.Pad(text, widths[i]+gap)
			}
			out.WriteString(text)
		}
		if _, err := fmt.Fprintln(w, out.String()); err != nil {
			return err
		}
	}
	return nil
}
