package cmd

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

// Two users apply the same directory at the same moment: each is told what is
// true, and afterwards all is as the files say.
func TestTwoUsersApplyAtOnce(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.Setenv("KUBECTL_CMF_STATE", filepath.Join(t.TempDir(), "state.json"))
	r.Setenv("HOME", t.TempDir())
	all, _, _ := strings.Cut(everything, "---\napiVersion: cmf.confluent.io/v1\nkind: Savepoint") // of these the contract has no conflict
	file := r.file("all.yaml", all)
	var group sync.WaitGroup
	results := make([]result, 2)
	for user := range results {
		group.Go(func() {
			var out, errOut buffer
			root, c := newRoot(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
			c.backoff = func(int) time.Duration { return time.Millisecond }
			code := plugin.Execute(t.Context(), root, c.IOStreams, []string{"apply", "-f", file, "--cmf-url", r.url})
			results[user] = result{code, out.text(), errOut.text()}
		})
	}
	group.Wait()
	for user, got := range results {
		if got.code != 0 {
			t.Errorf("user %d: exit code %d\n%s%s", user, got.code, got.out, got.err)
		}
	}
	if again := r.ok("apply", "-f", file); strings.Count(again, " unchanged\n") < 9 || strings.Contains(again, " created\n") {
		t.Errorf("applied again:\n%s", again)
	}
}
