package reach

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/rest"
)

// askEvery is how often Flink is asked for a savepoint's end: its REST API
// can't be watched.
const askEvery = 500 * time.Millisecond

// Savepoint has the JobManager take a savepoint, past the operator, and waits
// for its end. It is for jobs that no object of the operator stands for.
func Savepoint(ctx context.Context, client *rest.Client, place Place, request operator.SavepointRequest, reporter operator.Reporter) (operator.SavepointReport, error) {
	report := operator.SavepointReport{Job: place.Job.Ref(), Method: operator.REST}
	tell := func(told func(string), format string, args ...any) {
		if told != nil {
			told(fmt.Sprintf(format, args...))
		}
	}
	var err error
	if report.Format, report.FormatWhy, err = operator.ChooseFormat(report.Job, place.Cluster, request); err != nil {
		return report, err
	}
	if report.JobID, err = runningJob(ctx, client, place, request.JobID); err != nil || request.DryRun != "" {
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
	if request.NoWait {
		return report, nil
	}
	var away error
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		status, err := client.SavepointStatus(ctx, report.JobID, trigger)
		goesOn := fmt.Sprintf("the savepoint of job %s goes on without this command\nSee it with: kubectl flink rest %s /jobs/%s/savepoints/%s -n %s",
			report.JobID, report.Job, report.JobID, trigger, report.Job.Namespace)
		switch {
		case ctx.Err() != nil && away != nil:
			cause := context.Cause(ctx)
			return report, exit.With(exit.Code(cause), fmt.Errorf("%w; the JobManager doesn't answer (%v): %s", cause, away, goesOn))
		case ctx.Err() != nil:
			cause := context.Cause(ctx)
			return report, exit.With(exit.Code(cause), fmt.Errorf("%w: %s", cause, goesOn))
		case rest.NotFound(err):
			return report, &operator.SavepointFailedError{What: "the savepoint of job " + report.JobID, State: "lost",
				Cause: "There is no savepoint operation " + trigger + ": the JobManager forgot it"}
		case refused(err):
			return report, fmt.Errorf("follow the savepoint of job %s: %w\nAs far as is known, %s", report.JobID, err, goesOn)
		case err != nil:
			// The connection or the JobManager is away for the moment. ctx bounds this.
			away = err
			tell(reporter.Waiting, "job %s: the JobManager doesn't answer (%v); trying again", report.JobID, err)
		case status.Failed():
			return report, &operator.SavepointFailedError{What: "the savepoint of job " + report.JobID, State: operator.SnapshotFailed,
				Cause: operator.RootCause(status.FailureTrace)}
		case status.Completed:
			report.Done, report.Path, report.CompletedAt = true, status.Location, time.Now()
			report.Duration = report.CompletedAt.Sub(report.TriggeredAt)
			return report, nil
		default:
			away = nil
			tell(reporter.Waiting, "job %s: savepoint in progress", report.JobID)
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
		if job.ID == wanted && job.State != "RUNNING" {
			return "", fmt.Errorf("job %s (%s) is not RUNNING, so no savepoint can be taken: %s", job.ID, job.Name, job.State)
		}
		if job.ID == wanted {
			return wanted, nil
		}
		if job.State == "RUNNING" {
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
	return operator.RootCause(status.FailureTrace)
}
