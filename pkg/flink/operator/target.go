package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// ParseRef reads [TYPE/]NAME; without a type it is a FlinkDeployment.
func ParseRef(arg, namespace string, among ...api.Kind) (api.Ref, error) {
	kind := among[0]
	name := arg
	if word, rest, ok := strings.Cut(arg, "/"); ok {
		kind, ok = api.ParseKind(word, among...)
		if !ok {
			return api.Ref{}, exit.Usagef("%q: %q is not one of %s", arg, word, KindNames(among))
		}
		name = rest
	}
	if name == "" || strings.Contains(name, "/") {
		return api.Ref{}, exit.Usagef("%q: want [TYPE/]NAME", arg)
	}
	return api.Ref{Kind: kind, Namespace: namespace, Name: name}, nil
}

// KindNames are the kinds' names for a sentence.
func KindNames(kinds []api.Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.Singular
	}
	return strings.Join(names, ", ")
}

// Jobs lists what runs a job of its own: FlinkDeployments with a job,
// FlinkSessionJobs and FlinkBlueGreenDeployments, but neither session clusters
// nor the children of blue/green deployments. Sorted by namespace, kind, name.
func (c *Client) Jobs(ctx context.Context, namespace string, options metav1.ListOptions) ([]api.Job, error) {
	served, err := c.Served(ctx)
	if err != nil {
		return nil, err
	}
	var jobs []api.Job
	for _, kind := range api.JobKinds {
		if !contains(served, kind.Plural) {
			continue
		}
		items, err := c.List(ctx, kind, namespace, options)
		if apierrors.IsForbidden(err) && kind.Name == api.BlueGreen.Name {
			// A role made for an older operator doesn't name this kind; its
			// holder has no blue/green deployments then.
			continue
		}
		if err != nil {
			return nil, err
		}
		for i := range items {
			job := api.Job{Kind: kind, Object: &items[i]}
			if !job.IsSessionCluster() && job.BlueGreenParent() == "" {
				jobs = append(jobs, job)
			}
		}
	}
	sort.SliceStable(jobs, func(i, j int) bool {
		return jobs[i].Object.GetNamespace() < jobs[j].Object.GetNamespace()
	})
	return jobs, nil
}

func contains(list []string, s string) bool {
	return slices.Contains(list, s)
}

// Picker asks a person to choose one of several; nil where nobody can be asked.
type Picker func(ctx context.Context, prompt string, choices []string) (int, error)

// OnlyJob is the job meant when no name is given: the namespace's only one,
// else the one picked, else a usage error that lists them.
func (c *Client) OnlyJob(ctx context.Context, namespace string, pick Picker) (api.Ref, error) {
	jobs, err := c.Jobs(ctx, namespace, metav1.ListOptions{})
	if err != nil {
		return api.Ref{}, err
	}
	switch len(jobs) {
	case 0:
		return api.Ref{}, errors.New("no Flink jobs found in namespace " + namespace + "; look into every namespace with: kubectl get flinkdeployments,flinksessionjobs -A")
	case 1:
		return jobs[0].Ref(), nil
	}
	names := make([]string, len(jobs))
	for i, job := range jobs {
		names[i] = job.Ref().String()
	}
	if pick == nil {
		return api.Ref{}, exit.Usagef("namespace %s has %d jobs; name one of them: %s", namespace, len(jobs), strings.Join(names, ", "))
	}
	choices := make([]string, len(jobs))
	for i, job := range jobs {
		choices[i] = names[i] + "  " + job.State()
	}
	chosen, err := pick(ctx, "Which job?", choices)
	if err != nil {
		return api.Ref{}, err
	}
	return jobs[chosen].Ref(), nil
}

// ActiveChild is the FlinkDeployment that a blue/green deployment serves from.
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

// ExplainSessionCluster is the error of a verb for jobs that was given a session
// cluster: it names the jobs in it.
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

// ClusterOf is the FlinkDeployment whose Flink runs the job.
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

// RunsIn is the FlinkDeployment whose Flink runs the job: itself, its session
// cluster, or the active child of a blue/green deployment.
func (c *Client) RunsIn(ctx context.Context, job api.Job) (api.Job, error) {
	if job.Kind.Name == api.BlueGreen.Name {
		return c.ActiveChild(ctx, job)
	}
	return c.ClusterOf(ctx, job)
}
