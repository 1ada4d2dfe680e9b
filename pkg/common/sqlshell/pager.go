package sqlshell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/interrupt"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// mostPaged bytes are held back for the pager; what is longer goes to the
// terminal as it comes.
const mostPaged = 8 << 20

// pages hold back what a result prints until it is known whether it is taller
// than the terminal.
type pages struct {
	out      io.Writer
	text     bytes.Buffer
	released bool
}

// Write takes a part of the text.
func (p *pages) Write(part []byte) (int, error) {
	if !p.released && p.text.Len()+len(part) > mostPaged {
		if err := p.release(); err != nil {
			return 0, err
		}
	}
	if p.released {
		return p.out.Write(part)
	}
	return p.text.Write(part)
}

// release prints what was held back, and what comes.
func (p *pages) release() error {
	if p == nil || p.released {
		return nil
	}
	p.released = true
	_, err := p.out.Write(p.text.Bytes())
	p.text = bytes.Buffer{}
	return err
}

// beginPages has what is printed go through a pager where it is taller than the
// terminal; end must be called after it.
func (r *runner) beginPages() (end func(ctx context.Context, failed bool) error) {
	if !r.prompt || !r.pager || r.again || r.out != r.options.Out || r.pages != nil ||
		!term.Moves(r.options.Out) || !term.IsTerminal(r.options.In) {
		return func(context.Context, bool) error { return nil }
	}
	p := &pages{out: r.options.Out}
	r.pages = p
	return func(ctx context.Context, failed bool) error {
		r.pages = nil
		if p.released || failed || !tall(p.text.String(), term.Width(p.out), term.Height(p.out)) {
			return p.release()
		}
		return r.page(ctx, p)
	}
}

// tall reports whether a text, with a footer and the prompt, has more lines than
// a terminal.
func tall(text string, width, height int) bool {
	lines := 2
	for line := range strings.Lines(text) {
		lines += 1 + max(term.DisplayWidth(strings.TrimSuffix(line, "\n"))-1, 0)/max(width, 1)
		if lines > height {
			return true
		}
	}
	return false
}

// pagerCommand is the pager's command: $PAGER as words, without a shell, or less
// where it is there; nil is none.
func pagerCommand() []string {
	if value, set := os.LookupEnv("PAGER"); set {
		words := strings.Fields(value)
		if len(words) == 1 && words[0] == "cat" {
			return nil
		}
		return words
	}
	if _, err := exec.LookPath("less"); err != nil {
		return nil
	}
	return []string{"less", "-RFX"}
}

// page shows a text in the pager. The text is its standard input only, and has
// no escape sequences but colors.
func (r *runner) page(ctx context.Context, p *pages) error {
	words := pagerCommand()
	if len(words) == 0 {
		return p.release()
	}
	// It ends when the user leaves it, or the command is told to end; a statement's
	// time-out is over.
	ended, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	defer context.AfterFunc(ctx, func() {
		if exit.Code(context.Cause(ctx)) == exit.Interrupted {
			end()
		}
	})()
	command := exec.CommandContext(ended, words[0], words[1:]...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 2 * time.Second
	term.Attach(command, r.options.In, r.options.Out, r.options.ErrOut)
	command.Stdin = strings.NewReader(term.Clean(p.text.String()))
	if os.Getenv("LESS") == "" {
		command.Env = append(os.Environ(), "LESS=RFX")
	}
	// Ctrl-C is the pager's own.
	_, release := interrupt.Take()
	defer release()
	err := command.Run()
	var exited *exec.ExitError
	switch {
	case ended.Err() != nil:
		return context.Cause(ctx)
	case err == nil:
		p.released = true
		return nil
	case errors.As(err, &exited):
		fmt.Fprintf(r.options.ErrOut, "warning: the pager %s: %v\n", words[0], err)
		return nil
	}
	r.pager = false
	fmt.Fprintf(r.options.ErrOut, "warning: the pager can't be run, and is off now: %v\n", err)
	return p.release()
}

// printText prints a text of the shell's own, through the pager where it is tall.
func (r *runner) printText(ctx context.Context, text string) error {
	end := r.beginPages()
	out := r.options.Out
	if r.pages != nil {
		out = r.pages
	}
	_, err := io.WriteString(out, text)
	return errors.Join(err, end(ctx, err != nil))
}

// setVariable is \pset: names that users of psql know.
func setVariable(ctx context.Context, s *shell, argument string) error {
	name, value, _ := strings.Cut(argument, " ")
	value = strings.TrimSpace(value)
	switch name {
	case "pager":
		return s.toggle("Pager", &s.pager, value)
	case "format":
		return setFormat(ctx, s, value)
	case "expanded", "x":
		return s.expandBy(value)
	}
	return fmt.Errorf(`\pset knows pager, format and expanded, not %q`, term.SafeLine(name))
}
