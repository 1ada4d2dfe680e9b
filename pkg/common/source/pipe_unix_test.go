//go:build unix

package source

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestNamedPipes(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "job.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if files, err := Files(dir, false); err == nil || !strings.Contains(err.Error(), "job.yaml is no regular file") {
		t.Errorf("%v %v", files, err)
	}
	// Named by the user, it is read, until Ctrl-C.
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	cancel(interrupted)
	if _, err := Read(ctx, pipe, nil, 1<<20); !errors.Is(err, interrupted) {
		t.Error(err)
	}
}

func TestOpenOfASilentPipeEndsWithItsContext(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "statements.sql")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := Open(ctx, pipe)
		done <- err
	}()
	cancel(interrupted)
	if err := <-done; !errors.Is(err, interrupted) {
		t.Error(err)
	}
	// With a writer that says something and then nothing.
	writer, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if _, err := writer.WriteString("SELECT 1;"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	file, err := Open(ctx, pipe)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text := make([]byte, 100)
	if n, err := file.Read(text); err != nil || string(text[:n]) != "SELECT 1;" {
		t.Errorf("%q %v", text[:n], err)
	}
	cancel(interrupted)
	if _, err := file.Read(text); !errors.Is(err, interrupted) {
		t.Error(err)
	}
}
