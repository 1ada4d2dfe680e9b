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
	// noAnswer is how many questions in a row went unanswered, why the last did.
	noAnswer int
	why      string
}

// countTasks asks the JobManager of a job that is RUNNING for its tasks, until
// ctx ends.
func (s *starter) countTasks(ctx context.Context) {
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
		if !ok || !job.carriedOut() || !job.IsRunning() {
			continue
		}
		state, known, why := s.client.State(ctx, job)
		s.tell(ctx, func() {
			if known {
				s.tasks = taskCount{jobID: job.JobID(), state: state}
			} else {
				s.tasks.noAnswer, s.tasks.why = s.tasks.noAnswer+1, why
			}
		})
	}
}

// wholly reports whether all tasks of the job run, as far as the JobManager can
// be asked: Flink calls a job RUNNING also while its tasks wait for slots.
func (s *starter) wholly(job Job) bool {
	if s.client.AskFlink == nil || s.tasks.noAnswer >= askOften {
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
		return s.tasks.state.idle()
	}
	return "RUNNING; asking the JobManager for its tasks"
}

// idle says how many tasks don't run.
func (s FlinkState) idle() string {
	return fmt.Sprintf("RUNNING, but %d of its %d tasks don't run yet", s.Waiting, s.Tasks)
}

// askEvery is how long is waited between two questions to the JobManager;
// askOften is how many may go unanswered before the operator's word is enough.
const (
	askEvery = time.Second
	askOften = 3
)

// wholly reports whether all of the job's tasks run, as far as the JobManager
// can be asked: Flink calls a job RUNNING also while its tasks wait for slots.
func (f *changeFollower) wholly(ctx context.Context) bool {
	if f.change.Goal.Suspended || f.job.State() != "RUNNING" || f.client.AskFlink == nil || f.noAnswer >= askOften {
		return true
	}
	flink := f.told.state
	if f.told.known && f.told.jobID == f.job.JobID() && flink.State == "RUNNING" && flink.Waiting == 0 {
		return true
	}
	f.stableSince = time.Time{}
	if flink.Waiting > 0 {
		f.reporter.waiting("%s: %s", f.change.Job.Ref(), flink.idle())
	} else {
		f.reporter.waiting("%s: RUNNING; asking the JobManager for its tasks and what state it runs from", f.change.Job.Ref())
	}
	if !f.asking {
		f.asking = true
		job, again := f.job, f.told.known || f.noAnswer > 0
		go func() {
			if again {
				select {
				case <-ctx.Done():
				case <-time.After(askEvery):
				}
			}
			state, known, why := f.client.State(ctx, job)
			f.answers <- answer{job.JobID(), state, known, why}
		}()
	}
	return false
}
