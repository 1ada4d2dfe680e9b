package operator

import (
	"context"
	"fmt"
	"time"
)

// lookForTasks is how often the tasks of a job that is said to run are counted.
const lookForTasks = 500 * time.Millisecond

// taskCount is what a JobManager said of the tasks of a run.
type taskCount struct {
	jobID string
	state FlinkState
	// unheard is how many questions in a row went unanswered.
	unheard int
}

// countTasks asks the JobManager of a job that is RUNNING for its tasks, until
// all of them run.
func (s *starter) countTasks(ctx context.Context) {
	tick := time.NewTicker(lookForTasks)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		jobs := make(chan Job, 1)
		s.tell(ctx, func() { jobs <- s.state.job })
		var job Job
		select {
		case job = <-jobs:
		case <-ctx.Done():
			return
		}
		if !job.carriedOut() || !job.IsRunning() {
			continue
		}
		state, known, _ := s.client.State(ctx, job)
		s.tell(ctx, func() {
			if known {
				s.tasks = taskCount{jobID: job.JobID(), state: state}
			} else {
				s.tasks.unheard++
			}
		})
	}
}

// wholly reports whether all tasks of the job run, as far as the JobManager can
// be asked: Flink calls a job RUNNING also while its tasks wait for slots.
func (s *starter) wholly(job Job) bool {
	if s.client.AskFlink == nil || s.tasks.unheard >= askOften {
		return true
	}
	return s.tasks.jobID == job.JobID() && s.tasks.state.State == "RUNNING" && s.tasks.state.Waiting == 0
}

// where is where the job stands, for people.
func (s *starter) where(job Job) string {
	switch {
	case s.start.Done != nil || !job.IsRunning() || s.wholly(job):
		return phase(job)
	case s.tasks.jobID == job.JobID() && s.tasks.state.Waiting > 0:
		return fmt.Sprintf("RUNNING, but %d of its %d tasks don't run yet", s.tasks.state.Waiting, s.tasks.state.Tasks)
	}
	return "RUNNING; asking the JobManager for its tasks"
}
