//go:build unix

package progress

import (
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen/screentest"
)

// Where the cursor can't be moved, as in a shell in Emacs, a live line would be
// hundreds of lines full of escape sequences.
func TestPlainLinesOnADumbTerminal(t *testing.T) {
	t.Setenv("TERM", "dumb")
	terminal := screentest.Open(t, 80, 24)
	l := New(terminal.File, false)
	l.Set("waiting for %s", "a")
	l.Set("waiting for %s", "b")
	l.Done()
	terminal.Sees("waiting for a\nwaiting for b")
	if raw, want := terminal.Raw(), "waiting for a\r\nwaiting for b\r\n"; raw != want {
		t.Errorf("got %q, want %q", raw, want)
	}
}
