package podexec

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// local runs a Command on this computer.
func local(ctx context.Context, c Command) error {
	command := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	command.Stdout = c.Out
	in, err := command.StdinPipe()
	if err != nil {
		return err
	}
	// Like a stream to a pod it ends with the program, not with its input.
	go func() {
		_, _ = io.Copy(in, c.In)
		_ = in.Close()
	}()
	err = command.Run()
	var exited *exec.ExitError
	if errors.As(err, &exited) {
		return &ExitError{Code: exited.ExitCode()}
	}
	return err
}

func TestALeaseLastsAsLongAsItsClient(t *testing.T) {
	// The program ends where no line comes for a second.
	const program = `echo held; while read -r -t 1 line && [ "$line" != end ]; do :; done; [ "$line" = end ]`
	l := startLease(t.Context(), Command{Args: []string{"bash", "-c", program}}, 50*time.Millisecond, local)
	if line, err := l.First(t.Context()); err != nil || line != "held" {
		t.Fatal(line, err)
	}
	select {
	case <-l.done:
		t.Fatal("it ended while its client lived", l.err)
	case <-time.After(3 * time.Second):
	}
	if err := l.Broken(); err != nil {
		t.Error(err)
	}
	for range 2 {
		l.End(t.Context())
	}
	if l.err != nil || l.Broken() != nil {
		t.Error(l.err, l.Broken())
	}
}

// What happens to the client's lines when it is killed: they end.
func TestALeaseEndsWithItsClient(t *testing.T) {
	const program = `echo held; while read -r -t 1 line && [ "$line" != end ]; do :; done; exit 7`
	l := startLease(t.Context(), Command{Args: []string{"bash", "-c", program}}, time.Hour, local)
	if _, err := l.First(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-l.done:
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on")
	}
	var exited *ExitError
	if err := l.Broken(); !errors.As(err, &exited) || exited.Code != 7 {
		t.Error(err)
	}
	l.End(t.Context())
}

func TestALeaseThatDoesNotStart(t *testing.T) {
	for args, want := range map[string]string{"exit 69": "exit code 69", "exit 0": "without a word"} {
		l := startLease(t.Context(), Command{Args: []string{"bash", "-c", args}}, time.Hour, local)
		if _, err := l.First(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	l := startLease(ctx, Command{}, time.Millisecond, func(ctx context.Context, c Command) error {
		_, _ = io.Copy(io.Discard, c.In) // it takes lines and says nothing
		return ctx.Err()
	})
	cancel()
	if _, err := l.First(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	l.End(t.Context())
}
