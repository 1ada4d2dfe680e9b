package change

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// proofLimit bounds the question to the JobManager, which may have to come
// into reach first.
const proofLimit = 30 * time.Second

// ErrNoJobManager says that nobody can ask JobManagers here.
var ErrNoJobManager = errors.New("no way to the JobManager")

// ProveRestored asks the JobManager where the job's state came from, which has
// to be path, or a checkpoint that its run has taken since.
func ProveRestored(ctx context.Context, c *operator.Client, job api.Job, path string, reporter operator.Reporter) (string, error) {
	ref := job.Ref()
	reporter.Waitingf("%s: asking the JobManager where its state came from", ref)
	ctx, cancel := context.WithTimeout(ctx, proofLimit)
	defer cancel()
	restored, err := "", ErrNoJobManager
	for c.Flink() != nil {
		var state api.FlinkState
		if state, err = c.Flink().State(ctx, ref); err == nil {
			restored = state.RestoredPath()
			break
		}
		timer := time.NewTimer(time.Second)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
			continue
		}
		break
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("%s runs, but whether it was restored from %s isn't known: %w\nSee with: kubectl flink checkpoints %s -n %s", ref, path, err, ref, ref.Namespace)
	case restored == "":
		return "", fmt.Errorf("%s runs, but it was not restored from %s: it started without state", ref, path)
	case api.SamePath(restored, path):
	case job.JobID() != "" && api.IsCheckpointPath(restored) && strings.Contains(restored, job.JobID()):
		reporter.Notef("%s has restarted since, from its own checkpoint %s", ref, restored)
	default:
		return restored, fmt.Errorf("%s runs, but it was restored from %s, not from %s", ref, restored, path)
	}
	return restored, nil
}
