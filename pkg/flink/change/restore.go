package change

import (
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// redeploy is the change that has the operator start a job anew from a path.
func Redeploy(job api.Job, path string, allowNonRestored bool) Change {
	nonce, _ := api.Number(job.Spec(), "job", "savepointRedeployNonce")
	fields := map[string]any{"initialSavepointPath": path, "savepointRedeployNonce": nonce + 1, "state": "running"}
	if allowNonRestored {
		fields["allowNonRestoredState"] = true
	}
	return Change{
		Job: job, Did: "restored", Spec: map[string]any{"job": fields},
		Goal: Goal{NewRun: true, NewJobID: true, State: true, Path: path},
	}
}
