package change

import (
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

func TestRedeploy(t *testing.T) {
	job := flinktest.JobWith(nil)
	job.Object.Object["spec"] = map[string]any{"job": map[string]any{"savepointRedeployNonce": int64(41)}}
	change := Redeploy(job, "s3://b/sp", true)
	fields := api.Section(change.Spec, "job")
	if fields["savepointRedeployNonce"] != int64(42) || fields["initialSavepointPath"] != "s3://b/sp" || fields["state"] != "running" || fields["allowNonRestoredState"] != true {
		t.Errorf("%v", fields)
	}
	if !change.Goal.NewJobID || change.Goal.Path != "s3://b/sp" {
		t.Errorf("%+v", change.Goal)
	}
	if fields := api.Section(Redeploy(flinktest.JobWith(nil), "s3://b/sp", false).Spec, "job"); fields["savepointRedeployNonce"] != int64(1) || fields["allowNonRestoredState"] != nil {
		t.Errorf("%v", fields)
	}
}
