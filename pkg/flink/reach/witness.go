package reach

import (
	"context"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// mostFailures is how many of a job's exceptions are asked for.
const mostFailures = 20

// Failures are the root causes of a job's failures since a moment, newest
// first; none where the JobManager can't be asked.
func Failures(ctx context.Context, client *rest.Client, job string, since time.Time) []string {
	history, _, err := client.Exceptions(ctx, job, mostFailures)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range history {
		if e.Time.Time().Before(since.Add(-time.Second)) {
			continue
		}
		root := api.Telling(api.CauseChain(e.Stacktrace))
		if root == "" {
			root = e.Name
		}
		out = append(out, root)
	}
	return out
}

// RestoredFrom is the path that a job's state came from when it last started;
// "" if it started without any.
func RestoredFrom(ctx context.Context, client *rest.Client, job string) (string, error) {
	checkpoints, err := client.Checkpoints(ctx, job)
	if err != nil || checkpoints.Latest.Restored == nil {
		return "", err
	}
	return checkpoints.Latest.Restored.Path, nil
}
