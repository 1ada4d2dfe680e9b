//go:build unix

package sqlshell

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/term"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// ends waits for the prompt's process and returns its exit code.
func ends(t *testing.T, command *exec.Cmd) int {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- command.Wait() }()
	select {
	case err := <-done:
		var exited *exec.ExitError
		if err != nil && !errors.As(err, &exited) {
			t.Fatal(err)
		}
		return command.ProcessState.ExitCode()
	case <-time.After(20 * time.Second):
		t.Fatal("the prompt doesn't end")
	}
	return 0
}

// A command that is told to end must not wait for the next key: what it started
// would be kept alive.
func TestThePromptEndsWhenItIsTold(t *testing.T) {
	for _, name := range []string{"xterm-256color", "dumb"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SQLSHELL_TERM", name)
			terminal, command, _ := startPrompt(t)
			before, err := term.GetState(int(terminal.File.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			if err := command.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if code := ends(t, command); code != exit.Interrupted {
				t.Errorf("exit code %d", code)
			}
			terminal.Sees("session-example>\nJobs of this session that go on:", "interrupted")
			after, err := term.GetState(int(terminal.File.Fd()))
			if err != nil || name == "xterm-256color" && *after == *before {
				t.Errorf("the terminal is still as the prompt had set it: %v", err)
			}
		})
	}
}

// It doesn't wait either until the user leaves a pager.
func TestThePagerEndsWithThePrompt(t *testing.T) {
	pager := filepath.Join(t.TempDir(), "pager")
	if err := os.WriteFile(pager, []byte("#!/bin/sh\necho paged\nexec sleep 40\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SQLSHELL_PAGER", pager)
	terminal, command, _ := startPrompt(t)
	terminal.Press("SELECT tall;\r")
	terminal.Sees("paged")
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := ends(t, command); code != exit.Interrupted {
		t.Errorf("exit code %d", code)
	}
}

// A terminal whose cursor can't be moved, such as a shell in Emacs, gets lines and
// nothing else.
func TestAPromptOnADumbTerminal(t *testing.T) {
	t.Setenv("SQLSHELL_TERM", "dumb")
	terminal, command, _ := startPrompt(t)
	again := func(n int) {
		terminal.Until("a prompt again", func(text string) bool {
			return strings.Count(text, "session-example>") >= n && strings.HasSuffix(text, "session-example>")
		})
	}
	terminal.Press("SELECT 1;\n")
	terminal.Sees("EXPR$0 │ name", "22 │ two red", "(2 rows)")
	again(2)
	terminal.Press("SELECT\n")
	terminal.Sees("SELECT\n              ->")
	terminal.Press("more; SELECT 1;\n")
	terminal.Sees("-> more; SELECT 1;\nOK\n EXPR$0")
	again(3)
	terminal.Press("SELECT never;\n")
	terminal.Sees("SELECT never;")
	time.Sleep(200 * time.Millisecond)
	terminal.Press("\x03")
	terminal.Sees("canceled")
	again(4)
	terminal.Press("SELECT half\n")
	terminal.Sees("SELECT half")
	terminal.Press("\x03")
	again(5)
	terminal.Press("\\timing\n")
	terminal.Sees("Timing is on")
	terminal.Press("\x04")
	terminal.Sees(`ran ["SELECT 1" "SELECT\nmore" "SELECT 1" "SELECT never"]`, `canceled ["SELECT never"]`)
	if code := ends(t, command); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if raw := terminal.Raw(); strings.Contains(raw, "\x1b") {
		t.Errorf("escape sequences: %q", raw)
	}
}
