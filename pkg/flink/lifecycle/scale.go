package lifecycle

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// ScaleRequest is how a job is to be scaled.
type ScaleRequest struct {
	// Parallelism and TaskManagers are 0 where they aren't to be changed.
	Parallelism, TaskManagers int64
	api.StateChoice
	change.Options
}

// Validate finds what is wrong with the request alone.
func (r ScaleRequest) Validate() error {
	switch {
	case r.Parallelism < 0:
		return exit.Usagef("--parallelism: %d is not a positive number", r.Parallelism)
	case r.TaskManagers < 0:
		return exit.Usagef("--task-managers: %d is not a positive number", r.TaskManagers)
	case r.Parallelism == 0 && r.TaskManagers == 0:
		return exit.Usagef("give the new size: --parallelism N, or --task-managers N")
	}
	if err := r.StateChoice.Validate(); err != nil {
		return err
	}
	return r.Options.Validate()
}

// Scale changes a job's parallelism and keeps its state. It refuses, naming the
// field, where another field would make the change void.
func Scale(ctx context.Context, c *operator.Client, ref api.Ref, request ScaleRequest, reporter operator.Reporter) (change.Report, error) {
	report := change.Report{Job: ref, Did: "scaled", DryRun: request.DryRun}
	job, err := change.Target(ctx, c, ref)
	if err != nil {
		return report, err
	}
	fields, parallelism, err := sizeOf(ctx, c, job, request)
	if err != nil {
		return report, err
	}
	if (change.Change{Job: job, Spec: fields}).Holds(job) {
		return change.CarryOut(ctx, c, change.Change{Job: job, Did: "scaled"}, request.Options, reporter)
	}
	if err := change.CheckHPA(ctx, c, job, request.Options, reporter); err != nil {
		return report, err
	}
	ch, err := planRestart(ctx, c, ref, "scale", request.StateChoice, request.Options, reporter)
	if err != nil {
		return report, err
	}
	if f := ch.Flink; f != nil && f.MaxParallelism > 0 && parallelism > int64(f.MaxParallelism) {
		return report, fmt.Errorf("%s has a maximum parallelism of %d, which its state is divided by: it can't be restored with %d\nUse --parallelism %d or less", ref, f.MaxParallelism, parallelism, f.MaxParallelism)
	}
	ch.Did = "scaled"
	ch.Spec = api.Merge(ch.Spec, fields)
	// The operator may rescale in place, without a new run.
	ch.Goal.NewRun = false
	report, err = changeWatched(ctx, c, ch, request.Options, reporter)
	statelessOnce(ctx, c, ch.Job, request.StateChoice, request.Options, err == nil && report.Done, reporter)
	if err == nil && report.Done && parallelism > 0 {
		sayParallelism(ctx, c, ch.Job, parallelism, reporter)
	}
	return report, err
}

// sayParallelism says where the job doesn't run with the parallelism that the
// spec now has: its own code may set another.
func sayParallelism(ctx context.Context, c *operator.Client, job api.Job, want int64, reporter operator.Reporter) {
	object, err := c.Get(ctx, job.Ref())
	if err != nil {
		return
	}
	if state, known, _ := c.State(ctx, api.Job{Kind: job.Kind, Object: object}); known && state.Parallelism > 0 && int64(state.Parallelism) != want {
		reporter.Notef("warning: %s runs with a parallelism of %d: its own code or its sources decide, not spec.job.parallelism", job.Ref(), state.Parallelism)
	}
}

// sizeOf is the part of the spec that makes a job the size that is wanted, and
// the parallelism that follows; 0 is unknown.
func sizeOf(ctx context.Context, c *operator.Client, job api.Job, request ScaleRequest) (fields map[string]any, parallelism int64, err error) {
	ref := job.Ref()
	config, err := configOf(ctx, c, job)
	if err != nil {
		return nil, 0, err
	}
	is := func(key string) bool { return strings.EqualFold(config[key], "true") }
	replicas, hasReplicas := api.Number(job.Spec(), "taskManager", "replicas")
	standalone := api.Text(job.Spec(), "mode") == "standalone"
	switch {
	case is("job.autoscaler.enabled") && !strings.EqualFold(config["job.autoscaler.scaling.enabled"], "false"):
		return nil, 0, fmt.Errorf("%s is scaled by the autoscaler (job.autoscaler.enabled: true in its flinkConfiguration), which would override the change\nSet job.autoscaler.enabled: false first, or bound it with job.autoscaler.vertex.min-parallelism and …max-parallelism", ref)
	case config["pipeline.jobvertex-parallelism-overrides"] != "":
		return nil, 0, fmt.Errorf("%s has pipeline.jobvertex-parallelism-overrides in its flinkConfiguration, which would override the change\nChange or remove that first", ref)
	case request.TaskManagers > 0 && job.Kind.Name == api.SessionJob.Name:
		return nil, 0, exit.Usagef("--task-managers: %s runs in a session cluster, whose TaskManagers it doesn't own: use --parallelism", ref)
	case request.TaskManagers > 0 && !hasReplicas && !standalone:
		return nil, 0, exit.Usagef("--task-managers: %s is in native mode, where Flink itself asks for as many TaskManagers as its parallelism needs: use --parallelism", ref)
	case request.TaskManagers == 0 && hasReplicas:
		return nil, 0, fmt.Errorf("%s has spec.taskManager.replicas: %d, from which the operator computes the parallelism; spec.job.parallelism is void beside it\nUse --task-managers N instead", ref, replicas)
	}
	slots, _ := strconv.ParseInt(config["taskmanager.numberOfTaskSlots"], 10, 64)
	slots = max(slots, 1)
	if request.TaskManagers > 0 {
		if parallelism = request.TaskManagers * slots; request.Parallelism > 0 && request.Parallelism != parallelism {
			return nil, 0, exit.Usagef("--parallelism %d is void beside --task-managers %d: with taskmanager.numberOfTaskSlots: %d the parallelism is %d", request.Parallelism, request.TaskManagers, slots, parallelism)
		}
		return map[string]any{"taskManager": map[string]any{"replicas": request.TaskManagers}}, parallelism, nil
	}
	if limit, err := strconv.ParseInt(config["pipeline.max-parallelism"], 10, 64); err == nil && limit > 0 && request.Parallelism > limit {
		return nil, 0, fmt.Errorf("%s has pipeline.max-parallelism: %d in its flinkConfiguration: %d is more than that", ref, limit, request.Parallelism)
	}
	return map[string]any{"job": map[string]any{"parallelism": request.Parallelism}}, request.Parallelism, nil
}

// configOf is the configuration of a job, as far as it is known: its cluster's
// and its own, which wins.
func configOf(ctx context.Context, c *operator.Client, job api.Job) (api.Config, error) {
	config := api.Config{}
	if job.Kind.Name != api.BlueGreen.Name {
		cluster, err := c.ClusterOf(ctx, job)
		if err != nil {
			return nil, err
		}
		if config, _, err = c.EffectiveConfig(ctx, cluster); err != nil {
			return nil, err
		}
	}
	own, _ := job.Spec()["flinkConfiguration"].(map[string]any)
	maps.Copy(config, api.Flatten(own))
	return config, nil
}
