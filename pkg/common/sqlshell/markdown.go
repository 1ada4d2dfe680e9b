package sqlshell

import (
	"bufio"
	"strings"
	"unicode"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// markdownWriter prints a table as GitHub's Markdown has it, for tickets and
// chats. Its columns aren't padded, so that no row is held back. What
// Markdown or HTML would take for markup is escaped.
type markdownWriter struct {
	out     *bufio.Writer
	columns []Column
}

func (w *markdownWriter) begin(columns []Column) error {
	w.columns = columns
	var rule strings.Builder
	for _, column := range columns {
		_, _ = w.out.WriteString("| " + inMarkdown(column.Name) + " ")
		if column.Type.numeric() {
			rule.WriteString("| ---: ")
		} else {
			rule.WriteString("| --- ")
		}
	}
	_, err := w.out.WriteString("|\n" + rule.String() + "|\n")
	return err
}

func (w *markdownWriter) row(row Row) error {
	for i := range w.columns {
		text := ""
		if i < len(row.Fields) {
			text = inMarkdown(shown(row.Fields[i], w.columns[i].Type))
		}
		_, _ = w.out.WriteString("| " + text + " ")
	}
	_, err := w.out.WriteString("|\n")
	return err
}

func (w *markdownWriter) end() error   { return w.out.Flush() }
func (w *markdownWriter) flush() error { return w.out.Flush() }

// inMarkdown is a text as one cell of a table.
func inMarkdown(text string) string {
	text = markdownEscaper.Replace(term.Safe(text))
	if !strings.Contains(text, "_") {
		return text
	}
	// One within a word, as in user_id, means nothing in Markdown.
	runes := []rune(text)
	within := func(i int) bool {
		return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i]))
	}
	var out strings.Builder
	for i, r := range runes {
		if r == '_' && (!within(i-1) || !within(i+1)) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

var markdownEscaper = strings.NewReplacer("\r\n", "<br>", "\n", "<br>", "\r", "<br>", "\t", " ", `\`, `\\`, "|", `\|`,
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "*", `\*`, "`", "\\`", "[", `\[`, "]", `\]`, "~", `\~`)
