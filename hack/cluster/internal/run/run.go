// Package run starts other programs so that their failure explains itself and
// they do not outlive the program that wanted their result.
package run

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
)

// TailLines is how much of a failed program's output an error quotes.
const TailLines = 25

// Tail keeps the end of what is written to it.
type Tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write keeps the last 64 KiB.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(p)
	if extra := t.buf.Len() - 64<<10; extra > 0 {
		t.buf.Next(extra)
	}
	return len(p), nil
}

// String is the last lines that were written.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return LastLines(t.buf.String(), TailLines)
}

// LastLines is the last n lines of s.
func LastLines(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}

// Cmd is a program to run.
type Cmd struct {
	Dir    string
	Env    []string // appended to this process's environment
	Stdin  io.Reader
	Stdout io.Writer // nil: kept only for the error
	Stderr io.Writer // nil: kept only for the error
	Sys    syscall.SysProcAttr
	// Finish lets the program end by itself, whatever happens to this one:
	// for programs that leave a mess when they are killed.
	Finish bool
}

// Run runs a program and waits for it; the error holds the end of its output.
func (c Cmd) Run(ctx context.Context, name string, args ...string) error {
	running := ctx
	if c.Finish {
		running = context.WithoutCancel(ctx)
	}
	cmd := exec.CommandContext(running, name, args...)
	cmd.Dir = c.Dir
	cmd.Stdin = c.Stdin
	if len(c.Env) > 0 {
		cmd.Env = append(cmd.Environ(), c.Env...)
	}
	tail := &Tail{}
	cmd.Stdout, cmd.Stderr = io.Writer(tail), io.Writer(tail)
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	if c.Stderr != nil {
		cmd.Stderr = io.MultiWriter(tail, c.Stderr)
	}
	sys := c.Sys
	if c.Finish {
		sys.Setpgid = true // out of reach of Ctrl-C too
	} else {
		// A build that goes on after its caller was killed would race with
		// the next attempt.
		sys.Pdeathsig = syscall.SIGKILL
	}
	cmd.SysProcAttr = &sys
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", name, context.Cause(ctx))
		}
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, tail)
	}
	return nil
}

// Run runs a program with nothing special about it.
func Run(ctx context.Context, name string, args ...string) error {
	return Cmd{}.Run(ctx, name, args...)
}

// Output runs a program and returns its standard output, trimmed.
func Output(ctx context.Context, name string, args ...string) (string, error) {
	var out bytes.Buffer
	err := Cmd{Stdout: &out}.Run(ctx, name, args...)
	return strings.TrimSpace(out.String()), err
}
