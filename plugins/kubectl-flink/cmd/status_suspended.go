package cmd

import (
	"context"
	"slices"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// lookAtSuspended says on the page of a suspended job whether it runs all the
// same, or may.
func (o *statusOptions) lookAtSuspended(ctx context.Context, place reach.Place, pods []operator.Pod, status *view.Status) {
	if !place.Suspended() {
		return
	}
	tunnel, err := o.tunnel(o.tunnelFlags, nil)
	if err != nil {
		return
	}
	defer tunnel.Close()
	run, err := o.askSuspended(ctx, tunnel, place, pods)
	if err != nil {
		status.Unknown = append(status.Unknown, "whether its JobManager, which is still there, runs it: "+err.Error())
	}
	runsAllTheSame(status, run)
	mayRunAgain(status, place, pods)
}

// askSuspended asks the JobManager that a suspended job may still have whether
// it runs the job all the same; nil where it doesn't, or isn't there.
func (o *statusOptions) askSuspended(ctx context.Context, tunnel *portforward.Tunnel, place reach.Place, pods []operator.Pod) (*lifecycle.Rerun, error) {
	if o.liveWait <= 0 || !hasJobManager(pods) || place.Job.Kind.Name == api.SessionJob.Name {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, o.liveWait)
	defer cancel()
	return askRerun(ctx, tunnel, place, o.tls)
}

func hasJobManager(pods []operator.Pod) bool {
	return slices.ContainsFunc(pods, func(p operator.Pod) bool { return p.Role == "jobmanager" && p.Ready })
}

// mayRunAgain says on the page that nothing but its JobManager's memory keeps a
// suspended job from running.
func mayRunAgain(status *view.Status, place reach.Place, pods []operator.Pod) {
	if status.Health != health.Suspended || !hasJobManager(pods) || !place.Known || lifecycle.HasHighAvailability(place.Config) || place.Job.Kind.Name == api.SessionJob.Name {
		return
	}
	name := status.Metadata.Type + "/" + status.Metadata.Name
	status.Next = append(status.Next, "It has no high availability, and would run again if its JobManager's pod were replaced. Take that away: kubectl flink suspend "+name+" -n "+status.Metadata.Namespace)
}

// askRerun asks a JobManager whether it runs a job that is suspended. After an
// hour (jobstore.expiration-time) it doesn't know the job any more.
func askRerun(ctx context.Context, tunnel *portforward.Tunnel, place reach.Place, files reach.TLSFiles) (*lifecycle.Rerun, error) {
	jobManager, err := restClient(tunnel, place, files)
	if err != nil || place.JobID == "" {
		return nil, err
	}
	state, err := reach.State(ctx, jobManager, place.JobID)
	switch {
	case rest.NotFound(err):
		return nil, nil
	case err != nil:
		return nil, reach.AskError(ctx, err)
	}
	return lifecycle.RerunOf(place.Cluster, state), nil
}

// runsAllTheSame says on the page that a suspended job runs.
func runsAllTheSame(status *view.Status, run *lifecycle.Rerun) {
	if run == nil || status.Health != health.Suspended {
		return
	}
	status.Health, status.Why = health.Degraded, run.String()
	name := status.Metadata.Type + "/" + status.Metadata.Name
	status.Next = append([]string{
		"End that run for good: kubectl flink suspend " + name + " -n " + status.Metadata.Namespace,
	}, status.Next...)
}
