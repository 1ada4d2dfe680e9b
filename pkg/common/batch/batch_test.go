package batch

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

var words = Words[string]{
	Noun: "job",
	Name: func(name string) string { return "j/" + name },
	Rest: func(names []string) []string { return []string{"do " + strings.Join(names, " ")} },
}

func TestRunKeepsOrderAndBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		items := []string{"a", "b", "c", "d", "e"}
		var mu sync.Mutex
		var begun, ended []string
		now, most := 0, 0
		results := Run(t.Context(), items, Options{MaxParallel: 2}, func(_ context.Context, name string) (string, error) {
			mu.Lock()
			begun = append(begun, name)
			now++
			most = max(most, now)
			mu.Unlock()
			// The first takes longest, so that the ends are in another order.
			time.Sleep(time.Duration('f'-rune(name[0])) * 10 * time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return strings.ToUpper(name), nil
		}, func(r Result[string, string], done int) {
			ended = append(ended, r.Item)
			if done != len(ended) {
				t.Errorf("%d ended, %d were said", len(ended), done)
			}
		})
		if most != 2 {
			t.Errorf("%d at once, want 2", most)
		}
		// The first two begin together; the others as a place is free.
		if !slices.Equal(begun[2:], items[2:]) || slices.Equal(ended, items) || len(ended) != len(items) {
			t.Errorf("begun %v, ended %v", begun, ended)
		}
		if got := Values(results, nil); !slices.Equal(got, []string{"A", "B", "C", "D", "E"}) {
			t.Errorf("results in the order %v", got)
		}
		if err := Err(t.Context(), results, words); err != nil {
			t.Errorf("all was done: %v", err)
		}
	})
}

func TestRunWithoutABoundTakesTheDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := 0, 0
		Run(t.Context(), make([]int, 20), Options{}, func(context.Context, int) (int, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return 0, nil
		}, nil)
		if most != DefaultParallel {
			t.Errorf("%d at once, want %d", most, DefaultParallel)
		}
	})
}

func TestAFailure(t *testing.T) {
	items := []string{"a", "b", "c", "d"}
	do := func(_ context.Context, name string) (string, error) {
		if name == "b" {
			return "half", errors.New("no")
		}
		return name, nil
	}
	for name, tc := range map[string]struct {
		stop bool
		want string
		done []string
	}{
		"goes on":         {false, "1 of 4 jobs failed\nDone: j/a, j/c, j/d\nFailed: j/b\nGo on with the rest: do b", []string{"a", "c", "d"}},
		"stops the batch": {true, "1 of 4 jobs failed, 2 were not begun\nDone: j/a\nFailed: j/b\nNot begun: j/c, j/d\nGo on with the rest: do b c d", []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			results := Run(t.Context(), items, Options{MaxParallel: 1, StopOnFailure: tc.stop}, do, nil)
			err := Err(t.Context(), results, words)
			if exit.Code(err) != exit.Failed || err.Error() != tc.want {
				t.Errorf("exit %d:\n%v\nwant\n%s", exit.Code(err), err, tc.want)
			}
			if got := Values(results, nil); !slices.Equal(got, tc.done) {
				t.Errorf("done: %v", got)
			}
			kept := Values(results, func(r Result[string, string]) bool { return r.Value == "half" })
			if !slices.Contains(kept, "half") || len(kept) != len(tc.done)+1 {
				t.Errorf("kept: %v", kept)
			}
		})
	}
}

func TestStopOnFailureCarriesOnWhatWasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		results := Run(t.Context(), []string{"slow", "bad", "never"}, Options{MaxParallel: 2, StopOnFailure: true}, func(ctx context.Context, name string) (string, error) {
			if name == "bad" {
				time.Sleep(time.Second)
				return "", errors.New("no")
			}
			time.Sleep(time.Minute)
			return name, ctx.Err()
		}, nil)
		if !results[0].Done() || results[1].Err == nil || results[2].Begun {
			t.Errorf("%+v", results)
		}
	})
}

func TestCtrlC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		interrupted := exit.With(exit.Interrupted, errors.New("interrupted"))
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			time.Sleep(5 * time.Second)
			cancel(interrupted)
		}()
		results := Run(ctx, []string{"a", "b", "c"}, Options{MaxParallel: 1}, func(ctx context.Context, name string) (string, error) {
			select {
			case <-time.After(3 * time.Second):
				return name, nil
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
		}, nil)
		err := Err(ctx, results, words)
		want := "1 of 3 jobs failed, 1 was not begun\nDone: j/a\nFailed: j/b\nNot begun: j/c\nGo on with the rest: do b c"
		if exit.Code(err) != exit.Interrupted || err.Error() != want {
			t.Errorf("exit %d:\n%v", exit.Code(err), err)
		}
	})
}

func TestCtrlCBetweenTwo(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	results := Run(ctx, []string{"a", "b", "c"}, Options{MaxParallel: 1}, func(_ context.Context, name string) (string, error) {
		cancel(exit.With(exit.Interrupted, errors.New("interrupted")))
		return name, nil
	}, nil)
	err := Err(ctx, results, words)
	want := "2 of 3 jobs were not begun\nDone: j/a\nNot begun: j/b, j/c\nGo on with the rest: do b c"
	if exit.Code(err) != exit.Interrupted || err.Error() != want {
		t.Errorf("exit %d:\n%v", exit.Code(err), err)
	}
}

func TestTheWorstExitCodeCounts(t *testing.T) {
	for _, tc := range []struct{ a, b, want int }{
		{exit.OK, exit.TimedOut, exit.TimedOut},
		{exit.TimedOut, exit.Failed, exit.Failed},
		{exit.Interrupted, exit.Failed, exit.Interrupted},
		{exit.OK, exit.Usage, exit.Usage},
	} {
		if got, back := Worse(tc.a, tc.b), Worse(tc.b, tc.a); got != tc.want || back != tc.want {
			t.Errorf("%d and %d: %d, %d", tc.a, tc.b, got, back)
		}
	}
}

// verb is a command with flags of each type, called with args.
func verb(t *testing.T, args ...string) Rest {
	t.Helper()
	var rest Rest
	root := &cobra.Command{Use: "kubectl-x", Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl x"}}
	root.PersistentFlags().String("context", "", "")
	root.PersistentFlags().String("token", "", "")
	root.PersistentFlags().StringP("namespace", "n", "", "")
	cmd := &cobra.Command{Use: "do", RunE: func(cmd *cobra.Command, args []string) error {
		var after []string
		if at := cmd.ArgsLenAtDash(); at >= 0 {
			after = args[at:]
		}
		rest = NewRest(cmd, after, "all", "namespace")
		return nil
	}}
	cmd.Flags().Bool("all", false, "")
	cmd.Flags().Bool("yes", false, "")
	cmd.Flags().Bool("wait", true, "")
	cmd.Flags().StringArray("set", nil, "")
	cmd.Flags().StringSlice("hosts", nil, "")
	cmd.Flags().Duration("timeout", 0, "")
	root.AddCommand(cmd)
	root.SetArgs(append([]string{"do"}, args...))
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	return rest
}

func TestRestIsTheSameCommandForTheOthers(t *testing.T) {
	rest := verb(t, "--all", "-n", "n1", "--context", "my cluster", "--yes", "--wait=false", "--timeout", "90s", "--set", "a=b c", "--set", "d='e'", "--hosts", "x,y", "--", "--input", "two words")
	got := rest.Command([]string{"deploy/a", "b"}, "-n", "n1")
	want := `kubectl x do deploy/a b -n n1 --context='my cluster' --hosts=x --hosts=y --set='a=b c' --set='d='\''e'\''' --timeout=1m30s --wait=false --yes -- --input 'two words'`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if runtime.GOOS == "windows" {
		return
	}
	// A shell takes it apart into what was given.
	out, err := exec.Command("sh", "-c", strings.Replace(got, "kubectl x do", `printf '%s\n'`, 1)).Output()
	if err != nil || !strings.Contains(string(out), "--set=a=b c\n--set=d='e'\n") || !strings.HasSuffix(string(out), "--\n--input\ntwo words\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestRestPrintsNoSecret(t *testing.T) {
	got := verb(t, "--token", "s3cr3t").Command([]string{"a"})
	if strings.Contains(got, "s3cr3t") || got != `kubectl x do a --token="$TOKEN"` {
		t.Error(got)
	}
}

func TestMaxParallelIsPositive(t *testing.T) {
	for _, n := range []int{0, -1} {
		if err := (&Options{MaxParallel: n}).Validate(); exit.Code(err) != exit.Usage {
			t.Errorf("%d: %v", n, err)
		}
	}
	if err := (&Options{MaxParallel: 1}).Validate(); err != nil {
		t.Error(err)
	}
}
