package plugin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

func TestNobodyIsAskedWithoutATerminal(t *testing.T) {
	var shown bytes.Buffer
	err := Confirm(t.Context(), genericiooptions.IOStreams{In: strings.NewReader("yes\n"), Out: io.Discard, ErrOut: &shown}, "a loses its state.")
	if exit.Code(err) != exit.Usage || !strings.Contains(err.Error(), "a loses its state.") || !strings.Contains(err.Error(), "--yes") || shown.Len() > 0 {
		t.Errorf("exit %d: %v\n%s", exit.Code(err), err, shown.String())
	}
}

func TestTheAnswer(t *testing.T) {
	for input, want := range map[string]bool{"yes\n": true, "YES \n": true, "y\n": false, "no\n": false, "\n": false, "": false, "yes": false} {
		yes, err := Agreed(t.Context(), genericiooptions.IOStreams{In: strings.NewReader(input), ErrOut: io.Discard})
		if err != nil || yes != want {
			t.Errorf("%q: %v %v", input, yes, err)
		}
	}
}

func TestTheQuestionEndsAtCtrlC(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	_, err = Agreed(ctx, genericiooptions.IOStreams{In: in, ErrOut: io.Discard})
	if !errors.Is(err, errInterrupted) || exit.Code(err) != exit.Interrupted {
		t.Errorf("exit %d: %v", exit.Code(err), err)
	}
}

func TestRunFlags(t *testing.T) {
	all := RunWords{DryRun: ServerDryRun("say it"), Wait: "Wait", WaitDefault: true, Timeout: "How long", TimeoutDefault: time.Minute, Quiet: NoProgress}
	local := all
	local.NoServer, local.Endless = "there is no server", true
	for name, tc := range map[string]struct {
		words RunWords
		args  []string
		want  string
		dry   string
	}{
		"none given":          {all, nil, "", ""},
		"client":              {all, []string{"--dry-run"}, "", "client"},
		"server":              {all, []string{"--dry-run=server"}, "", "server"},
		"none":                {all, []string{"--dry-run=none"}, "", ""},
		"another":             {all, []string{"--dry-run=maybe"}, `--dry-run: "maybe" is not one of none, client, server`, ""},
		"no server":           {local, []string{"--dry-run=server"}, `--dry-run: "server" is not one of none, client (there is no server)`, ""},
		"no time":             {all, []string{"--timeout=0s"}, "--timeout: 0s is not a positive duration", ""},
		"no time is for ever": {local, []string{"--timeout=0s"}, "", ""},
		"negative":            {local, []string{"--timeout=-1s"}, "--timeout: -1s is not a positive duration", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var f RunFlags
			cmd := &cobra.Command{Use: "do"}
			f.AddRunFlags(cmd, tc.words)
			if err := cmd.ParseFlags(tc.args); err != nil {
				t.Fatal(err)
			}
			err := f.CheckRun()
			switch {
			case tc.want == "" && (err != nil || f.DryRun != tc.dry):
				t.Errorf("%v, %q", err, f.DryRun)
			case tc.want != "" && (exit.Code(err) != exit.Usage || err.Error() != tc.want):
				t.Errorf("exit %d: %v", exit.Code(err), err)
			}
		})
	}
	var none RunFlags
	cmd := &cobra.Command{Use: "do"}
	none.AddRunFlags(cmd, RunWords{})
	if cmd.Flags().HasFlags() || none.CheckRun() != nil {
		t.Error("flags without texts were added")
	}
}

func TestBoundedSaysWhatTimedOut(t *testing.T) {
	f := RunFlags{Timeout: time.Nanosecond}
	ctx, cancel := f.Bounded(t.Context())
	defer cancel()
	<-ctx.Done()
	if err := context.Cause(ctx); exit.Code(err) != exit.TimedOut || err.Error() != "timed out after 1ns" {
		t.Error(err)
	}
}

// steps notes what was called.
type steps struct {
	called []string
	fails  string
}

func (s *steps) step(name string) error {
	s.called = append(s.called, name)
	if s.fails == name {
		return errors.New(name)
	}
	return nil
}

func (s *steps) Complete(_ *cobra.Command, args []string) error {
	return s.step("complete " + strings.Join(args, " "))
}
func (s *steps) Validate() error           { return s.step("validate") }
func (s *steps) Run(context.Context) error { return s.step("run") }

func TestAVerbRunsInThreeSteps(t *testing.T) {
	for fails, want := range map[string]string{
		"":             "complete a b, validate, run",
		"run":          "complete a b, validate, run",
		"validate":     "complete a b, validate",
		"complete a b": "complete a b",
	} {
		s := &steps{fails: fails}
		err := RunE(s)(&cobra.Command{}, []string{"a", "b"})
		if got := strings.Join(s.called, ", "); got != want || (err != nil) != (fails != "") {
			t.Errorf("%q fails: %s, %v", fails, got, err)
		}
	}
}
