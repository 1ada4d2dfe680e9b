package lifecycle

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

// errDeclined is a user's no.
var errDeclined = errors.New("not done")

func declines(context.Context, string) error { return errDeclined }

func TestSuspend(t *testing.T) {
	savepoint := SuspendRequest{Mode: "savepoint", Did: "suspended"}
	with := func(edit func(*SuspendRequest)) SuspendRequest {
		request := savepoint
		edit(&request)
		return request
	}
	const patch = `{"spec":{"job":{"state":"suspended","upgradeMode":"savepoint"}}}`
	for name, c := range map[string]struct {
		job     []string
		request SuspendRequest
		react   func(*fakeOperator, api.Job)
		fails   []string
		code    int
		patches []string
		left    api.RetainedState
		notes   []string
	}{
		"with a savepoint": {request: savepoint, patches: []string{patch}, left: api.RetainedState{Kind: "savepoint", Path: "s3://b/s/savepoint-1"}, notes: []string{"a savepoint is taken first (to s3://b/s)", "it resumes from that"}},
		"drained": {
			request: with(func(r *SuspendRequest) { r.Drain = true }), left: api.RetainedState{Kind: "savepoint", Path: "s3://b/s/savepoint-1"},
			patches: []string{`{"spec":{"flinkConfiguration":{"` + api.DrainKey + `":"true"},"job":{"state":"suspended","upgradeMode":"savepoint"}}}`},
		},
		"another mode than the spec's": {
			job: []string{`{"spec":{"job":{"upgradeMode":"stateless"}}}`}, request: savepoint, left: api.RetainedState{Kind: "savepoint", Path: "s3://b/s/savepoint-1"},
			patches: []string{`{"metadata":{"annotations":{"kubectl-flink/upgrade-mode-before":"stateless"}},"spec":{"job":{"state":"suspended","upgradeMode":"savepoint"}}}`},
			notes:   []string{"spec.job.upgradeMode is stateless and becomes savepoint until kubectl flink resume"},
		},
		"its state thrown away": {
			request: SuspendRequest{Mode: "stateless", LoseState: true, Did: "suspended"}, left: api.RetainedState{Kind: "none"},
			patches: []string{`{"spec":{"job":{"state":"suspended","upgradeMode":"stateless"}}}`},
		},
		"its state thrown away, declined": {
			request: SuspendRequest{Mode: "stateless", LoseState: true, Did: "suspended", Options: change.Options{Confirm: declines}}, fails: []string{"not done"}, code: exit.Failed,
		},
		"by its last checkpoint, and where isn't known": {
			request: SuspendRequest{Mode: "last-state", Did: "suspended"}, left: api.RetainedState{Kind: "checkpoint"},
			react: func(f *fakeOperator, job api.Job) {
				f.status(job.Ref(), map[string]any{
					"observedGeneration": job.Object.GetGeneration(), "lifecycleState": "SUSPENDED",
					"reconciliationStatus": map[string]any{"state": "DEPLOYED", "lastReconciledSpec": reconciled(job, "suspended")},
				})
			},
			patches: []string{`{"metadata":{"annotations":{"kubectl-flink/upgrade-mode-before":"savepoint"}},"spec":{"job":{"state":"suspended","upgradeMode":"last-state"}}}`},
			notes:   []string{"where the state is that it left isn't known: its high-availability data is not there (configmap/orders-aaa-config-map)"},
		},
		"it doesn't run": {
			job: []string{`{"status":{"error":"boom","jobStatus":{"state":"RESTARTING"}}}`}, request: savepoint,
			fails: []string{"is not RUNNING, so no savepoint can be taken: RESTARTING", "The operator says: boom", "--mode last-state"}, code: exit.Failed,
		},
		"no directory for savepoints": {
			job: []string{`{"spec":{"flinkConfiguration":{"execution.checkpointing.savepoint-dir":"file:///tmp/s"}}}`}, request: savepoint,
			fails: []string{"would lose its state", "Nothing was changed"}, code: exit.Failed,
		},
		"suspended before, by its savepoint": {job: []string{suspendedBy("savepoint", "s3://b/s/0")}, request: savepoint, left: api.RetainedState{Kind: "savepoint", Path: "s3://b/s/0"}},
		"created suspended":                  {job: []string{`{"spec":{"job":{"state":"suspended"}},"status":null}`}, request: savepoint},
		"suspended before, not waited for":   {job: []string{suspendedBy("savepoint", "s3://b/s/0")}, request: with(func(r *SuspendRequest) { r.NoWait = true }), left: api.RetainedState{Kind: "savepoint", Path: "s3://b/s/0"}},
		"only planned":                       {request: with(func(r *SuspendRequest) { r.DryRun = "server" })},
		"it is a blue/green child": {
			job:     []string{`{"metadata":{"ownerReferences":[{"kind":"FlinkBlueGreenDeployment","name":"shop"}]}}`},
			request: savepoint, fails: []string{"belongs to a blue/green deployment", "flinkbluegreendeployment/shop"}, code: exit.Failed,
		},
		"it is being deleted": {job: []string{`{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}}`}, request: savepoint, fails: []string{"is being deleted (since 2026-01-01T00:00:00Z)"}, code: exit.Failed},
		"it is a session cluster": {
			job: []string{`{"spec":{"job":null}}`}, request: savepoint, fails: []string{"is a session cluster: it has no job of its own", "kubectl flink jobs orders -n ns"}, code: exit.Failed,
		},
		"the operator rejects its spec": {
			job: []string{`{"metadata":{"generation":2},"status":{"error":"{\"type\":\"org.apache.flink.kubernetes.operator.exception.ValidationException\",\"message\":\"no such version\"}"}}`}, request: savepoint,
			fails: []string{"the operator rejects the spec", "no such version", "kubectl edit flinkdeployment orders -n ns"}, code: exit.Failed,
		},
		"no state was kept": {
			request: savepoint, react: func(f *fakeOperator, job api.Job) {
				_ = unstructured.SetNestedField(job.Object.Object, "stateless", "spec", "job", "upgradeMode")
				f.stop(job)
			},
			fails: []string{"is suspended, but the operator kept no state of it"}, code: exit.Failed, patches: []string{patch},
		},
		"the savepoint fails": {
			request: savepoint, react: func(f *fakeOperator, job api.Job) {
				if job.Wanted() == "suspended" {
					f.status(job.Ref(), map[string]any{"error": `{"type":"x.UpgradeFailureException","message":"disk full"}`})
					return
				}
				f.status(job.Ref(), map[string]any{"error": nil, "observedGeneration": job.Object.GetGeneration()})
			},
			fails: []string{"the change was not carried out: disk full", "The spec was put back (job.state: running, job.upgradeMode: savepoint); the job is RUNNING"}, code: exit.Failed,
			patches: []string{patch, `{"spec":{"job":{"state":"running","upgradeMode":"savepoint"}}}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFakeOperator(t, nil, ordersWith(t, c.job...))
				f.tells(ordersRef, withCheckpoint())
				if c.react != nil {
					f.react = func(job api.Job) { c.react(f, job) }
				}
				report, err := Suspend(patience(t), f.client, ordersRef, c.request, f.reporter())
				f.check(err, c.code, c.fails, c.patches...)
				f.noted(c.notes...)
				if err == nil && report.Left != c.left {
					t.Errorf("it left %+v, want %+v", report.Left, c.left)
				}
				if waited := c.request.DryRun == "" && !c.request.NoWait; err == nil && report.Done != waited {
					t.Errorf("done: %v", report.Done)
				}
			})
		})
	}
}

// A job that the operator would cancel is stopped by its last checkpoint only where
// that stays, whatever it is stopped for.
func TestNoChangeCancelsAJobWithItsCheckpoints(t *testing.T) {
	const noHA, lastState = `{"spec":{"flinkConfiguration":{"high-availability.type":"NONE"}}}`, `{"spec":{"job":{"upgradeMode":"last-state"}}}`
	const deletes = `{"spec":{"flinkConfiguration":{"execution.checkpointing.externalized-checkpoint-retention":"DELETE_ON_CANCELLATION"}}}`
	chk := &api.FlinkSnapshot{ID: 6, Path: "s3://b/c/aaa/chk-6"}
	has := &api.FlinkState{State: "RUNNING", Tasks: 4, Latest: chk, Checkpoint: chk}
	verbs := map[string]func(context.Context, *fakeOperator) error{
		"suspend": func(ctx context.Context, f *fakeOperator) error {
			_, err := Suspend(ctx, f.client, ordersRef, SuspendRequest{Mode: "last-state", Did: "suspended"}, f.reporter())
			return err
		},
		"restart": func(ctx context.Context, f *fakeOperator) error {
			_, err := Restart(ctx, f.client, ordersRef, RestartRequest{}, f.reporter())
			return err
		},
		"scale": func(ctx context.Context, f *fakeOperator) error {
			_, err := Scale(ctx, f.client, ordersRef, ScaleRequest{Parallelism: 4}, f.reporter())
			return err
		},
		"upgrade": func(ctx context.Context, f *fakeOperator) error {
			_, err := Upgrade(ctx, f.client, ordersRef, UpgradeRequest{UpgradeFields: UpgradeFields{Image: "flink:1.20.1"}}, f.reporter())
			return err
		},
	}
	for name, c := range map[string]struct {
		job   []string
		facts api.CheckpointFacts
		state *api.FlinkState
		fails []string
	}{
		"its checkpoints go": {
			job: []string{noHA, deletes}, facts: api.CheckpointFacts{State: "RUNNING", Kept: true, Deletes: true, Checkpoint: chk, Latest: chk}, state: has,
			fails: []string{"would lose its state: the operator would cancel it", "DELETE_ON_CANCELLATION", "Nothing was changed", "--upgrade-mode savepoint"},
		},
		"none was completed": {
			job: []string{noHA}, facts: api.CheckpointFacts{State: "RUNNING", Kept: true}, state: stateFrom(""),
			fails: []string{"would lose its state", "no checkpoint of it has completed"},
		},
		"none was completed, with high availability": {
			facts: api.CheckpointFacts{State: "RUNNING", Kept: true}, state: stateFrom(""),
			fails: []string{"would lose what it has done: no checkpoint of it has completed, says the JobManager", "take its JobManager away and start it empty\n", "Nothing was changed", "kubectl flink checkpoint flinkdeployment/orders -n ns"},
		},
		"none was completed, with ZooKeeper": {
			job: []string{`{"spec":{"flinkConfiguration":{"high-availability.type":"ZOOKEEPER"}}}`}, facts: api.CheckpointFacts{State: "RUNNING", Kept: true}, state: stateFrom(""),
			fails: []string{"would lose what it has done", "not at all, from KUBERNETES_OPERATOR_LAST_STATE"},
		},
		"none but that which it started from, with high availability": {
			facts: api.CheckpointFacts{State: "RUNNING", Kept: true}, state: stateFrom("s3://b/s/0"),
		},
		"they stay":         {job: []string{noHA}, facts: api.CheckpointFacts{State: "RUNNING", Kept: true, Checkpoint: chk, Latest: chk}, state: has},
		"it isn't canceled": {job: []string{deletes}, facts: api.CheckpointFacts{State: "RUNNING", Kept: true, Deletes: true, Checkpoint: chk, Latest: chk}, state: has},
		"none, but that which it started from": {
			job: []string{noHA}, facts: api.CheckpointFacts{State: "RUNNING", Kept: true}, state: stateFrom("s3://b/s/0"),
		},
		"it has failed, and they stayed": {
			job:   []string{noHA, deletes, `{"status":{"jobStatus":{"state":"FAILED"}}}`},
			facts: api.CheckpointFacts{State: "FAILED", Ended: true, Kept: true, Deletes: true, Checkpoint: chk, Latest: chk},
			state: &api.FlinkState{State: "FAILED", Latest: chk, Checkpoint: chk},
		},
	} {
		for verb, do := range verbs {
			t.Run(name+", "+verb, func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					f := newFakeOperator(t, nil, ordersWith(t, append([]string{lastState}, c.job...)...))
					f.tells(ordersRef, c.state)
					f.ask(flinktest.Flink{OnCheckpoints: func(context.Context, api.Ref) (api.CheckpointFacts, error) { return c.facts, nil }})
					err := do(patience(t), f)
					if len(c.fails) > 0 {
						f.check(err, exit.Failed, c.fails)
					} else if err != nil && strings.Contains(err.Error(), "would lose") {
						t.Error(err)
					}
					f.group.Wait()
				})
			})
		}
	}
}

// Ctrl-C and a time-out say what goes on without the command, and how to take it
// back.
func TestSuspendCutShort(t *testing.T) {
	for name, c := range map[string]struct {
		cause error
		code  int
	}{
		"timed out":   {exit.Timeoutf("timed out after 20s"), exit.TimedOut},
		"interrupted": {exit.With(exit.Interrupted, errors.New("interrupted")), exit.Interrupted},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFakeOperator(t, nil, ordersWith(t))
				f.react = func(api.Job) {} // it has other things to do
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(20*time.Second, func() { cancel(c.cause) })
				_, err := Suspend(ctx, f.client, ordersRef, SuspendRequest{Mode: "savepoint", Did: "suspended"}, f.reporter())
				f.check(err, c.code, []string{
					c.cause.Error() + ": flinkdeployment/orders was not suspended yet", "The change stays in the spec and goes on without this command",
					"kubectl flink status orders -n ns --for suspended", "Take the change back with: kubectl patch flinkdeployment orders -n ns",
				}, `{"spec":{"job":{"state":"suspended","upgradeMode":"savepoint"}}}`)
			})
		})
	}
}

func TestResume(t *testing.T) {
	const patch = `{"spec":{"job":{"state":"running"}}}`
	savepoint := suspendedBy("savepoint", "s3://b/s/0")
	noted := `{"metadata":{"annotations":{"kubectl-flink/upgrade-mode-before":"last-state"}}}`
	for name, c := range map[string]struct {
		job     []string
		core    []runtime.Object
		request ResumeRequest
		react   func(*fakeOperator, api.Job)
		fails   []string
		patches []string
		from    api.RetainedState
		notes   []string
	}{
		"from its savepoint": {job: []string{savepoint}, patches: []string{patch}, from: api.RetainedState{Kind: "savepoint", Path: "s3://b/s/0", Proven: true}, notes: []string{"it resumes from savepoint s3://b/s/0"}},
		"its mode is put back": {
			job: []string{savepoint, noted}, from: api.RetainedState{Kind: "savepoint", Path: "s3://b/s/0", Proven: true},
			patches: []string{patch, `{"metadata":{"annotations":{"kubectl-flink/upgrade-mode-before":null}},"spec":{"job":{"upgradeMode":"last-state"}}}`},
			notes:   []string{"spec.job.upgradeMode is last-state again, as before it was suspended"},
		},
		"a mode was unset before": {
			job: []string{savepoint, `{"metadata":{"annotations":{"kubectl-flink/upgrade-mode-before":"unset"}}}`}, from: api.RetainedState{Kind: "savepoint", Path: "s3://b/s/0", Proven: true},
			patches: []string{patch, `{"metadata":{"annotations":{"kubectl-flink/upgrade-mode-before":null}},"spec":{"job":{"upgradeMode":null}}}`},
			notes:   []string{"spec.job.upgradeMode is not set again"},
		},
		"another mode was asked for": {
			job: []string{savepoint, noted}, request: ResumeRequest{StateChoice: api.StateChoice{UpgradeMode: "savepoint"}}, from: api.RetainedState{Kind: "savepoint", Path: "s3://b/s/0", Proven: true},
			patches: []string{`{"spec":{"job":{"state":"running","upgradeMode":"savepoint"}}}`, `{"metadata":{"annotations":{"kubectl-flink/upgrade-mode-before":null}}}`},
			notes:   []string{"spec.job.upgradeMode is savepoint, as asked for; it was last-state before the job was suspended"},
		},
		"started from something else": {
			job: []string{savepoint, noted}, react: func(f *fakeOperator, job api.Job) { f.stop(job); f.start(job, "s3://b/s/older") },
			patches: []string{patch}, fails: []string{"started without its state: it was restored from s3://b/s/older instead of s3://b/s/0", "kubectl flink restore flinkdeployment/orders --from s3://b/s/0 --no-savepoint -n ns"},
			notes: []string{"it resumes from savepoint s3://b/s/0"},
		},
		"started empty": {
			job: []string{savepoint}, react: func(f *fakeOperator, job api.Job) { f.stop(job); f.start(job, "") },
			patches: []string{patch}, fails: []string{"started without its state", "the JobManager says that it was not restored from anything"},
		},
		"it was drained": {
			job: []string{savepoint, `{"spec":{"flinkConfiguration":{"` + api.DrainKey + `":"true"}}}`}, fails: []string{"was drained when it was stopped", "--force"},
		},
		"it was drained, by force": {
			job: []string{savepoint, `{"spec":{"flinkConfiguration":{"` + api.DrainKey + `":"true"}}}`}, request: ResumeRequest{Options: change.Options{Force: true}},
			patches: []string{`{"spec":{"flinkConfiguration":{"` + api.DrainKey + `":null},"job":{"state":"running"}}}`}, from: api.RetainedState{Kind: "savepoint", Path: "s3://b/s/0", Proven: true},
		},
		"no state was kept": {job: []string{suspendedBy("stateless", "")}, fails: []string{"was suspended as stateless: no state was kept", "--lose-state"}},
		"by a spec that says stateless": {
			job: []string{savepoint, `{"spec":{"job":{"upgradeMode":"stateless"}}}`}, fails: []string{"has upgradeMode stateless: to resume it would throw its state away", "--lose-state"},
		},
		"empty": {
			job: []string{savepoint}, request: ResumeRequest{StateChoice: api.StateChoice{LoseState: true}}, from: api.RetainedState{Kind: "none", Proven: true},
			react:   func(f *fakeOperator, job api.Job) { f.stop(job); f.start(job, "") },
			patches: []string{`{"spec":{"job":{"state":"running","upgradeMode":"stateless"}}}`, `{"spec":{"job":{"upgradeMode":"savepoint"}}}`}, notes: []string{"starts empty; the state that it left stays at s3://b/s/0", "spec.job.upgradeMode is as it was before"},
		},
		"empty, and its mode is put back": {
			job: []string{savepoint, noted}, request: ResumeRequest{StateChoice: api.StateChoice{LoseState: true}}, from: api.RetainedState{Kind: "none", Proven: true},
			react:   func(f *fakeOperator, job api.Job) { f.stop(job); f.start(job, "") },
			patches: []string{`{"spec":{"job":{"state":"running","upgradeMode":"stateless"}}}`, `{"metadata":{"annotations":{"kubectl-flink/upgrade-mode-before":null}},"spec":{"job":{"upgradeMode":"last-state"}}}`},
			notes:   []string{"spec.job.upgradeMode is last-state again, as before it was suspended"},
		},
		"to be empty, and it isn't": {
			job: []string{suspendedBy("last-state", "")}, request: ResumeRequest{StateChoice: api.StateChoice{LoseState: true}},
			react:   func(f *fakeOperator, job api.Job) { f.stop(job); f.start(job, "s3://b/c/aaa/chk-7") },
			patches: []string{`{"spec":{"job":{"state":"running","upgradeMode":"stateless"}}}`, `{"spec":{"job":{"upgradeMode":"savepoint"}}}`},
			fails:   []string{"runs, but it isn't empty: the JobManager says that it was restored from checkpoint s3://b/c/aaa/chk-7", "kubectl flink restart flinkdeployment/orders --lose-state -n ns"},
		},
		"its high-availability data names no checkpoint": {
			job: []string{suspendedBy("last-state", "")}, core: []runtime.Object{configMap("orders-aaa-config-map", "counter", "1")},
			fails: []string{"was suspended by its last checkpoint, and it has completed no checkpoint yet (configmap/orders-aaa-config-map names none): it would start empty", "--lose-state"},
		},
		"its high-availability data names one": {
			job: []string{suspendedBy("last-state", "")}, core: []runtime.Object{configMap("orders-aaa-config-map", "checkpointID-0000000000000000007", "x")},
			react:   func(f *fakeOperator, job api.Job) { f.stop(job); f.start(job, "s3://b/c/aaa/chk-7") },
			patches: []string{patch}, from: api.RetainedState{Kind: "checkpoint", Path: "s3://b/c/aaa/chk-7", Proven: true},
		},
		"empty, declined":        {job: []string{savepoint}, request: ResumeRequest{StateChoice: api.StateChoice{LoseState: true}, Options: change.Options{Confirm: declines}}, fails: []string{"not done"}},
		"not known what it left": {job: []string{suspendedBy("savepoint", "")}, fails: []string{"the operator doesn't say what state flinkdeployment/orders would start from", "kubectl flink restore"}},
		"created suspended": {
			job: []string{`{"spec":{"job":{"state":"suspended","initialSavepointPath":"s3://b/given"}},"status":null}`}, patches: []string{patch}, from: api.RetainedState{Kind: "savepoint", Path: "s3://b/given", Proven: true},
			notes: []string{"has never run: it starts from spec.job.initialSavepointPath s3://b/given"},
		},
		"runs already": {from: api.RetainedState{Kind: "none", Proven: true}},
		"the operator fails": {
			job: []string{savepoint}, react: func(f *fakeOperator, job api.Job) {
				f.stop(job)
				f.status(job.Ref(), map[string]any{"lifecycleState": "FAILED", "error": "no more slots", "jobStatus": map[string]any{"state": "FAILED", "jobId": "bbb"}})
			},
			patches: []string{patch}, fails: []string{"the change failed: no more slots", "The state that it left is savepoint s3://b/s/0. Start it from there again"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFakeOperator(t, c.core, ordersWith(t, c.job...))
				if len(c.job) == 0 {
					f.tells(ordersRef, stateFrom(""))
				}
				if c.react != nil {
					f.react = func(job api.Job) { c.react(f, job) }
				}
				report, err := Resume(patience(t), f.client, ordersRef, c.request, f.reporter())
				f.check(err, exit.Failed, c.fails, c.patches...)
				f.noted(c.notes...)
				if err == nil && (report.From != c.from || !report.Done || report.State != "RUNNING") {
					t.Errorf("%+v", report)
				}
			})
		})
	}
}

func TestRestart(t *testing.T) {
	const patch = `{"spec":{"restartNonce":1}}`
	for name, c := range map[string]struct {
		job     []string
		request RestartRequest
		react   func(*fakeOperator, api.Job)
		fails   []string
		patches []string
		notes   []string
		from    api.RetainedState
	}{
		"from a savepoint":   {patches: []string{patch}, from: api.RetainedState{Kind: "savepoint", Path: "s3://b/s/savepoint-1", Proven: true}},
		"from a checkpoint":  {request: RestartRequest{StateChoice: api.StateChoice{UpgradeMode: "last-state"}}, patches: []string{`{"spec":{"job":{"upgradeMode":"last-state"},"restartNonce":1}}`}, from: api.RetainedState{Kind: "checkpoint", Path: "s3://b/c/aaa/chk-7", Proven: true}},
		"once more":          {job: []string{`{"spec":{"restartNonce":4}}`}, patches: []string{`{"spec":{"restartNonce":5}}`}, from: api.RetainedState{Kind: "savepoint", Path: "s3://b/s/savepoint-1", Proven: true}},
		"it is suspended":    {job: []string{suspendedBy("savepoint", "s3://b/s/0")}, fails: []string{"is suspended; start it with: kubectl flink resume flinkdeployment/orders -n ns"}},
		"it was rolled back": {job: []string{`{"status":{"lifecycleState":"ROLLED_BACK"}}`}, fails: []string{"was not changed: the operator rolled its last change back", "kubectl flink upgrade flinkdeployment/orders -n ns"}},
		"it is stateless":    {job: []string{`{"spec":{"job":{"upgradeMode":"stateless"}}}`}, fails: []string{"to restart it would throw its state away"}},
		"its state is lost":  {request: RestartRequest{StateChoice: api.StateChoice{LoseState: true}}, patches: []string{`{"spec":{"job":{"upgradeMode":"stateless"},"restartNonce":1}}`, `{"spec":{"job":{"upgradeMode":"savepoint"}}}`}, from: api.RetainedState{Kind: "none", Proven: true}},
		"its state is lost, and it crashes": {
			request: RestartRequest{StateChoice: api.StateChoice{LoseState: true}},
			react: func(f *fakeOperator, job api.Job) {
				f.stop(job)
				f.status(job.Ref(), map[string]any{"lifecycleState": "DEPLOYED", "jobManagerDeploymentStatus": "ERROR", "error": "CrashLoopBackOff", "jobStatus": map[string]any{"state": "RECONCILING", "jobId": "bbb"}})
			},
			patches: []string{`{"spec":{"job":{"upgradeMode":"stateless"},"restartNonce":1}}`}, fails: []string{"the change failed: CrashLoopBackOff"},
			notes: []string{`spec.job.upgradeMode is stateless now, and was savepoint: each later change would lose the state, too. Once the job runs: kubectl patch flinkdeployment orders -n ns --type merge -p '{"spec":{"job":{"upgradeMode":"savepoint"}}}'`},
		},
		"its state is lost, declined": {
			request: RestartRequest{StateChoice: api.StateChoice{LoseState: true}, Options: change.Options{Confirm: declines}}, fails: []string{"not done"},
		},
		"managed by others": {job: []string{`{"metadata":{"labels":{"argocd.argoproj.io/instance":"x"}}}`}, fails: []string{"is managed by", "--force"}},
		"the new run crashes": {
			react: func(f *fakeOperator, job api.Job) {
				f.stop(job)
				f.status(job.Ref(), map[string]any{"lifecycleState": "DEPLOYED", "jobManagerDeploymentStatus": "ERROR", "error": "CrashLoopBackOff", "jobStatus": map[string]any{"state": "RECONCILING", "jobId": "bbb"}})
			},
			patches: []string{patch}, fails: []string{"the change failed: CrashLoopBackOff"},
		},
		"somebody deletes it": {
			react: func(f *fakeOperator, job api.Job) {
				_ = f.dynamic.Tracker().Delete(job.Kind.GVR(), "ns", "orders")
			},
			patches: []string{patch}, fails: []string{"was deleted"},
		},
		"tasks that come late": {
			react: func(f *fakeOperator, job api.Job) {
				f.start(job, f.stop(job))
				late := stateFrom("s3://b/s/savepoint-1")
				late.Waiting = 3
				f.tells(job.Ref(), late)
				time.Sleep(30 * time.Second)
				f.tells(job.Ref(), stateFrom("s3://b/s/savepoint-1"))
			},
			patches: []string{patch}, from: api.RetainedState{Kind: "savepoint", Path: "s3://b/s/savepoint-1", Proven: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFakeOperator(t, nil, ordersWith(t, c.job...))
				f.tells(ordersRef, withCheckpoint())
				if c.react != nil {
					f.react = func(job api.Job) { c.react(f, job) }
				}
				report, err := Restart(patience(t), f.client, ordersRef, c.request, f.reporter())
				f.check(err, exit.Failed, c.fails, c.patches...)
				f.noted(c.notes...)
				if err == nil && (report.From != c.from || !report.Done || report.JobID != "run1" || report.OldJobID != "aaa") {
					t.Errorf("%+v", report)
				}
			})
		})
	}
}

func TestScale(t *testing.T) {
	for name, c := range map[string]struct {
		job     []string
		request ScaleRequest
		// runs is the parallelism with which the job runs then, and limit its
		// maximum.
		runs, limit int
		fails       []string
		code        int
		patches     []string
		notes       []string
		unchanged   bool
		loses       bool
	}{
		"parallelism":              {request: ScaleRequest{Parallelism: 4}, patches: []string{`{"spec":{"job":{"parallelism":4}}}`}},
		"as it is":                 {request: ScaleRequest{Parallelism: 2}, unchanged: true},
		"its code decides":         {request: ScaleRequest{Parallelism: 4}, runs: 1, patches: []string{`{"spec":{"job":{"parallelism":4}}}`}, notes: []string{"runs with a parallelism of 1: its own code or its sources decide"}},
		"its state is lost":        {request: ScaleRequest{Parallelism: 4}, loses: true, patches: []string{`{"spec":{"job":{"parallelism":4}}}`}, fails: []string{"started without its state"}, code: exit.Failed},
		"beyond what its state is": {request: ScaleRequest{Parallelism: 200}, limit: 128, fails: []string{"has a maximum parallelism of 128", "Use --parallelism 128 or less"}, code: exit.Failed},
		"beyond its configuration": {job: []string{`{"spec":{"flinkConfiguration":{"pipeline.max-parallelism":"8"}}}`}, request: ScaleRequest{Parallelism: 9}, fails: []string{"has pipeline.max-parallelism: 8", "9 is more than that"}, code: exit.Failed},
		"an autoscaler":            {job: []string{`{"spec":{"flinkConfiguration":{"job.autoscaler.enabled":"true"}}}`}, request: ScaleRequest{Parallelism: 4}, fails: []string{"is scaled by the autoscaler", "job.autoscaler.enabled: false first"}, code: exit.Failed},
		"overrides":                {job: []string{`{"spec":{"flinkConfiguration":{"pipeline.jobvertex-parallelism-overrides":"a:1"}}}`}, request: ScaleRequest{Parallelism: 4}, fails: []string{"pipeline.jobvertex-parallelism-overrides", "would override the change"}, code: exit.Failed},
		"TaskManagers, native":     {request: ScaleRequest{TaskManagers: 4}, fails: []string{"is in native mode", "use --parallelism"}, code: exit.Usage},
		"TaskManagers, standalone": {job: []string{`{"spec":{"mode":"standalone","flinkConfiguration":{"taskmanager.numberOfTaskSlots":"2"},"taskManager":{"replicas":1}}}`}, request: ScaleRequest{TaskManagers: 3}, patches: []string{`{"spec":{"taskManager":{"replicas":3}}}`}},
		"both, and they differ":    {job: []string{`{"spec":{"mode":"standalone","taskManager":{"replicas":1}}}`}, request: ScaleRequest{TaskManagers: 3, Parallelism: 4}, fails: []string{"--parallelism 4 is void beside --task-managers 3", "the parallelism is 3"}, code: exit.Usage},
		"replicas decide":          {job: []string{`{"spec":{"taskManager":{"replicas":1}}}`}, request: ScaleRequest{Parallelism: 4}, fails: []string{"spec.taskManager.replicas: 1", "Use --task-managers N instead"}, code: exit.Failed},
		"it is suspended":          {job: []string{suspendedBy("savepoint", "s3://b/s/0")}, request: ScaleRequest{Parallelism: 4}, fails: []string{"is suspended; start it with"}, code: exit.Failed},
		"it was rolled back":       {job: []string{`{"status":{"lifecycleState":"ROLLED_BACK"}}`}, request: ScaleRequest{Parallelism: 4}, fails: []string{"rolled its last change back"}, code: exit.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFakeOperator(t, nil, ordersWith(t, c.job...))
				state := stateFrom("")
				state.MaxParallelism = c.limit
				f.tells(ordersRef, state)
				f.react = func(job api.Job) {
					f.carryOut(job)
					run := stateFrom(f.savepoint)
					if c.loses {
						run = stateFrom("")
					}
					run.Parallelism = c.runs
					f.tells(ordersRef, run)
				}
				if err := c.request.Validate(); err != nil {
					t.Fatal(err)
				}
				report, err := Scale(patience(t), f.client, ordersRef, c.request, f.reporter())
				f.check(err, c.code, c.fails, c.patches...)
				f.noted(c.notes...)
				if err == nil && (!report.Done || report.Changed == c.unchanged || report.Did != "scaled") {
					t.Errorf("%+v", report)
				}
			})
		})
	}
}
