package sqlgateway

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

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
	case waitsForSlots(job.Vertices):
		if time.Since(job.StartTime.Time()) < 2*lookAfter {
			return // they may come
		}
		text = "the query's job waits for task slots: its TaskManagers are still starting, or the cluster has no room for more"
	case job.State == api.JobRunning:
		text = s.waitsForCheckpoint(limited, id)
	}
	e.setTrouble(text)
}

// NoRowsYet begins what is said of a query that waits for a checkpoint.
const NoRowsYet = "no rows yet"

// waitsForCheckpoint says that a query's rows come with its job's first
// checkpoint, where that takes longer than one waits without asking oneself
// why; "" where that isn't so. Flink keeps rows back until a checkpoint has
// completed where checkpoints are exactly once, as they are by default
// (CheckpointedCollectResultBuffer).
func (s *Session) waitsForCheckpoint(ctx context.Context, job string) string {
	config, err := s.options.JobManager.CheckpointConfig(ctx, job)
	every := config.Interval.Duration()
	if err != nil || !strings.EqualFold(config.Mode, "exactly_once") || config.Interval > mostMillis || every <= 2*lookAfter {
		return ""
	}
	checkpoints, err := s.options.JobManager.Checkpoints(ctx, job)
	if err != nil || checkpoints.Counts.Completed > 0 {
		return ""
	}
	text := fmt.Sprintf(NoRowsYet+": Flink hands them out when a checkpoint of the query's job has completed, and it begins one every %s", duration.HumanDuration(every))
	if failed := checkpoints.Latest.Failed; failed != nil {
		// Without their number, so that it is said once.
		text += "; they fail: " + strings.TrimSuffix(failed.Failure, ".")
	}
	return text + ". To have rows at once: SET 'execution.checkpointing.mode' = 'AT_LEAST_ONCE'; before the query (after a failure of the job some may come twice)"
}

// mostMillis are the most that a time.Duration holds; Flink says more where
// checkpoints are off.
const mostMillis = rest.Millis(math.MaxInt64 / int64(time.Millisecond))

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
