package batch

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// Words are how a batch is described.
type Words[T any] struct {
	// Noun is one of the objects: "job".
	Noun string
	// Name is an object's name in the summary.
	Name func(T) string
	// Rest are the commands, one a line, that go on with the objects that were
	// not done; nil reports none.
	Rest func([]T) []string
}

// Err is nil where all was done. Else it is the summary: what was done, what
// failed, what was not begun, and how to go on. Its exit code is the worst of
// the failures' codes; 130 where ctx was interrupted before the end.
func Err[T, R any](ctx context.Context, results []Result[T, R], words Words[T]) error {
	var done, failed, waiting []string
	var rest []T
	code := exit.OK
	for _, r := range results {
		name := words.Name(r.Item)
		switch {
		case r.Done():
			done = append(done, name)
			continue
		case r.Begun:
			failed = append(failed, name)
			code = Worse(code, exit.Code(r.Err))
		default:
			waiting = append(waiting, name)
		}
		rest = append(rest, r.Item)
	}
	if len(rest) == 0 {
		return nil
	}
	if len(waiting) > 0 && ctx.Err() != nil {
		code = Worse(code, exit.Code(context.Cause(ctx)))
	}
	if code == exit.OK {
		code = exit.Failed
	}
	text := fmt.Sprintf("%d of %d %ss failed", len(failed), len(results), words.Noun)
	switch {
	case len(failed) == 0:
		text = fmt.Sprintf("%d of %d %ss %s not begun", len(waiting), len(results), words.Noun, were(len(waiting)))
	case len(waiting) > 0:
		text += fmt.Sprintf(", %d %s not begun", len(waiting), were(len(waiting)))
	}
	for _, part := range []struct {
		what  string
		names []string
	}{{"Done", done}, {"Failed", failed}, {"Not begun", waiting}} {
		if len(part.names) > 0 {
			text += "\n" + part.what + ": " + strings.Join(part.names, ", ")
		}
	}
	if words.Rest != nil {
		text += "\nGo on with the rest: " + strings.Join(words.Rest(rest), "\n  and: ")
	}
	return exit.With(code, errors.New(text))
}

func were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}
