//go:build e2e && long

package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen/screentest"
)

// sample is one example of a command's help, as a script for a shell: a
// paragraph with a comment above it, or else a line.
type sample struct{ command, script string }

func (s sample) name() string {
	return strings.NewReplacer(" ", "_", "/", "|").Replace(strings.SplitN(s.script, "\n", 2)[0])
}

// word is one of the command's words, or empty.
func (s sample) word(i int) string {
	if words := strings.Fields(s.command); i < len(words) {
		return words[i]
	}
	return ""
}

// samples are the examples of root's commands.
func samples(root *cobra.Command) []sample {
	var all []sample
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for paragraph := range strings.SplitSeq(cmd.Example, "\n\n") {
			var lines []string
			commented := false
			for line := range strings.Lines(paragraph) {
				line = strings.TrimSpace(line)
				commented = commented || strings.HasPrefix(line, "#")
				if line != "" && !strings.HasPrefix(line, "#") {
					lines = append(lines, line)
				}
			}
			if commented && len(lines) > 0 {
				lines = []string{strings.Join(lines, "\n")}
			}
			for _, script := range lines {
				all = append(all, sample{cmd.CommandPath(), script})
			}
		}
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				walk(sub)
			}
		}
	}
	walk(root)
	return all
}

// recipes are the commands of docs/recipes.md that begin with program: what a
// user types now.
func recipes(t *testing.T, program string) []sample {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "recipes.md"))
	must(t, err)
	var all []sample
	for _, after := range strings.Split(string(text), "\n```sh\n")[1:] {
		script, _, _ := strings.Cut(after, "\n```")
		if !strings.HasPrefix(script, program+" ") {
			continue
		}
		words := strings.Fields(script)
		if words[1] == "cmf" && words[3][0] != '-' {
			words[2] += " " + words[3]
		}
		all = append(all, sample{strings.Join(words[:3], " "), script})
	}
	if len(all) == 0 {
		t.Fatal("docs/recipes.md has no command of " + program)
	}
	return all
}

func nowhere() genericiooptions.IOStreams {
	return genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &bytes.Buffer{}, ErrOut: &bytes.Buffer{}}
}

// endless are examples that go on until they are ended: what is to be seen of
// them, the keys that end them, and the exit code then.
type endless struct {
	script *regexp.Regexp
	sees   string
	keys   string
	code   int
}

// shell runs scripts as a user at a prompt.
type shell struct {
	dir string
	env []string
	// endless are the examples that don't end by themselves.
	endless []endless
}

func (s *shell) command(ctx context.Context, script string) *exec.Cmd {
	command := exec.CommandContext(ctx, "bash", "-eo", "pipefail", "-c", script)
	command.Dir, command.Env = s.dir, s.env
	return command
}

// run runs a script without a terminal.
func (s *shell) run(t *testing.T, script string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	command := s.command(ctx, script)
	var out, errOut bytes.Buffer
	command.Stdout, command.Stderr = &out, &errOut
	command.WaitDelay = time.Second
	err := command.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatal(err)
	}
	return result{out.String(), errOut.String(), command.ProcessState.ExitCode()}
}

// example runs one and wants it to end well; one that goes on is ended when it
// has shown what it is for.
func (s *shell) example(t *testing.T, e sample) {
	for _, open := range s.endless {
		if !open.script.MatchString(e.script) {
			continue
		}
		if first, rest, several := strings.Cut(e.script, "\n"); several {
			s.example(t, sample{e.command, first})
			s.example(t, sample{e.command, rest})
			return
		}
		terminal := screentest.Open(t, 110, 40)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		command := s.command(ctx, e.script)
		terminal.Start(command)
		ended := make(chan struct{})
		go func() { _ = command.Wait(); close(ended) }()
		gone := func() bool {
			select {
			case <-ended:
				return true
			default:
				return false
			}
		}
		seen := false
		terminal.Within(patience, open.sees, func(text string) bool {
			seen = strings.Contains(text, open.sees)
			return seen || gone()
		})
		if !gone() {
			terminal.Press(open.keys)
		}
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatalf("%s goes on after %q. The screen:\n%s", e.script, open.keys, terminal.Text())
		}
		if !seen {
			t.Errorf("%s ended before %q was seen. The screen:\n%s", e.script, open.sees, terminal.Text())
		}
		if code := command.ProcessState.ExitCode(); code != open.code {
			t.Errorf("%s: exit code %d, want %d. The screen:\n%s", e.script, code, open.code, terminal.Text())
		}
		return
	}
	// To show a difference, a newer release, or what is wrong with addresses of
	// templates that lead nowhere or with the jobs of all namespaces, is what
	// these are for.
	if r := s.run(t, e.script); r.code != 0 && !(r.code == 3 && (e.command == "kubectl cmf doctor" || strings.HasPrefix(e.script, "kubectl flink doctor -A --strict") || strings.HasSuffix(e.command, " diff") || strings.HasSuffix(e.script, " --diff") || strings.HasSuffix(e.script, " --check"))) {
		t.Errorf("$ %s\n%s", e.script, r)
	}
}

// write writes a file into the shell's directory.
func (s *shell) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o600))
}
