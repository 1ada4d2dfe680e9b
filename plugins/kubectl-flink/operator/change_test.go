package operator

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestInverseTakesAMergePatchBack(t *testing.T) {
	before := map[string]any{"job": map[string]any{"state": "running", "parallelism": int64(2)}, "flinkConfiguration": map[string]any{"a": "1"}}
	patch := map[string]any{"job": map[string]any{"state": "suspended", "upgradeMode": "savepoint"}, "flinkConfiguration": map[string]any{"b": "2"}, "podTemplate": map[string]any{"x": "y"}}
	want := map[string]any{"job": map[string]any{"state": "running", "upgradeMode": nil}, "flinkConfiguration": map[string]any{"b": nil}, "podTemplate": nil}
	if diff := cmp.Diff(want, Inverse(before, patch)); diff != "" {
		t.Error(diff)
	}
}

func TestContains(t *testing.T) {
	object := map[string]any{"job": map[string]any{"parallelism": float64(2), "state": "running"}}
	for name, tc := range map[string]struct {
		patch map[string]any
		want  bool
	}{
		"same number":   {map[string]any{"job": map[string]any{"parallelism": int64(2)}}, true},
		"other value":   {map[string]any{"job": map[string]any{"state": "suspended"}}, false},
		"gone already":  {map[string]any{"job": map[string]any{"upgradeMode": nil}}, true},
		"to be removed": {map[string]any{"job": map[string]any{"state": nil}}, false},
		"nothing":       {nil, true},
	} {
		if got := Contains(object, tc.patch); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func changedJob(generation int64, status map[string]any) Job {
	object := &unstructured.Unstructured{Object: map[string]any{
		"spec":   map[string]any{"job": map[string]any{"state": "suspended", "upgradeMode": "savepoint"}},
		"status": status,
	}}
	object.SetName("orders")
	object.SetGeneration(generation)
	return Job{Deployment, object}
}

// The statuses are those of operator 1.16, as they were seen.
func TestJudge(t *testing.T) {
	suspend := Change{Spec: map[string]any{"job": map[string]any{"state": "suspended"}}, Goal: Goal{Suspended: true}, Job: changedJob(1, nil)}
	start := Change{Spec: map[string]any{"restartNonce": int64(1)}, Goal: Goal{NewRun: true}, Job: changedJob(1, map[string]any{"jobStatus": map[string]any{"jobId": "a", "startTime": "1"}})}
	resume := Change{Spec: map[string]any{"job": map[string]any{"state": "running"}}, Goal: Goal{NewRun: true}, Job: start.Job}
	note := Change{Job: changedJob(1, map[string]any{"lifecycleState": "ROLLED_BACK", "jobStatus": map[string]any{"jobId": "a", "startTime": "1"}})}
	status := func(observed int64, lifecycle, jm, state, id, startTime, failure string) map[string]any {
		return map[string]any{
			"observedGeneration": observed, "lifecycleState": lifecycle, "jobManagerDeploymentStatus": jm, "error": failure,
			"jobStatus": map[string]any{"state": state, "jobId": id, "startTime": startTime},
		}
	}
	for name, tc := range map[string]struct {
		change Change
		status map[string]any
		want   stage
	}{
		"not seen yet":           {suspend, status(1, "STABLE", "READY", "RUNNING", "a", "1", ""), notTaken},
		"suspended":              {suspend, status(2, "SUSPENDED", "READY", "FINISHED", "a", "1", ""), reached},
		"by last-state":          {suspend, status(2, "SUSPENDED", "MISSING", "RECONCILING", "a", "1", ""), reached},
		"rejected":               {suspend, status(1, "STABLE", "READY", "RUNNING", "a", "1", `{"type":"org.apache.flink.kubernetes.operator.exception.ValidationException","message":"no"}`), refused},
		"savepoint fails":        {suspend, status(1, "STABLE", "READY", "RUNNING", "a", "1", `{"type":"x.UpgradeFailureException","message":"Savepoint Error"}`), failing},
		"old run still stable":   {start, status(2, "STABLE", "READY", "RUNNING", "a", "1", ""), moving},
		"deploying":              {start, status(2, "DEPLOYED", "DEPLOYING", "RECONCILING", "b", "1", ""), moving},
		"mounts are being made":  {start, status(2, "DEPLOYED", "ERROR", "RECONCILING", "b", "1", `MountVolume.SetUp failed for volume "pod-template-volume"`), troubled},
		"mounts are made by now": {start, status(2, "DEPLOYED", "DEPLOYING", "RECONCILING", "b", "1", `MountVolume.SetUp failed for volume "pod-template-volume"`), moving},
		"not submitted yet":      {start, status(2, "DEPLOYED", "READY", "RECONCILING", "b", "1", "Job Not Found"), troubled},
		"crashes":                {start, status(2, "DEPLOYED", "DEPLOYING", "RECONCILING", "b", "1", `CrashLoopBackOff`), troubled},
		"runs with a new id":     {start, status(2, "STABLE", "READY", "RUNNING", "b", "2", ""), reached},
		"same id by HA":          {start, status(2, "STABLE", "READY", "RUNNING", "a", "2", ""), reached},
		"still as suspended":     {resume, status(2, "UPGRADING", "MISSING", "FINISHED", "a", "1", ""), moving},
		"resumed":                {resume, status(2, "STABLE", "READY", "RUNNING", "b", "2", ""), reached},
		"resumed and finished":   {resume, status(2, "STABLE", "READY", "FINISHED", "b", "2", ""), reached},
		"failed":                 {start, status(2, "FAILED", "READY", "FAILED", "b", "2", ""), lost},
		"rolled back before":     {note, status(2, "ROLLED_BACK", "READY", "RUNNING", "a", "1", ""), reached},
		"rolled back again":      {note, status(2, "ROLLED_BACK", "READY", "RUNNING", "a", "2", ""), lost},
		"rolled back":            {start, status(2, "ROLLED_BACK", "READY", "RUNNING", "b", "2", ""), lost},
	} {
		if got := tc.change.judge(changedJob(2, tc.status), 2); got.stage != tc.want {
			t.Errorf("%s: stage %d (%s), want %d", name, got.stage, got.what, tc.want)
		}
	}
}

// The statuses that operator 1.16 writes on the way of a resumption, and those
// of one that it forgets: the first word on the new spec is then the status
// from before the suspension.
func TestJudgeResumedAndForgotten(t *testing.T) {
	at := func(observed int64, reconciliation, reconciled, lifecycle, jm, state, id, startTime string) map[string]any {
		return map[string]any{
			"observedGeneration": observed, "lifecycleState": lifecycle, "jobManagerDeploymentStatus": jm,
			"reconciliationStatus": map[string]any{"state": reconciliation, "lastReconciledSpec": `{"spec":{"job":{"state":"` + reconciled + `","upgradeMode":"savepoint"}}}`},
			"jobStatus":            map[string]any{"state": state, "jobId": id, "startTime": startTime, "upgradeSavepointPath": "file:/s/savepoint-1"},
		}
	}
	suspended := at(2, "DEPLOYED", "suspended", "SUSPENDED", "READY", "FINISHED", "a", "1")
	resume := Change{Spec: map[string]any{"job": map[string]any{"state": "running"}}, Goal: Goal{NewRun: true}, Job: changedJob(2, suspended)}
	back := Change{Spec: resume.Spec, stopped: true, Job: changedJob(2, at(2, "DEPLOYED", "running", "STABLE", "READY", "RUNNING", "a", "1"))}
	delete(back.Job.Object.Object["status"].(map[string]any)["jobStatus"].(map[string]any), "upgradeSavepointPath")
	for _, sequence := range []struct {
		name     string
		change   Change
		statuses []map[string]any
		stages   []stage
	}{
		{"by savepoint", resume, []map[string]any{
			suspended,
			at(3, "UPGRADING", "suspended", "UPGRADING", "READY", "FINISHED", "a", "1"),
			at(3, "UPGRADING", "suspended", "UPGRADING", "MISSING", "FINISHED", "a", "1"),
			at(3, "UPGRADING", "suspended", "UPGRADING", "MISSING", "FINISHED", "b", "1"),
			at(3, "DEPLOYED", "running", "DEPLOYED", "DEPLOYING", "RECONCILING", "b", "1"),
			at(3, "DEPLOYED", "running", "DEPLOYED", "READY", "CREATED", "b", "2"),
			at(3, "DEPLOYED", "running", "STABLE", "READY", "RUNNING", "b", "2"),
		}, []stage{notTaken, moving, moving, moving, moving, moving, reached}},
		{"by last-state, with the old id", resume, []map[string]any{
			at(3, "UPGRADING", "suspended", "UPGRADING", "MISSING", "FINISHED", "a", "1"),
			at(3, "DEPLOYED", "running", "DEPLOYED", "DEPLOYING", "RECONCILING", "a", "1"),
			at(3, "DEPLOYED", "running", "STABLE", "READY", "RUNNING", "a", "2"),
		}, []stage{moving, moving, reached}},
		{"a bounded job, finished at once", resume, []map[string]any{
			at(3, "DEPLOYED", "running", "STABLE", "READY", "FINISHED", "a", "2"),
		}, []stage{reached}},
		{"forgotten", resume, []map[string]any{
			suspended,
			at(1, "DEPLOYED", "running", "STABLE", "READY", "FINISHED", "a", "1"),
			at(3, "DEPLOYED", "running", "STABLE", "READY", "FINISHED", "a", "1"),
		}, []stage{notTaken, notTaken, skipped}},
		{"put back while the suspension succeeds", back, []map[string]any{
			at(3, "DEPLOYED", "running", "STABLE", "READY", "FINISHED", "a", "1"),
		}, []stage{skipped}},
	} {
		for i, status := range sequence.statuses {
			job := changedJob(3, status)
			if got := sequence.change.judge(job, 3); got.stage != sequence.stages[i] {
				t.Errorf("%s, %d: stage %d (%s), want %d", sequence.name, i, got.stage, got.what, sequence.stages[i])
			}
		}
	}
	// Nobody knows then that it wasn't the job itself that finished.
	chk := at(3, "DEPLOYED", "running", "STABLE", "READY", "FINISHED", "a", "1")
	chk["jobStatus"].(map[string]any)["upgradeSavepointPath"] = "file:/c/a/chk-7"
	if got := back.judge(changedJob(3, chk), 3); got.stage == skipped {
		t.Errorf("a job that finished by itself would be started again (%s)", got.what)
	}
}

// A blue/green deployment is resumed in place: its colour stays.
func TestJudgeBlueGreenResumed(t *testing.T) {
	at := func(state string) Job {
		object := &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{
			"blueGreenState": "ACTIVE_BLUE", "lastReconciledSpec": `{"template":{"spec":{"job":{"state":"running"}}}}`,
			"jobStatus": map[string]any{"state": state},
		}}}
		return Job{BlueGreen, object}
	}
	resume := Change{Spec: map[string]any{"job": map[string]any{"state": "running"}}, Goal: Goal{NewRun: true}, Job: at("SUSPENDED")}
	for state, want := range map[string]stage{"SUSPENDED": moving, "RECONCILING": moving, "RUNNING": reached} {
		if got := resume.judge(at(state), 2); got.stage != want {
			t.Errorf("%s: stage %d (%s), want %d", state, got.stage, got.what, want)
		}
	}
}

func TestManagedBy(t *testing.T) {
	for name, tc := range map[string]struct {
		labels, annotations map[string]string
		want                string
		reverts             bool
	}{
		"nobody":        {map[string]string{"app.kubernetes.io/instance": "x"}, nil, "", false},
		"Argo CD":       {nil, map[string]string{"argocd.argoproj.io/tracking-id": "x"}, "Argo CD", true},
		"Flux":          {map[string]string{"kustomize.toolkit.fluxcd.io/name": "x"}, nil, "Flux (Kustomization)", true},
		"Flux is off":   {map[string]string{"kustomize.toolkit.fluxcd.io/name": "x"}, map[string]string{"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}, "Flux (Kustomization)", false},
		"Helm release":  {map[string]string{"helm.toolkit.fluxcd.io/name": "x"}, nil, "Flux (HelmRelease)", true},
		"Helm by hand":  {map[string]string{"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "x"}, nil, "Helm", false},
		"Confluent CRs": {nil, map[string]string{"cmf.platform.confluent.io/managed-by": "a/b"}, "Confluent for Kubernetes", true},
	} {
		job := changedJob(1, nil)
		job.Object.SetLabels(tc.labels)
		job.Object.SetAnnotations(tc.annotations)
		manager, _ := job.ManagedBy()
		if manager.Name != tc.want || manager.Reverts != tc.reverts {
			t.Errorf("%s: %+v", name, manager)
		}
	}
}

func TestStateIsNotLostUnasked(t *testing.T) {
	job := changedJob(1, nil)
	_ = unstructured.SetNestedField(job.Object.Object, "stateless", "spec", "job", "upgradeMode")
	if _, _, err := (&Client{}).KeepState(job, "restart", StateChoice{}); err == nil || !strings.Contains(err.Error(), "--lose-state") {
		t.Error(err)
	}
	fields, mode, err := (&Client{}).KeepState(job, "restart", StateChoice{UpgradeMode: "savepoint"})
	if err != nil || mode != "savepoint" || fields["job"].(map[string]any)["upgradeMode"] != "savepoint" {
		t.Error(fields, mode, err)
	}
}

// Seen with operator 1.7: just after a savepoint it noted a checkpoint of before
// as the last one.
func TestKeptStateOfAnOldOperator(t *testing.T) {
	saved := func(at int64, path, trigger string) map[string]any {
		return map[string]any{"timeStamp": at, "location": path, "triggerType": trigger}
	}
	job := changedJob(2, map[string]any{
		"reconciliationStatus": map[string]any{"state": "DEPLOYED", "lastReconciledSpec": `{"spec":{"job":{"state":"suspended","upgradeMode":"savepoint"}}}`},
		"jobStatus": map[string]any{"savepointInfo": map[string]any{
			"lastSavepoint": saved(1795648884410, "file:/c/a/chk-248", "UNKNOWN"),
			"savepointHistory": []any{
				saved(1795648867811, "file:/s/savepoint-1", "MANUAL"), saved(1795648885799, "file:/s/savepoint-2", "UPGRADE"), saved(1795648884410, "file:/c/a/chk-248", "UNKNOWN"),
			},
		}},
	})
	if kept := job.KeptState(); kept.Kind != KeptSavepoint || kept.Path != "file:/s/savepoint-2" {
		t.Errorf("%+v", kept)
	}
	for _, s := range savedIn(job) {
		if s.Savepoint == isCheckpointPath(s.Path) {
			t.Errorf("%s: savepoint %v", s.Path, s.Savepoint)
		}
	}
}

// A forgotten job is started by a nonce; but from the state that it left, where
// the operator knows another.
func TestWakeUp(t *testing.T) {
	for known, want := range map[string]string{"file:///s/2": "restartNonce: 1", "file:/c/chk-9": "job.initialSavepointPath: file:/s/2, job.savepointRedeployNonce: 1, job.state: running"} {
		job := changedJob(3, map[string]any{"observedGeneration": int64(3), "jobStatus": map[string]any{"upgradeSavepointPath": known}})
		f := changeFollower{job: job, change: Change{Goal: Goal{Path: "file:/s/2"}}}
		if got := strings.Join(describePatch(f.wakeUp()), ", "); got != want {
			t.Errorf("%s: %s, want %s", known, got, want)
		}
	}
}

// Flink calls a job RUNNING also while its tasks wait for slots.
func TestRunningWithoutTasks(t *testing.T) {
	job := changedJob(2, map[string]any{"jobStatus": map[string]any{"state": "RUNNING", "jobId": "b"}})
	answers := []FlinkState{{State: "RUNNING", Tasks: 3, Waiting: 2}, {State: "RUNNING", Tasks: 3}}
	client := &Client{AskFlink: func(context.Context, Ref) (FlinkState, error) {
		next := answers[0]
		answers = answers[1:]
		return next, nil
	}}
	f := &changeFollower{client: client, change: Change{Job: job}, job: job, answers: make(chan answer, 1)}
	for i, want := range []bool{false, false, true} {
		if got := f.wholly(t.Context()); got != want {
			t.Errorf("%d: %v", i, got)
		}
		if !want {
			f.hear(<-f.answers)
		}
	}
	// The answer was about another run.
	f.job = changedJob(2, map[string]any{"jobStatus": map[string]any{"state": "RUNNING", "jobId": "c"}})
	answers = []FlinkState{{State: "RUNNING", Tasks: 3}}
	if f.wholly(t.Context()) {
		t.Error("the new run was not asked for")
	}
	f.hear(<-f.answers)
}

func TestErrorsOfAStartPass(t *testing.T) {
	for _, cause := range []string{"Job Not Found", `MountVolume.SetUp failed for volume "x"`} {
		if !passes(cause) {
			t.Error(cause)
		}
	}
	if passes("ErrImagePull") {
		t.Error("an image that can't be pulled passes")
	}
}

// Nobody has to be told that the JobManager can't be asked more than a few times.
func TestRunningByTheOperatorsWord(t *testing.T) {
	job := changedJob(2, map[string]any{"jobStatus": map[string]any{"state": "RUNNING", "jobId": "b"}})
	f := &changeFollower{client: &Client{AskFlink: func(context.Context, Ref) (FlinkState, error) { return FlinkState{}, errNoWitness }}, change: Change{Job: job}, job: job, answers: make(chan answer, 1)}
	for range askOften {
		f.hear(answer{"b", FlinkState{}, false, "no way"})
	}
	if !f.wholly(t.Context()) {
		t.Error("it waits for ever")
	}
}

func TestProof(t *testing.T) {
	job := changedJob(2, map[string]any{"jobStatus": map[string]any{"state": "RUNNING", "jobId": "b"}})
	from := func(path string) *FlinkSnapshot {
		return &FlinkSnapshot{Path: path, Savepoint: !isCheckpointPath(path)}
	}
	left := Kept{Kind: KeptSavepoint, Path: "file:/s/2"}
	for name, tc := range map[string]struct {
		goal     Goal
		left     Kept
		restored *FlinkSnapshot
		proven   bool
	}{
		"the one that it left":             {Goal{State: true}, left, from("file:///s/2"), true},
		"an older one":                     {Goal{State: true}, left, from("file:/s/1"), false},
		"nothing":                          {Goal{State: true}, left, nil, false},
		"nothing, and none was wanted":     {Goal{}, Kept{}, nil, true},
		"its own checkpoint since":         {Goal{State: true}, left, from("file:/c/b/chk-3"), true},
		"the checkpoint of the run before": {Goal{State: true}, left, from("file:/c/a/chk-3"), false},
		"by last-state, any":               {Goal{State: true}, Kept{Kind: KeptCheckpoint, Path: "file:/c/a/chk-3"}, from("file:/c/a/chk-4"), true},
		"the one named":                    {Goal{State: true, Path: "file:/s/1"}, left, from("file:/s/1"), true},
	} {
		f := &changeFollower{client: &Client{}, change: Change{Job: job, Goal: tc.goal}, job: job, left: tc.left}
		f.told = answer{"b", FlinkState{State: "RUNNING", Restored: tc.restored}, true, ""}
		err := f.prove(t.Context())
		var failed *ChangeFailedError
		if (err == nil) != tc.proven || err != nil && (!errors.As(err, &failed) || failed.How != ChangeUnproven) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
