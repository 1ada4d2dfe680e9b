package sqlshell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// Script runs the statements of the sources one after another and stops at the
// first that fails, unless options.GoOn: its error tells the file, the line, the column and the root
// cause, and shows the line with a caret. Results go to options.Out.
//
// A statement that takes longer than options.Timeout fails with exit code 124;
// where ctx is canceled, the running query and its job are canceled too.
func Script(ctx context.Context, backend Backend, sources []Source, options Options) error {
	r, err := newRunner(backend, options)
	if err != nil {
		return err
	}
	refused := 0
	for _, source := range sources {
		splitter := NewSplitter(source.Name, source.Text)
		for {
			statement, err := nextOf(splitter)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				if options.Ran {
					// Something was changed: not the exit code for nothing was.
					err = exit.With(exit.Failed, err)
				}
				return err
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			switch statement.clientWord() {
			case "QUIT", "EXIT":
				return failures(refused)
			case "CLEAR":
				continue
			case "HELP":
				if err := r.scriptHelp(); err != nil {
					return err
				}
				continue
			}
			options.Ran = true
			err = r.run(ctx, statement)
			var said *Error
			switch {
			case err == nil:
			case options.GoOn && ctx.Err() == nil && errors.As(err, &said):
				refused++
				fmt.Fprintln(options.ErrOut, "error: "+strings.TrimPrefix(kube.Message(err), "error: "))
			default:
				return err
			}
		}
	}
	return failures(refused)
}

// failures is the error of a script that went on; nil where nothing failed.
func failures(n int) error {
	switch n {
	case 0:
		return nil
	case 1:
		return errors.New("1 statement failed")
	}
	return fmt.Errorf("%d statements failed", n)
}

// nextOf is the next statement of a script. Its error is a usage error where
// the text is wrong.
func nextOf(splitter *Splitter) (Statement, error) {
	statement, err := splitter.Next()
	var open *openError
	switch {
	case errors.As(err, &open):
		return statement, exit.With(exit.Usage, err)
	case err == nil && statement.Meta:
		return statement, exit.Usagef("%s:%d:%d: %s: commands with a backslash are for the prompt", statement.Source, statement.Line, statement.Column, term.SafeLine(statement.Text))
	}
	return statement, err
}

// Check reads the sources that can be read twice (files, but not pipes) and
// returns the usage error of the first text that isn't whole statements, before
// anything runs.
func Check(sources []Source) error {
	for _, source := range sources {
		file, ok := source.Text.(io.ReadSeeker)
		if !ok || term.IsTerminal(source.Text) {
			continue
		}
		start, err := file.Seek(0, io.SeekCurrent)
		if err != nil {
			continue // a pipe or a terminal
		}
		splitter := NewSplitter(source.Name, file)
		for err == nil {
			var statement Statement
			if statement, err = nextOf(splitter); err == nil && statement.Kind() == KindExit {
				return rewind(file, start)
			}
		}
		if !errors.Is(err, io.EOF) {
			return err
		}
		if err := rewind(file, start); err != nil {
			return fmt.Errorf("%s: %w", source.Name, err)
		}
	}
	return nil
}

func rewind(file io.Seeker, start int64) error {
	_, err := file.Seek(start, io.SeekStart)
	return err
}

// scriptHelp is what HELP in a file says: not among rows for a program.
func (r *runner) scriptHelp() error {
	out := r.options.Out
	if r.format != Table && r.format != Vertical && r.format != Tableau {
		out = r.options.ErrOut
	}
	_, err := fmt.Fprint(out, `Statements end with ; and may have several lines. Beside Flink's own there are:
  HELP;                            this help
  SET 'KEY' = 'VALUE';  RESET;     options of the session
  BEGIN STATEMENT SET; … END;      several INSERTs as one job
  QUIT;  EXIT;                     end the file
At the prompt, which opens without statements and files, \? lists more.
`)
	return err
}
