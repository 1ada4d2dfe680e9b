package cmd

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// withDump is a recording whose JobManager also gives thread dumps, with a
// deadlock in one of two TaskManagers.
func withDump(t *testing.T) playback {
	t.Helper()
	p := recordedAs(t, "running")
	dump, err := os.ReadFile("../../../pkg/flink/jvm/testdata/deadlock.json")
	if err != nil {
		t.Fatal(err)
	}
	p.answerJobManager(map[string]string{
		"/taskmanagers": `{"taskmanagers":[{"id":"basic-example-taskmanager-1-2"},{"id":"basic-example-taskmanager-1-1"}]}`,
		"/taskmanagers/basic-example-taskmanager-1-1/thread-dump": string(dump),
		"/taskmanagers/basic-example-taskmanager-1-2/thread-dump": `{"threadInfos":[{"threadName":"main","stringifiedThreadInfo":"\"main\" Id=1 WAITING\n\tat a.B.c(B.java:7)\n"}]}`,
		"/jobmanager/thread-dump":                                 `{"threadInfos":[{"threadName":"jm","stringifiedThreadInfo":"\"jm\" Id=1 RUNNABLE\n\tat j.M.x(M.java:9)\n"}]}`,
	})
	return p
}

// answerJobManager adds answers of basic-example's JobManager, by path.
func (p playback) answerJobManager(answers map[string]string) {
	for path, answer := range answers {
		p.Answers["/api/v1/namespaces/"+p.Namespace+"/services/basic-example-rest:rest/proxy"+path] = json.RawMessage(answer)
	}
}

func TestThreads(t *testing.T) {
	p := withDump(t)
	for _, tc := range []struct {
		args string
		want []string
		not  []string
	}{
		{"", []string{
			"DEADLOCK in basic-example-taskmanager-1-1: 2 threads wait for each other\n", "    waits for java.lang.Object@2a84aee7,\n",
			"    which \"Sink: B Id=7 RUNNABLE (1/1)#0\" (id 13) holds\n      at D.lambda$main$0:21\n", "  1 more wait behind them\n", "  \"lock C\" (id 14) is WAITING,\n",
			"basic-example-taskmanager-1-1  15 threads: 6 WAITING, 5 RUNNABLE, 3 BLOCKED, 1 TIMED_WAITING\n", "  3 × WAITING  Flat Map -> Sink: Print (1/3)#0 and 2 like it\n",
			"basic-example-taskmanager-1-2  1 thread: 1 WAITING\n", "at a.B.c:7",
		}, []string{"j.M.x"}},
		{"--jm", []string{"jobmanager  1 thread:", "at j.M.x:9"}, []string{"DEADLOCK"}},
		{"--tm 1-2", []string{"at a.B.c:7"}, []string{"DEADLOCK", "1-1"}},
		{"--tm basic-example-taskmanager-1-2", []string{"at a.B.c:7"}, []string{"DEADLOCK"}},
		{"--all --grep ^D.spin", []string{"DEADLOCK", "Source: Events (1/1)#0", "D.spin:18", "jobmanager", "no thread has \"^D.spin\""}, []string{"Flat Map"}},
		{"--tm 1 -o text", []string{"DEADLOCK"}, []string{"taskmanager-1-2"}},
		{"--tm 2 -o text", []string{"at a.B.c:7"}, []string{"DEADLOCK"}},
		{"--tm 1-1 --top 500ms", []string{"Threads at work, of ", "100%  Source: Events (1/1)#0\n        100%  D.spin:18\n", "DEADLOCK"}, []string{"Flat Map"}},
		{"-o jsonpath={.items[*].deadlocks[*].threads[*].id}", []string{"12 13 14 15"}, nil},
	} {
		got, code := play(t, p, append([]string{"threads", "basic-example", "--via", "apiserver"}, strings.Fields(tc.args)...)...)
		if code != exit.OK {
			t.Errorf("%s: exit %d", tc.args, code)
		}
		for _, want := range tc.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s lacks %q:\n%s", tc.args, want, got)
			}
		}
		for _, not := range tc.not {
			if strings.Contains(got, not) {
				t.Errorf("%s has %q:\n%s", tc.args, not, got)
			}
		}
	}
}

func TestThreadsThatCantBeShown(t *testing.T) {
	p := withDump(t)
	for _, tc := range []struct {
		args, want string
		code       int
	}{
		{"--jm --tm 1", "exclude each other", exit.Usage},
		{"--grep (", "--grep:", exit.Usage},
		{"--top 1ms", "--top: 1ms isn't between 500ms and 10m0s", exit.Usage},
		{"--tm 9", "there is no TaskManager 9; there are: basic-example-taskmanager-1-1, basic-example-taskmanager-1-2", exit.Usage},
	} {
		if got, code := play(t, p, append([]string{"threads", "basic-example", "--via", "apiserver"}, strings.Fields(tc.args)...)...); code != tc.code || !strings.Contains(got, tc.want) {
			t.Errorf("%s: exit %d\n%s", tc.args, code, got)
		}
	}
	// One of two TaskManagers has just gone: the other is shown, and the command
	// hasn't done all it was asked for.
	p.answerJobManager(map[string]string{"/taskmanagers": `{"taskmanagers":[{"id":"basic-example-taskmanager-1-2"},{"id":"gone"}]}`})
	if got, code := play(t, p, "threads", "basic-example", "--via", "apiserver"); code != exit.Failed || !strings.Contains(got, "at a.B.c:7") || !strings.Contains(got, "the threads of gone: ") {
		t.Errorf("exit %d\n%s", code, got)
	}
	p.answerJobManager(map[string]string{"/taskmanagers": `{"taskmanagers":[]}`})
	if got, code := play(t, p, "threads", "basic-example", "--via", "apiserver"); code != exit.Failed || !strings.Contains(got, "no TaskManager is registered") {
		t.Errorf("exit %d\n%s", code, got)
	}
}
