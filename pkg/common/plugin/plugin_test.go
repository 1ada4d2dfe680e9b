package plugin

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

func execute(run func(*cobra.Command, []string) error, args ...string) (out, errOut string, code int) {
	if run == nil {
		run = func(*cobra.Command, []string) error { return nil }
	}
	var stdout, stderr bytes.Buffer
	streams := genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &stdout, ErrOut: &stderr}
	root := &cobra.Command{Use: "kubectl-x", Short: "An x", Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl x"}}
	root.AddGroup(&cobra.Group{ID: "g", Title: "Group:"})
	root.PersistentFlags().String("context", "", "A connection flag")
	do := &cobra.Command{Use: "do NAME", Short: "Do it", GroupID: "g", Args: cobra.ExactArgs(1), RunE: run, Example: Examples("\n\t\t# One\n\t\tkubectl x do a\n\n\t\t# Two\n\t\tkubectl x do b\n")}
	do.Flags().Bool("fast", false, "Be fast")
	root.AddCommand(do)
	AddUsage(root, "g")
	AddCompletion(root, "g")
	code = Execute(context.Background(), root, streams, args)
	return stdout.String(), stderr.String(), code
}

func TestExitCodesAndLastWords(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		args []string
		code int
		want string
	}{
		"done":                          {nil, []string{"do", "a"}, exit.OK, ""},
		"failed":                        {errors.New("no"), []string{"do", "a"}, exit.Failed, "error: no\n"},
		"timed out":                     {exit.Timeoutf("late"), []string{"do", "a"}, exit.TimedOut, "error: late\n"},
		"silent":                        {exit.Silent(exit.No), []string{"do", "a"}, exit.No, ""},
		"wrong args":                    {nil, []string{"do"}, exit.Usage, "error: accepts 1 arg(s), received 0\nSee 'kubectl x do --help' for help and examples.\n"},
		"unknown flag":                  {nil, []string{"do", "--slow"}, exit.Usage, "unknown flag: --slow"},
		"unknown command before a flag": {nil, []string{"doo", "x", "--slow", "3"}, exit.Usage, "unknown command \"doo\" for \"kubectl x\""},
		"unknown command":               {nil, []string{"doo"}, exit.Usage, "unknown command \"doo\" for \"kubectl x\"\n\nDid you mean this?\n\tdo\n"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errOut, code := execute(func(*cobra.Command, []string) error { return tc.err }, tc.args...)
			if code != tc.code || !strings.Contains(errOut, tc.want) || tc.want == "" && errOut != "" {
				t.Errorf("exit %d, stderr %q", code, errOut)
			}
		})
	}
}

func TestUsageLeavesConnectionFlagsToOptions(t *testing.T) {
	out, _, code := execute(nil, "do", "--help")
	want := "Do it\n\nUsage:\n  kubectl x do NAME [flags]\n\nExamples:\n  # One\n  kubectl x do a\n\n  # Two\n  kubectl x do b\n\n" +
		"Flags:\n      --fast   Be fast\n  -h, --help   help for do\n\nUse \"kubectl x options\" for the connection flags, kubectl's among them.\n"
	if code != 0 || out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
	out, _, _ = execute(nil, "options")
	if !strings.Contains(out, "--context string") {
		t.Error(out)
	}
	out, _, _ = execute(nil)
	if !strings.Contains(out, "Group:\n  completion  Set up completion in the shell\n  do          Do it\n") {
		t.Error(out)
	}
}

func TestCompletionInstall(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Setenv("PATHEXT", ".EXE")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "kubectl-x")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	if err := os.WriteFile(program, []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for range 2 {
		out, errOut, code := execute(nil, "completion", "install")
		if code != 0 {
			t.Fatal(errOut)
		}
		hook := strings.TrimSpace(out)
		if filepath.Dir(hook) != dir || !strings.HasPrefix(filepath.Base(hook), "kubectl_complete-x") {
			t.Fatal(hook)
		}
		if data, err := os.ReadFile(hook); err != nil || string(data) != "x" {
			t.Errorf("%q %v", data, err)
		}
	}
	// A file that somebody else put there stays.
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "kubectl_complete-x"), []byte("theirs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		if _, errOut, code := execute(nil, "completion", "install", "--dir", other); code != exit.Usage || !strings.Contains(errOut, "not a link of ours") {
			t.Errorf("%d %s", code, errOut)
		}
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		out, errOut, code := execute(nil, "completion", shell)
		if code != 0 || !strings.Contains(out, "kubectl-x") {
			t.Errorf("%s: %d %s", shell, code, errOut)
		}
	}
}
