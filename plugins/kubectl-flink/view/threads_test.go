package view

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/jvm"
)

// Names of threads, locks and classes come from whoever wrote the job.
func TestNamesOfThreadsAreHarmless(t *testing.T) {
	const bad = "\x1b]0;x\x07\x1b[31mred\nforged line \u202e"
	text := fmt.Sprintf("\"%s\" Id=1 BLOCKED on %s owned by \"%s\" Id=2\n\tat %s(X.java:1)\n", bad, "L@1\x1b[2J", bad, "a.\x1b[2Jb\u202e")
	other := fmt.Sprintf("\"%s\" Id=2 BLOCKED on %s owned by \"%s\" Id=1\n\tat %s(X.java:1)\n", bad, "L@2", bad, strings.Repeat("very.long.", 500))
	var threads []jvm.Thread
	for i := range 200 {
		threads = append(threads, jvm.Thread{Name: fmt.Sprint(bad, i), ID: int64(i + 10), State: jvm.Runnable, Frames: []jvm.Frame{{Call: bad, Line: i}}})
	}
	name := strings.ReplaceAll(bad, "\n", " ")
	threads = append(threads, jvm.ParseThread(name, strings.ReplaceAll(text, bad, name)), jvm.ParseThread(name, strings.ReplaceAll(other, bad, name)))
	page := ThreadPage{Processes: []ProcessThreads{{Process: bad, Dumps: [][]jvm.Thread{threads, threads}}}, Width: 80, Top: time.Second, Pattern: bad}
	for _, page := range []ThreadPage{page, {Processes: []ProcessThreads{{Process: bad, Dumps: [][]jvm.Thread{threads}}}, Width: 80}} {
		got := page.text(page.model(api.Ref{Kind: api.Deployment, Name: "x"}))
		if !strings.Contains(got, "DEADLOCK") || strings.ContainsAny(got, "\x1b\x07\u202e") || strings.Contains(got, "\nforged") {
			t.Errorf("%q", got)
		}
		for line := range strings.SplitSeq(got, "\n") {
			if term.DisplayWidth(line) > 80 {
				t.Errorf("%d columns: %q", term.DisplayWidth(line), line)
			}
		}
		if n := strings.Count(got, "\n"); n > 120 {
			t.Errorf("%d lines:\n%s", n, got)
		}
	}
}
