package sqlshell

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// Run is the interactive prompt. It returns when the user leaves, or when ctx
// is cancelled. Where options.In is no terminal it is Script on it.
//
// It doesn't close the backend: who opened it does.
func Run(ctx context.Context, backend Backend, options Options) error {
	if !term.IsTerminal(options.In) {
		return Script(ctx, backend, []Source{{Name: "-", Text: options.In}}, options)
	}
	r, err := newRunner(backend, options)
	if err != nil {
		return err
	}
	r.prompt = true
	splitter := NewSplitter("", options.In)
	for ctx.Err() == nil {
		fmt.Fprintf(options.Out, "%s> ", term.SafeLine(options.Prompt))
		statement, err := splitter.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case statement.Kind() == KindExit:
			return nil
		}
		if err := r.run(ctx, statement); err != nil && !exit.IsQuiet(err) {
			fmt.Fprintln(options.ErrOut, kube.Message(err))
		}
	}
	return context.Cause(ctx)
}
