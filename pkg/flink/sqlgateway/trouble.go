package sqlgateway

import (
	"context"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// lookAfter is how long a query may have no rows before its job is looked at,
// and how often after that.
const lookAfter = 3 * time.Second

// Trouble is what keeps the query from giving rows: Flink restarts a failing
// job for ever by default, and the gateway says nothing of it.
func (e *execution) Trouble() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.trouble
}

func (e *execution) setTrouble(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.trouble = text
}

// watchJob looks at the job of a query that has given no rows for a while.
func (e *execution) watchJob(ctx context.Context) {
	s := e.session
	id := e.JobID()
	if s.options.JobManager == nil || id == "" || time.Since(e.looked) < lookAfter {
		return
	}
	e.looked = time.Now()
	limited, cancel := context.WithTimeout(ctx, lookAfter)
	defer cancel()
	job, err := s.options.JobManager.Job(limited, id)
	if err != nil || rest.Ended(job.State) {
		return
	}
	text := ""
	switch {
	case job.State == api.JobRestarting || job.State == api.JobFailing:
		text = "the query's job fails and is restarted: " + s.causeOf(limited, id)
	case time.Since(job.StartTime.Time()) > 2*lookAfter && waitsForSlots(job.Vertices):
		text = "the query's job waits for task slots: its TaskManagers are still starting, or the cluster has no room for more"
	}
	e.setTrouble(text)
}

// waitsForSlots reports whether no task runs yet and one is to be scheduled.
func waitsForSlots(vertices []rest.Vertex) bool {
	waiting := false
	for _, v := range vertices {
		if v.Tasks[api.TaskRunning]+v.Tasks[api.TaskInitializing]+v.Tasks[api.TaskDeploying]+v.Tasks[api.TaskFinished] > 0 {
			return false
		}
		waiting = waiting || v.Tasks[api.TaskScheduled] > 0 || v.Tasks[api.TaskCreated] > 0
	}
	return waiting
}
