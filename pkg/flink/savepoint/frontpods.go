package savepoint

import (
	"context"
	"fmt"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// checkFront refuses a savepoint of a job that the operator still calls RUNNING
// while its JobManager is away: it would fail, or hang.
func checkFront(ctx context.Context, c *operator.Client, p *plan) error {
	cluster := p.target.Object.GetName()
	if p.target.Kind.Name == api.SessionJob.Name {
		cluster = p.target.SessionCluster()
	}
	pods, known := c.FrontPods(ctx, p.target.Object.GetNamespace(), cluster)
	why, since := operator.JobManagerAway(pods)
	if !known || why == "" {
		return nil
	}
	if !since.IsZero() {
		why += ", for " + api.Ago(max(p.now().Sub(since), 0))
	}
	ref := p.job.Ref()
	return fmt.Errorf("no %s of %s can be taken: %s\nThe operator calls the job %s, which it saw last. Nothing was asked for; wait until the JobManager is back: kubectl flink status %s -n %s --for running",
		p.request.noun(), ref, why, p.target.State(), ref, ref.Namespace)
}
