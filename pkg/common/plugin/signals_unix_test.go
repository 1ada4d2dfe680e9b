//go:build unix

package plugin

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/interrupt"
)

// asPlugin names the file that the test program, run as a plugin, writes when
// it has tidied up.
const asPlugin = "PLUGIN_TEST_TIDIED"

// readsPipe names a named pipe that the plugin reads.
const readsPipe = "PLUGIN_TEST_PIPE"

func init() {
	if os.Getenv(asPlugin) != "" {
		os.Args = []string{"kubectl-x", "work"}
		os.Exit(Main(worker))
	}
}

// worker prints lines until it has to end, and then tidies up, which takes
// a moment and prints too.
func worker(streams genericiooptions.IOStreams) *cobra.Command {
	root := &cobra.Command{Use: "kubectl-x"}
	root.AddCommand(&cobra.Command{Use: "work", RunE: func(cmd *cobra.Command, _ []string) error {
		ctx := cmd.Context()
		if pipe := os.Getenv(readsPipe); pipe != "" {
			data, err := os.ReadFile(pipe)
			fmt.Fprintf(streams.Out, "%q %v", data, err)
			return errors.New("the pipe ended")
		}
		interrupt.Busy()
		breakConnection()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for line := 1; ctx.Err() == nil; line++ {
			if _, err := fmt.Fprintln(streams.Out, "line", line); err != nil && !errors.Is(err, syscall.EPIPE) {
				return err
			}
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
		for range 20 {
			fmt.Fprintln(streams.Out, "tidying up")
			time.Sleep(10 * time.Millisecond)
		}
		if err := os.WriteFile(os.Getenv(asPlugin), nil, 0o600); err != nil {
			return err
		}
		return context.Cause(ctx)
	}})
	return root
}

// breakConnection writes to a connection that its peer reset, which raises
// SIGPIPE.
func breakConnection() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return
	}
	defer listener.Close()
	connection, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return
	}
	defer connection.Close()
	if peer, err := listener.Accept(); err == nil {
		_ = peer.Close()
	}
	for until := time.Now().Add(10 * time.Second); err == nil && time.Now().Before(until); {
		_, err = connection.Write([]byte("x"))
	}
}

func TestWhatEndsACommandLetsItTidyUp(t *testing.T) {
	// A test that is run under nohup hands on that SIGHUP is ignored; a signal
	// that is handled here is not.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP)
	defer signal.Stop(handled)
	for name, tc := range map[string]struct {
		// before runs the plugin: sh -c before.
		before  string
		signals []os.Signal
		close   bool
		code    int
		errOut  string
	}{
		"Ctrl-C":                   {signals: []os.Signal{os.Interrupt}, code: exit.Interrupted, errOut: "error: interrupted\n"},
		"a termination":            {signals: []os.Signal{syscall.SIGTERM}, code: exit.Interrupted, errOut: "error: interrupted\n"},
		"a terminal that closes":   {signals: []os.Signal{syscall.SIGHUP, syscall.SIGHUP, syscall.SIGHUP}, code: exit.Interrupted, errOut: "error: interrupted\n"},
		"an output without reader": {close: true, code: exit.BrokenPipe},
		"a termination with nohup": {before: "trap '' HUP; ", signals: []os.Signal{syscall.SIGHUP, syscall.SIGTERM}, code: exit.Interrupted, errOut: "error: interrupted\n"},
	} {
		t.Run(name, func(t *testing.T) {
			tidied := filepath.Join(t.TempDir(), "tidied")
			command := exec.Command("sh", "-c", tc.before+`exec "$0"`, os.Args[0])
			command.Env = append(os.Environ(), asPlugin+"="+tidied, "HOME="+t.TempDir())
			var errOut bytes.Buffer
			command.Stderr = &errOut
			stdout, err := command.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			out := bufio.NewScanner(stdout)
			if !out.Scan() {
				t.Fatal("it printed nothing")
			}
			for i, s := range tc.signals {
				if err := command.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
				if i < len(tc.signals)-1 && tc.before != "" && !out.Scan() {
					t.Fatal("it ended with nohup")
				}
				if i == 0 && len(tc.signals) > 1 && tc.before == "" {
					for out.Scan() && out.Text() != "tidying up" {
					}
				}
			}
			if tc.close {
				_ = stdout.Close()
			} else {
				for out.Scan() {
				}
			}
			_ = command.Wait()
			if code := command.ProcessState.ExitCode(); code != tc.code || errOut.String() != tc.errOut {
				t.Errorf("exit code %d, %q", code, errOut.String())
			}
			if _, err := os.Stat(tidied); err != nil {
				t.Errorf("it did not tidy up: %v", err)
			}
		})
	}
}

// A command that hasn't begun yet, since what it reads says nothing, ends with
// the first Ctrl-C, wherever it reads it.
func TestCtrlCEndsACommandThatReadsAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]bool{"a file that a flag names": false, "the configuration": true} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			command := exec.Command(os.Args[0])
			command.Env = append(os.Environ(), asPlugin+"="+filepath.Join(home, "tidied"), "HOME="+home, "XDG_CONFIG_HOME="+home)
			if config {
				if err := os.Mkdir(filepath.Join(home, "kubectl-flink"), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(pipe, filepath.Join(home, "kubectl-flink", "config.yaml")); err != nil {
					t.Fatal(err)
				}
			} else {
				command.Env = append(command.Env, readsPipe+"="+pipe)
			}
			var out, errOut bytes.Buffer
			command.Stdout, command.Stderr = &out, &errOut
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			// Once it can be written to, the plugin has opened it.
			writer, err := os.OpenFile(pipe, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer writer.Close()
			if err := command.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			held := time.AfterFunc(20*time.Second, func() { _ = command.Process.Kill() })
			defer held.Stop()
			_ = command.Wait()
			if code := command.ProcessState.ExitCode(); code != exit.Interrupted || errOut.String() != "error: interrupted\n" || out.Len() != 0 {
				t.Errorf("exit code %d, %q, %q", code, out.String(), errOut.String())
			}
		})
	}
}

func TestFlagsThatExcludeEachOther(t *testing.T) {
	root := &cobra.Command{Use: "kubectl-x"}
	work := &cobra.Command{Use: "work", RunE: func(*cobra.Command, []string) error { return nil }}
	work.Flags().Bool("wait", false, "")
	work.Flags().Bool("detach", false, "")
	work.Flags().String("name", "", "")
	work.MarkFlagsMutuallyExclusive("wait", "detach")
	_ = work.MarkFlagRequired("name")
	root.AddCommand(work)
	for args, code := range map[string]int{"work --name x --wait": exit.OK, "work --name x --wait --detach": exit.Usage, "work": exit.Usage, "work --name x --help": exit.OK} {
		var out, errOut bytes.Buffer
		got := Execute(t.Context(), root, genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &out, ErrOut: &errOut}, strings.Fields(args))
		if got != code {
			t.Errorf("%s: %d, %s", args, got, errOut.String())
		}
		for _, flag := range []string{"wait", "detach", "name"} {
			work.Flags().Lookup(flag).Changed = false
		}
		_ = work.Flags().Set("help", "false")
		work.Flags().Lookup("help").Changed = false
	}
}
