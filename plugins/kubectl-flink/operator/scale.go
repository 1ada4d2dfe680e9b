package operator

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// ScaleRequest is how a job is to be scaled.
type ScaleRequest struct {
	// Parallelism and TaskManagers are 0 where they aren't to be changed.
	Parallelism, TaskManagers int64
	StateChoice
	ChangeOptions
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
	return r.ChangeOptions.Validate()
}

// Scale changes a job's parallelism and keeps its state. It refuses, naming the
// field, where another field would make the change void.
func (c *Client) Scale(ctx context.Context, ref Ref, request ScaleRequest, reporter Reporter) (ChangeReport, error) {
	report := ChangeReport{Job: ref, Did: "scaled", DryRun: request.DryRun}
	job, err := c.Target(ctx, ref)
	if err != nil {
		return report, err
	}
	fields, parallelism, err := c.sizeOf(ctx, job, request)
	if err != nil {
		return report, err
	}
	if (Change{Job: job, Spec: fields}).holds(job) {
		return c.Change(ctx, Change{Job: job, Did: "scaled"}, request.ChangeOptions, reporter)
	}
	if err := c.checkHPA(ctx, job, request.ChangeOptions, reporter); err != nil {
		return report, err
	}
	change, err := c.planRestart(ctx, ref, "scale", request.StateChoice, request.ChangeOptions, reporter)
	if err != nil {
		return report, err
	}
	if f := change.Flink; f != nil && f.MaxParallelism > 0 && parallelism > int64(f.MaxParallelism) {
		return report, fmt.Errorf("%s has a maximum parallelism of %d, which its state is divided by: it can't be restored with %d\nUse --parallelism %d or less", ref, f.MaxParallelism, parallelism, f.MaxParallelism)
	}
	change.Did = "scaled"
	change.Spec = Merge(change.Spec, fields)
	// The operator may rescale in place, without a new run.
	change.Goal = Goal{}
	report, err = c.changeWatched(ctx, change, request.ChangeOptions, reporter)
	if err == nil && report.Done && parallelism > 0 {
		c.sayParallelism(ctx, change.Job, parallelism, reporter)
	}
	return report, err
}

// sayParallelism says where the job doesn't run with the parallelism that the
// spec now has: its own code may set another.
func (c *Client) sayParallelism(ctx context.Context, job Job, want int64, reporter Reporter) {
	object, err := c.Get(ctx, job.Ref())
	if err != nil {
		return
	}
	if state, known, _ := c.State(ctx, Job{job.Kind, object}); known && state.Parallelism > 0 && int64(state.Parallelism) != want {
		reporter.note("warning: %s runs with a parallelism of %d: its own code or its sources decide, not spec.job.parallelism", job.Ref(), state.Parallelism)
	}
}

// sizeOf is the part of the spec that makes a job the size that is wanted, and
// the parallelism that follows; 0 is unknown.
func (c *Client) sizeOf(ctx context.Context, job Job, request ScaleRequest) (fields map[string]any, parallelism int64, err error) {
	ref := job.Ref()
	config, err := c.configOf(ctx, job)
	if err != nil {
		return nil, 0, err
	}
	is := func(key string) bool { return strings.EqualFold(config[key], "true") }
	replicas, hasReplicas := number(job.spec(), "taskManager", "replicas")
	standalone := text(job.spec(), "mode") == "standalone"
	switch {
	case is("job.autoscaler.enabled") && !strings.EqualFold(config["job.autoscaler.scaling.enabled"], "false"):
		return nil, 0, fmt.Errorf("%s is scaled by the autoscaler (job.autoscaler.enabled: true in its flinkConfiguration), which would override the change\nSet job.autoscaler.enabled: false first, or bound it with job.autoscaler.vertex.min-parallelism and …max-parallelism", ref)
	case config["pipeline.jobvertex-parallelism-overrides"] != "":
		return nil, 0, fmt.Errorf("%s has pipeline.jobvertex-parallelism-overrides in its flinkConfiguration, which would override the change\nChange or remove that first", ref)
	case request.TaskManagers > 0 && job.Kind.Name == SessionJob.Name:
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
func (c *Client) configOf(ctx context.Context, job Job) (Config, error) {
	config := Config{}
	if job.Kind.Name != BlueGreen.Name {
		cluster, err := c.clusterOf(ctx, job)
		if err != nil {
			return nil, err
		}
		if config, _, err = c.EffectiveConfig(ctx, cluster); err != nil {
			return nil, err
		}
	}
	own, _ := job.spec()["flinkConfiguration"].(map[string]any)
	maps.Copy(config, Flatten(own))
	return config, nil
}
