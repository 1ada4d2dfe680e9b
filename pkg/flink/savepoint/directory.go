package savepoint

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// checkDirectory refuses a savepoint that has nowhere to go, or goes where it
// won't stay. Where the configuration can't be read in full, the operator's
// word is awaited instead.
func checkDirectory(ctx context.Context, c *operator.Client, p *plan, cluster api.Job) error {
	p.path = p.request.Path
	if p.path != "" {
		return CheckSavepointTarget(ctx, c, cluster, p.path, p.request.Force)
	}
	if p.target.Kind.Name == api.SessionJob.Name {
		// Up to operator 1.15 only the session cluster's directory counts for
		// a FlinkStateSnapshot; naming the job's own makes it count everywhere.
		own, _ := p.target.Spec()["flinkConfiguration"].(map[string]any)
		if dir, key := api.Flatten(own).Get(api.SavepointDirKeys...); dir != "" {
			if p.method == Resource {
				p.path = dir
			}
			return CheckSavepointPath(ctx, c, cluster, key, dir, p.request.Force)
		}
	}
	config, known, err := c.EffectiveConfig(ctx, cluster)
	if err != nil {
		return err
	}
	if dir, key := config.Get(api.SavepointDirKeys...); dir != "" {
		return CheckSavepointPath(ctx, c, cluster, key, dir, p.request.Force)
	}
	if !known {
		return nil
	}
	hint := "\nGive a directory with --path (every pod of the job must be able to write there), or set the key in spec.flinkConfiguration"
	if p.method == Nonce {
		hint = "\nSet it in spec.flinkConfiguration; --method nonce can't carry a directory"
	}
	return fmt.Errorf("%s has no savepoint directory: neither %s is set%s", p.job.Ref(), strings.Join(api.SavepointDirKeys, " nor "), hint)
}

// CheckSavepointTarget is CheckSavepointPath for --path, or where that is empty
// for the directory that cluster is configured with, as far as that is known.
func CheckSavepointTarget(ctx context.Context, c *operator.Client, cluster api.Job, path string, force bool) error {
	if path != "" {
		return exit.With(exit.Usage, CheckSavepointPath(ctx, c, cluster, "--path", path, force))
	}
	config, _, err := c.EffectiveConfig(ctx, cluster)
	if err != nil {
		return err
	}
	if dir, key := config.Get(api.SavepointDirKeys...); dir != "" {
		return CheckSavepointPath(ctx, c, cluster, key, dir, force)
	}
	return nil
}

// CheckSavepointPath refuses a directory where a savepoint of a job in cluster
// would go with the job's pods, unless it is forced. field is where it is
// written: --path or a configuration key.
func CheckSavepointPath(ctx context.Context, c *operator.Client, cluster api.Job, field, dir string, force bool) error {
	place := c.StatePlace(ctx, cluster, dir)
	switch {
	case force:
		return nil
	case !place.Lasts():
		return fmt.Errorf("%s: %s %s\nNo savepoint was taken. Choose a directory in a volume that all pods of %s share, or an object store", field, dir, place.Why, cluster.Ref())
	case place.ReadOnly:
		return fmt.Errorf("%s: %s is in a volume (%s) that pods of %s can only read\nNo savepoint was taken", field, dir, place.Volume, cluster.Ref())
	}
	return nil
}

// warnOfPodDisk says that a job's checkpoints go with its pods.
func warnOfPodDisk(ctx context.Context, c *operator.Client, job, cluster api.Job, reporter operator.Reporter) {
	config, _, err := c.EffectiveConfig(ctx, cluster)
	if err != nil {
		return
	}
	own, _ := job.Spec()["flinkConfiguration"].(map[string]any)
	maps.Copy(config, api.Flatten(own))
	if dir, key := config.Get(api.CheckpointDirKeys...); dir != "" {
		if place := c.StatePlace(ctx, cluster, dir); !place.Lasts() {
			reporter.Notef("warning: the checkpoints of %s don't outlive its pods: %s: %s %s", job.Ref(), key, dir, place.Why)
		}
	}
}
