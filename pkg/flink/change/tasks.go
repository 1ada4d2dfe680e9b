package change

import (
	"context"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// askEvery is how long is waited between two questions to the JobManager;
// MaxMissedAnswers is how many may go unanswered before the operator's word is enough.
const (
	askEvery         = time.Second
	MaxMissedAnswers = 3
)

// allTasksRunning reports whether all of the job's tasks run, as far as the JobManager
// can be asked: Flink calls a job RUNNING also while its tasks wait for slots.
func (f *Follower) allTasksRunning() bool {
	if f.Change.Goal.Suspended || f.job.State() != api.JobRunning || f.client.Flink() == nil || f.missedAnswers >= MaxMissedAnswers {
		return true
	}
	flink := f.flinkAnswer.state
	if f.flinkAnswer.known && f.flinkAnswer.jobID == f.job.JobID() && flink.State == api.JobRunning && flink.Waiting == 0 {
		return true
	}
	f.stableSince = time.Time{}
	if flink.Waiting > 0 {
		f.reporter.Waitingf("%s: %s", f.Change.Job.Ref(), flink.WaitingTasks())
	} else {
		f.reporter.Waitingf("%s: RUNNING; asking the JobManager for its tasks and what state it runs from", f.Change.Job.Ref())
	}
	if !f.asking {
		f.asking = true
		job, again := f.job, f.flinkAnswer.known || f.missedAnswers > 0
		f.loop.Go(func(ctx context.Context) {
			if again {
				select {
				case <-ctx.Done():
				case <-time.After(askEvery):
				}
			}
			state, known, why := f.client.State(ctx, job)
			f.loop.Tell(func() { f.take(answer{job.JobID(), state, known, why}) })
		})
	}
	return false
}
