package sqlgateway

import (
	"context"
	"fmt"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/rest"
)

// lookAfter is how long a query may have no rows before its job is looked at,
// and how often after that.
const lookAfter = 3 * time.Second

// watchJob says what keeps a query from giving rows: Flink restarts a failing
// job for ever by default, and the gateway says nothing of it.
func (e *execution) watchJob(ctx context.Context) {
	s := e.session
	id := e.JobID()
	if s.options.Notice == nil || s.options.JobManager == nil || id == "" || time.Since(e.looked) < lookAfter {
		return
	}
	e.looked = time.Now()
	limited, cancel := context.WithTimeout(ctx, lookAfter)
	defer cancel()
	job, err := s.options.JobManager.Job(limited, id)
	if err != nil || (sqlshell.Job{State: job.State}).Ended() {
		return
	}
	text := ""
	switch {
	case job.State == "RESTARTING" || job.State == "FAILING":
		text = fmt.Sprintf("the query's job is %s: %s", job.State, s.causeOf(limited, id))
	case time.Since(job.StartTime.Time()) > 2*lookAfter && waitsForSlots(job.Vertices):
		text = "the query's job waits for task slots: are there TaskManagers, and does the cluster have room for more?"
	}
	if text != "" && text != e.noticed {
		e.noticed = text
		s.options.Notice(text)
	}
}

// waitsForSlots reports whether no task runs yet and one is to be scheduled.
func waitsForSlots(vertices []rest.Vertex) bool {
	waiting := false
	for _, v := range vertices {
		if v.Tasks["RUNNING"]+v.Tasks["INITIALIZING"]+v.Tasks["DEPLOYING"]+v.Tasks["FINISHED"] > 0 {
			return false
		}
		waiting = waiting || v.Tasks["SCHEDULED"] > 0 || v.Tasks["CREATED"] > 0
	}
	return waiting
}
