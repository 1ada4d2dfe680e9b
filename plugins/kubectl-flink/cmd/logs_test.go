package cmd

import (
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

func TestWhichPodsAreChosen(t *testing.T) {
	const jm, tm = "basic-5d8f-x7k2p", "basic-taskmanager-2-11"
	for _, c := range []struct {
		o      logsOptions
		jm, tm bool
	}{
		{logsOptions{}, true, true},
		{logsOptions{jobManager: true}, true, false},
		{logsOptions{taskManager: everyTaskManager}, false, true},
		{logsOptions{taskManager: everyTaskManager, jobManager: true}, true, true},
		{logsOptions{taskManager: "11"}, false, true},
		{logsOptions{taskManager: "2-11"}, false, true},
		{logsOptions{taskManager: tm}, false, true},
		{logsOptions{taskManager: "1"}, false, false},
	} {
		if got := c.o.chooses("jobmanager", jm); got != c.jm {
			t.Errorf("%q %v: JobManager %v", c.o.taskManager, c.o.jobManager, got)
		}
		if got := c.o.chooses("taskmanager", tm); got != c.tm {
			t.Errorf("%q %v: TaskManager %v", c.o.taskManager, c.o.jobManager, got)
		}
	}
}

func TestWhatTheOperatorSaysAboutAJob(t *testing.T) {
	pattern := mentions(api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "job"})
	for line, want := range map[string]bool{
		"x [INFO ][ns/job] text":  true,
		"x [ns.job] text":         true,
		"deleting ns/job.":        true,
		"x [ns/job-2] text":       false,
		"x [other-ns/job] text":   false,
		"x [ns.job.more] text":    false,
		"job of another [ns/jo]b": false,
	} {
		if got := pattern.MatchString(line); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}
