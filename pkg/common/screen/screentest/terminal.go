//go:build unix

// Package screentest is a terminal for tests: a real pseudo-terminal with an
// emulator behind it that knows what a user would see.
package screentest

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// patience bounds every wait.
const patience = time.Minute

// Terminal is one terminal.
type Terminal struct {
	// File is the program's side: its standard streams.
	File *os.File

	t       *testing.T
	master  *os.File
	mu      sync.Mutex
	screen  *vt.Emulator
	changed chan struct{}
	raw     strings.Builder
}

// Open opens a terminal that is closed at the test's end.
func Open(t *testing.T, width, height int) *Terminal {
	t.Helper()
	master, file, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	term := &Terminal{File: file, t: t, master: master, screen: vt.NewEmulator(width, height), changed: make(chan struct{}, 1)}
	// The emulator's Close is not made for a Read at the same time; closing the
	// pipe that Read reads from ends it.
	t.Cleanup(func() {
		file.Close()
		master.Close()
		if pipe, ok := term.screen.InputPipe().(io.Closer); ok {
			pipe.Close()
		}
	})
	term.setSize(width, height)
	go term.show()
	go term.answer()
	return term
}

// show feeds the emulator with what the program writes.
func (t *Terminal) show() {
	buffer := make([]byte, 32<<10)
	for {
		n, err := t.master.Read(buffer)
		t.mu.Lock()
		t.raw.Write(buffer[:n])
		_, _ = t.screen.Write(buffer[:n])
		t.mu.Unlock()
		select {
		case t.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// answer passes on what the emulator says to the program's questions.
func (t *Terminal) answer() {
	buffer := make([]byte, 4<<10)
	for {
		n, err := t.screen.Read(buffer)
		if err != nil {
			return
		}
		if _, err := t.master.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (t *Terminal) setSize(width, height int) {
	t.t.Helper()
	if err := pty.Setsize(t.master, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}); err != nil {
		t.t.Fatal(err)
	}
}

// Start runs a command with the terminal as its own.
func (t *Terminal) Start(command *exec.Cmd) {
	t.t.Helper()
	command.Stdin, command.Stdout, command.Stderr = t.File, t.File, t.File
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := command.Start(); err != nil {
		t.t.Fatal(err)
	}
}

// Resize changes the size and tells process, which the kernel does itself only
// for those that have the terminal as their own.
func (t *Terminal) Resize(width, height int) {
	t.t.Helper()
	t.mu.Lock()
	t.screen.Resize(width, height)
	t.mu.Unlock()
	t.setSize(width, height)
	if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
		t.t.Fatal(err)
	}
}

// Press types text; control characters are keys.
func (t *Terminal) Press(text string) {
	t.t.Helper()
	if _, err := t.master.WriteString(text); err != nil {
		t.t.Fatal(err)
	}
}

// Text is what is to be seen, without colors and trailing spaces.
func (t *Terminal) Text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	for line := range strings.SplitSeq(t.screen.String(), "\n") {
		lines = append(lines, strings.TrimRight(line, " \r"))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// Raw is all that was written to the terminal.
func (t *Terminal) Raw() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.raw.String()
}

// Alternate reports whether the alternate screen is shown.
func (t *Terminal) Alternate() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screen.IsAltScreen()
}

// Until waits until what is to be seen is right, and returns it.
func (t *Terminal) Until(what string, right func(text string) bool) string {
	t.t.Helper()
	return t.Within(patience, what, right)
}

// Within is Until with a time limit of its own.
func (t *Terminal) Within(limit time.Duration, what string, right func(text string) bool) string {
	t.t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	// What is right may hang on more than the screen, such as the program's end.
	again := time.NewTicker(250 * time.Millisecond)
	defer again.Stop()
	for {
		text := t.Text()
		if right(text) {
			return text
		}
		select {
		case <-t.changed:
		case <-again.C:
		case <-deadline.C:
			raw := t.Raw()
			t.t.Fatalf("not seen within %s: %s. The screen:\n%s\nThe end of what was written:\n%q", limit, what, text, raw[max(0, len(raw)-4<<10):])
		}
	}
}

// Sees waits until all texts are to be seen.
func (t *Terminal) Sees(texts ...string) string {
	t.t.Helper()
	return t.Until(strings.Join(texts, ", "), func(text string) bool {
		for _, want := range texts {
			if !strings.Contains(text, want) {
				return false
			}
		}
		return true
	})
}
