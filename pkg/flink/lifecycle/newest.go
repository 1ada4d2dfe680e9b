package lifecycle

import (
	"context"
	"fmt"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// NewestState is the newest savepoint or checkpoint of a job that its
// JobManager, its status or a FlinkStateSnapshot reports. A JobManager that
// should run and can't be asked is noted: it may know a newer one. So are
// savepoints that were registered by hand: their age isn't known, and one of them
// is only given where there is nothing else.
func NewestState(ctx context.Context, c *operator.Client, job api.Job, reporter operator.Reporter) (Source, error) {
	inventory, err := savepoint.InventoryOf(ctx, c, job.Ref().Namespace, "")
	if err != nil {
		return Source{}, fmt.Errorf("look for what is saved of %s: %w", job.Ref(), err)
	}
	var best Source
	own, registered := fit(job, inventory)
	left := job.RetainedState().Path
	for _, s := range own {
		source := sourceOf(s)
		if api.SamePath(source.Path, left) {
			return source, nil // it has stopped with that: nothing came after
		}
		if best.Path == "" || source.At.After(best.At) {
			best = source
		}
	}
	flink, known, why := c.State(ctx, job)
	if !known && job.IsRunning() {
		reporter.Notef("the JobManager of %s can't be asked for newer ones: %s", job.Ref(), why)
	}
	if l := flink.Latest; l != nil && api.NormalPath(l.Path) != "" && (best.Path == "" || l.At.After(best.At)) {
		best = Source{Kind: "checkpoint", Path: l.Path, At: l.At, Of: job.Ref()}
		if l.Savepoint {
			best.Kind = "savepoint"
		}
	}
	switch {
	case len(registered) == 0:
	case best.Path == "":
		best = sourceOf(registered[0])
		reporter.Notef("%s was registered by hand, so that its age isn't known; nothing else of %s is", best, job.Ref())
	default:
		reporter.Notef("%s was registered by hand, so that its age isn't known: it may be newer than %s", sourceOf(registered[0]), best)
	}
	if best.Path == "" {
		return best, fmt.Errorf("no savepoint or checkpoint of %s is known", job.Ref())
	}
	return best, nil
}
