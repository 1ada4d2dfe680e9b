package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// activeChild is the FlinkDeployment that a blue/green deployment serves from.
func (c *Client) ActiveChild(ctx context.Context, parent api.Job) (api.Job, error) {
	name, ok := parent.ActiveChild()
	if !ok {
		return api.Job{}, fmt.Errorf("%s is in %s: there is no one active FlinkDeployment to ask; wait until it is ACTIVE_BLUE or ACTIVE_GREEN", parent.Ref(), api.OrUnknown(parent.BlueGreenState()))
	}
	object, err := c.Get(ctx, api.Ref{Kind: api.Deployment, Namespace: parent.Object.GetNamespace(), Name: name})
	if err != nil {
		return api.Job{}, fmt.Errorf("the active child of %s: %w", parent.Ref(), err)
	}
	return api.Job{Kind: api.Deployment, Object: object}, nil
}

func (c *Client) ExplainSessionCluster(ctx context.Context, cluster api.Job) error {
	message := fmt.Sprintf("%s is a session cluster: it has no job of its own", cluster.Ref())
	jobs, err := c.List(ctx, api.SessionJob, cluster.Object.GetNamespace(), metav1.ListOptions{})
	var names []string
	for i := range jobs {
		if job := (api.Job{Kind: api.SessionJob, Object: &jobs[i]}); job.SessionCluster() == cluster.Object.GetName() {
			names = append(names, job.Ref().String())
		}
	}
	if err == nil && len(names) > 0 {
		message += "\nIts jobs: " + strings.Join(names, ", ")
	}
	return errors.New(message)
}

// clusterOf is the FlinkDeployment whose Flink runs the job.
func (c *Client) ClusterOf(ctx context.Context, job api.Job) (api.Job, error) {
	if job.Kind.Name != api.SessionJob.Name {
		return job, nil
	}
	object, err := c.Get(ctx, api.Ref{Kind: api.Deployment, Namespace: job.Object.GetNamespace(), Name: job.SessionCluster()})
	if err != nil {
		return api.Job{}, fmt.Errorf("the session cluster of %s: %w", job.Ref(), err)
	}
	return api.Job{Kind: api.Deployment, Object: object}, nil
}
