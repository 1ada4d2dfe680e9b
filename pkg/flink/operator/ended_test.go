package operator

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// As the JobManagers of Flink 1.20 and 2.3 log it.
func TestEndsInAJobManagersLog(t *testing.T) {
	const log = `2026-11-25T23:50:32.186123456Z 2026-11-25 23:50:32,186 INFO  org.apache.flink.runtime.resourcemanager.active.ActiveResourceManager [] - Worker basic-example-taskmanager-1-1 is terminated. Diagnostics: Pod terminated, container termination statuses: [flink-main-container(exitCode=137, reason=OOMKilled, message=null)]
2026-11-25T23:50:33Z 2026-11-25 23:50:33,000 INFO  Closing TaskExecutor connection basic-example-taskmanager-1-1 because: Pod terminated, container termination statuses: [flink-main-container(exitCode=137, reason=OOMKilled, message=null)]
2026-11-25T23:51:00Z x Worker basic-example-taskmanager-1-2 is terminated. Diagnostics: Pod terminated, container termination statuses: [logger(exitCode=0, reason=Completed, message=null), flink-main-container(exitCode=239, reason=Error, message=a [b])], pod status: Failed(reason=null, message=null)
2026-11-25T23:52:00Z x Worker basic-example-taskmanager-1-3 is terminated. Diagnostics: Pod is Failed
no time Worker basic-example-taskmanager-1-4 is terminated. Diagnostics: Pod terminated, container termination statuses: [flink-main-container(exitCode=1, reason=Error, message=null)]
`
	want := []Ended{
		{Name: "basic-example-taskmanager-1-1", Role: "taskmanager", Reason: "OOMKilled", ExitCode: 137, At: time.Date(2026, 11, 25, 23, 50, 32, 186123456, time.UTC)},
		{Name: "basic-example-taskmanager-1-2", Role: "taskmanager", Reason: "Error", ExitCode: 239, At: time.Date(2026, 11, 25, 23, 51, 0, 0, time.UTC)},
	}
	got, _ := WorkersInLog(strings.NewReader(log))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHowAPodEnded(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"java.lang.Exception: Pod terminated, container termination statuses: [flink-main-container(exitCode=137, reason=OOMKilled, message=null)]\n\tat a.b", "was OOMKilled (out of memory, exit code 137)"},
		{"x\nCaused by: java.lang.Exception: Pod terminated, container termination statuses: [flink-main-container(exitCode=143, reason=Error, message=null)]", "was told to end (exit code 143)"},
		{"Pod terminated, container termination statuses: [flink-main-container(exitCode=137, reason=Error, message=null)]", "was killed (exit code 137): not by its own memory limit, but perhaps for the node's memory, or by hand"},
		{"Pod terminated, container termination statuses: [flink-main-container(exitCode=1, reason=ContainerCannotRun, message=x)]", "ended: ContainerCannotRun, exit code 1"},
	} {
		end, ok := EndOf(c.text)
		if !ok || end.How() != c.want {
			t.Errorf("%q: %v %q", c.text, ok, end.How())
		}
	}
	for _, text := range []string{"", "boom", "Pod terminated", "Pod terminated, container termination statuses: []"} {
		if end, ok := EndOf(text); ok {
			t.Errorf("%q: %+v", text, end)
		}
	}
}

func TestNumbersTellOfPodsBefore(t *testing.T) {
	tm := func(name string) Pod { return Pod{Name: name, Role: "taskmanager"} }
	for _, c := range []struct {
		pods []Pod
		want bool
	}{
		{nil, false},
		{[]Pod{tm("a-taskmanager-1-1"), tm("a-taskmanager-1-2")}, false},
		{[]Pod{tm("a-taskmanager-1-2")}, true},
		// The first is of a JobManager that was before.
		{[]Pod{tm("a-taskmanager-1-1"), tm("a-taskmanager-2-1")}, false},
		{[]Pod{{Name: "a-x", Role: "jobmanager", LastEnd: "Error"}}, true},
	} {
		if got := EndsKnown(c.pods); got != c.want {
			t.Errorf("%v: %v", c.pods, got)
		}
	}
}
