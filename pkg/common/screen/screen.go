// Package screen shows something that changes on the whole terminal: what
// brings it, what it is and how it looks are three things. The terminal is
// left as it was found, with the last picture on it.
package screen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// Picture is lines without line breaks, made safe and painted already. Those
// that are longer than the terminal is wide are cut.
type Picture struct {
	// Head stays on top; Body is scrolled below it.
	Head, Body []string
}

// Key is what a key does beside those that every screen has: arrows, page up
// and down, home and end scroll, q leaves.
type Key struct {
	// Press is the key's name: a letter, "enter", "ctrl+r".
	Press string
	// Does is one word for the line at the bottom; "" leaves the key out of it.
	Does string
	// Do runs between two pictures.
	Do func()
}

// Screen shows values of M, the model.
type Screen[M any] struct {
	// Source shows a new model whenever there is one, until ctx ends. The
	// screen ends with its error; after a nil error the last model stays until
	// the user leaves.
	Source func(ctx context.Context, show func(M)) error
	// Draw is the picture of a model on a terminal of width columns. It is
	// called again at least once a second, for what the clock changes.
	Draw func(model M, width int) Picture
	// Last, where set, makes the picture that is left on the terminal of the one
	// that was shown last; height is the terminal's.
	Last func(picture Picture, height int) Picture
	// Keys are the screen's own.
	Keys []Key
	// Waiting is shown until the first model comes.
	Waiting string
	// Data says that the picture is of data, such as the rows of a query, in
	// which no secrets are hidden.
	Data bool
}

// Possible reports whether a screen can be shown on out.
func Possible(out io.Writer) bool {
	return term.Moves(out)
}

// environment is that of the process. A terminal without a name is taken for an
// xterm, as nearly all of today's are: for unknown ones insert mode would be used,
// which some don't have.
func environment() []string {
	environ := os.Environ()
	if os.Getenv("TERM") == "" {
		environ = append(environ, "TERM=xterm")
	}
	return environ
}

// Run shows the screen until the user leaves (no error), presses Ctrl-C (exit
// code 130), ctx ends (its cause) or the source fails. Keys are read from in
// if it is a terminal.
func Run[M any](ctx context.Context, in io.Reader, out io.Writer, s Screen[M]) error {
	var input io.Reader
	if term.IsTerminal(in) {
		input = in
	}
	m := &model[M]{screen: s, width: term.Width(out), height: term.Height(out)}
	program := tea.NewProgram(m,
		tea.WithInput(input), tea.WithOutput(term.Raw(out)), tea.WithoutSignalHandler(),
		// What is painted was decided by term.Palette, with NO_COLOR and --color.
		tea.WithColorProfile(colorprofile.ANSI), tea.WithEnvironment(environment()))
	sourceContext, cancel := context.WithCancel(ctx)
	defer cancel()
	sourced := make(chan struct{})
	go func() {
		defer close(sourced)
		err := s.Source(sourceContext, func(value M) { program.Send(shown[M]{value}) })
		switch {
		case ctx.Err() != nil:
			program.Send(over{context.Cause(ctx)})
		case sourceContext.Err() == nil && err != nil:
			program.Send(over{err})
		}
	}()
	go func() {
		clock := time.NewTicker(time.Second)
		defer clock.Stop()
		for {
			select {
			case <-sourceContext.Done():
				return
			case <-clock.C:
				program.Send(tick{})
			}
		}
	}()
	stop := context.AfterFunc(ctx, func() { program.Send(over{context.Cause(ctx)}) })
	defer stop()
	_, err := program.Run()
	cancel()
	<-sourced
	if err != nil && !errors.Is(err, tea.ErrInterrupted) {
		return fmt.Errorf("the terminal: %w", err)
	}
	if m.known {
		picture := m.picture()
		if s.Last != nil {
			picture = s.Last(picture, m.height)
		}
		if _, err := io.WriteString(out, strings.Join(append(picture.Head, picture.Body...), "\n")+"\n"); err != nil {
			return err
		}
	}
	return m.err
}

// The messages of the program's loop.
type (
	shown[M any] struct{ value M }
	over         struct{ err error }
	tick         struct{}
)

var errInterrupted = exit.Silent(exit.Interrupted)
