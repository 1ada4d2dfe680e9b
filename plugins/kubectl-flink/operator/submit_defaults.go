package operator

import (
	"context"
	"maps"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// SessionDefaults fills in what the user left open for a job of a session
// cluster, by the cluster's own configuration: parallelism, and the upgrade
// mode that keeps the job's state where the cluster has directories for it.
// The operator's own default, stateless, would lose it.
func (c *Client) SessionDefaults(ctx context.Context, spec *SessionJobSpec, reporter Reporter) error {
	config := Config{}
	object, err := c.Get(ctx, Ref{Deployment, spec.Namespace, spec.Cluster})
	switch {
	case err == nil:
		if config, _, err = c.EffectiveConfig(ctx, Job{Deployment, object}); err != nil && !apierrors.IsForbidden(err) {
			return err
		}
	case !apierrors.IsForbidden(err):
		if apierrors.IsNotFound(err) {
			return WithHint(err, c.sessionClusters(ctx, spec.Namespace))
		}
		return err
	}
	maps.Copy(config, spec.Config)
	if spec.Parallelism == 0 {
		spec.Parallelism = 1
		if n, err := strconv.ParseInt(config["parallelism.default"], 10, 64); err == nil && n > 0 {
			spec.Parallelism = n
		}
	}
	if spec.UpgradeMode == "" {
		savepoints, _ := config.Get(savepointDirKeys...)
		checkpoints, _ := config.Get(checkpointDirKeys...)
		switch {
		case checkpoints == "":
			spec.UpgradeMode = "stateless"
			reporter.note("upgrade mode stateless: the session cluster has no checkpoint directory (%s), so an upgrade will start the job without state", checkpointDirKeys[0])
		case savepoints == "":
			spec.UpgradeMode = "last-state"
		default:
			spec.UpgradeMode = "savepoint"
		}
	}
	return nil
}

// checkpointDirKeys are the names of the checkpoints' directory, newest first.
var checkpointDirKeys = []string{"execution.checkpointing.dir", "state.checkpoints.dir"}
