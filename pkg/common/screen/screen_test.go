//go:build unix

package screen_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/term"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen/screentest"
)

// counter is a screen of a number, with a hundred lines below it.
func counter(numbers <-chan int, reversed *bool) screen.Screen[int] {
	return screen.Screen[int]{
		Waiting: "waiting for numbers",
		Source: func(ctx context.Context, show func(int)) error {
			for {
				select {
				case <-ctx.Done():
					return context.Cause(ctx)
				case n, more := <-numbers:
					if !more {
						return errors.New("no more numbers")
					}
					show(n)
				}
			}
		},
		Draw: func(n, width int) screen.Picture {
			p := screen.Picture{Head: []string{fmt.Sprintf("number %d, %d columns, reversed %v", n, width, *reversed), strings.Repeat("x", 300)}}
			for i := range 100 {
				p.Body = append(p.Body, fmt.Sprintf("line %d.", i+1))
			}
			return p
		},
		Keys: []screen.Key{{Press: "r", Does: "reverse", Do: func() { *reversed = !*reversed }}},
	}
}

// run shows a counter on a new terminal.
func run(t *testing.T, ctx context.Context, numbers <-chan int) (*screentest.Terminal, <-chan error) {
	terminal := screentest.Open(t, 80, 24)
	before, err := term.GetState(int(terminal.File.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		reversed := false
		err := screen.Run(ctx, terminal.File, terminal.File, counter(numbers, &reversed))
		after, stateErr := term.GetState(int(terminal.File.Fd()))
		if stateErr != nil || *after != *before {
			t.Errorf("the terminal isn't as it was: %v", stateErr)
		}
		done <- err
	}()
	return terminal, done
}

func ended(t *testing.T, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("the screen doesn't end")
	}
	return nil
}

// A terminal's name isn't needed for it.
func TestAScreenWithoutANameOfTheTerminal(t *testing.T) {
	t.Setenv("TERM", "")
	numbers := make(chan int)
	terminal, done := run(t, t.Context(), numbers)
	terminal.Sees("waiting for numbers", "q quit")
	numbers <- 1
	terminal.Sees("number 1, 80 columns", "lines 1-21 of 100", "r reverse  q quit")
	terminal.Press("q")
	if err := ended(t, done); err != nil {
		t.Errorf("q: %v", err)
	}
}

func TestAScreenFollowsItsSourceScrollsAndLeaves(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	numbers := make(chan int)
	terminal, done := run(t, t.Context(), numbers)
	terminal.Sees("waiting for numbers", "q quit")
	numbers <- 1
	text := terminal.Sees("number 1, 80 columns", "line 1.", "line 21.", "lines 1-21 of 100", "r reverse")
	if lines := strings.Split(text, "\n"); len(lines) != 24 || strings.Contains(text, "line 22.") || !strings.HasSuffix(lines[1], "…") {
		t.Errorf("the picture doesn't fit 80×24:\n%s", text)
	}
	if !terminal.Alternate() {
		t.Error("not on the alternate screen")
	}
	terminal.Press("G")
	terminal.Sees("line 100.", "lines 80-100 of 100", "number 1")
	numbers <- 2
	terminal.Sees("number 2", "line 100.") // stays where the user is
	terminal.Press("g")
	terminal.Sees("line 1.")
	terminal.Press("\x1b[B") // down
	terminal.Sees("lines 2-22 of 100")
	terminal.Press("r")
	terminal.Sees("reversed true")
	terminal.Resize(40, 10)
	terminal.Sees("number 2, 40 columns", "lines 2-8 of 100")
	terminal.Resize(100, 30)
	terminal.Sees("number 2, 100 columns", "lines 2-28 of 100")
	terminal.Press("q")
	if err := ended(t, done); err != nil {
		t.Errorf("q: %v", err)
	}
	// The last picture is left, whole.
	terminal.Sees("line 100.")
	if terminal.Alternate() {
		t.Error("still on the alternate screen")
	}
	if strings.Contains(terminal.Text(), "q quit") {
		t.Errorf("the line with the keys is left, too:\n%s", terminal.Text())
	}
}

func TestCtrlCInterrupts(t *testing.T) {
	numbers := make(chan int)
	terminal, done := run(t, t.Context(), numbers)
	numbers <- 1
	terminal.Sees("number 1")
	terminal.Press("\x03")
	if err := ended(t, done); exit.Code(err) != exit.Interrupted || !exit.IsQuiet(err) {
		t.Errorf("Ctrl-C: %v", err)
	}
}

func TestAScreenEndsWithItsContextAndItsSource(t *testing.T) {
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		terminal, done := run(t, ctx, make(chan int))
		terminal.Sees("waiting")
		cause := errors.New("terminated")
		cancel(cause)
		if err := ended(t, done); !errors.Is(err, cause) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("source", func(t *testing.T) {
		numbers := make(chan int)
		terminal, done := run(t, t.Context(), numbers)
		terminal.Sees("waiting")
		close(numbers)
		if err := ended(t, done); err == nil || err.Error() != "no more numbers" {
			t.Errorf("got %v", err)
		}
	})
}

func TestNothingIsLeftRunning(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	numbers := make(chan int)
	terminal, done := run(t, t.Context(), numbers)
	terminal.Sees("waiting")
	terminal.Press("q")
	if err := ended(t, done); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, ignore,
		goleak.IgnoreAnyFunction("github.com/kubectl-flink/kubectl-flink/pkg/common/screen/screentest.(*Terminal).show"),
		goleak.IgnoreAnyFunction("github.com/kubectl-flink/kubectl-flink/pkg/common/screen/screentest.(*Terminal).answer"))
}
