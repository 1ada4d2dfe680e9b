package lifecycle

import (
	"context"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
)

// lookForTasks is how often the tasks of a job that is said to run are counted.
const lookForTasks = 500 * time.Millisecond

// taskCount is what a JobManager said of the tasks of a run.
type taskCount struct {
	jobID string
	state api.FlinkState
	// noAnswer is how many questions in a row went unanswered, why the last did.
	noAnswer int
	why      string
}

// countTasks asks the JobManager of a job that is RUNNING for its tasks, until
// ctx ends.
func (s *runWaiter) countTasks(ctx context.Context) {
	tick := time.NewTicker(lookForTasks)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, ok := s.now(ctx)
		job := now.job
		if !ok || !job.IsReconciled() || !job.IsRunning() {
			continue
		}
		state, known, why := s.client.State(ctx, job)
		s.Tell(func() {
			if known {
				s.tasks = taskCount{jobID: job.JobID(), state: state}
			} else {
				s.tasks.noAnswer, s.tasks.why = s.tasks.noAnswer+1, why
			}
		})
	}
}

// allTasksRunning reports whether all tasks of the job run, as far as the JobManager can
// be asked: Flink calls a job RUNNING also while its tasks wait for slots.
func (s *runWaiter) allTasksRunning(job api.Job) bool {
	if s.client.Flink() == nil || s.tasks.noAnswer >= change.MaxMissedAnswers {
		return true
	}
	return s.tasks.jobID == job.JobID() && s.tasks.state.State == api.JobRunning && s.tasks.state.Waiting == 0
}

// where is where the job stands, for people.
func (s *runWaiter) where(job api.Job) string {
	switch {
	case s.start.Done != nil || !job.IsRunning() || s.allTasksRunning(job):
		return phase(job)
	case s.tasks.jobID == job.JobID() && s.tasks.state.Waiting > 0:
		return s.tasks.state.WaitingTasks()
	}
	return "RUNNING; asking the JobManager for its tasks"
}
