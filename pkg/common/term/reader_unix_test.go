//go:build unix

package term

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestReaderGone(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if ReaderGone(write) || ReaderGone(file) || ReaderGone(&bytes.Buffer{}) {
		t.Error("a reader that is there, or that isn't needed, is said to be gone")
	}
	_ = read.Close()
	if !ReaderGone(write) {
		t.Error("the pipe's reader is gone")
	}
}
