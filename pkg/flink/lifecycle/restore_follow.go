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
		before := podsOf(ctx, c, ch.Job.Object.GetNamespace(), cluster)
		group.Go(func() {
			if crash = awaitCrash(ctx, c, ch.Job.Object.GetNamespace(), cluster, before); crash != "" {
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

// podsOf are the UIDs of a cluster's pods.
func podsOf(ctx context.Context, c *operator.Client, namespace, cluster string) map[string]bool {
	pods, _ := c.Pods(ctx, namespace, cluster)
	uids := make(map[string]bool, len(pods))
	for _, pod := range pods {
		uids[pod.UID] = true
	}
	return uids
}

// awaitCrash waits until a JobManager of a cluster has ended whose pod isn't one
// of those before, and gives the reason in its log; "" if ctx ends first. Which
// pods are new no clock tells: this computer's and the cluster's may differ.
func awaitCrash(ctx context.Context, c *operator.Client, namespace, cluster string, before map[string]bool) string {
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
			// A pod of before the change is about to go anyway.
			if pod.Role != "jobmanager" || pod.LastEnd == "" || pod.Status == "Terminating" || before[pod.UID] {
				continue
			}
			if cause := c.CrashCause(ctx, namespace, pod); cause != "" {
				return cause
			}
		}
	}
}
