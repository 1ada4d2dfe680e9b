package lifecycle

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// clusterOfFakes is a client of a cluster with core objects, whose API server
// serves kinds and whose JobManager tells facts; nil facts is none that answers.
func clusterOfFakes(facts *api.CheckpointFacts, served []api.Kind, objects ...runtime.Object) *operator.Client {
	client := operator.ClientOf(nil, fake.NewClientset(objects...), served...)
	if facts != nil {
		flink := flinktest.States(api.FlinkState{State: facts.State, Latest: facts.Latest}, nil)
		flink.OnCheckpoints = func(context.Context, api.Ref) (api.CheckpointFacts, error) { return *facts, nil }
		client = client.Asking(flink)
	}
	return client
}

// configMap is one with a single entry.
func configMap(name, key, value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns"}, Data: map[string]string{key: value}}
}

func TestDeleteOnlyWhatLeavesItsState(t *testing.T) {
	modern, old := []api.Kind{api.Deployment, api.SessionJob, api.StateSnap}, []api.Kind{api.Deployment, api.SessionJob}
	volumes := `"podTemplate":` + template(`"hostPath":{"path":"/h"}`, "/data", "")
	config := `"execution.checkpointing.dir":"file:///data/c","execution.checkpointing.savepoint-dir":"file:///data/s"`
	manifest := func(spec, status string) string {
		return `{"metadata":{"name":"a","namespace":"ns","uid":"u"},"spec":{"job":{"state":"running"},` + spec + `},"status":{"lifecycleState":"STABLE","jobManagerDeploymentStatus":"READY",
			"reconciliationStatus":{"lastStableSpec":"{}"},"jobStatus":{` + status + `"jobId":"x","startTime":"1764000000000"}}}`
	}
	spec := func(more string) string { return volumes + `,"flinkConfiguration":{` + config + more + `}` }
	running := `"state":"RUNNING",`
	chk := &api.FlinkSnapshot{ID: 6, Path: "file:/data/c/x/chk-6", At: time.Now()}
	good := &api.CheckpointFacts{State: "RUNNING", Kept: true, Checkpoint: chk, Latest: chk}
	facts := func(change func(*api.CheckpointFacts)) *api.CheckpointFacts {
		f := *good
		change(&f)
		return &f
	}
	ha := `,"high-availability.type":"kubernetes"`
	haData := configMap("a-x-config-map", "checkpointID-0000000000000000007", "…")
	newer := savepoint.LastState{Savepoint: true, Path: "file:/data/s/1", At: time.Now()}
	stopped := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "operator", Namespace: "o", Labels: map[string]string{"app.kubernetes.io/name": "flink-kubernetes-operator"}}, Spec: appsv1.DeploymentSpec{Replicas: new(int32)}}
	claimed := `"podTemplate":` + template(`"persistentVolumeClaim":{"claimName":"data"}`, "/data", "") + `,"flinkConfiguration":{` + config + `}`
	claimOf := func(uid types.UID) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data", Namespace: "ns", OwnerReferences: []metav1.OwnerReference{{Kind: "FlinkDeployment", Name: "a", UID: uid}}}}
	}
	for name, c := range map[string]struct {
		spec, status string
		facts        *api.CheckpointFacts
		served       []api.Kind
		objects      []runtime.Object
		states       []savepoint.LastState
		request      DeleteRequest
		stops        string
		refused      string
		// between is how the operator has stopped the job to change it, and state
		// what it would be started from again.
		between, state string
	}{
		"no high availability":  {spec: spec(""), facts: good, served: modern, stops: "last-state"},
		"high availability":     {spec: spec(ha), facts: good, served: modern, objects: []runtime.Object{haData}, stops: "last-state"},
		"its data, nested":      {spec: volumes + `,"flinkConfiguration":{"execution":{"checkpointing":{"dir":"file:///data/c"}},"high-availability":{"type":"KUBERNETES"}}`, facts: good, served: old, objects: []runtime.Object{haData}, stops: "last-state"},
		"the older key":         {spec: spec(`,"high-availability":"org.apache.flink.kubernetes.highavailability.KubernetesHaServicesFactory"`), facts: nil, served: old, objects: []runtime.Object{haData}, stops: "last-state"},
		"data that isn't there": {spec: spec(ha), facts: good, served: modern, refused: "configmap/a-x-config-map"},
		"no checkpoint in it":   {spec: spec(ha), facts: good, served: modern, objects: []runtime.Object{configMap("a-x-config-map", "counter", "1")}, refused: "no checkpoint yet"},
		"ZooKeeper":             {spec: spec(`,"high-availability.type":"zookeeper"`), facts: good, served: modern, refused: "can't be read here"},
		"an old operator":       {spec: spec(""), facts: good, served: old, refused: "operator 1.10"},
		"JobManager away":       {spec: spec(""), facts: nil, served: modern, refused: "JobManager can't be asked"},
		"operator away":         {spec: spec(""), facts: good, served: modern, objects: []runtime.Object{stopped}, refused: "operator is not running"},
		"deletes, says the spec": {
			spec: spec(`,"execution.checkpointing.externalized-checkpoint-retention":"DELETE_ON_CANCELLATION"`), facts: facts(func(f *api.CheckpointFacts) { f.Deletes = true }),
			served: modern, states: []savepoint.LastState{newer}, refused: "DELETE_ON_CANCELLATION",
		},
		"deletes, says the spec alone": {
			spec:   volumes + `,"flinkConfiguration":{"execution.checkpointing":{"externalized-checkpoint-retention":"delete_on_cancellation"},` + config + ha + `}`,
			served: modern, objects: []runtime.Object{haData}, refused: "DELETE_ON_CANCELLATION",
		},
		"deletes, says the pods' configuration": {
			spec: spec(ha), served: modern, refused: "DELETE_ON_CANCELLATION",
			objects: []runtime.Object{haData, configMap("flink-config-a", "config.yaml", "execution:\n  checkpointing:\n    externalized-checkpoint-retention: DELETE_ON_CANCELLATION\n    dir: file:///data/c\n")},
		},
		"deletes, says the job's code": {spec: spec(""), facts: facts(func(f *api.CheckpointFacts) { f.Deletes = true }), served: modern, refused: "delete_on_cancellation"},
		"keeps, says the job's code": {
			spec: spec(`,"execution.checkpointing.externalized-checkpoint-retention":"DELETE_ON_CANCELLATION"`), facts: good, served: modern, stops: "last-state",
		},
		"not externalized":        {spec: spec(""), facts: facts(func(f *api.CheckpointFacts) { f.Kept = false }), served: modern, refused: "not externalized"},
		"no checkpoint yet":       {spec: spec(""), facts: &api.CheckpointFacts{State: "RUNNING", Kept: true}, served: modern, refused: "no checkpoint yet"},
		"a batch job":             {spec: spec(""), facts: &api.CheckpointFacts{State: "RUNNING", Off: true}, served: modern, refused: "batch jobs"},
		"in memory":               {spec: spec(""), facts: facts(func(f *api.CheckpointFacts) { f.Checkpoint = &api.FlinkSnapshot{Path: api.NotAddressable} }), served: modern, refused: "JobManager's memory"},
		"on a pod's disk":         {spec: `"flinkConfiguration":{` + config + `}`, facts: good, served: modern, refused: "no volume"},
		"in a claim of its own":   {spec: claimed, facts: good, served: modern, objects: []runtime.Object{claimOf("u")}, refused: "belongs to flinkdeployment/a"},
		"in another job's claim":  {spec: claimed, facts: good, served: modern, objects: []runtime.Object{claimOf("v")}, stops: "last-state"},
		"saved in a claim of its": {spec: claimed, facts: good, served: modern, objects: []runtime.Object{claimOf("u")}, request: DeleteRequest{WithSavepoint: true}, refused: "its savepoint would go with it"},
		"saved first":             {spec: spec(""), facts: good, served: old, request: DeleteRequest{WithSavepoint: true}, stops: "savepoint"},
		"saved by the operator": {
			spec: spec(`,"kubernetes.operator.job.savepoint-on-deletion":"true","execution.checkpointing.externalized-checkpoint-retention":"DELETE_ON_CANCELLATION"`), facts: good, served: modern, stops: "savepoint",
		},
		"to be saved, operator away": {spec: spec(""), facts: good, served: modern, objects: []runtime.Object{stopped}, request: DeleteRequest{WithSavepoint: true}, refused: "operator is not running"},
		"saved on a pod's disk":      {spec: `"flinkConfiguration":{` + config + `}`, facts: good, served: old, request: DeleteRequest{WithSavepoint: true}, refused: "no volume"},
		"restarting, to be saved": {
			spec: spec(""), status: `"state":"RESTARTING",`, facts: facts(func(f *api.CheckpointFacts) { f.State = "RESTARTING" }), served: modern,
			request: DeleteRequest{WithSavepoint: true}, refused: "no savepoint can be taken",
		},
		"restarting": {spec: spec(""), status: `"state":"RESTARTING",`, facts: facts(func(f *api.CheckpointFacts) { f.State = "RESTARTING" }), served: modern, stops: "last-state"},
		"to be lost": {spec: spec(`,"execution.checkpointing.externalized-checkpoint-retention":"DELETE_ON_CANCELLATION"`), facts: good, served: modern, request: DeleteRequest{LoseState: true}},
		"has failed": {spec: spec(""), status: `"state":"FAILED",`, facts: facts(func(f *api.CheckpointFacts) { f.State, f.Ended = "FAILED", true }), served: modern},
		"was canceled, checkpoints went": {
			spec: spec(""), status: `"state":"CANCELED",`, facts: facts(func(f *api.CheckpointFacts) { f.State, f.Ended, f.Deletes = "CANCELED", true, true }),
			served: modern, refused: "is left",
		},
		"has finished": {spec: spec(""), status: `"state":"FINISHED",`, served: modern},
		"stopped to be started again": {
			spec: spec(""), status: `"state":"FINISHED","upgradeSavepointPath":"s3://b/s/2",`, served: modern, between: "savepoint", state: "s3://b/s/2",
		},
		"stopped to be started again, where isn't known": {
			spec: spec(""), status: `"state":"FINISHED",`, served: modern, between: "savepoint", refused: "where its state is isn't known",
		},
	} {
		status := c.status
		if status == "" {
			status = running
		}
		job := flinktest.JobOf(t, api.Deployment, manifest(c.spec, status))
		if c.between != "" {
			api.Section(job.Object.Object, "status")["lifecycleState"] = "UPGRADING"
			api.Section(job.Object.Object, "status", "reconciliationStatus")["lastReconciledSpec"] = `{"spec":{"job":{"state":"suspended","upgradeMode":"` + c.between + `"}}}`
		}
		client := clusterOfFakes(c.facts, c.served, c.objects...)
		plan, err := planDelete(t.Context(), client, job, c.states, c.request, operator.Reporter{})
		switch {
		case (err == nil) != (c.refused == ""), err != nil && !strings.Contains(err.Error(), c.refused):
			t.Errorf("%s: %v, want %q", name, err, c.refused)
		case err != nil && !strings.Contains(err.Error(), "--lose-state") && !strings.Contains(err.Error(), "was not deleted"):
			t.Errorf("%s: %v doesn't say what to do", name, err)
		case c.between != "" && plan.state.Path != c.state:
			t.Errorf("%s: its state is %q, want %q", name, plan.state.Path, c.state)
		case plan.stops != c.stops:
			t.Errorf("%s: it is stopped by %q, want %q", name, plan.stops, c.stops)
		}
	}
}

// A job that never ran is made again as it was to start, not from what one of
// its name left before.
func TestDeleteOfAJobThatNeverRan(t *testing.T) {
	before := savepoint.LastState{Savepoint: true, Path: "s3://b/of-another", At: time.Now().Add(-time.Hour)}
	for path, want := range map[string]string{"": "", "s3://b/given": "s3://b/given"} {
		job := flinktest.JobOf(t, api.Deployment, `{"metadata":{"name":"a","namespace":"ns"},"spec":{"job":{"initialSavepointPath":"`+path+`"}}}`)
		plan, err := planDelete(t.Context(), clusterOfFakes(nil, nil), job, []savepoint.LastState{before}, DeleteRequest{}, operator.Reporter{})
		if err != nil || plan.stops != "" || plan.state.Path != want {
			t.Errorf("%q: %+v %v", path, plan, err)
		}
	}
}

// What a stopped job left is asked of where it is: the status after a
// suspension by last-state still names what the run started from.
func TestStateOfAStoppedJob(t *testing.T) {
	suspended := func(mode, path string) api.Job {
		return flinktest.JobOf(t, api.Deployment, `{"metadata":{"name":"a","namespace":"ns"},"spec":{"flinkConfiguration":{"state.checkpoints.dir":"s3://b/c/"},"job":{"state":"suspended"}},"status":{"lifecycleState":"SUSPENDED",
			"reconciliationStatus":{"lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"suspended\",\"upgradeMode\":\"`+mode+`\"}}}"},"jobStatus":{"jobId":"x","upgradeSavepointPath":"`+path+`"}}}`)
	}
	haData := configMap("a-x-config-map", "checkpointID-0000000000000000012", "…")
	haData.Data["checkpointID-0000000000000000009"] = "…"
	before := &api.FlinkSnapshot{Path: "s3://other/x/chk-11"}
	for name, c := range map[string]struct {
		job       api.Job
		known     *api.FlinkSnapshot
		objects   []runtime.Object
		path, why string
	}{
		"savepoint":              {job: suspended("savepoint", "s3://b/s/1"), path: "s3://b/s/1"},
		"canceled":               {job: suspended("last-state", "s3://b/c/x/chk-4"), path: "s3://b/c/x/chk-4"},
		"high availability":      {job: suspended("last-state", "s3://b/s/old"), objects: []runtime.Object{haData}, path: "s3://b/c/x/chk-12"},
		"the directory was seen": {job: suspended("last-state", api.LastState), known: before, objects: []runtime.Object{haData}, path: "s3://other/x/chk-12"},
		"its data is gone":       {job: suspended("last-state", "s3://b/s/old"), why: "not there"},
		"stateless":              {job: suspended("stateless", "")},
		"not known":              {job: suspended("savepoint", ""), why: "doesn't say"},
	} {
		state, why := leftState(t.Context(), operator.ClientOf(nil, fake.NewClientset(c.objects...)), c.job, c.known)
		if state.Path != c.path || !strings.Contains(why, c.why) || (why == "") != (c.why == "") {
			t.Errorf("%s: %+v %q, want %q %q", name, state, why, c.path, c.why)
		}
	}
	for _, s := range savepoint.StatesInStatus(suspended("last-state", "s3://b/s/old")) {
		t.Errorf("the status names %+v", s)
	}
}

func TestDeleteSaysWhereTheStateIsAtEveryEnd(t *testing.T) {
	report := DeleteReport{Job: api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "a"}, Again: flinktest.JobOf(t, api.Deployment, `{"metadata":{"name":"a"},"spec":{"job":{}}}`)}
	report.keep(savepoint.LastState{Path: "file:/data/my c/chk-7", Final: true})
	if got := report.Again.InitialPath(); got != "file:/data/my c/chk-7" {
		t.Error(got)
	}
	err := report.explain(errors.New("timed out"))
	if err == nil || !strings.Contains(err.Error(), "timed out\n") || !strings.Contains(err.Error(), "--from 'file:/data/my c/chk-7'") {
		t.Error(err)
	}
	var said []string
	report.announce(operator.Reporter{Note: func(s string) { said = append(said, s) }})
	if len(said) != 2 || !strings.Contains(said[0], "chk-7") {
		t.Error(said)
	}
	// One that a newer replaces is never offered as what to start from.
	report.keep(savepoint.LastState{Path: "file:/c/chk-6", Passing: true})
	if err := report.explain(errors.New("x")); strings.Contains(err.Error(), "chk-6") {
		t.Error(err)
	}
}
