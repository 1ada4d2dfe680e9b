package printer

import (
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// Column is a column of a table. Wide ones are shown with -o wide only.
type Column struct {
	Name string
	Wide bool
	// Short is the heading where space is short; "" keeps Name.
	Short string
	// Give says that the column gives way where space is short: 1 first. 0
	// stays.
	Give int
}

// Cell is one cell: foreign text is fine, it is made safe when printed.
type Cell struct {
	Text  string
	Color term.Color
}

// C is a cell without color. An empty text is shown as kubectl does.
func C(text string) Cell { return Cell{Text: text} }

// Table is rows under upper-case headings.
type Table struct {
	Columns []Column
	Rows    [][]Cell
	Palette term.Palette
	// Width is the number of terminal columns that the table should fit into;
	// 0 prints all of it, as scripts want it. It doesn't hold for -o wide.
	Width int
	// Layout, where set, makes the lines of a watch stay below their headings:
	// the first printing fills it, later ones widen it.
	Layout *Layout
	// ShowSecrets prints cells with the secrets in them.
	ShowSecrets bool
}

// Layout is where the columns of a table are.
type Layout struct {
	shown  []int
	short  bool
	gap    int
	widths []int
}

// gap is the space between columns, as in kubectl; narrow that where space is
// short.
const (
	gap    = 3
	narrow = 2
)

// Print writes the table as a part of a page of text.
func (t *Table) Print(w io.Writer, wide, noHeaders bool) error { return t.print(w, wide, noHeaders) }

func (t *Table) print(w io.Writer, wide, noHeaders bool) error {
	layout := t.Layout
	if layout == nil {
		layout = &Layout{}
	}
	if layout.gap == 0 {
		t.arrange(layout, wide, noHeaders)
	}
	shown := layout.shown
	var lines [][]Cell
	if !noHeaders && len(shown) > 0 {
		header := make([]Cell, len(shown))
		for i, c := range shown {
			header[i] = C(t.heading(c, layout.short))
		}
		lines = append(lines, header)
	}
	for _, row := range t.Rows {
		line := make([]Cell, len(shown))
		for i, c := range shown {
			line[i] = t.cellOf(row, c)
		}
		lines = append(lines, line)
	}
	for _, line := range lines {
		for i, cell := range line {
			layout.widths[i] = max(layout.widths[i], term.DisplayWidth(cell.Text))
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
				text = term.Pad(text, layout.widths[i]+layout.gap)
			}
			out.WriteString(text)
		}
		if _, err := fmt.Fprintln(w, out.String()); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) cellOf(row []Cell, column int) Cell {
	var cell Cell
	if column < len(row) {
		cell = Cell{Text: term.SafeLine(term.Short(row[column].Text, term.MaxShown)), Color: row[column].Color}
		if !t.ShowSecrets {
			cell.Text = secret.Text(cell.Text)
		}
	}
	if cell.Text == "" {
		cell.Text = "<none>"
	}
	return cell
}

func (t *Table) heading(column int, short bool) string {
	if c := t.Columns[column]; !short || c.Short == "" {
		return c.Name
	}
	return t.Columns[column].Short
}

// arrange chooses the columns that are shown: all, or on a narrow terminal
// those that fit, first with shorter headings and gaps, then without the
// columns that give way.
func (t *Table) arrange(layout *Layout, wide, noHeaders bool) {
	layout.gap = gap
	for i, column := range t.Columns {
		if !column.Wide || wide {
			layout.shown = append(layout.shown, i)
		}
	}
	if t.Width > 0 && !wide && t.total(*layout, noHeaders) > t.Width {
		layout.short, layout.gap = true, narrow
		for t.total(*layout, noHeaders) > t.Width {
			next := -1
			for at, i := range layout.shown {
				if give := t.Columns[i].Give; give > 0 && (next < 0 || give < t.Columns[layout.shown[next]].Give) {
					next = at
				}
			}
			if next < 0 {
				break
			}
			layout.shown = append(layout.shown[:next:next], layout.shown[next+1:]...)
		}
	}
	layout.widths = make([]int, len(layout.shown))
}

// total is how many terminal columns the table takes.
func (t *Table) total(layout Layout, noHeaders bool) int {
	sum := layout.gap * max(len(layout.shown)-1, 0)
	for _, c := range layout.shown {
		width := 0
		if !noHeaders {
			width = term.DisplayWidth(t.heading(c, layout.short))
		}
		for _, row := range t.Rows {
			width = max(width, term.DisplayWidth(t.cellOf(row, c).Text))
		}
		sum += width
	}
	return sum
}
