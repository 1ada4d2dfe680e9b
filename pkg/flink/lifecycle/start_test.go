package lifecycle

import (
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// starting is a runWaiter that nothing has been found out by yet.
func starting(job api.Job) *runWaiter {
	client := operator.ClientOf(nil, nil).Asking(flinktest.States(api.FlinkState{}, change.ErrNoJobManager))
	s := newRunWaiter(client, Start{Ref: job.Ref()}, operator.Reporter{})
	s.state.job = job
	return s
}

// A new job, like a changed one, runs when its tasks do.
func TestStartedWhenItsTasksRun(t *testing.T) {
	job := changedJob(1, map[string]any{"jobStatus": map[string]any{"state": "RUNNING", "jobId": "b"}})
	for name, c := range map[string]struct {
		tasks taskCount
		done  bool
		where string
	}{
		"nobody was asked":       {taskCount{}, false, "RUNNING; asking the JobManager for its tasks"},
		"tasks wait for slots":   {taskCount{jobID: "b", state: api.FlinkState{State: "RUNNING", Tasks: 3, Waiting: 2}}, false, "RUNNING, but 2 of its 3 tasks don't run yet"},
		"all run":                {taskCount{jobID: "b", state: api.FlinkState{State: "RUNNING", Tasks: 3}}, true, "RUNNING"},
		"those of another run":   {taskCount{jobID: "a", state: api.FlinkState{State: "RUNNING", Tasks: 3}}, false, "RUNNING; asking the JobManager for its tasks"},
		"it fails meanwhile":     {taskCount{jobID: "b", state: api.FlinkState{State: "RESTARTING", Tasks: 3}}, false, "RUNNING; asking the JobManager for its tasks"},
		"one question too few":   {taskCount{noAnswer: change.MaxMissedAnswers - 1}, false, "RUNNING; asking the JobManager for its tasks"},
		"the JobManager is mute": {taskCount{noAnswer: change.MaxMissedAnswers}, true, "RUNNING"},
	} {
		s := starting(job)
		s.tasks = c.tasks
		done, err := s.judge(time.Now())
		if where := s.where(job); done != c.done || err != nil || where != c.where {
			t.Errorf("%s: %v, %v, %q", name, done, err, where)
		}
	}
}

// The operator says nothing of a session job while its cluster starts: that is
// no silence to find a reason for.
func TestSilenceWhileTheSessionClusterStarts(t *testing.T) {
	job := api.Job{Kind: api.SessionJob, Object: &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "j", "namespace": "n"},
		"spec":     map[string]any{"deploymentName": "c", "job": map[string]any{}},
	}}}
	cluster := func(jobManager string) api.Job {
		return api.Job{Kind: api.Deployment, Object: &unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"name": "c", "namespace": "n"}, "spec": map[string]any{},
			"status": map[string]any{"jobManagerDeploymentStatus": jobManager},
		}}}
	}
	for name, c := range map[string]struct {
		cluster api.Job
		starts  bool
	}{
		"it deploys":       {cluster("DEPLOYING"), true},
		"not begun":        {cluster(""), true},
		"it is ready":      {cluster("READY"), false},
		"it isn't visible": {api.Job{}, false},
	} {
		s := starting(job)
		s.state.cluster = c.cluster
		starts := s.state.clusterStarts()
		if starts != c.starts {
			t.Errorf("%s: %v", name, starts)
		}
		if !starts {
			continue
		}
		done, err := s.judge(time.Now().Add(time.Hour))
		if done || err != nil {
			t.Errorf("%s: it waits no longer: %v", name, err)
		}
		timedOut, canceled := context.WithTimeout(t.Context(), 0)
		text := s.ended(timedOut).Error()
		canceled()
		if !strings.Contains(text, "session cluster c: its JobManager is ") || strings.Contains(text, "has not reacted") {
			t.Errorf("%s: %s", name, text)
		}
	}
}
