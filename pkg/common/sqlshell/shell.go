package sqlshell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
	r.prompt = true
	s := &shell{runner: r, names: newNames(backend)}
	history, err := openHistory(options.HistoryFile)
	if err != nil {
		s.warn(err)
	}
	if s.editor, err = newEditor(ctx, s, history); err != nil {
		return err
	}
	if !options.Quiet {
		fmt.Fprintln(options.Out, s.palette.Paint(term.Dim, `Statements end with ; — \? for help, Tab completes, Ctrl-D leaves.`))
	}
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
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errCleared):
			continue
		case err != nil:
			return fmt.Errorf("the terminal: %w", err)
		}
		if s.text(ctx, "", strings.NewReader(text)) {
			return nil
		}
	}
	return context.Cause(ctx)
}

// text runs the statements of a text and stops at the first that fails, which
// is printed. It reports whether the user wants to leave.
func (s *shell) text(ctx context.Context, name string, text io.Reader) (leave bool) {
	splitter := NewSplitter(name, text)
	for ctx.Err() == nil {
		statement, err := splitter.Next()
		if errors.Is(err, io.EOF) {
			return false
		}
		if err == nil {
			err = s.one(ctx, statement)
		}
		switch {
		case errors.Is(err, errLeave):
			return true
		case err == nil:
		case ctx.Err() != nil:
			return false
		default:
			s.print(err)
			return false
		}
	}
	return false
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
			return s.help()
		case "CLEAR":
			_, err := io.WriteString(term.Raw(s.options.Out), "\x1b[H\x1b[2J")
			return err
		}
		s.previous = statement.raw + ";"
	}
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
	if statement.Meta {
		return s.command(ctx, statement.Text)
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
	in, err := source.Open(ctx, file)
	if err != nil {
		return err
	}
	defer in.Close()
	if s.text(ctx, file, in) {
		return errLeave
	}
	return context.Cause(ctx)
}

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
	command := "vi"
	for _, name := range []string{"EDITOR", "VISUAL"} {
		if value := os.Getenv(name); value != "" {
			command = value
		}
	}
	words := strings.Fields(command)
	editor := exec.CommandContext(ctx, words[0], append(words[1:], file)...)
	term.Attach(editor, s.options.In, s.options.Out, s.options.ErrOut)
	if err := editor.Run(); err != nil {
		return fmt.Errorf("%s: %w (set EDITOR to another one)", words[0], err)
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
	if s.text(ctx, "", strings.NewReader(sql)) {
		return errLeave
	}
	return context.Cause(ctx)
}

// clientOption honors what SQL files set for Flink's own client.
func (s *shell) clientOption(statement Statement) {
	if len(statement.words) != 4 || statement.words[0] != "SET" || statement.words[2] != "=" {
		return
	}
	value := strings.ToLower(strings.Trim(statement.words[3], "'"))
	switch strings.ToLower(strings.Trim(statement.words[1], "'")) {
	case "sql-client.execution.result-mode":
		if CheckFormat(value) == nil && s.exported == nil {
			s.format = value
		}
	case "sql-client.verbose":
		s.options.Full = value == "true"
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
