package change

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

func changedJob(generation int64, status map[string]any) api.Job {
	object := &unstructured.Unstructured{Object: map[string]any{
		"spec":   map[string]any{"job": map[string]any{"state": "suspended", "upgradeMode": "savepoint"}},
		"status": status,
	}}
	object.SetName("orders")
	object.SetGeneration(generation)
	return api.Job{Kind: api.Deployment, Object: object}
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
	overlooked := func(lifecycle, jm, state string) map[string]any {
		s := status(2, lifecycle, jm, state, "b", "2", `{"type":"x.UpgradeFailureException","message":"HA metadata is not available to restore from last state."}`)
		s["reconciliationStatus"] = map[string]any{"state": "DEPLOYED"}
		return s
	}
	for name, tc := range map[string]struct {
		change Change
		status map[string]any
		want   stage
	}{
		"its new Deployment isn't seen": {start, overlooked("FAILED", "MISSING", "RECONCILING"), troubled},
		"and seen then":                 {start, overlooked("DEPLOYED", "DEPLOYING", "RECONCILING"), moving},
		"and its JobManager is up":      {start, overlooked("DEPLOYED", "READY", "CREATED"), moving},
		"and it runs":                   {start, overlooked("STABLE", "READY", "RUNNING"), reached},
		"not seen yet":                  {suspend, status(1, "STABLE", "READY", "RUNNING", "a", "1", ""), notTaken},
		"suspended":                     {suspend, status(2, "SUSPENDED", "READY", "FINISHED", "a", "1", ""), reached},
		"by last-state":                 {suspend, status(2, "SUSPENDED", "MISSING", "RECONCILING", "a", "1", ""), reached},
		"rejected":                      {suspend, status(1, "STABLE", "READY", "RUNNING", "a", "1", `{"type":"org.apache.flink.kubernetes.operator.exception.ValidationException","message":"no"}`), refused},
		"savepoint fails":               {suspend, status(1, "STABLE", "READY", "RUNNING", "a", "1", `{"type":"x.UpgradeFailureException","message":"Savepoint Error"}`), failing},
		"old run still stable":          {start, status(2, "STABLE", "READY", "RUNNING", "a", "1", ""), moving},
		"deploying":                     {start, status(2, "DEPLOYED", "DEPLOYING", "RECONCILING", "b", "1", ""), moving},
		"mounts are being made":         {start, status(2, "DEPLOYED", "ERROR", "RECONCILING", "b", "1", `MountVolume.SetUp failed for volume "pod-template-volume"`), troubled},
		"mounts are made by now":        {start, status(2, "DEPLOYED", "DEPLOYING", "RECONCILING", "b", "1", `MountVolume.SetUp failed for volume "pod-template-volume"`), moving},
		"not submitted yet":             {start, status(2, "DEPLOYED", "READY", "RECONCILING", "b", "1", "Job Not Found"), troubled},
		"crashes":                       {start, status(2, "DEPLOYED", "DEPLOYING", "RECONCILING", "b", "1", `CrashLoopBackOff`), troubled},
		"runs with a new id":            {start, status(2, "STABLE", "READY", "RUNNING", "b", "2", ""), reached},
		"same id by HA":                 {start, status(2, "STABLE", "READY", "RUNNING", "a", "2", ""), reached},
		"still as suspended":            {resume, status(2, "UPGRADING", "MISSING", "FINISHED", "a", "1", ""), moving},
		"resumed":                       {resume, status(2, "STABLE", "READY", "RUNNING", "b", "2", ""), reached},
		"resumed and finished":          {resume, status(2, "STABLE", "READY", "FINISHED", "b", "2", ""), reached},
		"failed":                        {start, status(2, "FAILED", "READY", "FAILED", "b", "2", ""), lost},
		"rolled back before":            {note, status(2, "ROLLED_BACK", "READY", "RUNNING", "a", "1", ""), reached},
		"rolled back again":             {note, status(2, "ROLLED_BACK", "READY", "RUNNING", "a", "2", ""), lost},
		"rolled back":                   {start, status(2, "ROLLED_BACK", "READY", "RUNNING", "b", "2", ""), lost},
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

// A blue/green deployment is resumed in place: its color stays.
func TestJudgeBlueGreenResumed(t *testing.T) {
	at := func(state string) api.Job {
		object := &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{
			"blueGreenState": "ACTIVE_BLUE", "lastReconciledSpec": `{"template":{"spec":{"job":{"state":"running"}}}}`,
			"jobStatus": map[string]any{"state": state},
		}}}
		return api.Job{Kind: api.BlueGreen, Object: object}
	}
	resume := Change{Spec: map[string]any{"job": map[string]any{"state": "running"}}, Goal: Goal{NewRun: true}, Job: at("SUSPENDED")}
	for state, want := range map[string]stage{"SUSPENDED": moving, "RECONCILING": moving, "RUNNING": reached} {
		if got := resume.judge(at(state), 2); got.stage != want {
			t.Errorf("%s: stage %d (%s), want %d", state, got.stage, got.what, want)
		}
	}
}

func TestStateIsNotLostUnasked(t *testing.T) {
	job := changedJob(1, nil)
	_ = unstructured.SetNestedField(job.Object.Object, "stateless", "spec", "job", "upgradeMode")
	if _, _, err := KeepState(job, "restart", api.StateChoice{}); err == nil || !strings.Contains(err.Error(), "--lose-state") {
		t.Error(err)
	}
	fields, mode, err := KeepState(job, "restart", api.StateChoice{UpgradeMode: "savepoint"})
	if err != nil || mode != "savepoint" || fields["job"].(map[string]any)["upgradeMode"] != "savepoint" {
		t.Error(fields, mode, err)
	}
}

// A forgotten job is started by a nonce; but from the state that it left, where
// the operator knows another.
func TestRestartPatch(t *testing.T) {
	for known, want := range map[string]string{"file:///s/2": "restartNonce: 1", "file:/c/chk-9": "job.initialSavepointPath: file:/s/2, job.savepointRedeployNonce: 1, job.state: running"} {
		job := changedJob(3, map[string]any{"observedGeneration": int64(3), "jobStatus": map[string]any{"upgradeSavepointPath": known}})
		f := Follower{observation: observation{job: job}, Change: Change{Goal: Goal{Path: "file:/s/2"}}}
		if got := strings.Join(DescribePatch(f.restartPatch()), ", "); got != want {
			t.Errorf("%s: %s, want %s", known, got, want)
		}
	}
}

// Flink calls a job RUNNING also while its tasks wait for slots.
func TestRunningWithoutTasks(t *testing.T) { synctest.Test(t, runningWithoutTasks) }

func runningWithoutTasks(t *testing.T) {
	job := changedJob(2, map[string]any{"jobStatus": map[string]any{"state": "RUNNING", "jobId": "b"}})
	answers := []api.FlinkState{{State: "RUNNING", Tasks: 3, Waiting: 2}, {State: "RUNNING", Tasks: 3}}
	client := operator.ClientOf(nil, nil).Asking(flinktest.Flink{OnState: func(context.Context, api.Ref) (api.FlinkState, error) {
		next := answers[0]
		answers = answers[1:]
		return next, nil
	}})
	f := &Follower{client: client, Change: Change{Job: job}, observation: observation{job: job}, loop: operator.NewLoop(t.Context())}
	defer f.loop.Close()
	takeAnswer := func() {
		if done, err := f.loop.Run(t.Context(), func() (bool, error) { return !f.asking, nil }); !done || err != nil {
			t.Error(done, err)
		}
	}
	for i, want := range []bool{false, false, true} {
		if got := f.allTasksRunning(); got != want {
			t.Errorf("%d: %v", i, got)
		}
		if !want {
			takeAnswer()
		}
	}
	// The answer was about another run.
	f.job = changedJob(2, map[string]any{"jobStatus": map[string]any{"state": "RUNNING", "jobId": "c"}})
	answers = []api.FlinkState{{State: "RUNNING", Tasks: 3}}
	if f.allTasksRunning() {
		t.Error("the new run was not asked for")
	}
	takeAnswer()
}

func TestErrorsOfAStartPass(t *testing.T) {
	for _, cause := range []string{"Job Not Found", `MountVolume.SetUp failed for volume "x"`, "StatusConflictException: Status have been modified externally in version 14835", "IOException: timeout", "SocketTimeoutException: timeout"} {
		if !IsTransient(cause) {
			t.Error(cause)
		}
	}
	if IsTransient("ErrImagePull") {
		t.Error("an image that can't be pulled passes")
	}
}

// Nobody has to be told that the JobManager can't be asked more than a few times.
func TestRunningByTheOperatorsWord(t *testing.T) {
	job := changedJob(2, map[string]any{"jobStatus": map[string]any{"state": "RUNNING", "jobId": "b"}})
	f := &Follower{client: operator.ClientOf(nil, nil).Asking(flinktest.States(api.FlinkState{}, ErrNoJobManager)), Change: Change{Job: job}, observation: observation{job: job}}
	for range MaxMissedAnswers {
		f.take(answer{"b", api.FlinkState{}, false, "no way"})
	}
	if !f.allTasksRunning() {
		t.Error("it waits for ever")
	}
}

func TestProof(t *testing.T) {
	job := changedJob(2, map[string]any{"jobStatus": map[string]any{"state": "RUNNING", "jobId": "b"}})
	from := func(path string) *api.FlinkSnapshot {
		return &api.FlinkSnapshot{Path: path, Savepoint: !api.IsCheckpointPath(path)}
	}
	left := api.RetainedState{Kind: api.RetainedSavepoint, Path: "file:/s/2"}
	for name, tc := range map[string]struct {
		goal     Goal
		left     api.RetainedState
		restored *api.FlinkSnapshot
		proven   bool
	}{
		"the one that it left":             {Goal{State: true}, left, from("file:///s/2"), true},
		"an older one":                     {Goal{State: true}, left, from("file:/s/1"), false},
		"nothing":                          {Goal{State: true}, left, nil, false},
		"nothing, and none was wanted":     {Goal{}, api.RetainedState{}, nil, true},
		"its own checkpoint since":         {Goal{State: true}, left, from("file:/c/b/chk-3"), true},
		"the checkpoint of the run before": {Goal{State: true}, left, from("file:/c/a/chk-3"), false},
		"the same run, scaled in place":    {Goal{State: true}, api.RetainedState{}, nil, true},
		"a new run, without state":         {Goal{State: true, NewRun: true}, api.RetainedState{}, nil, false},
		"by last-state, any":               {Goal{State: true}, api.RetainedState{Kind: api.RetainedCheckpoint, Path: "file:/c/a/chk-3"}, from("file:/c/a/chk-4"), true},
		"the one named":                    {Goal{State: true, Path: "file:/s/1"}, left, from("file:/s/1"), true},
	} {
		f := &Follower{client: &operator.Client{}, Change: Change{Job: job, Goal: tc.goal}, observation: observation{job: job, left: tc.left}}
		f.flinkAnswer = answer{"b", api.FlinkState{State: "RUNNING", Restored: tc.restored}, true, ""}
		err := f.prove(t.Context())
		var failed *FailedError
		if (err == nil) != tc.proven || err != nil && (!errors.As(err, &failed) || failed.How != ChangeUnproven) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
