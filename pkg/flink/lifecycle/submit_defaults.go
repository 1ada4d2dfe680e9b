package lifecycle

import (
	"context"
	"maps"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// SessionDefaults fills in what the user left open for a job of a session
// cluster, by the cluster's own configuration: parallelism, and the upgrade
// mode that keeps the job's state where the cluster has directories for it.
// The operator's own default, stateless, would lose it.
func SessionDefaults(ctx context.Context, c *operator.Client, spec *SessionJobSpec, reporter operator.Reporter) error {
	config := api.Config{}
	object, err := c.Get(ctx, api.Ref{Kind: api.Deployment, Namespace: spec.Namespace, Name: spec.Cluster})
	switch {
	case err == nil:
		if config, _, err = c.EffectiveConfig(ctx, api.Job{Kind: api.Deployment, Object: object}); err != nil && !apierrors.IsForbidden(err) {
			return err
		}
	case !apierrors.IsForbidden(err):
		if apierrors.IsNotFound(err) {
			return operator.WithHint(err, sessionClusters(ctx, c, spec.Namespace))
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
		savepoints, _ := config.Get(api.SavepointDirKeys...)
		checkpoints, _ := config.Get(api.CheckpointDirKeys...)
		switch {
		case checkpoints == "":
			spec.UpgradeMode = api.UpgradeStateless
			reporter.Notef("upgrade mode stateless: the session cluster has no checkpoint directory (%s), so an upgrade will start the job without state", api.CheckpointDirKeys[0])
		case savepoints == "":
			spec.UpgradeMode = api.UpgradeLastState
		default:
			spec.UpgradeMode = api.UpgradeSavepoint
		}
	}
	return nil
}
