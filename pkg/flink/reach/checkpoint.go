package reach

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// Checkpoint has the JobManager take a checkpoint, past the operator, and
// waits for its end. Unlike a savepoint it is in nobody's way: Flink takes one
// every few seconds.
func Checkpoint(ctx context.Context, client *rest.Client, place Place, request savepoint.Request, reporter operator.Reporter) (savepoint.Report, error) {
	report := savepoint.Report{Job: place.Job.Ref(), Method: savepoint.REST, Checkpoint: true, Format: strings.ToUpper(string(request.Checkpoint))}
	var err error
	if err := savepoint.CheckCheckpoint(report.Job, place.Cluster, request.Checkpoint); err != nil {
		return report, err
	}
	if report.JobID, err = runningJob(ctx, client, place, request.JobID); err != nil || request.DryRun != "" {
		return report, err
	}
	if err := awaitTasks(ctx, client, report.JobID, reporter.Waiting); err != nil {
		return report, err
	}
	report.TriggeredAt = time.Now()
	if report.TriggerID, err = client.TriggerCheckpoint(ctx, report.JobID, report.Format); err != nil {
		return report, fmt.Errorf("ask for a checkpoint of job %s: %w", report.JobID, err)
	}
	if reporter.Note != nil {
		reporter.Note(fmt.Sprintf("job %s: checkpoint %s asked for (%s)", report.JobID, report.TriggerID, report.Format))
	}
	if request.NoWait {
		return report, nil
	}
	o := operation{what: "checkpoint", job: report.JobID, trigger: report.TriggerID, owner: report.Job, waiting: reporter.Waiting}
	err = o.follow(ctx, func() (bool, string, error) {
		status, err := client.CheckpointStatus(ctx, report.JobID, report.TriggerID)
		report.CheckpointID = status.ID
		return status.Completed, status.FailureTrace, err
	}, func() bool { return report.CheckpointID > 0 })
	if err != nil {
		return report, err
	}
	report.Done, report.CompletedAt = true, time.Now()
	report.Duration = report.CompletedAt.Sub(report.TriggeredAt)
	if err := DescribeCheckpoint(ctx, client, &report); err != nil {
		return report, fmt.Errorf("checkpoint %d of job %s is completed, but where it is can't be read: %w", report.CheckpointID, report.JobID, err)
	}
	return report, nil
}

// DescribeCheckpoint completes what is known of a completed checkpoint from
// the JobManager: number, path, size and Flink's own duration.
func DescribeCheckpoint(ctx context.Context, client *rest.Client, report *savepoint.Report) error {
	if report.CheckpointID == 0 && report.Path == "" {
		status, err := client.CheckpointStatus(ctx, report.JobID, report.TriggerID)
		if err != nil {
			return err
		}
		report.CheckpointID = status.ID
	}
	id := report.CheckpointID
	if _, number, ok := strings.Cut(path.Base(report.Path), "chk-"); ok && id == 0 {
		id, _ = strconv.ParseInt(number, 10, 64)
	}
	until := time.Now().Add(statsLimit)
	for {
		all, err := client.Checkpoints(ctx, report.JobID)
		if err != nil {
			return err
		}
		newest := int64(0)
		for _, one := range all.History {
			newest = max(newest, one.ID)
			if one.ID == id && one.Path != "" {
				report.CheckpointID, report.Path, report.StateSize, report.Duration = id, one.Path, one.State, one.Duration.Duration()
				return nil
			}
		}
		if newest > id || time.Now().After(until) {
			return errors.New("the JobManager has forgotten it already (web.checkpoints.history, 10 by default)")
		}
		timer := time.NewTimer(askEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// statsLimit is how long a JobManager's list of checkpoints may lag: it is
// made again every web.refresh-interval, 3 s by default.
const statsLimit = 10 * time.Second
