package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// page collects lines.
type page struct {
	StatusPage
	out strings.Builder
}

// item is one "Label  text" line; nothing where the text is empty.
func (p *page) item(label, format string, args ...any) {
	text := strings.Trim(term.SafeLine(term.Short(fmt.Sprintf(format, args...), maxText)), " ,")
	if text == "" {
		return
	}
	if copied(text) {
		p.lines(label, text)
		return
	}
	if !p.Verbose {
		text = p.cut(text, 12)
	}
	fmt.Fprintf(&p.out, "%s%s\n", term.Pad(p.Palette.Paint(term.Dim, label), 12), text)
}

// cut shortens a text that begins at a column to the width of the terminal;
// where there is no terminal it stays whole.
func (p *page) cut(text string, column int) string {
	return cutTo(text, room(p.Width, column))
}

// copied reports whether somebody will want to copy a part of a text: paths are
// shown whole on every terminal.
func copied(text string) bool {
	for word := range strings.FieldsSeq(text) {
		if strings.Contains(word, ":/") || strings.HasPrefix(word, "/") && strings.Count(word, "/") > 1 {
			return true
		}
	}
	return false
}

// long is an item whose text matters to its end: it goes on in more lines.
func (p *page) long(label, text string) {
	p.lines(label, term.SafeLine(term.Short(text, maxText)))
}

// lines is a safe text after its label, in as many lines as it needs.
func (p *page) lines(label, text string) {
	for i, line := range wrapped(text, room(p.Width, 12)) {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(&p.out, "%s%s\n", term.Pad(p.Palette.Paint(term.Dim, label), 12), line)
	}
}

// room is the number of columns that are left after some; 0 where the output is
// no terminal, so that nothing is cut or broken.
func room(width, taken int) int {
	if width <= 0 {
		return 0
	}
	return max(width-taken, 1)
}

// atLeast widens a width that is too narrow to read in; 0 stays no limit.
func atLeast(width, least int) int {
	if width == 0 {
		return 0
	}
	return max(width, least)
}

// cutTo shortens text to width columns; 0 is no limit.
func cutTo(text string, width int) string {
	if width == 0 {
		return text
	}
	return term.Cut(text, width)
}

// wrapped breaks text between words into lines of at most width columns; a
// longer word gets a line of its own. With width 0 all is one line.
func wrapped(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && term.DisplayWidth(line)+1+term.DisplayWidth(word) > width && width > 0 {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

func (p *page) ago(t *time.Time) string {
	if t == nil {
		return ""
	}
	return api.Ago(max(p.Now.Sub(*t), 0)) + " ago"
}
