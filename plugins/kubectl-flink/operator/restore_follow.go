package operator

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// changeAndLook makes the change and looks, beside what the operator says, at
// the JobManager's pods: a state that isn't there or doesn't fit the job ends
// the JobManager, of which the operator says nothing but DEPLOYING, for ever.
func (c *Client) changeAndLook(parent context.Context, change Change, options ChangeOptions, reporter Reporter) (ChangeReport, error) {
	ctx, cancel := context.WithCancel(parent)
	var group sync.WaitGroup
	var crash string
	cluster := change.Job.Object.GetName()
	if change.Job.Kind.Name == Deployment.Name && options.DryRun == "" && !options.NoWait {
		since := time.Now()
		group.Go(func() {
			if crash = c.awaitCrash(ctx, change.Job.Object.GetNamespace(), cluster, since); crash != "" {
				cancel()
			}
		})
	}
	report, err := c.Change(ctx, change, options, reporter)
	cancel()
	group.Wait()
	var failed *ChangeFailedError
	switch {
	case err == nil || parent.Err() != nil:
		return report, err
	case crash != "":
		return report, &ChangeFailedError{
			Job: change.Job.Ref(), How: ChangeFailed, Cause: crash,
			After: "Its JobManager ended with that, and the job doesn't run",
		}
	case errors.As(err, &failed) && failed.How == ChangeFailed && c.JobFailures != nil:
		failures := c.JobFailures(parent, change.Job.Ref(), time.Now().Add(-10*time.Minute))
		if len(failures) > 0 && !strings.Contains(failed.Cause, failures[0]) {
			failed.Cause = strings.TrimPrefix(failed.Cause+": "+failures[0], ": ")
		}
	}
	return report, err
}

// awaitCrash waits until a JobManager of a cluster has ended since a moment,
// and gives the reason in its log; "" if ctx ends first.
func (c *Client) awaitCrash(ctx context.Context, namespace, cluster string, since time.Time) string {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ""
		case <-tick.C:
		}
		pods, err := c.Pods(ctx, namespace, cluster)
		if err != nil {
			continue // Without that permission the operator's word is awaited.
		}
		for _, pod := range pods {
			// Clocks differ; a pod of before the change is about to go anyway.
			if pod.Role != "jobmanager" || pod.LastEnd == "" || pod.Status == "Terminating" || pod.Started.Before(since.Add(-5*time.Second)) {
				continue
			}
			if cause := c.crashCause(ctx, namespace, pod); cause != "" {
				return cause
			}
		}
	}
}
