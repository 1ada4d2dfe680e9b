package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// ErrNothingKept says that a job has no state that stays without it.
var ErrNothingKept = errors.New("no state of it is known that stays")

// KeptState is the newest state of a job that stays whatever becomes of the job:
// what a suspended job left, else what a restore from the latest would take. A
// running job's checkpoints are none, because Flink deletes them. The zero
// Source is of a job that was suspended without its state. finder may be nil.
func KeptState(ctx context.Context, c *operator.Client, job api.Job, finder StateFinder, reporter operator.Reporter) (Source, error) {
	if job.IsStopped() {
		left, why := leftState(ctx, c, job, nil)
		switch {
		case why == "" && left.Path == "":
			return Source{}, nil
		case why == "" && len(savepoint.LastingStates(ctx, c, job, []savepoint.LastState{left}, reporter)) > 0:
			return Source{Kind: left.Kind(), Path: left.Path, At: left.At, Of: job.Ref()}, nil
		case why != "":
			reporter.Notef("%s: it is suspended, and the operator doesn't say where its state is: %s", job.Ref(), why)
		}
	}
	inventory, err := savepoint.InventoryOf(ctx, c, job.Ref().Namespace, "")
	if err != nil {
		return Source{}, fmt.Errorf("look for what is saved of %s: %w", job.Ref(), err)
	}
	if cluster, err := c.RunsIn(ctx, job); err == nil {
		askPods(ctx, c, job, cluster, inventory)
	}
	flink, _, _ := c.State(ctx, job)
	source, err := latest(job, inventory, flink, reporter)
	if finder != nil && (err == nil || errors.Is(err, errNothingSaved)) {
		source, err = findState(ctx, c, job, source, finder, false, reporter)
	}
	if errors.Is(err, errNothingSaved) {
		return Source{}, ErrNothingKept
	}
	return source, err
}

// NewerState is the newest whole state in a job's directories that is newer than
// what is known, which may be the zero Source; known where there is none. The
// job needn't be there: its manifest and the id of its last run are enough.
func NewerState(ctx context.Context, c *operator.Client, job api.Job, known Source, finder StateFinder, reporter operator.Reporter) (Source, error) {
	source, err := findState(ctx, c, job, known, finder, false, reporter)
	if errors.Is(err, errNothingSaved) {
		return known, nil
	}
	return source, err
}

// Follow follows a job that was created before until it runs, and proves that it
// started from spec.job.initialSavepointPath.
func Follow(ctx context.Context, c *operator.Client, job api.Job, reporter operator.Reporter) (SubmitReport, error) {
	return followSubmitted(ctx, c, SubmitReport{Job: job}, reporter)
}
