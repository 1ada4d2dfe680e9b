package lifecycle

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// planState finds out from what a job would start by an upgrade mode. job has the
// spec that it is to start with; before is the job as it is. It gives what the
// JobManager reported, too; nil where it didn't.
func planState(ctx context.Context, c *operator.Client, before, job api.Job, mode string) (StatePlan, *api.FlinkState) {
	facts := PlanFacts{Job: job, Mode: mode, Now: time.Now(), NewVersion: before.FlinkVersion() != job.FlinkVersion()}
	cluster, err := c.RunsIn(ctx, before)
	if err == nil {
		facts.Config, _, _ = c.EffectiveConfig(ctx, cluster)
		if before.Kind.Name == api.BlueGreen.Name {
			facts.Serving = cluster
		}
	}
	if facts.Config == nil {
		facts.Config = api.Config{}
	}
	own, _ := job.Spec()["flinkConfiguration"].(map[string]any)
	maps.Copy(facts.Config, api.Flatten(own))
	state := before
	if facts.Serving.Object != nil {
		state = facts.Serving
	}
	if state.SuspendedMode() == "" && !state.NeverRan() {
		facts.Flink, facts.NoAnswer, facts.Away = askFront(ctx, c, before, cluster)
	}
	plan := facts.Plan()
	if plan.Kind == api.RetainedCheckpoint && plan.Path == "" && state.Kind.Name == api.Deployment.Name && haKind(facts.Config) == kubernetesHA {
		if why := change.NoCheckpointByHA(ctx, c, state); why != "" {
			plan = StatePlan{Kind: api.RetainedNone, By: byOperator, Why: why}
		}
	}
	if plan.Path != "" && plan.Kind != PlanNew && plan.At.IsZero() {
		// A FlinkStateSnapshot knows how old it is.
		if facts.Snapshots = snapshotsOf(ctx, c, before); len(facts.Snapshots) > 0 {
			plan = facts.Plan()
		}
	}
	return plan, facts.Flink
}

// askFront asks the JobManager, unless it is known to be away: away is what its
// pods say of that.
func askFront(ctx context.Context, c *operator.Client, job, cluster api.Job) (state *api.FlinkState, noAnswer, away string) {
	if cluster.Object != nil {
		if jm := cluster.JobManager(); jm != "" && jm != api.JobManagerReady {
			return nil, "it is " + jm, ""
		}
		pods, known := c.FrontPods(ctx, cluster.Object.GetNamespace(), cluster.Object.GetName())
		if why, _ := operator.JobManagerAway(pods); known && why != "" {
			return nil, strings.TrimPrefix(why, "its JobManager's "), why
		}
	}
	reported, known, why := c.State(ctx, job)
	if !known {
		return nil, why, ""
	}
	return &reported, "", ""
}

// snapshotsOf are the FlinkStateSnapshots of a job's namespace by which the age
// of a path can be known; none where they can't be read.
func snapshotsOf(ctx context.Context, c *operator.Client, job api.Job) []api.Snapshot {
	if served, err := c.Serves(ctx, api.StateSnap); err == nil && !served {
		return nil
	}
	items, err := c.List(ctx, api.StateSnap, job.Object.GetNamespace(), metav1.ListOptions{})
	if err != nil {
		return nil
	}
	out := make([]api.Snapshot, len(items))
	for i := range items {
		out[i] = api.Snapshot{Object: &items[i]}
	}
	return out
}

// neverRan says why a job that has never run can't be restarted, with what is in
// its way.
func checkNeverRan(ctx context.Context, c *operator.Client, job api.Job) error {
	ref := job.Ref()
	now := situation{job: job, cluster: job, since: job.Object.GetCreationTimestamp().Time}
	if cluster, err := c.RunsIn(ctx, job); err == nil {
		now.cluster = cluster
		now.pods, _ = c.Pods(ctx, ref.Namespace, cluster.Object.GetName())
		if len(now.pods) == 0 {
			now.events, _ = c.EventsAbout(ctx, ref, cluster.Object.GetName())
		}
	}
	stuck := &StuckError{Job: ref, State: phase(job), Obstacles: now.obstacles()}
	todo := fmt.Sprintf("Wait until it runs: kubectl flink status %s -n %s --for running", ref, ref.Namespace)
	if len(stuck.Obstacles) > 0 {
		todo = fmt.Sprintf("Correct that with kubectl flink upgrade %s -n %s (an image: --image IMAGE), or in its manifest", ref, ref.Namespace)
	}
	return fmt.Errorf("nothing was changed: %s has never run, so that a restart would only meet the same again\n%w\n%s", ref, stuck, todo)
}
