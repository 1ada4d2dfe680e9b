package sqlshell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/interrupt"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/scratch"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/source"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// shell is the prompt.
type shell struct {
	*runner
	editor *editor
	names  *names
	// previous is the last statement, for \e.
	previous     string
	exported     *os.File
	formatBefore string
	// depth is how many files include each other.
	depth int
	// read statements were found in scripts, refused ones failed in one that goes on.
	read, refused int
}

var (
	// errLeave ends the prompt.
	errLeave       = errors.New("leave")
	errInterrupted = exit.With(exit.Interrupted, errors.New("interrupted"))
)

// Run is the interactive prompt on the process's terminal. It returns when the
// user leaves (no error), or when ctx is canceled (its cause). A statement
// that fails doesn't end it. Where options.In is no terminal it is Script on
// it.
//
// Ctrl-C ends the running query and its job, for which pkg/common/interrupt
// must get the process's signals, as package plugin does. Run doesn't close the
// backend: who opened it does.
func Run(ctx context.Context, backend Backend, options Options) error {
	if !term.IsTerminal(options.In) || !term.IsTerminal(options.Out) {
		return Script(ctx, backend, []Source{{Name: "-", Text: options.In}}, options)
	}
	r, err := newRunner(backend, options)
	if err != nil {
		return err
	}
	r.prompt, r.keeps, r.pager = true, true, true
	r.ran = slices.Clone(options.Had)
	s := &shell{runner: r, names: newNames(backend)}
	history, err := openHistory(options.HistoryFile)
	if err != nil {
		s.warn(err)
	}
	if s.editor, err = newEditor(ctx, s, history); err != nil {
		return err
	}
	if !options.Quiet {
		keys := "Tab completes, "
		if s.editor.plain != nil {
			keys = ""
		}
		fmt.Fprintln(options.Out, s.palette.Paint(term.Dim, `Statements end with ; — \? for help, `+keys+"Ctrl-D leaves."))
	}
	s.offer(ctx, options.Offer)
	err = s.loop(ctx)
	if s.exported != nil {
		if closed := s.export(""); closed != nil {
			s.warn(closed)
		}
	}
	s.farewell(ctx)
	return err
}

func (s *shell) warn(err error) {
	fmt.Fprintln(s.options.ErrOut, "warning: "+secret.Text(term.SafeLine(err.Error())))
}

func (s *shell) loop(ctx context.Context) error {
	for ctx.Err() == nil {
		text, err := s.editor.read()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errCleared):
			continue
		case err != nil:
			return fmt.Errorf("the terminal: %w", err)
		}
		err = s.text(ctx, "", strings.NewReader(text))
		switch {
		case errors.Is(err, errLeave):
			return nil
		case err != nil && ctx.Err() == nil:
			s.print(err)
			s.offerRenewal(ctx)
		}
	}
	return context.Cause(ctx)
}

// text runs the statements of a text up to the first that fails. It is errLeave
// where the user wants to leave.
func (s *shell) text(ctx context.Context, name string, text io.Reader) error {
	splitter := NewSplitter(name, text)
	for ctx.Err() == nil {
		statement, err := splitter.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = s.one(ctx, statement)
		}
		if err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// print shows an error; the prompt goes on.
func (s *shell) print(err error) {
	switch {
	case exit.Code(err) == exit.Interrupted:
		// Over the ^C that the terminal echoed.
		fmt.Fprintln(term.Raw(s.options.ErrOut), "\r"+s.palette.Paint(term.Yellow, "canceled"))
	case !exit.IsQuiet(err):
		fmt.Fprintln(s.options.ErrOut, s.palette.Paint(term.Red, "error: ")+strings.TrimPrefix(kube.Message(err), "error: "))
	}
}

// one runs a statement, or a command to the shell.
func (s *shell) one(ctx context.Context, statement Statement) error {
	if !statement.Meta {
		switch statement.clientWord() {
		case "QUIT", "EXIT":
			return errLeave
		case "HELP":
			return s.help(ctx)
		case "CLEAR":
			if !term.Moves(s.options.Out) {
				return nil
			}
			_, err := io.WriteString(term.Raw(s.options.Out), "\x1b[H\x1b[2J")
			return err
		}
		s.previous = statement.raw + ";"
	}
	return s.interruptible(ctx, func(ctx context.Context) error { return s.statement(ctx, statement) })
}

// interruptible does something that Ctrl-C ends, in place of the prompt.
func (s *shell) interruptible(ctx context.Context, do func(context.Context) error) error {
	pressed, release := interrupt.Take()
	defer release()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-pressed:
			cancel(errInterrupted)
		case <-ctx.Done():
		}
	}()
	return do(ctx)
}

// statement runs a statement, or a command to the shell.
func (s *shell) statement(ctx context.Context, statement Statement) error {
	if statement.Meta {
		return placed(statement, s.command(ctx, statement.Text))
	}
	err := s.run(ctx, statement)
	if err == nil {
		s.clientOption(statement)
	}
	if statement.changesNames() {
		s.names.forget()
	}
	return err
}

// placedError is an error whose text tells the file and the line.
type placedError struct{ error }

func (e placedError) Unwrap() error { return e.error }

// placed adds the place of a command in a file to its error.
func placed(statement Statement, err error) error {
	var done placedError
	if err == nil || statement.Source == "" || errors.Is(err, errLeave) || exit.Code(err) == exit.Interrupted || errors.As(err, &done) {
		return err
	}
	return placedError{fmt.Errorf("%s:%d:%d: %s: %w", statement.Source, statement.Line, statement.Column, term.SafeLine(redact(statement.Text)), err)}
}

// execute runs a statement that the shell made.
func (s *shell) execute(ctx context.Context, text string) error {
	statement, err := NewSplitter("", strings.NewReader(text)).Next()
	if err != nil {
		return err
	}
	if statement.changesNames() {
		defer s.names.forget()
	}
	return s.run(ctx, statement)
}

// include runs a file.
func (s *shell) include(ctx context.Context, file string) error {
	if file == "" {
		return errors.New(`\i needs a file`)
	}
	if s.depth >= mostIncludes {
		return fmt.Errorf(`%s: files include each other more than %d deep`, file, mostIncludes)
	}
	in, err := source.Open(ctx, file)
	if err != nil {
		return err
	}
	defer in.Close()
	s.depth++
	defer func() { s.depth-- }()
	run := s.text
	if !s.prompt {
		run = s.script
	}
	if err := run(ctx, file, in); err != nil {
		if errors.Is(err, errLeave) && !s.prompt {
			return nil // QUIT ends its own file
		}
		if errors.Is(err, errLeave) || exit.Code(err) == exit.Interrupted {
			return err
		}
		return placedError{err} // its text has the place in the file
	}
	return context.Cause(ctx)
}

// mostIncludes is how many files may include each other.
const mostIncludes = 16

// edit opens the last statement, or a file, in the user's editor and runs what
// was saved.
func (s *shell) edit(ctx context.Context, file string) error {
	if file == "" {
		dir, err := scratch.Dir("kubectl-sql-edit-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		file = filepath.Join(dir, "statement.sql")
		if err := os.WriteFile(file, []byte(s.previous+"\n"), 0o600); err != nil {
			return err
		}
	}
	before, err := os.Stat(file)
	if err != nil {
		return err
	}
	editor, name := scratch.Editor(ctx, file, "KUBE_EDITOR", "VISUAL", "EDITOR")
	term.Attach(editor, s.options.In, s.options.Out, s.options.ErrOut)
	if err := editor.Run(); err != nil {
		return fmt.Errorf("%s: %w (set EDITOR to another one)", term.SafeLine(name), err)
	}
	after, err := os.Stat(file)
	if err != nil {
		return err
	}
	if after.ModTime().Equal(before.ModTime()) && after.Size() == before.Size() {
		fmt.Fprintln(s.options.Out, "Nothing was changed; nothing runs")
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	sql := strings.TrimSpace(string(text))
	if sql == "" {
		return nil
	}
	fmt.Fprintln(s.options.Out, highlight(term.Safe(sql), s.palette))
	if _, err := s.editor.history.Write(sql); err != nil {
		s.warn(err)
	}
	if err := s.text(ctx, "", strings.NewReader(sql)); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// ask puts a question that only "yes" agrees to; where there is no terminal to ask on, the
// answer is no.
func (s *shell) ask(question string) bool { return s.editor != nil && s.editor.agreed(question) }

// clientOption honors what SQL files set for Flink's own client, unless the
// command line says otherwise.
func (s *shell) clientOption(statement Statement) {
	if len(statement.words) == 0 || statement.words[0] != "SET" {
		return
	}
	set := strings.ToLower(strings.ReplaceAll(strings.Join(statement.words[1:], ""), "'", ""))
	switch key, value, _ := strings.Cut(set, "="); key {
	case "sql-client.execution.result-mode":
		if value == "" || !slices.Contains(Formats(), value) {
			return
		}
		if s.exported == nil && (s.prompt || s.options.Format == "") {
			s.format = value
		}
		if s.options.Heir != nil {
			s.options.Heir.Mode = value
		}
	case "sql-client.verbose":
		s.options.Full = value == "true"
		if s.options.Heir != nil {
			s.options.Heir.Full = s.options.Full
		}
	}
}

// farewell lists the jobs that go on.
func (s *shell) farewell(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	jobs, err := s.backend.Jobs(ctx)
	if err != nil {
		return // the session may be gone, which was said
	}
	said := false
	for _, job := range jobs {
		if job.Ended() {
			continue
		}
		if !said {
			fmt.Fprintln(s.options.ErrOut, "Jobs of this session that go on:")
			said = true
		}
		fmt.Fprintf(s.options.ErrOut, "  %s  %s  %s\n", term.SafeLine(job.ID), term.SafeLine(job.State), term.SafeLine(job.Name))
		if hint := s.backend.StopHint(job.ID); hint != "" {
			fmt.Fprintf(s.options.ErrOut, "    stop it with: %s\n", term.SafeLine(hint))
		}
	}
}
