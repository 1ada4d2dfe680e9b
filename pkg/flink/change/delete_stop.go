package change

import (
	"context"
	"maps"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// ConfigFor is the configuration that a job runs with: its cluster's, and its
// own over that.
func ConfigFor(ctx context.Context, c *operator.Client, job, cluster api.Job) api.Config {
	config, _, err := c.EffectiveConfig(ctx, cluster)
	if err != nil {
		config = api.Config{}
	}
	own, _ := job.Spec()["flinkConfiguration"].(map[string]any)
	maps.Copy(config, api.Flatten(own))
	return config
}

// LastCheckpoint is the newest checkpoint by the high-availability data of a
// FlinkDeployment's job, in Kubernetes; why says why it can't be known. known
// is an earlier checkpoint of the same run, and restored what that run was restored
// from; either may be nil. The data names checkpoints by their numbers alone, and
// until the run has completed one of its own, the newest is the one restored.
func LastCheckpoint(ctx context.Context, c *operator.Client, cluster api.Job, known, restored *api.FlinkSnapshot) (path, why string) {
	newest, why := newestByHA(ctx, c, cluster)
	if why != "" {
		return "", why
	}
	if restored != nil && restored.ID == newest && api.NormalPath(restored.Path) != "" {
		return restored.Path, ""
	}
	number := "chk-" + strconv.FormatInt(newest, 10)
	if from := strings.TrimRight(cluster.UpgradePath(), "/"); known == nil && strings.HasSuffix(from, "/"+number) && !strings.Contains(from, cluster.JobID()) {
		return from, "" // another run's, which this one was started from
	}
	dir := ""
	if known != nil && api.IsCheckpointPath(known.Path) {
		dir = known.Path[:strings.LastIndexByte(strings.TrimRight(known.Path, "/"), '/')]
	} else {
		config := ConfigFor(ctx, c, cluster, cluster)
		if dir, _ = config.Get(api.CheckpointDirKeys...); dir == "" {
			return "", "its last checkpoint is number " + strconv.FormatInt(newest, 10) + ", but in which directory isn't known"
		}
		dir = strings.TrimRight(dir, "/")
		if apart, _ := config.Get("execution.checkpointing.create-subdir", "state.checkpoints.create-subdir"); !strings.EqualFold(apart, "false") {
			dir += "/" + cluster.JobID()
		}
	}
	return dir + "/" + number, ""
}

// newestByHA is the number of the newest checkpoint in the high-availability data
// of a FlinkDeployment's job, in Kubernetes; why says why there is none.
func newestByHA(ctx context.Context, c *operator.Client, cluster api.Job) (newest int64, why string) {
	name := cluster.Object.GetName() + "-" + cluster.JobID() + "-config-map"
	data, err := c.Core().CoreV1().ConfigMaps(cluster.Object.GetNamespace()).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return 0, "its high-availability data is not there (configmap/" + name + ")"
	case err != nil:
		return 0, "its high-availability data can't be read: " + err.Error()
	}
	newest = -1
	for key := range data.Data {
		if digits, ok := strings.CutPrefix(key, "checkpointID-"); ok {
			if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
				newest = max(newest, n)
			}
		}
	}
	if newest < 0 {
		return 0, noneYet + " (configmap/" + name + " names none)"
	}
	return newest, ""
}

const noneYet = "it has completed no checkpoint yet"

// NoCheckpointByHA says, of a FlinkDeployment whose high-availability data is in
// Kubernetes, that it names no checkpoint, so that a start by it is one from
// nothing; "" where it names one, or can't be read.
func NoCheckpointByHA(ctx context.Context, c *operator.Client, cluster api.Job) string {
	if _, why := newestByHA(ctx, c, cluster); strings.HasPrefix(why, noneYet) {
		return why
	}
	return ""
}

// CheckpointLeft is the checkpoint of a job that was suspended by its last one:
// by the high-availability data where the operator took the JobManager away,
// else the one that it noted when it canceled the job.
func CheckpointLeft(ctx context.Context, c *operator.Client, job, cluster api.Job, known, restored *api.FlinkSnapshot) (path, why string) {
	why = "the operator doesn't say where it is"
	if job.Kind.Name != api.SessionJob.Name {
		if path, why = LastCheckpoint(ctx, c, cluster, known, restored); why == "" {
			return path, ""
		}
	}
	if path = job.CanceledWith(); path != "" {
		return path, ""
	}
	return "", why
}
