package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/batch"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

func deployment(namespace, name string) api.Ref {
	return api.Ref{Kind: api.Deployment, Namespace: namespace, Name: name}
}

// stopCommand is a `stop` with the flags that choose jobs, called with args.
func stopCommand(t *testing.T, args ...string) *manyFlags {
	t.Helper()
	m := &manyFlags{}
	root := &cobra.Command{Use: "kubectl-flink", Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl flink"}}
	root.PersistentFlags().StringP("namespace", "n", "", "")
	cmd := &cobra.Command{Use: "stop", RunE: func(cmd *cobra.Command, names []string) error {
		m.complete(cmd, names, nil)
		return m.validate()
	}}
	cmd.Flags().Bool("drain", false, "")
	m.add(cmd, "Stop", "job")
	root.AddCommand(cmd)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(append([]string{"stop"}, args...))
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWhichOfSeveralIsChecked(t *testing.T) {
	one := batch.Options{MaxParallel: 1}
	for name, tc := range map[string]struct {
		m    manyFlags
		want string
	}{
		"names":                {manyFlags{Options: one, args: []string{"a", "b"}}, ""},
		"all":                  {manyFlags{Options: one, all: true, allNamespaces: true}, ""},
		"names and all":        {manyFlags{Options: one, all: true, args: []string{"a"}}, "not both"},
		"names and a selector": {manyFlags{Options: one, selector: "a=b", args: []string{"a"}}, "not both"},
		"-A alone":             {manyFlags{Options: one, allNamespaces: true}, "--all-namespaces wants"},
		"none at once":         {manyFlags{all: true}, "--max-parallel"},
	} {
		err := tc.m.validate()
		if (err == nil) != (tc.want == "") || err != nil && (exit.Code(err) != exit.Usage || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSeveralJobs(t *testing.T) {
	m := stopCommand(t, "--all", "-A", "--drain", "--max-parallel", "1")
	refs := []api.Ref{deployment("n1", "a"), deployment("n1", "b"), deployment("n2", "a")}
	var shown bytes.Buffer
	c := &common{IOStreams: genericiooptions.IOStreams{ErrOut: &shown}}
	reports, err := jobBatch[string]{
		common: c, many: m, noun: "job",
		do: func(_ context.Context, ref api.Ref, reporter operator.Reporter) (string, error) {
			reporter.Note(ref.String() + ": a note")
			reporter.Note("a note without a name")
			for range 2 {
				reporter.Waiting("still waiting")
			}
			reporter.Must("where its state is")
			if ref.Name == "b" {
				return "", errors.New("no savepoint")
			}
			return named(ref, true), nil
		},
	}.run(t.Context(), refs, progress.New(&shown, false))
	if !slices.Equal(reports, []string{"n1/flinkdeployment/a", "n2/flinkdeployment/a"}) {
		t.Errorf("reports: %v", reports)
	}
	want := "1 of 3 jobs failed\nDone: n1/flinkdeployment/a, n2/flinkdeployment/a\nFailed: n1/flinkdeployment/b\n" +
		"Go on with the rest: kubectl flink stop flinkdeployment/b -n n1 --drain --max-parallel=1"
	if exit.Code(err) != exit.Failed || err.Error() != want {
		t.Errorf("exit %d:\n%v", exit.Code(err), err)
	}
	for _, line := range []string{"n1/flinkdeployment/a: a note\n", "n2/flinkdeployment/a: a note without a name\n", "n1/flinkdeployment/b: error: no savepoint\n", "n1/flinkdeployment/b: where its state is\n", "3 of 3 jobs done\n"} {
		if !strings.Contains(shown.String(), line) {
			t.Errorf("missing: %s", line)
		}
	}
	if n := strings.Count(shown.String(), "n1/flinkdeployment/a: still waiting\n"); n != 1 {
		t.Errorf("the same was said %d times", n)
	}
	if t.Failed() {
		t.Log(shown.String())
	}
}

func TestTheRestIsOneCommandForEachNamespace(t *testing.T) {
	m := stopCommand(t, "-l", "team=orders", "-A", "--drain")
	got := m.commands([]api.Ref{deployment("n2", "a"), deployment("n1", "b"), {Kind: api.SessionJob, Namespace: "n2", Name: "c"}})
	want := []string{
		"kubectl flink stop flinkdeployment/b -n n1 --drain",
		"kubectl flink stop flinkdeployment/a flinksessionjob/c -n n2 --drain",
	}
	if strings.ReplaceAll(strings.Join(got, "\n"), api.SessionJob.Singular+"/", "flinksessionjob/") != strings.Join(want, "\n") {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

func TestTheFirstWaveComesFirst(t *testing.T) {
	m := stopCommand(t, "--all", "--stop-on-failure")
	job := api.Ref{Kind: api.SessionJob, Namespace: "n", Name: "job"}
	var begun []string
	c := &common{IOStreams: genericiooptions.IOStreams{ErrOut: &bytes.Buffer{}}}
	_, err := jobBatch[string]{
		common: c, many: m, noun: "job",
		first: func(ref api.Ref) bool { return ref.Kind.Name == api.SessionJob.Name },
		do: func(_ context.Context, ref api.Ref, _ operator.Reporter) (string, error) {
			begun = append(begun, ref.Name)
			return "", errors.New("no")
		},
	}.run(t.Context(), []api.Ref{deployment("n", "cluster"), job}, nil)
	if !slices.Equal(begun, []string{"job"}) || !strings.Contains(err.Error(), "1 of 2 jobs failed, 1 was not begun") {
		t.Errorf("%v: %v", begun, err)
	}
}

// onTerminal is a changeFlags whose user types answer.
func onTerminal(t *testing.T, answer string) (f *changeFlags, shown func() string) {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	var screen bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		chunk, answered := make([]byte, 4096), false
		for {
			n, err := master.Read(chunk)
			screen.Write(chunk[:n])
			if err != nil {
				return
			}
			if !answered && strings.Contains(screen.String(), plugin.Prompt) {
				answered = true
				_, _ = master.WriteString(answer)
			}
		}
	}()
	return &changeFlags{common: &common{IOStreams: genericiooptions.IOStreams{In: tty, Out: tty, ErrOut: tty}}, many: manyFlags{Options: batch.Options{MaxParallel: 4}}}, func() string {
		_ = tty.Close()
		<-read
		return strings.ReplaceAll(screen.String(), "\r", "")
	}
}

// lookAt is a dry run: c can't be stopped, b loses its state.
func lookAt(_ context.Context, ref api.Ref, a asking, reporter operator.Reporter) (string, error) {
	if a.dryRun != "client" {
		return "", fmt.Errorf("something was done: %+v", a)
	}
	switch ref.Name {
	case "c":
		return "", errors.New("flinkdeployment/c has no checkpoint")
	case "b":
		a.question("flinkdeployment/b will start empty.")
	default:
		reporter.Note(ref.String() + ": a savepoint is taken first")
	}
	return "", nil
}

func TestOneQuestionListsAllJobs(t *testing.T) {
	refs := []api.Ref{deployment("n", "a"), deployment("n", "b"), deployment("n", "c")}
	f, shown := onTerminal(t, "yes\n")
	seen, err := foresee(t.Context(), f, changing[string]{did: "restarted"}, refs, lookAt, nil)
	text := shown()
	if err != nil {
		t.Fatal(err)
	}
	want := "2 jobs will be restarted:\n  flinkdeployment/a: a savepoint is taken first\n  flinkdeployment/b will start empty.\n" +
		"  flinkdeployment/c can't be restarted: has no checkpoint\n" + plugin.Prompt
	if !strings.Contains(text, want) || strings.Count(text, plugin.Prompt) != 1 {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	// What was shown is agreed to, and nothing else.
	if err := seen[refs[1]].confirm(t.Context(), "b"); err != nil {
		t.Error(err)
	}
	if err := seen[refs[0]].confirm(t.Context(), "a will start empty."); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("a loses what nobody was asked about: %v", err)
	}
	if seen[refs[2]].err == nil {
		t.Error("c is done although it can't be")
	}
}

func TestAnotherAnswerChangesNothing(t *testing.T) {
	f, shown := onTerminal(t, "no\n")
	_, err := foresee(t.Context(), f, changing[string]{did: "restarted"}, []api.Ref{deployment("n", "a"), deployment("n", "b")}, lookAt, nil)
	shown()
	if exit.Code(err) != exit.Failed || err.Error() != "nothing was changed" {
		t.Errorf("exit %d: %v", exit.Code(err), err)
	}
}

func TestWithoutATerminalALossNeedsYes(t *testing.T) {
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	refs := []api.Ref{deployment("n", "a"), deployment("n", "b")}
	f := &changeFlags{common: &common{IOStreams: genericiooptions.IOStreams{In: in, ErrOut: &bytes.Buffer{}}}}
	if _, err := foresee(t.Context(), f, changing[string]{loses: "lose their state"}, refs, lookAt, nil); exit.Code(err) != exit.Usage || !strings.Contains(err.Error(), "2 jobs lose their state.") {
		t.Errorf("exit %d: %v", exit.Code(err), err)
	}
	if seen, err := foresee(t.Context(), f, changing[string]{}, refs, lookAt, nil); err != nil || seen != nil {
		t.Errorf("%v %v", seen, err)
	}
	f.yes = true
	if _, err := foresee(t.Context(), f, changing[string]{loses: "lose their state"}, refs, lookAt, nil); err != nil {
		t.Error(err)
	}
}

// Every verb that changes jobs can be given several.
func TestVerbsThatChangeJobsTakeSeveral(t *testing.T) {
	root := NewRoot(genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &bytes.Buffer{}, ErrOut: &bytes.Buffer{}})
	for _, verb := range []string{"savepoint", "checkpoint", "suspend", "resume", "stop", "restart", "scale", "upgrade", "restore", "delete", "snapshot delete"} {
		cmd, _, err := root.Find(strings.Fields(verb))
		if err != nil {
			t.Fatal(err)
		}
		for _, flag := range []string{"selector", "all", "all-namespaces", "max-parallel", "stop-on-failure", "dry-run", "wait", "timeout", "quiet"} {
			if cmd.Flags().Lookup(flag) == nil {
				t.Errorf("%s has no --%s", verb, flag)
			}
		}
		if flag := cmd.Flags().Lookup("max-parallel"); flag != nil && flag.DefValue != "4" {
			t.Errorf("%s: --max-parallel is %s", verb, flag.DefValue)
		}
		if cmd.Args != nil && cmd.Args(cmd, []string{"a", "b"}) != nil {
			t.Errorf("%s takes no second name", verb)
		}
		if cmd.ValidArgsFunction == nil {
			t.Errorf("%s completes no names", verb)
		}
	}
}
