package reach

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// askEvery is how often Flink is asked for a savepoint's end: its REST API
// can't be watched.
const askEvery = 500 * time.Millisecond

// Savepoint has the JobManager take a savepoint, past the operator, and waits
// for its end. It is for jobs that no object of the operator stands for.
func Savepoint(ctx context.Context, client *rest.Client, place Place, request savepoint.Request, reporter operator.Reporter) (savepoint.Report, error) {
	report := savepoint.Report{Job: place.Job.Ref(), Method: savepoint.REST}
	tell := func(report func(string), format string, args ...any) {
		if report != nil {
			report(fmt.Sprintf(format, args...))
		}
	}
	var err error
	if report.Format, report.FormatWhy, err = api.ChooseFormat(report.Job, place.Cluster, request.Format, request.Force); err != nil {
		return report, err
	}
	if report.JobID, err = runningJob(ctx, client, place, request.JobID); err != nil || request.DryRun != "" {
		return report, err
	}
	if err := awaitTasks(ctx, client, report.JobID, reporter.Waiting); err != nil {
		return report, err
	}
	report.TriggeredAt = time.Now()
	trigger, err := client.TriggerSavepoint(ctx, report.JobID, rest.SavepointRequest{TargetDirectory: request.Path, FormatType: report.Format})
	if err != nil {
		return report, fmt.Errorf("ask for a savepoint of job %s: %w", report.JobID, err)
	}
	why := ""
	if report.FormatWhy != "" {
		why = ": " + report.FormatWhy
	}
	tell(reporter.Note, "job %s: savepoint %s asked for (format %s%s)", report.JobID, trigger, report.Format, why)
	report.TriggerID = trigger
	if request.NoWait {
		return report, nil
	}
	o := operation{what: "savepoint", job: report.JobID, trigger: trigger, owner: report.Job, waiting: reporter.Waiting}
	err = o.follow(ctx, func() (bool, string, error) {
		status, err := client.SavepointStatus(ctx, report.JobID, trigger)
		report.Path = status.Location
		return status.Completed, status.FailureTrace, err
	}, func() bool { return report.Path != "" })
	if err == nil {
		report.Done, report.CompletedAt = true, time.Now()
		report.Duration = report.CompletedAt.Sub(report.TriggeredAt)
	}
	return report, err
}

// awaitTasks waits until all tasks of a job run: Flink says RUNNING of a job
// whose tasks are still being deployed, and fails what is asked for then. A job
// whose tasks can't be counted is not waited for.
func awaitTasks(ctx context.Context, client *rest.Client, id string, waiting func(string)) error {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		job, err := client.Job(ctx, id)
		total, idle := tasks(job)
		if ctx.Err() == nil && (err != nil || idle == 0 || job.State != api.JobRunning) {
			return nil //nolint:nilerr // what can't be counted is tried
		}
		if waiting != nil && idle > 0 {
			waiting(fmt.Sprintf("job %s: %d of its %d tasks don't run yet", id, idle, total))
		}
		select {
		case <-ctx.Done():
			cause := context.Cause(ctx)
			return exit.With(exit.Code(cause), fmt.Errorf("%w: nothing was asked for, because not all tasks of job %s run", cause, id))
		case <-tick.C:
		}
	}
}

// operation is something that a JobManager was asked to do and is now asked
// about: its REST API can't be watched.
type operation struct {
	// what is savepoint or checkpoint.
	what         string
	job, trigger string
	owner        api.Ref
	waiting      func(string)
}

func (o operation) say(format string, args ...any) {
	if o.waiting != nil {
		o.waiting(fmt.Sprintf(format, args...))
	}
}

// follow asks until the operation has ended: ask gives whether it has, the
// stack trace of its failure, or why it can't be asked; good says whether an
// ended one succeeded.
func (o operation) follow(ctx context.Context, ask func() (ended bool, trace string, err error), good func() bool) error {
	what := fmt.Sprintf("the %s of job %s", o.what, o.job)
	goesOn := fmt.Sprintf("%s goes on without this command\nSee it with: kubectl flink rest %s /jobs/%s/%ss/%s -n %s",
		what, o.owner, o.job, o.what, o.trigger, o.owner.Namespace)
	var away error
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		ended, trace, err := ask()
		switch {
		case ctx.Err() != nil && away != nil:
			cause := context.Cause(ctx)
			return exit.With(exit.Code(cause), fmt.Errorf("%w; the JobManager doesn't answer (%v): %s", cause, away, goesOn)) //nolint:errorlint // what keeps from asking is not why it ended
		case ctx.Err() != nil:
			cause := context.Cause(ctx)
			return exit.With(exit.Code(cause), fmt.Errorf("%w: %s", cause, goesOn))
		case rest.NotFound(err):
			return &savepoint.FailedError{
				What: what, State: "lost",
				Cause: fmt.Sprintf("There is no %s operation %s: the JobManager forgot it", o.what, o.trigger),
			}
		case refused(err):
			return fmt.Errorf("follow the %s of job %s: %w\nAs far as is known, %s", o.what, o.job, err, goesOn)
		case err != nil:
			// The connection or the JobManager is away for the moment. ctx bounds this.
			away = err
			o.say("job %s: the JobManager doesn't answer (%v); trying again", o.job, err)
		case ended && !good():
			return &savepoint.FailedError{What: what, State: api.SnapshotFailed, Cause: api.RootCause(trace)}
		case ended:
			return nil
		default:
			away = nil
			o.say("job %s: %s in progress", o.job, o.what)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// refused reports whether asking the JobManager again can't help.
func refused(err error) bool {
	var answer *rest.Error
	return errors.As(err, &answer) && answer.Code >= 400 && answer.Code < 500
}

// runningJob is the job meant: the one named, the object's own, or the only
// one that runs in the session cluster.
func runningJob(ctx context.Context, client *rest.Client, place Place, wanted string) (string, error) {
	jobs, err := client.Jobs(ctx)
	if err != nil {
		return "", fmt.Errorf("list the jobs of %s: %w", place.Cluster.Ref(), err)
	}
	if wanted == "" {
		wanted = place.JobID
	}
	var running []string
	for _, job := range jobs {
		if job.ID == wanted && job.State != api.JobRunning {
			return "", fmt.Errorf("job %s (%s) is not RUNNING, so nothing can be taken of it: %s", job.ID, job.Name, job.State)
		}
		if job.ID == wanted {
			return wanted, nil
		}
		if job.State == api.JobRunning {
			running = append(running, job.ID+" ("+job.Name+")")
		}
	}
	switch {
	case wanted != "":
		return "", fmt.Errorf("%s has no job %s; running there: %s", place.Cluster.Ref(), wanted, none(running))
	case len(running) == 1:
		id, _, _ := strings.Cut(running[0], " ")
		return id, nil
	case len(running) == 0:
		return "", fmt.Errorf("no job runs in %s", place.Cluster.Ref())
	}
	return "", exit.Usagef("%s runs %d jobs; name one with --job-id: %s", place.Cluster.Ref(), len(running), strings.Join(running, ", "))
}

func none(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// SavepointCause is Flink's own reason for a savepoint that failed; "" where
// the JobManager can't be asked or has forgotten.
func SavepointCause(ctx context.Context, client *rest.Client, job, trigger string) string {
	status, err := client.SavepointStatus(ctx, job, trigger)
	if err != nil || !status.Failed() {
		return ""
	}
	return api.RootCause(status.FailureTrace)
}
