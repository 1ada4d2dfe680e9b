package lifecycle

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// changeAndLook makes the change and looks, beside what the operator says, at
// the JobManager's pods: a state that isn't there or doesn't fit the job ends
// the JobManager, of which the operator says nothing but DEPLOYING, for ever.
func changeAndLook(parent context.Context, c *operator.Client, ch change.Change, options change.Options, reporter operator.Reporter) (change.Report, error) {
	ctx, cancel := context.WithCancel(parent)
	var group sync.WaitGroup
	var crash string
	cluster := ch.Job.Object.GetName()
	if ch.Job.Kind.Name == api.Deployment.Name && options.DryRun == "" && !options.NoWait {
		since := time.Now()
		group.Go(func() {
			if crash = awaitCrash(ctx, c, ch.Job.Object.GetNamespace(), cluster, since); crash != "" {
				cancel()
			}
		})
	}
	report, err := change.CarryOut(ctx, c, ch, options, reporter)
	cancel()
	group.Wait()
	var failed *change.FailedError
	switch {
	case err == nil || parent.Err() != nil:
		return report, err
	case crash != "":
		return report, &change.FailedError{
			Job: ch.Job.Ref(), How: change.ChangeFailed, Cause: crash,
			After: "Its JobManager ended with that, and the job doesn't run",
		}
	case errors.As(err, &failed) && failed.How == change.ChangeFailed && c.Flink() != nil:
		failures := c.Flink().Failures(parent, ch.Job.Ref(), time.Now().Add(-10*time.Minute))
		if len(failures) > 0 && !strings.Contains(failed.Cause, failures[0]) {
			failed.Cause = strings.TrimPrefix(failed.Cause+": "+failures[0], ": ")
		}
	}
	return report, err
}

// awaitCrash waits until a JobManager of a cluster has ended since a moment,
// and gives the reason in its log; "" if ctx ends first.
func awaitCrash(ctx context.Context, c *operator.Client, namespace, cluster string, since time.Time) string {
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
			if cause := c.CrashCause(ctx, namespace, pod); cause != "" {
				return cause
			}
		}
	}
}
