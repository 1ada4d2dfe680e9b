package sqlshell

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// The formats of results.
const (
	Table     = "table"
	Changelog = "changelog"
	Tableau   = "tableau"
	Vertical  = "vertical"
	JSON      = "json"
	NDJSON    = "ndjson"
	CSV       = "csv"
	TSV       = "tsv"
	Markdown  = "markdown"
)

// Formats are the formats that results can be shown in.
func Formats() []string {
	return []string{Table, Vertical, JSON, NDJSON, CSV, TSV, Markdown, Changelog, Tableau}
}

// CheckFormat is a usage error where format is none of Formats.
func CheckFormat(format string) error {
	if format == "" || slices.Contains(Formats(), format) {
		return nil
	}
	return exit.Usagef("--output: unknown format %q; use one of: %s", format, strings.Join(Formats(), ", "))
}

// rowWriter prints a result row by row. end comes after the last row, also
// where the result was cut short.
type rowWriter interface {
	begin(columns []Column) error
	row(row Row) error
	end() error
	// flush makes what was written visible.
	flush() error
}

// showsChanges reports whether the format can show any change of a row. The
// others show what the changes lead to.
func showsChanges(format string) bool {
	return format == NDJSON || format == Changelog || format == Tableau
}

// newRowWriter prints without any decoration, for files and pipes. width cuts
// the columns of what people read; 0 cuts nothing.
func newRowWriter(format string, out io.Writer, width int, palette term.Palette) rowWriter {
	w := bufio.NewWriterSize(out, 32<<10)
	switch format {
	case JSON:
		return &jsonWriter{out: w, array: true}
	case NDJSON:
		return &jsonWriter{out: w}
	case CSV:
		return &separatedWriter{out: w, separator: ',', safe: term.IsTerminal(out)}
	case TSV:
		return &separatedWriter{out: w, separator: '\t', missing: `\N`, safe: term.IsTerminal(out)}
	case Markdown:
		return &markdownWriter{out: w}
	case Vertical:
		return &verticalWriter{out: w, palette: palette}
	case Changelog:
		return &tableWriter{out: w, op: true, palette: palette, limit: width}
	case Tableau:
		return &tableWriter{out: w, op: true, box: true, palette: palette, limit: width}
	}
	return &tableWriter{out: w, palette: palette, limit: width}
}

// jsonWriter prints an array of objects, or one object a line. A row that
// takes back or replaces another one has its change in the field "op", or
// "_op" where a column has that name.
type jsonWriter struct {
	out     *bufio.Writer
	array   bool
	columns []Column
	change  string
	rows    int
	buffer  []byte
}

func (w *jsonWriter) begin(columns []Column) error {
	w.columns = distinct(columns)
	w.change = changeName(w.columns)
	return nil
}

func (w *jsonWriter) row(row Row) error {
	w.buffer = w.buffer[:0]
	if w.array {
		w.buffer = append(w.buffer, "[\n  "...)
		if w.rows > 0 {
			w.buffer = append(w.buffer[:0], ",\n  "...)
		}
	}
	w.rows++
	w.buffer = append(w.buffer, '{')
	if row.Change != Insert {
		w.buffer = append(appendString(w.buffer, w.change), ':')
		w.buffer = appendString(w.buffer, row.Change.Symbol())
	}
	w.buffer = appendObject(w.buffer, w.columns, row.Fields)
	if !w.array {
		w.buffer = append(w.buffer, '\n')
	}
	_, err := w.out.Write(w.buffer)
	return err
}

func (w *jsonWriter) end() error {
	if w.array {
		if w.rows == 0 {
			_, _ = w.out.WriteString("[")
		}
		_, _ = w.out.WriteString("\n]\n")
	}
	return w.out.Flush()
}

func (w *jsonWriter) flush() error { return w.out.Flush() }

// separatedWriter prints CSV (RFC 4180) or TSV (with backslash escapes, as
// psql and MySQL write it). In CSV a missing value is empty and an empty string
// is "".
type separatedWriter struct {
	out       *bufio.Writer
	separator byte
	missing   string
	// safe makes foreign text safe for a terminal.
	safe    bool
	columns []Column
	buffer  []byte
}

func (w *separatedWriter) begin(columns []Column) error {
	w.columns = columns
	names := make([]any, len(columns))
	for i, column := range columns {
		names[i] = column.Name
	}
	return w.line(names)
}

func (w *separatedWriter) row(row Row) error { return w.line(row.Fields) }

func (w *separatedWriter) line(fields []any) error {
	w.buffer = w.buffer[:0]
	for i, field := range fields {
		if i > 0 {
			w.buffer = append(w.buffer, w.separator)
		}
		if field == nil {
			w.buffer = append(w.buffer, w.missing...)
			continue
		}
		var t Type
		if i < len(w.columns) {
			t = w.columns[i].Type
		}
		value := textOf(field, t)
		if w.safe {
			value = term.Safe(value)
		}
		if w.separator == '\t' {
			value = tabEscaper.Replace(value)
		} else if value == "" || strings.ContainsAny(value, ",\"\r\n") {
			value = `"` + strings.ReplaceAll(value, `"`, `""`) + `"`
		}
		w.buffer = append(w.buffer, value...)
	}
	w.buffer = append(w.buffer, '\n')
	_, err := w.out.Write(w.buffer)
	return err
}

func (w *separatedWriter) end() error   { return w.out.Flush() }
func (w *separatedWriter) flush() error { return w.out.Flush() }

var tabEscaper = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

// verticalWriter prints a line for each field, whole.
type verticalWriter struct {
	out     *bufio.Writer
	palette term.Palette
	columns []Column
	width   int
	rows    int
}

func (w *verticalWriter) begin(columns []Column) error {
	w.columns = columns
	for _, column := range columns {
		w.width = max(w.width, term.DisplayWidth(term.SafeLine(column.Name)))
	}
	return nil
}

func (w *verticalWriter) row(row Row) error {
	w.rows++
	op := ""
	if row.Change != Insert {
		op = " " + row.Change.Symbol()
	}
	_, err := fmt.Fprintln(w.out, w.palette.Paint(term.Dim, fmt.Sprintf("-[ row %d%s ]-", w.rows, op)))
	for i, field := range row.Fields {
		name, t := "", Type{}
		if i < len(w.columns) {
			name, t = term.SafeLine(w.columns[i].Name), w.columns[i].Type
		}
		// A line break in a value continues below the value.
		value := strings.ReplaceAll(term.Safe(shown(field, t)), "\n", "\n"+strings.Repeat(" ", w.width)+" | ")
		if field == nil {
			value = w.palette.Paint(term.Dim, value)
		}
		_, err = fmt.Fprintf(w.out, "%s | %s\n", w.palette.Paint(term.Bold, term.Pad(name, w.width)), value)
	}
	return err
}

func (w *verticalWriter) end() error   { return w.out.Flush() }
func (w *verticalWriter) flush() error { return w.out.Flush() }
