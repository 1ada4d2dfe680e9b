package reach

import (
	"context"
	"fmt"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// CancelRequest is how a job that no object manages is to be ended.
type CancelRequest struct {
	// JobID is Flink's id; "" is the only job that runs.
	JobID string
	// Savepoint stops the job with a savepoint, in Path ("" is the configured
	// directory) and Format (auto, canonical or native); Drain lets windows and
	// timers fire first.
	Savepoint    bool
	Path, Format string
	Drain        bool
	// DryRun only finds the job; NoWait returns once it is asked for.
	DryRun, NoWait bool
	// Confirm asks before a job is canceled without a savepoint; nil asks
	// nobody.
	Confirm func(ctx context.Context, question string) error
}

// Validate finds what is wrong with the request alone.
func (r CancelRequest) Validate() error {
	switch r.Format {
	case "", "auto", "canonical", "native":
	default:
		return exit.Usagef("--format: %q is not one of auto, canonical, native", r.Format)
	}
	for flag, given := range map[string]bool{"--path": r.Path != "", "--drain": r.Drain, "--format": r.Format != "" && r.Format != "auto"} {
		if given && !r.Savepoint {
			return exit.Usagef("%s goes with --with-savepoint", flag)
		}
	}
	return nil
}

// Cancel ends a job of a session cluster that no object manages. managers are
// those that some object does, by job id: they are refused.
func Cancel(ctx context.Context, client *rest.Client, place Place, request CancelRequest, managers map[string]api.Ref, reporter operator.Reporter) (change.Report, error) {
	report := change.Report{Job: place.Cluster.Ref(), Unmanaged: true, Did: "canceled"}
	if request.Savepoint {
		report.Did = "stopped"
	}
	tell := func(to func(string), format string, args ...any) {
		if to != nil {
			to(fmt.Sprintf(format, args...))
		}
	}
	job, err := unmanaged(ctx, client, place, request.JobID, managers)
	report.JobID, report.State = job.ID, job.State
	if err != nil {
		return report, err
	}
	if rest.Ended(job.State) {
		report.Done = true
		return report, nil
	}
	report.Changed = true
	if request.DryRun {
		report.DryRun = "client"
		return report, nil
	}
	format, _, err := api.ChooseFormat(place.Cluster.Ref(), place.Cluster, request.Format, false)
	if err != nil {
		return report, err
	}
	if !request.Savepoint && request.Confirm != nil {
		if err := request.Confirm(ctx, fmt.Sprintf("Job %s (%s) of %s will be canceled without a savepoint; keep its state with --with-savepoint instead.", job.ID, job.Name, place.Cluster.Ref())); err != nil {
			return report, err
		}
	}
	started := time.Now()
	trigger := ""
	if request.Savepoint {
		trigger, err = client.StopJob(ctx, job.ID, rest.StopRequest{TargetDirectory: request.Path, FormatType: format, Drain: request.Drain})
	} else {
		err = client.CancelJob(ctx, job.ID)
	}
	if err != nil {
		return report, fmt.Errorf("end job %s: %w", job.ID, err)
	}
	if request.NoWait {
		return report, nil
	}
	goesOn := fmt.Sprintf("it goes on without this command\nSee it with: kubectl flink jobs %s -n %s", place.Cluster.Ref().Name, place.Cluster.Ref().Namespace)
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		done, err := canceled(ctx, client, job.ID, trigger, &report)
		switch {
		case ctx.Err() != nil:
			cause := context.Cause(ctx)
			return report, exit.With(exit.Code(cause), fmt.Errorf("%w: job %s is %s; %s", cause, job.ID, report.State, goesOn))
		case done:
			report.Done, report.Took = err == nil, time.Since(started)
			return report, err
		case err != nil:
			tell(reporter.Waiting, "job %s: the JobManager doesn't answer (%v); trying again", job.ID, err)
		case trigger != "" && report.Left.IsZero():
			tell(reporter.Waiting, "job %s: stopping with a savepoint (%s)", job.ID, report.State)
		default:
			tell(reporter.Waiting, "job %s: %s", job.ID, report.State)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// canceled asks once how far the end of a job has got.
func canceled(ctx context.Context, client *rest.Client, id, trigger string, report *change.Report) (done bool, err error) {
	if trigger != "" && report.Left.IsZero() {
		status, err := client.SavepointStatus(ctx, id, trigger)
		switch {
		case refused(err):
			return true, fmt.Errorf("follow the savepoint of job %s: %w", id, err)
		case err != nil:
			return false, err
		case status.Failed():
			return true, &savepoint.FailedError{
				What: "the savepoint of job " + id, State: api.SnapshotFailed, Cause: api.RootCause(status.FailureTrace),
				LeftBehind: "The job was not stopped",
			}
		case status.Completed:
			report.Left = api.RetainedState{Kind: api.RetainedSavepoint, Path: status.Location, Proven: true}
		}
	}
	job, err := client.Job(ctx, id)
	if err != nil {
		return rest.NotFound(err), err
	}
	report.State = job.State
	return rest.Ended(job.State) && (trigger == "" || !report.Left.IsZero()), nil
}

// unmanaged finds the job meant among those that no object manages.
func unmanaged(ctx context.Context, client *rest.Client, place Place, wanted string, managers map[string]api.Ref) (rest.JobOverview, error) {
	jobs, err := client.Jobs(ctx)
	if err != nil {
		return rest.JobOverview{}, fmt.Errorf("list the jobs of %s: %w", place.Cluster.Ref(), err)
	}
	var found []rest.JobOverview
	var names []string
	for _, job := range jobs {
		manager, managed := managers[job.ID]
		switch {
		case job.ID == wanted && managed:
			return job, fmt.Errorf("job %s belongs to %s, and the operator would take it for failed\nStop it with: kubectl flink stop %s -n %s", job.ID, manager, manager, manager.Namespace)
		case job.ID == wanted:
			return job, nil
		case !managed && !rest.Ended(job.State):
			found = append(found, job)
			names = append(names, job.ID+" ("+job.Name+")")
		}
	}
	switch {
	case wanted != "":
		return rest.JobOverview{}, fmt.Errorf("%s has no job %s; running there and managed by no object: %s", place.Cluster.Ref(), wanted, none(names))
	case len(found) == 0:
		return rest.JobOverview{}, fmt.Errorf("no job runs in %s that no object manages; see all with: kubectl flink jobs %s -n %s", place.Cluster.Ref(), place.Cluster.Ref().Name, place.Cluster.Ref().Namespace)
	case len(found) > 1:
		return rest.JobOverview{}, exit.Usagef("%s runs %d jobs that no object manages; name one with --job-id: %s", place.Cluster.Ref(), len(found), none(names))
	}
	return found[0], nil
}
