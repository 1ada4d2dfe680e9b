package lifecycle

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

func TestStatePlans(t *testing.T) {
	now := time.UnixMilli(1_764_000_000_000)
	const ran = `"startTime":"1763990000000"`
	job := func(kind api.Kind, spec, status string) api.Job {
		return flinktest.JobOf(t, kind, `{"metadata":{"name":"a","namespace":"n"},"spec":{"job":{`+spec+`}},"status":{`+status+`}}`)
	}
	running := `"lifecycleState":"STABLE","jobManagerDeploymentStatus":"READY","jobStatus":{"state":"RUNNING",` + ran + `}`
	restarting := strings.Replace(running, "RUNNING", "RESTARTING", 1)
	suspended := func(mode, path string) string {
		return `"lifecycleState":"SUSPENDED","reconciliationStatus":{"lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"suspended\",\"upgradeMode\":\"` + mode + `\"}}}"},"jobStatus":{"state":"FINISHED",` + ran + `,"upgradeSavepointPath":"` + path + `"}`
	}
	ha := api.Config{"high-availability.type": "kubernetes", "execution.checkpointing.savepoint-dir": "s3://b/sp"}
	noHA := api.Config{"high-availability": "NONE", "state.savepoints.dir": "s3://b/sp"}
	checkpoint := &api.FlinkSnapshot{Path: "s3://b/c/x/chk-7", At: now.Add(-11 * time.Second)}
	savepoint := &api.FlinkSnapshot{Path: "s3://b/sp/manual", Savepoint: true, At: now.Add(-41 * time.Second)}
	restored := &api.FlinkSnapshot{Path: "s3://b/sp/before", Savepoint: true, At: now.Add(-time.Hour)}
	both := &api.FlinkState{State: "RUNNING", Latest: savepoint, Checkpoint: &api.FlinkSnapshot{Path: "s3://b/c/x/chk-6", At: now.Add(-time.Minute)}, Restored: restored}
	snapshot := func(name, path, trigger string, adopted bool) api.Snapshot {
		return api.Snapshot{Object: &unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"name": name, "namespace": "n", "creationTimestamp": now.Add(-20 * time.Minute).UTC().Format(time.RFC3339), "labels": map[string]any{api.LabelTrigger: trigger}},
			"spec":     map[string]any{"savepoint": map[string]any{"alreadyExists": adopted}},
			"status":   map[string]any{"state": "COMPLETED", "path": path},
		}}}
	}
	for name, c := range map[string]struct {
		facts PlanFacts
		want  string
	}{
		"a savepoint is taken": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "savepoint", Config: ha},
			"a savepoint is taken first (to s3://b/sp), and it starts from that",
		},
		"checkpoints in the JobManager's memory": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "last-state", Config: noHA, Flink: &api.FlinkState{State: "RUNNING", Latest: &api.FlinkSnapshot{Path: api.NotAddressable}}},
			"it starts empty: its checkpoints are in the JobManager's memory and go with it, says the JobManager",
		},
		"so, and HA keeps them": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "last-state", Config: ha, Flink: &api.FlinkState{State: "RUNNING", Checkpoint: &api.FlinkSnapshot{Path: api.NotAddressable}}},
			"what it starts from isn't known: its checkpoints are in the JobManager's memory and have no path",
		},
		"the newest checkpoint, by HA": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "last-state", Config: ha, Flink: &api.FlinkState{State: "RUNNING", Latest: checkpoint, Checkpoint: checkpoint}},
			"it starts from checkpoint s3://b/c/x/chk-7 (11s old, says the JobManager), or a newer checkpoint if one completes before",
		},
		"by HA a savepoint in between doesn't count": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "last-state", Config: ha, Flink: both},
			"it starts from checkpoint s3://b/c/x/chk-6 (60s old, says the JobManager), or a newer checkpoint if one completes before",
		},
		"a session job is canceled, and its newest counts, be it a savepoint": {
			PlanFacts{Job: job(api.SessionJob, "", `"lifecycleState":"STABLE","jobStatus":{"state":"RUNNING",`+ran+`}`), Mode: "last-state", Config: ha, Flink: &api.FlinkState{State: "RUNNING", Latest: savepoint}},
			"it starts from savepoint s3://b/sp/manual (41s old, says the JobManager), or a newer checkpoint if one completes before",
		},
		"so is a job without HA": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "last-state", Config: noHA, Flink: both},
			"it starts from savepoint s3://b/sp/manual (41s old, says the JobManager), or a newer checkpoint if one completes before",
		},
		"a checkpoint that goes with it": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "last-state", Config: api.Config{retentionKey: "DELETE_ON_CANCELLATION"}, Flink: &api.FlinkState{State: "RUNNING", Latest: checkpoint, Checkpoint: checkpoint}},
			"it starts from checkpoint s3://b/c/x/chk-7 (11s old, says the JobManager), or a newer checkpoint if one completes before; but it goes when the operator cancels the job, which comes first: Flink deletes its checkpoints when it ends (" + retentionKey + ": DELETE_ON_CANCELLATION)",
		},
		"one that stays by HA": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "last-state", Config: api.Config{retentionKey: "DELETE_ON_CANCELLATION", "high-availability.type": "kubernetes"}, Flink: &api.FlinkState{State: "RUNNING", Latest: checkpoint, Checkpoint: checkpoint}},
			"it starts from checkpoint s3://b/c/x/chk-7 (11s old, says the JobManager), or a newer checkpoint if one completes before",
		},
		"none completed: what it was restored from": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "last-state", Config: ha, Flink: &api.FlinkState{State: "RUNNING", Restored: restored}},
			"it starts from savepoint s3://b/sp/before (age unknown, says the JobManager), or a newer checkpoint if one completes before",
		},
		"none completed, started empty": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "last-state", Config: ha, Flink: &api.FlinkState{State: "RUNNING"}},
			"it starts empty: no checkpoint of it has completed, says the JobManager",
		},
		"the JobManager is away, HA": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "last-state", Config: ha, NoAnswer: "pod a isn't ready"},
			"it starts from its last checkpoint, which its high-availability data names (which one, and how old it is, isn't known: the JobManager can't be asked: pod a isn't ready)",
		},
		"the JobManager is away, no HA": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "last-state", Config: noHA, NoAnswer: "pod a isn't ready"},
			"what it starts from isn't known: the JobManager can't be asked for its newest checkpoint: pod a isn't ready",
		},
		"a savepoint is wanted, and the JobManager is away": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "savepoint", Config: ha, Away: "its JobManager has no pod"},
			"what it starts from isn't known: its JobManager has no pod; the operator takes a savepoint if it is back by then, and else uses the last checkpoint that the high-availability data names",
		},
		"so is it, without HA": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "savepoint", Config: noHA, Away: "its JobManager has no pod"},
			"a savepoint is taken first (to s3://b/sp), once its JobManager is back (its JobManager has no pod), and it starts from that",
		},
		"another Flink version": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "last-state", Config: ha, Flink: both, NewVersion: true},
			"a savepoint is taken first (to s3://b/sp), and it starts from that",
		},
		"its checkpoint is too old": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "last-state", Config: api.Config{"high-availability.type": "kubernetes", maxAgeKey: "30 s"}, Flink: both},
			"a savepoint is taken first, because its last checkpoint is older than " + maxAgeKey + " allows, and it starts from that",
		},
		"restarting, savepoint mode falls back": {
			PlanFacts{Job: job(api.Deployment, "", restarting), Mode: "savepoint", Config: ha, Flink: &api.FlinkState{State: "RESTARTING", Latest: checkpoint, Checkpoint: checkpoint}},
			"it starts from checkpoint s3://b/c/x/chk-7 (11s old, says the JobManager), or a newer checkpoint if one completes before",
		},
		"restarting, no HA": {
			PlanFacts{Job: job(api.Deployment, "", restarting), Mode: "savepoint", Config: noHA},
			"a savepoint is taken first (to s3://b/sp), once it runs again (it is RESTARTING), and it starts from that",
		},
		"failed, the JobManager is gone": {
			PlanFacts{Job: job(api.Deployment, "", `"lifecycleState":"FAILED","jobManagerDeploymentStatus":"MISSING","jobStatus":{"state":"FAILED",`+ran+`}`), Mode: "savepoint", Config: ha, NoAnswer: "it is MISSING"},
			"what it starts from isn't known: it is FAILED, and its JobManager can't be asked for its last checkpoint: it is MISSING",
		},
		"a finished batch job": {
			PlanFacts{Job: job(api.Deployment, "", `"lifecycleState":"STABLE","jobManagerDeploymentStatus":"READY","jobStatus":{"state":"FINISHED",`+ran+`}`), Mode: "savepoint", Config: noHA, Flink: &api.FlinkState{State: "FINISHED"}},
			"it starts empty: no checkpoint of it has completed, says the JobManager",
		},
		"never ran": {
			PlanFacts{Job: job(api.Deployment, "", `"lifecycleState":"DEPLOYED","jobManagerDeploymentStatus":"ERROR","jobStatus":{"state":"RECONCILING","jobId":"x"}`), Mode: "savepoint", Config: ha},
			"it starts empty: it has never run, and spec.job.initialSavepointPath is not set",
		},
		"never ran, with a path to start from": {
			PlanFacts{Job: job(api.Deployment, `"initialSavepointPath":"s3://b/sp/1"`, `"jobStatus":{"state":"RECONCILING","upgradeSavepointPath":"s3://b/sp/1"}`), Mode: "last-state", Config: ha},
			"it starts from savepoint s3://b/sp/1 (age unknown, says spec.job.initialSavepointPath)",
		},
		"stateless": {
			PlanFacts{Job: job(api.Deployment, "", running), Mode: "stateless", Config: ha, Flink: both},
			"it starts empty: by upgradeMode stateless its state is thrown away (its newest is s3://b/sp/manual, 41s old)",
		},
		"suspended by a savepoint": {
			PlanFacts{Job: job(api.Deployment, `"state":"suspended"`, suspended("savepoint", "s3://b/sp/up")), Mode: "savepoint", Config: ha, Snapshots: []api.Snapshot{snapshot("a-savepoint-upgrade-1", "s3://b/sp/up", "UPGRADE", true)}},
			"it starts from savepoint s3://b/sp/up (20m old, says flinkstatesnapshot/a-savepoint-upgrade-1)",
		},
		"suspended, the path is of unknown age": {
			PlanFacts{Job: job(api.Deployment, `"state":"suspended"`, suspended("savepoint", "s3://b/sp/up")), Mode: "savepoint", Config: ha, Snapshots: []api.Snapshot{snapshot("adopted", "s3://b/sp/up", "MANUAL", true)}},
			"it starts from savepoint s3://b/sp/up (age unknown, says flinkstatesnapshot/adopted)",
		},
		"suspended by a checkpoint of a canceled run": {
			PlanFacts{Job: job(api.SessionJob, `"state":"suspended"`, suspended("savepoint", "s3://b/c/x/chk-7")), Mode: "last-state", Config: ha},
			"it starts from checkpoint s3://b/c/x/chk-7 (age unknown, says the operator)",
		},
		"suspended by last-state": {
			PlanFacts{Job: job(api.Deployment, `"state":"suspended"`, suspended("last-state", "")), Mode: "last-state", Config: ha},
			"it starts from its last checkpoint, which its high-availability data names (which one, and how old it is, isn't known: its JobManager is gone)",
		},
		"suspended by a savepoint, stateless by now": {
			PlanFacts{Job: job(api.Deployment, `"state":"suspended"`, suspended("savepoint", "s3://b/sp/up")), Mode: "stateless", Config: ha},
			"it starts empty: by upgradeMode stateless its state is thrown away; the state that it left stays at s3://b/sp/up",
		},
		"suspended as stateless": {
			PlanFacts{Job: job(api.Deployment, `"state":"suspended"`, suspended("stateless", "")), Mode: "savepoint", Config: ha},
			"it starts empty: it was suspended as stateless, which keeps no state",
		},
		"blue/green takes a savepoint, by last-state too": {
			PlanFacts{Job: job(api.BlueGreen, "", `"blueGreenState":"ACTIVE_BLUE","jobStatus":{"state":"RUNNING"}`), Serving: job(api.Deployment, "", running), Mode: "last-state", Config: ha, Flink: both},
			"a savepoint is taken first (to s3://b/sp), and it starts from that",
		},
		"blue/green whose active color doesn't run": {
			PlanFacts{Job: job(api.BlueGreen, "", `"blueGreenState":"ACTIVE_BLUE"`), Serving: job(api.Deployment, "", restarting), Mode: "savepoint", Config: ha},
			"what it starts from isn't known: flinkdeployment/a isn't running, so that no savepoint can be taken (RESTARTING)",
		},
		"blue/green on its way": {
			PlanFacts{Job: job(api.BlueGreen, "", `"blueGreenState":"TRANSITIONING_TO_GREEN"`), Mode: "savepoint", Config: ha},
			"what it starts from isn't known: it has no active FlinkDeployment (TRANSITIONING_TO_GREEN)",
		},
	} {
		c.facts.Now = now
		if c.facts.Job.Kind.Name == api.BlueGreen.Name {
			c.facts.Job.Object.Object["spec"] = map[string]any{"template": map[string]any{"spec": map[string]any{"job": map[string]any{}}}}
		}
		if got := c.facts.Plan().Text("starts", now); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}
