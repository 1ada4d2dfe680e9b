package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// typed runs what is typed line by line, each statement when its semicolon
// comes. It is plain: sqlshell.Run with its editing and live results would
// bring the binary over its size budget (test/arch).
func (o *sqlOptions) typed(ctx context.Context, session sqlshell.Backend, shell sqlshell.Options) error {
	if !term.IsTerminal(o.In) {
		return sqlshell.Script(ctx, session, []sqlshell.Source{{Name: "-", Text: o.In}}, shell)
	}
	splitter := sqlshell.NewSplitter("", o.In)
	for ctx.Err() == nil {
		fmt.Fprintf(o.Out, "%s> ", term.SafeLine(shell.Prompt))
		statement, err := splitter.Next()
		switch {
		case errors.Is(err, io.EOF), err == nil && statement.Kind() == sqlshell.KindExit:
			return nil
		case err != nil:
			return err
		}
		source := sqlshell.Source{Text: strings.NewReader(statement.Text + ";")}
		if err := sqlshell.Script(ctx, session, []sqlshell.Source{source}, shell); err != nil && !exit.IsQuiet(err) && ctx.Err() == nil {
			fmt.Fprintln(o.ErrOut, kube.Message(err))
		}
	}
	return context.Cause(ctx)
}
