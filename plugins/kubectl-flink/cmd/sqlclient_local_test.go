//go:build unix

package cmd

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A client of this computer is told to end when this command is (Ctrl-C, a
// termination, a terminal that closes), may cancel its queries first, and leaves
// no process behind.
func TestNothingOfALocalClientIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		script      string
		hasTerminal bool
		tidies      bool
	}{
		"one that tidies up": {`trap 'echo tidied >"$1"; kill $child; exit 0' TERM; sleep 600 & child=$!; echo $$ $child; wait`, false, true},
		// As with sql-client.sh, whose JVM takes its place.
		"on a terminal":               {`trap 'echo tidied >"$1"; kill $child; exit 0' TERM; sleep 600 & child=$!; echo $$ $child; wait`, true, true},
		"a script with a child of it": {`sleep 600 & echo $$ $!; wait`, false, false},
		"a child that doesn't listen": {`(trap '' TERM; exec sleep 600) & echo $$ $!; wait`, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			note := filepath.Join(t.TempDir(), "note")
			command := exec.CommandContext(ctx, "bash", "-c", c.script, "client", note)
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer read.Close()
			defer write.Close()
			command.Stdout = write
			ended := make(chan error, 1)
			go func() { ended <- runClient(command, c.hasTerminal) }()
			line, err := bufio.NewReader(read).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			select {
			case <-ended:
			case <-time.After(partingLimit + 10*time.Second):
				t.Fatal("it goes on")
			}
			if _, err := os.Stat(note); (err == nil) != c.tidies {
				t.Errorf("tidied up: %v", err)
			}
			for pid := range strings.FieldsSeq(line) {
				n, err := strconv.Atoi(pid)
				if err != nil {
					t.Fatal(err)
				}
				if !goneSoon(n) {
					t.Errorf("process %d is left", n)
					_ = syscall.Kill(n, syscall.SIGKILL)
				}
			}
		})
	}
}

// goneSoon reports whether a process ends within seconds. One that nobody has
// waited for yet has ended.
func goneSoon(pid int) bool {
	for range 50 {
		status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || err == nil && strings.Contains(string(status), ") Z ") {
			return true
		}
		time.Sleep(100 * time.Millisecond)
	}
	return false
}
