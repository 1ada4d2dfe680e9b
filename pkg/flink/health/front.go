package health

import (
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Front judges by the pods of the JobManager what the object alone calls
// healthy: the operator looks now and then only, and what it wrote last stands
// in the object while no JobManager answers. pods may hold other pods of the cluster,
// too. It is for clusters whose pods could be read.
func Front(v Verdict, pods []operator.Pod, now time.Time) Verdict {
	if v.Word != Healthy {
		return v
	}
	why, since := operator.JobManagerAway(pods)
	if why == "" {
		return v
	}
	away := time.Duration(0)
	if !since.IsZero() {
		away = max(now.Sub(since), 0)
		why += ", for " + api.Ago(away)
	}
	if away > SlowStart {
		return Verdict{Stalled, why}
	}
	return Verdict{Degraded, why}
}

// Serving is a summary with the state of the JobManager's Deployment that serves
// it: of a session job and of a blue/green deployment another object tells.
func Serving(s api.Summary, cluster string) api.Summary {
	if s.JobManager == "" && s.State == api.JobRunning {
		s.JobManager = cluster
	}
	return s
}
