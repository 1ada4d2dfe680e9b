package lifecycle

import (
	"context"
	"slices"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// newRun is the run that a change starts, which somebody else follows.
type newRun struct {
	// generation is the spec's before the change, since when it was made.
	generation int64
	since      time.Time
	// standing says that the pods of before count, too: an earlier command made
	// the change.
	standing bool
}

// observe follows a new run until ctx ends, and fails with a StuckError where
// its pods or its own exceptions keep it from running: of these the operator
// tells late or not at all.
func (r newRun) observe(ctx context.Context, c *operator.Client, ref api.Ref, reporter operator.Reporter) error {
	s := newRunWaiter(c, Start{Ref: ref, Since: r.since, Done: func(api.Job) bool { return false }}, reporter)
	s.cluster, s.obstacles, s.observeOnly = newRunIn, r.obstacles, true
	_, err := s.run(ctx)
	return err
}

// newRunIn is the name of the FlinkDeployment whose pods are those of a new run:
// of a blue/green deployment it is the color that isn't active.
func newRunIn(job api.Job) string {
	if job.Kind.Name != api.BlueGreen.Name {
		return runsIn(job)
	}
	name := job.Object.GetName()
	if active, _ := job.ActiveChild(); active == name+"-blue" {
		return name + "-green"
	}
	return name + "-blue"
}

// obstacles are what keeps the new run from running, without what the operator
// says.
func (r newRun) obstacles(s situation) []Obstacle {
	if s.job.Object.GetGeneration() <= r.generation || !s.job.IsReconciled() || s.job.State() == api.JobRunning || s.job.State() == api.JobFailed {
		// The old run still goes on, or the new one does; and what has failed
		// for good the operator tells.
		return nil
	}
	began := r.since
	if !r.standing {
		// Pods have the times of the cluster's clock.
		began = operator.ChangedAt(s.job.Object, r.since)
	}
	began = began.Add(-time.Second)
	s.ends = slices.DeleteFunc(slices.Clone(s.ends), func(e operator.Ended) bool { return e.At.Before(began) })
	s.pods = slices.DeleteFunc(slices.Clone(s.pods), func(p operator.Pod) bool { return !r.standing && p.Started.Before(began) })
	return s.ranked(append(s.ofCluster(), s.ofRun()...))
}
