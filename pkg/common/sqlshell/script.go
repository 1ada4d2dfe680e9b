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
	r.keeps = true
	s := &shell{runner: r, names: newNames(backend)}
	err = s.sources(ctx, sources)
	if s.exported != nil {
		if closed := s.export(""); err == nil {
			err = closed
		}
	}
	if err != nil {
		return err
	}
	return failures(s.refused)
}

func (s *shell) sources(ctx context.Context, sources []Source) error {
	for _, source := range sources {
		before := s.read
		err := s.script(ctx, source.Name, source.Text)
		if err != nil && !errors.Is(err, errLeave) { // QUIT ends its own file
			return err
		}
		if s.read == before && !s.options.Quiet {
			// Such as a template that was filled with nothing.
			name := source.Name
			if name == "-" {
				name = "standard input"
			}
			fmt.Fprintf(s.options.ErrOut, "note: there is no statement in %s: nothing ran\n", term.SafeLine(name))
		}
	}
	return nil
}

// script runs the statements of a text up to the first that fails, unless it is
// to go on.
func (s *shell) script(ctx context.Context, name string, text io.Reader) error {
	splitter := NewSplitter(name, text)
	for {
		statement, err := awaitNext(ctx, splitter)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			if s.options.Ran {
				// Something was changed: not the exit code for nothing was.
				err = exit.With(exit.Failed, err)
			}
			return err
		}
		s.read++
		switch statement.clientWord() {
		case "QUIT", "EXIT":
			return errLeave
		case "CLEAR":
			continue
		case "HELP":
			if err := s.scriptHelp(); err != nil {
				return err
			}
			continue
		}
		s.options.Ran = true
		err = s.statement(ctx, statement)
		var said *Error
		switch {
		case err == nil:
		case s.options.GoOn && ctx.Err() == nil && !errors.Is(err, errLeave) && (statement.Meta || errors.As(err, &said)):
			s.refused++
			fmt.Fprintln(s.options.ErrOut, "error: "+strings.TrimPrefix(kube.Message(err), "error: "))
		default:
			return err
		}
	}
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

// awaitNext is nextOf that ends with ctx, also where standard input is a pipe into
// which nothing is written. The read of that is left behind: nothing ends it, and
// the program does.
func awaitNext(ctx context.Context, splitter *Splitter) (Statement, error) {
	type answer struct {
		statement Statement
		err       error
	}
	read := make(chan answer, 1)
	go func() {
		statement, err := nextOf(splitter)
		read <- answer{statement, err}
	}()
	select {
	case <-ctx.Done():
		return Statement{}, context.Cause(ctx)
	case got := <-read:
		return got.statement, got.err
	}
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
		name, _, _ := strings.Cut(strings.TrimPrefix(statement.Text, `\`), " ")
		why := ""
		if m, ok := metaOf(strings.TrimSuffix(name, ";")); !ok {
			why = "there is no such command in files"
		} else if m.prompt {
			why = "this command is for the prompt"
		}
		if why != "" {
			return statement, exit.Usagef("%s:%d:%d: %s: %s", statement.Source, statement.Line, statement.Column, term.SafeLine(redact(statement.Text)), why)
		}
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
				err = io.EOF // the rest of this file isn't run
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
Commands with a backslash, each on a line of its own, work here too, as far as
they don't need a terminal: \? lists them.
`)
	return err
}
