//go:build unix

package podexec

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/creack/pty"
	"k8s.io/client-go/tools/remotecommand"
)

// With a terminal, each key goes to the program and the size of the window with
// them; afterwards the terminal is as it was.
func TestRunOnATerminal(t *testing.T) {
	ours, theirs, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	defer theirs.Close()
	if err := pty.Setsize(ours, &pty.Winsize{Rows: 40, Cols: 132}); err != nil {
		t.Fatal(err)
	}
	var got remotecommand.TerminalSize
	var keys []byte
	k := &kubelet{program: func(in io.Reader, out, _ io.Writer, sizes <-chan remotecommand.TerminalSize) int {
		got = <-sizes
		fmt.Fprint(out, "> ")
		keys = make([]byte, 4)
		io.ReadFull(in, keys)
		return 0
	}}
	out := writer(func() { ours.Write([]byte("a\x03\x04\r")) })
	err = k.run(t, t.Context(), Command{Args: []string{"x"}, TTY: true, In: theirs, Out: out, ErrOut: os.Stderr, LineFeed: true})
	if err != nil {
		t.Fatal(err)
	}
	if got.Width != 132 || got.Height != 40 || string(keys) != "a\x03\x04\n" {
		t.Errorf("the size is %v, the keys are %q", got, keys)
	}
	if k.query.Get("tty") != "true" || k.query.Get("stderr") != "" {
		t.Errorf("asked was for %v", k.query)
	}
	// It echoes again what is typed.
	ours.Write([]byte("typed"))
	echo := make([]byte, 5)
	if _, err := io.ReadFull(ours, echo); err != nil || string(echo) != "typed" {
		t.Errorf("the terminal answers %q, %v", echo, err)
	}
	if err := k.run(t, t.Context(), Command{Args: []string{"x"}, TTY: true, In: strings.NewReader("")}); err == nil || !strings.Contains(err.Error(), "a terminal is needed") {
		t.Errorf("without a terminal: %v", err)
	}
}
