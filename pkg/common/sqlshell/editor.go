package sqlshell

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/reeflective/readline"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// editor is the line editor with what it needs to know of SQL.
type editor struct {
	ctx     context.Context //nolint:containedctx // the editor takes none
	line    *readline.Shell
	history *history
	out     io.Writer
	// keep notes how the terminal is set, and returns what sets it so again.
	keep func() (restore func())
	// plain reads in place of line where the cursor can't be moved; primary is
	// the prompt there.
	plain   *lineReader
	primary string
	// room is how many rows are known to be below the prompt's first.
	room int
	// question stands in place of the prompt while something is asked.
	question string
}

// errCleared says that Ctrl-C cleared the line.
var errCleared = errors.New("cleared")

func newEditor(ctx context.Context, s *shell, history *history) (*editor, error) {
	name := term.SafeLine(s.options.Prompt)
	if name == "" {
		name = "sql"
	}
	e := &editor{ctx: ctx, history: history, out: term.Raw(s.options.Out), keep: func() func() { return term.Keep(s.options.In) }}
	if !term.Moves(s.options.Out) {
		e.plain, e.primary = &lineReader{in: bufio.NewReader(s.options.In), out: s.options.Out}, name+"> "
		return e, nil
	}
	line := readline.NewShell()
	e.line = line
	// What a user's inputrc doesn't say.
	for option, value := range map[string]any{
		"enable-bracketed-paste": true, "multiline-column": false, "multiline-column-custom": "",
		"completion-ignore-case": true, "history-size": 0,
		// Asking the terminal where the cursor is at every key loses keys that are
		// typed meanwhile; a prompt begins at the first column. See makeRoom.
		"cursor-position-probe": false,
	} {
		if err := line.Config.Set(option, value); err != nil {
			return nil, err
		}
	}
	for _, keymap := range []string{"emacs", "emacs-standard", "vi-insert"} {
		if err := line.Config.Bind(keymap, "\t", "menu-complete", false); err != nil {
			return nil, err
		}
	}
	primary := s.palette.Paint(term.Bold, name) + "> "
	line.Prompt.Primary(func() string {
		if e.question != "" {
			return e.question
		}
		return primary
	})
	line.AcceptMultiline = func(text []rune) bool { return e.question != "" || accepts(string(text)) }
	indent := term.DisplayWidth(name) + 2
	line.SyntaxHighlighter = func(text []rune) string {
		e.makeRoom(string(text), indent)
		return highlight(string(text), s.palette)
	}
	line.PasteTransformer = func(text string) string { return strings.ReplaceAll(term.Safe(text), "\t", "    ") }
	line.Completer = func(text []rune, cursor int) readline.Completions {
		if e.question != "" {
			return readline.CompleteValues()
		}
		return s.complete(ctx, text, cursor)
	}
	line.History.Delete()
	line.History.Add("statements", history)
	return e, nil
}

// makeRoom scrolls the terminal so far that there is a row below the text: the
// editor, which doesn't know how far down it is, would take the last row of the
// terminal for one below the text and erase it. The cursor stays where it is.
func (e *editor) makeRoom(text string, indent int) {
	width, rows := max(term.Width(e.out), 1), 1
	for line := range strings.SplitSeq(text, "\n") {
		rows += 1 + (indent+term.DisplayWidth(line))/width
	}
	rows = min(rows, term.Height(e.out)-2)
	if rows > e.room {
		e.room = rows
		_, _ = io.WriteString(e.out, strings.Repeat("\x1bD", rows)+"\x1b["+strconv.Itoa(rows)+"A")
	}
}

// mostOffered completions are listed at once: a longer list would run into the
// text above it.
const mostOffered = 40

// read is the next text that the user ends with Enter: one or more statements.
func (e *editor) read() (string, error) {
	if e.plain != nil {
		return e.readLines()
	}
	e.room = 0
	e.makeRoom("", 0)
	typed, restore := make(chan typedLine, 1), e.keep()
	go func() {
		text, err := e.line.Readline()
		typed <- typedLine{text, err}
	}()
	select {
	case <-e.ctx.Done():
		// The command was told to end. Nothing ends a read of a terminal: it is
		// left behind, and the terminal as it was.
		_, _ = io.WriteString(e.out, "\x1b[?2004l\x1b[?25h\x1b[0 q\r\n")
		restore()
		return "", context.Cause(e.ctx)
	case got := <-typed:
		if errors.Is(got.err, readline.ErrInterrupt) {
			return "", errCleared
		}
		return got.text, got.err
	}
}

// readLines is read where the cursor can't be moved.
func (e *editor) readLines() (string, error) {
	if e.question != "" {
		return e.plain.read(e.ctx, e.question, "", func(string) bool { return true })
	}
	indent := strings.Repeat(" ", max(term.DisplayWidth(e.primary)-3, 0)) + "-> "
	text, err := e.plain.read(e.ctx, e.primary, indent, accepts)
	if text = strings.TrimSpace(text); text != "" {
		_, _ = e.history.Write(text) // the prompt works without it
	}
	return text, err
}

// agreed reports whether the answer to a question is yes.
func (e *editor) agreed(question string) bool {
	e.question, e.history.paused = question, true
	defer func() { e.question, e.history.paused = "", false }()
	answer, err := e.read()
	return err == nil && strings.EqualFold(strings.TrimSpace(answer), "yes")
}

// accepts reports whether Enter runs the text rather than begins a new line.
func accepts(text string) bool {
	text = strings.TrimSpace(text)
	if text == "" || strings.HasPrefix(text, `\`) {
		return true
	}
	switch strings.ToUpper(text) {
	case "HELP", "QUIT", "EXIT", "CLEAR":
		return true
	}
	return complete(text)
}

// complete offers what can stand at the cursor.
func (s *shell) complete(ctx context.Context, text []rune, cursor int) readline.Completions {
	before, after := string(text[:cursor]), string(text[cursor:])
	if strings.HasPrefix(before, `\`) && !strings.ContainsAny(before, " \n") {
		var values []string
		for _, m := range metas {
			values = append(values, `\`+m.names[0], m.does)
		}
		c := readline.CompleteValuesDescribed(values...)
		c.PREFIX = before
		return c
	}
	values, prefix := s.names.candidates(ctx, before, after)
	values = values[:min(len(values), mostOffered)]
	for i, value := range values {
		values[i] = term.SafeLine(value)
	}
	c := readline.CompleteValues(values...)
	c.PREFIX = prefix
	return c
}
