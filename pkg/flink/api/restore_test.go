package api

import (
	"testing"
)

func TestAnObjectCreatedAnew(t *testing.T) {
	job := testJob(map[string]any{"jobStatus": map[string]any{}})
	job.Object.Object["spec"] = map[string]any{"image": "flink:1.20", "job": map[string]any{"savepointTriggerNonce": int64(1), "state": "suspended", "upgradeMode": "savepoint"}}
	job.Object.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}", "team": "a"})
	job.Object.SetFinalizers([]string{"f"})
	job.Object.SetResourceVersion("7")
	fresh := job.Recreated("/s/1", false).Object
	fields := Section(fresh.Object, "spec", "job")
	if fields["initialSavepointPath"] != "/s/1" || fields["state"] != "running" || fields["upgradeMode"] != "savepoint" || fields["savepointTriggerNonce"] != nil {
		t.Errorf("%v", fields)
	}
	if fresh.GetResourceVersion() != "" || len(fresh.GetFinalizers()) > 0 || fresh.Object["status"] != nil || len(fresh.GetAnnotations()) != 1 {
		t.Errorf("%v", fresh.Object)
	}
	if Section(job.Object.Object, "spec", "job")["state"] != "suspended" {
		t.Error("the original was changed")
	}
}
