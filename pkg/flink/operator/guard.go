package operator

import (
	"context"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// runsIn is the FlinkDeployment whose Flink runs the job: itself, its session
// cluster, or the active child of a blue/green deployment.
func (c *Client) RunsIn(ctx context.Context, job api.Job) (api.Job, error) {
	if job.Kind.Name == api.BlueGreen.Name {
		return c.ActiveChild(ctx, job)
	}
	return c.ClusterOf(ctx, job)
}
