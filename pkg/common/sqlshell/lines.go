package sqlshell

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/interrupt"
)

// lineReader reads what is typed on a terminal whose cursor can't be moved: the
// terminal edits each line, and Enter ends it.
type lineReader struct {
	in  *bufio.Reader
	out io.Writer
	// typed is the line that is being waited for: nothing ends a read of a
	// terminal, so that the next one gets what this one was for.
	typed chan typedLine
}

type typedLine struct {
	text string
	err  error
}

// line is the next line, with its end. It is errCleared where Ctrl-C is pressed.
func (r *lineReader) line(ctx context.Context, pressed <-chan struct{}) (string, error) {
	if r.typed == nil {
		typed := make(chan typedLine, 1)
		go func() {
			text, err := r.in.ReadString('\n')
			typed <- typedLine{text, err}
		}()
		r.typed = typed
	}
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-pressed:
		return "", errCleared
	case got := <-r.typed:
		r.typed = nil
		return got.text, got.err
	}
}

// read is the next text that is whole: one line, or as many as its statements
// have. The lines after the first have more in front of them.
func (r *lineReader) read(ctx context.Context, prompt, more string, whole func(string) bool) (string, error) {
	// Taken before the prompt is seen, and kept between lines: Ctrl-C would end the
	// command there.
	pressed, release := interrupt.Take()
	defer release()
	text := ""
	for {
		fmt.Fprint(r.out, prompt)
		line, err := r.line(ctx, pressed)
		if err != nil && line == "" {
			fmt.Fprintln(r.out) // behind the prompt
			return "", err
		}
		if text += line; err != nil || whole(text) {
			return text, nil
		}
		prompt = more
	}
}
