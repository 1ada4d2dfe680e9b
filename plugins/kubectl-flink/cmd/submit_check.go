package cmd

import (
	"context"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// foretell looks at the states that jobs are going to start from. only says that it
// was only to be looked, and that this is printed.
func (o *submitOptions) foretell(ctx context.Context, client *operator.Client, jobs []api.Job, script *startedScript, line *progress.Line) (only bool, err error) {
	if script != nil {
		o.coming = func(api.Ref) *corev1.ConfigMap { return script.configMap }
	}
	ahead := o.checkFlags.foreseer(o.common, client, o.tunnelFlags, o.tls, &o.output, "created")
	defer ahead.Close()
	if ahead == nil {
		return false, nil
	}
	ahead.reader, ahead.isNew = o.check || o.compile, true
	for _, job := range jobs {
		comes := slices.ContainsFunc(jobs, func(other api.Job) bool {
			return other.IsSessionCluster() && other.Object.GetName() == job.SessionCluster() && other.Object.GetNamespace() == job.Object.GetNamespace()
		})
		if job.InitialPath() == "" || comes && !ahead.reader {
			continue // what comes along can't be asked yet; who asks for a check is told so
		}
		err := ahead.of(job.Ref(), reporterOf(line))(ctx, change.Prospect{Before: job, After: job, Path: job.InitialPath()})
		if err != nil && !errors.Is(err, errForeseen) {
			return true, err
		}
	}
	if !o.check {
		return false, nil
	}
	line.Done()
	return true, ahead.print(len(jobs) > 1)
}
