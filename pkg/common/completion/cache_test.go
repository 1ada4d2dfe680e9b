package completion

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

func TestAnswersAreKeptForAMoment(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Cleanup(func() { answers.dir = "" })
	asked := 0
	complete := Values(func(context.Context, []string, string) ([]Choice, error) {
		asked++
		return []Choice{{"basic-example", "RUNNING"}, {"other", ""}}, nil
	})
	ask := func(prefix string, words ...string) int {
		KeepAnswers(append(append([]string{"__complete"}, words...), prefix))
		found, _ := complete(&cobra.Command{}, nil, prefix)
		return len(found)
	}
	if n := ask("", "status"); n != 2 || asked != 1 {
		t.Errorf("%d choices, asked %d times", n, asked)
	}
	if n := ask("ba", "status"); n != 1 || asked != 1 {
		t.Errorf("one letter later: %d choices, asked %d times", n, asked)
	}
	if ask("", "status", "-n", "other"); asked != 2 {
		t.Error("other words before it got the same answer")
	}
	if ask("sessionjob/", "status"); asked != 3 {
		t.Error("another type got the same answer")
	}
	files, err := os.ReadDir(answers.dir)
	if err != nil || len(files) != 3 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		old := time.Now().Add(-2 * Lifetime)
		if err := os.Chtimes(answers.dir+"/"+file.Name(), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if ask("", "status"); asked != 4 {
		t.Error("an old answer was given")
	}
	if files, _ := os.ReadDir(answers.dir); len(files) != 1 {
		t.Errorf("old answers are left: %v", files)
	}
}

func TestFailuresAreSilentAndNotKept(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Cleanup(func() { answers.dir = "" })
	KeepAnswers([]string{"__complete", "status", ""})
	fail := true
	complete := Values(func(context.Context, []string, string) ([]Choice, error) {
		if fail {
			return nil, errors.New("no cluster")
		}
		return []Choice{{"a", ""}}, nil
	})
	if found, directive := complete(&cobra.Command{}, nil, ""); len(found) != 0 || directive != cobra.ShellCompDirectiveNoFileComp {
		t.Errorf("%v %v", found, directive)
	}
	fail = false
	if found, _ := complete(&cobra.Command{}, nil, ""); len(found) != 1 {
		t.Errorf("%v", found)
	}
}
