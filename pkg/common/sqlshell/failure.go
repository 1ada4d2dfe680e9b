package sqlshell

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// failed is a statement's failure, in the words of its source.
type failed struct {
	text  string
	cause error
}

func (f *failed) Error() string { return f.text }
func (f *failed) Unwrap() error { return f.cause }

// failure turns what went wrong with a statement into what a user reads: the
// place in the file, the root cause, the line with a caret.
func (r *runner) failure(ctx context.Context, statement Statement, err error) error {
	if ctx.Err() != nil {
		// What broke off because of the cancellation is no news.
		err = context.Cause(ctx)
		var done *failed
		if errors.As(err, &done) {
			return done
		}
		return err
	}
	var refused *Error
	if !errors.As(err, &refused) {
		if statement.Source == "" {
			return err
		}
		return fmt.Errorf("%s:%d: %w", statement.Source, statement.Line, err)
	}
	r.last = refused
	var out strings.Builder
	line, column := statement.Line, 0
	root, inside := refused.Root, refused.Line > 0
	switch {
	case inside && refused.Line > 1+strings.Count(statement.raw, "\n"):
		// It is in another text, such as the query of a view.
		root, inside = refused.Error(), false
	case inside:
		line, column = statement.place(refused.Line, refused.Column)
	}
	if statement.Source != "" {
		fmt.Fprintf(&out, "%s:%d:", statement.Source, line)
		if column > 0 {
			fmt.Fprintf(&out, "%d:", column)
		}
		out.WriteByte(' ')
	} else if inside && strings.Contains(statement.raw, "\n") {
		fmt.Fprintf(&out, "line %d, column %d: ", line, column)
	}
	out.WriteString(strings.TrimSpace(term.Safe(root)))
	if inside {
		if text, before, ok := statement.excerpt(refused.Line, refused.Column); ok {
			out.WriteString(caret(text, before))
		}
	}
	if refused.Line == 0 && r.options.Explain != nil {
		if why := r.options.Explain(ctx, refused); why != "" {
			out.WriteString("\n" + term.Safe(why))
		}
	}
	switch full := strings.TrimSpace(term.Safe(refused.Full)); {
	case full == "" || full == strings.TrimSpace(term.Safe(refused.Root)):
	case r.options.Full:
		out.WriteString("\n\n" + full)
	case r.prompt:
		out.WriteString("\n" + r.palette.Paint(term.Dim, `(\full shows all of it)`))
	}
	return &failed{text: secret.Text(out.String()), cause: err}
}

// caretWidth is how much of a long line is shown.
const caretWidth = 76

// caret shows the line and, below it, where before ends.
func caret(line, before string) string {
	flat := strings.NewReplacer("\t", " ")
	line, before = flat.Replace(term.Safe(line)), flat.Replace(term.Safe(before))
	at := term.DisplayWidth(before)
	if at > caretWidth-10 {
		// The part around the error, of a long line.
		runes, cut := []rune(line), 0
		for at > caretWidth/2 && cut < len(runes) {
			at -= term.DisplayWidth(string(runes[cut]))
			cut++
		}
		line = "…" + string(runes[cut:])
		at++
	}
	return "\n  " + term.Cut(line, caretWidth) + "\n  " + strings.Repeat(" ", at) + "^"
}

// label names the statement in progress and time-outs.
func (s Statement) label() string {
	text := brief(s.Text)
	if s.Source == "" {
		return text
	}
	return fmt.Sprintf("%s:%d: %s", s.Source, s.Line, text)
}

// brief is the beginning of a statement, on one line and without secrets.
func brief(sql string) string {
	const enough = 4 << 10 // of a statement of megabytes
	if len(sql) > enough {
		sql = strings.ToValidUTF8(sql[:enough], "")
	}
	return term.Cut(term.SafeLine(redact(sql)), 60)
}

// isLong reports whether an answer is a text of its own rather than a cell.
func isLong(text string) bool { return strings.Contains(strings.TrimSpace(text), "\n") }

// all is as much as is known of the error.
func (e *Error) all() string {
	if strings.TrimSpace(e.Full) == "" {
		return secret.Text(e.Root)
	}
	return secret.Text(e.Full)
}
