package lifecycle

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

// failsWithImage starts what has the image flink:bad in vain, and all else as an
// operator does.
func failsWithImage(f *fakeOperator, job api.Job) {
	if api.Text(job.Spec(), "image") != "flink:bad" {
		f.carryOut(job)
		return
	}
	f.stop(job)
	f.status(job.Ref(), map[string]any{"observedGeneration": job.Object.GetGeneration(), "lifecycleState": "FAILED", "error": "can't pull the image", "jobStatus": map[string]any{"state": "FAILED", "jobId": "bbb"}})
}

func TestUpgrade(t *testing.T) {
	const good, bad = `{"spec":{"image":"flink:1.20.1"}}`, `{"spec":{"image":"flink:bad"}}`
	badImage := UpgradeRequest{UpgradeFields: UpgradeFields{Image: "flink:bad"}}
	rollBack := badImage
	rollBack.RollBack = true
	const ownRollback = `{"spec":{"flinkConfiguration":{"kubernetes.operator.deployment.rollback.enabled":"true"}}}`
	for name, c := range map[string]struct {
		job     []string
		request UpgradeRequest
		react   func(*fakeOperator, api.Job)
		fails   []string
		patches []string
		back    bool
		from    string
	}{
		"an image": {request: UpgradeRequest{UpgradeFields: UpgradeFields{Image: "flink:1.20.1"}, StableFor: time.Minute}, patches: []string{good}, from: "s3://b/s/savepoint-1"},
		"state without an operator is dropped once": {
			request: UpgradeRequest{UpgradeFields: UpgradeFields{Image: "flink:1.20.1", AllowNonRestored: true}}, from: "s3://b/s/savepoint-1",
			patches: []string{`{"spec":{"image":"flink:1.20.1","job":{"allowNonRestoredState":true}}}`, `{"spec":{"job":{"allowNonRestoredState":null}}}`},
		},
		"state without an operator may always be dropped": {
			job:     []string{`{"spec":{"job":{"allowNonRestoredState":true}}}`},
			request: UpgradeRequest{UpgradeFields: UpgradeFields{Image: "flink:1.20.1", AllowNonRestored: true}}, from: "s3://b/s/savepoint-1",
			patches: []string{`{"spec":{"image":"flink:1.20.1","job":{"allowNonRestoredState":true}}}`},
		},
		"state without an operator, and it fails": {
			request: UpgradeRequest{UpgradeFields: UpgradeFields{Image: "flink:bad", AllowNonRestored: true}}, react: failsWithImage,
			patches: []string{`{"spec":{"image":"flink:bad","job":{"allowNonRestoredState":true}}}`}, fails: []string{"the change failed: can't pull the image"},
		},
		"a manifest with another nonce": {
			job:     []string{`{"spec":{"job":{"savepointRedeployNonce":2,"initialSavepointPath":"s3://b/s/new"}}}`},
			request: UpgradeRequest{UpgradeFields: UpgradeFields{Manifest: ordersWith(t, `{"spec":{"image":"flink:1.20.1","job":{"savepointRedeployNonce":1,"initialSavepointPath":"s3://b/s/old"}}}`)}},
			fails:   []string{"was not changed: by another spec.job.savepointRedeployNonce the operator cancels it without a savepoint", "(s3://b/s/old)", "it is 2 now", "kubectl flink restore flinkdeployment/orders --from s3://b/s/old -n ns"},
		},
		"a manifest with the same nonce": {
			job:     []string{`{"spec":{"job":{"savepointRedeployNonce":2,"initialSavepointPath":"s3://b/s/new"}}}`},
			request: UpgradeRequest{UpgradeFields: UpgradeFields{Manifest: ordersWith(t, `{"spec":{"job":{"savepointRedeployNonce":2,"initialSavepointPath":"s3://b/s/new"}}}`)}},
		},
		"nothing new":  {request: UpgradeRequest{UpgradeFields: UpgradeFields{Image: "flink:1.20"}}},
		"declined":     {request: UpgradeRequest{UpgradeFields: UpgradeFields{Image: "flink:1.20.1"}, Ask: true, Options: change.Options{Confirm: declines}}, fails: []string{"not done"}},
		"stateless":    {job: []string{`{"spec":{"job":{"upgradeMode":"stateless"}}}`}, request: UpgradeRequest{UpgradeFields: UpgradeFields{Image: "flink:1.20.1"}}, fails: []string{"to upgrade it would throw its state away"}},
		"as suspended": {job: []string{suspendedBy("savepoint", "s3://b/s/0")}, request: UpgradeRequest{UpgradeFields: UpgradeFields{Image: "flink:1.20.1"}}, patches: []string{good}},
		"it fails": {
			request: badImage, react: failsWithImage, patches: []string{bad},
			fails: []string{"the change failed: can't pull the image", "The change stays in the spec; the job's state is safe in savepoint s3://b/s/savepoint-1", "Go back with: kubectl patch flinkdeployment orders", "--rollback-on-failure"},
		},
		"it fails and is rolled back": {
			request: rollBack, react: failsWithImage, back: true,
			patches: []string{bad, `{"spec":{"image":"flink:1.20","job":{"initialSavepointPath":"s3://b/s/savepoint-1","savepointRedeployNonce":1,"state":"running"}}}`},
			fails:   []string{"can't pull the image", "Rolled back: flinkdeployment/orders runs again as before, from savepoint s3://b/s/savepoint-1"},
		},
		"it fails and is rolled back by operator 1.7": {
			job: []string{`{"status":{"observedGeneration":null}}`}, request: rollBack, back: true,
			react: func(f *fakeOperator, job api.Job) {
				failsWithImage(f, job)
				spec := strings.TrimSuffix(reconciled(job, ""), "}") + `,"resource_metadata":{"metadata":{"generation":` + strconv.FormatInt(job.Object.GetGeneration(), 10) + `}}}`
				f.status(job.Ref(), map[string]any{"observedGeneration": nil, "reconciliationStatus": map[string]any{"lastReconciledSpec": spec}})
			},
			patches: []string{bad, `{"spec":{"image":"flink:1.20"}}`}, // its CRD has no savepointRedeployNonce
			fails:   []string{"can't pull the image", "Rolled back: flinkdeployment/orders runs again as before"},
		},
		"the way back fails, too": {
			request: rollBack, back: true, react: func(f *fakeOperator, job api.Job) {
				f.stop(job)
				f.status(job.Ref(), map[string]any{"observedGeneration": job.Object.GetGeneration(), "lifecycleState": "FAILED", "error": "no room", "jobStatus": map[string]any{"state": "FAILED", "jobId": "bbb"}})
			},
			patches: []string{bad, `{"spec":{"image":"flink:1.20","job":{"initialSavepointPath":"s3://b/s/savepoint-1","savepointRedeployNonce":1,"state":"running"}}}`},
			fails:   []string{"The way back failed too"},
		},
		"the operator rolls it back": {
			job: []string{ownRollback}, request: badImage, patches: []string{bad},
			react: func(f *fakeOperator, job api.Job) {
				failsWithImage(f, job)
				time.Sleep(4 * time.Minute)
				f.tells(job.Ref(), stateFrom("s3://b/s/savepoint-1"))
				f.status(job.Ref(), map[string]any{"lifecycleState": "ROLLED_BACK", "error": nil, "jobManagerDeploymentStatus": "READY", "jobStatus": map[string]any{"state": "RUNNING", "jobId": "ccc"}, "reconciliationStatus": map[string]any{"state": "ROLLED_BACK"}})
			},
			fails: []string{"can't pull the image", "The operator rolled it back (lifecycle ROLLED_BACK): what ran before runs again, from savepoint s3://b/s/savepoint-1", "The spec still has the change"},
		},
		"the operator ought to roll it back": {
			job: []string{ownRollback}, request: badImage, patches: []string{bad}, react: failsWithImage,
			fails: []string{"The operator is to roll it back itself", "timed out after 10m0s", "Go back with: kubectl patch"},
		},
		"it runs after all": {
			job: []string{ownRollback}, request: badImage, patches: []string{bad},
			react: func(f *fakeOperator, job api.Job) {
				failsWithImage(f, job)
				time.Sleep(time.Minute)
				f.start(job, "s3://b/s/savepoint-1")
			},
			fails: []string{"it runs now with the change after all"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFakeOperator(t, nil, ordersWith(t, c.job...))
				f.tells(ordersRef, stateFrom(""))
				if c.react != nil {
					f.react = func(job api.Job) { c.react(f, job) }
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				report, err := Upgrade(ctx, f.client, ordersRef, c.request, f.reporter())
				code := exit.Failed
				if name == "the operator ought to roll it back" {
					code = exit.TimedOut
				}
				f.check(err, code, c.fails, c.patches...)
				if (report.RolledBack != nil) != c.back || err == nil && (!report.Done || report.From.Path != c.from) {
					t.Errorf("%+v", report)
				}
			})
		})
	}
}

// A session cluster is upgraded only where nobody's job loses its state.
func TestUpgradeOfASessionCluster(t *testing.T) {
	cluster := func(t *testing.T) api.Job {
		t.Helper()
		return ordersWith(t, `{"spec":{"job":null},"status":{"jobStatus":null}}`)
	}
	request := UpgradeRequest{UpgradeFields: UpgradeFields{Image: "flink:1.20.1"}}
	t.Run("empty", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFakeOperator(t, nil, cluster(t))
			f.ask(flinktest.Flink{OnRunningJobs: func(context.Context, api.Ref) (map[string]string, error) { return nil, nil }})
			report, err := Upgrade(patience(t), f.client, ordersRef, request, f.reporter())
			f.check(err, 0, nil, `{"spec":{"image":"flink:1.20.1"}}`)
			if !report.Done || !report.Plan.Session {
				t.Errorf("%+v", report)
			}
		})
	})
	t.Run("a job in it that isn't stopped yet", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			job := flinktest.JobOf(t, api.SessionJob, `{"metadata":{"name":"j","namespace":"ns"},"spec":{"deploymentName":"orders","job":{"state":"suspended"}},"status":{"lifecycleState":"STABLE","jobStatus":{"state":"RESTARTING","jobId":"x"}}}`)
			f := newFakeOperator(t, nil, cluster(t), job)
			_, err := Upgrade(patience(t), f.client, ordersRef, request, f.reporter())
			f.check(err, exit.Failed, []string{"nothing keeps the state of the jobs in it: flinksessionjob/j"})
		})
	})
	t.Run("whether it is empty isn't known", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFakeOperator(t, nil, cluster(t))
			_, err := Upgrade(patience(t), f.client, ordersRef, request, f.reporter())
			f.check(err, exit.Failed, []string{"was not changed", "isn't known: no such JobManager", "--lose-state"})
		})
	})
	t.Run("its session jobs can't be listed", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f := newFakeOperator(t, nil, cluster(t))
			f.ask(flinktest.Flink{OnRunningJobs: func(context.Context, api.Ref) (map[string]string, error) { return nil, nil }})
			f.dynamic.PrependReactor("list", api.SessionJob.Plural, func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, nil, apierrors.NewForbidden(api.SessionJob.GVR().GroupResource(), "", nil)
			})
			_, err := Upgrade(patience(t), f.client, ordersRef, request, f.reporter())
			f.check(err, exit.Failed, []string{"was not changed", "forbidden"})
		})
	})
	t.Run("a job in it", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			job := flinktest.JobOf(t, api.SessionJob, `{"metadata":{"name":"j","namespace":"ns"},"spec":{"deploymentName":"orders","job":{"state":"running"}}}`)
			f := newFakeOperator(t, nil, cluster(t), job)
			_, err := Upgrade(patience(t), f.client, ordersRef, request, f.reporter())
			f.check(err, exit.Failed, []string{"was not changed", "nothing keeps the state of the jobs in it: flinksessionjob/j"})
		})
	})
}

func TestRestore(t *testing.T) {
	snapshot := func(t *testing.T, name, of, status string) api.Job {
		t.Helper()
		return flinktest.JobOf(t, api.StateSnap, `{"metadata":{"name":"`+name+`","namespace":"ns","creationTimestamp":"1999-12-31T00:00:00Z"},"spec":{"savepoint":{},"jobReference":{"kind":"FlinkDeployment","name":"`+of+`"}},"status":{`+status+`}}`)
	}
	const completed = `"state":"COMPLETED","path":"s3://b/s/old","resultTimestamp":"1999-12-31T00:00:00Z"`
	const patch = `{"spec":{"job":{"initialSavepointPath":"s3://b/s/old","savepointRedeployNonce":1,"state":"running"}}}`
	plain := func(from string) RestoreRequest { return RestoreRequest{From: from, NoSavepoint: true} }
	recreated := plain("old")
	recreated.Recreate = true
	for name, c := range map[string]struct {
		job       []string
		of        string
		status    string
		request   RestoreRequest
		react     func(*fakeOperator, api.Job)
		fails     []string
		code      int
		patches   []string
		recreated bool
	}{
		"by a snapshot's name": {request: plain("old"), patches: []string{patch}},
		"by its type and name": {request: plain("flinksnp/old"), patches: []string{patch}},
		"by a path":            {request: plain("s3://b/s/old/_metadata"), patches: []string{patch}},
		"the latest":           {request: plain("latest"), patches: []string{patch}},
		"picked":               {request: RestoreRequest{NoSavepoint: true, Pick: func(context.Context, string, []string) (int, error) { return 0, nil }}, patches: []string{patch}},
		"picking is given up":  {request: RestoreRequest{NoSavepoint: true, Pick: func(context.Context, string, []string) (int, error) { return 0, errDeclined }}, fails: []string{"not done"}, code: exit.Failed},
		"nobody to ask":        {request: plain(""), fails: []string{"--from"}, code: exit.Usage},
		"no such snapshot":     {request: plain("other"), fails: []string{"--from:", "not found"}, code: exit.Failed},
		"it failed":            {status: `"state":"FAILED","error":"no room"`, request: plain("old"), fails: []string{"is not COMPLETED: FAILED: no room"}, code: exit.Failed},
		"of another job":       {of: "payments", request: plain("old"), fails: []string{"is of another job, flinkdeployment/payments", "--other-job"}, code: exit.Failed},
		"of another job, wanted": {
			of: "payments", request: RestoreRequest{From: "old", NoSavepoint: true, OtherJob: true, AllowNonRestored: true},
			patches: []string{`{"spec":{"job":{"allowNonRestoredState":true,"initialSavepointPath":"s3://b/s/old","savepointRedeployNonce":1,"state":"running"}}}`},
		},
		"on a pod's disk": {request: plain("file:///tmp/s"), fails: []string{"Nothing was changed. Choose another with --from"}, code: exit.Failed},
		"an older checkpoint of the run": {
			request: plain("s3://b/c/aaa/chk-3"), fails: []string{"is an older checkpoint of the run that goes on"}, code: exit.Failed,
		},
		"a checkpoint that goes when it is canceled": {
			job:     []string{`{"spec":{"flinkConfiguration":{"execution.checkpointing.externalized-checkpoint-retention":"DELETE_ON_CANCELLATION"}},"status":{"jobStatus":{"state":"RESTARTING"}}}`},
			request: plain("s3://b/c/aaa/chk-7"), fails: []string{"would go when the job is canceled", "DELETE_ON_CANCELLATION", "Nothing was changed"}, code: exit.Failed,
		},
		"changed by somebody else while it is saved": {
			request: RestoreRequest{From: "old"}, react: func(f *fakeOperator, job api.Job) {
				if job.Kind.Name == api.StateSnap.Name {
					f.edits(ordersRef, `{"spec":{"job":{"state":"suspended"}}}`)
					f.status(job.Ref(), map[string]any{"state": "COMPLETED", "path": "s3://b/s/guard"})
				}
			},
			fails: []string{"was not changed: it was changed at the same time", "Go back to the job as it was before"}, code: exit.Failed,
		},
		"declined":  {request: RestoreRequest{From: "old", NoSavepoint: true, Options: change.Options{Confirm: declines}}, fails: []string{"not done"}, code: exit.Failed},
		"a dry run": {request: RestoreRequest{From: "old", Options: change.Options{DryRun: "server"}}},
		"it doesn't run": {
			job: []string{`{"status":{"jobStatus":{"state":"RESTARTING"}}}`}, request: RestoreRequest{From: "old"},
			fails: []string{"is not RUNNING (RESTARTING", "--no-savepoint"}, code: exit.Failed,
		},
		"it was suspended": {job: []string{suspendedBy("savepoint", "s3://b/s/0")}, request: RestoreRequest{From: "old"}, patches: []string{patch}},
		"started from something else": {
			request: plain("old"), react: func(f *fakeOperator, job api.Job) {
				f.carryOut(job)
				f.tells(job.Ref(), stateFrom("s3://b/s/another"))
			},
			patches: []string{patch}, fails: []string{"it was restored from s3://b/s/another instead of s3://b/s/old"}, code: exit.Failed,
		},
		"nobody can prove it": {
			request: plain("old"), react: func(f *fakeOperator, job api.Job) {
				f.carryOut(job)
				f.tells(job.Ref(), nil)
			},
			patches: []string{patch}, fails: []string{"runs, but that it was restored from s3://b/s/old is not proven"}, code: exit.Failed,
		},
		"recreated": {request: recreated, recreated: true},
		"recreation is declined": {
			request: RestoreRequest{From: "old", NoSavepoint: true, Recreate: true, Options: change.Options{Confirm: declines}}, fails: []string{"not done"}, code: exit.Failed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			inBubble(t, func(t *testing.T) {
				of, status := "orders", completed
				if c.of != "" {
					of = c.of
				}
				if c.status != "" {
					status = c.status
				}
				f := newFakeOperator(t, nil, ordersWith(t, c.job...), snapshot(t, "old", of, status))
				f.tells(ordersRef, stateFrom(""))
				if c.react != nil {
					f.react = func(job api.Job) { c.react(f, job) }
				}
				report, err := Restore(patience(t), f.client, ordersRef, c.request, f.reporter())
				f.check(err, c.code, c.fails, c.patches...)
				if err == nil && c.request.DryRun == "" && (!report.Done || report.From.Path != "s3://b/s/old" || !report.From.Proven) {
					t.Errorf("%+v", report)
				}
				guard := ""
				if report.Guard != nil {
					guard = report.Guard.Snapshot.Name()
				}
				if got := strings.TrimPrefix(strings.Join(append(f.deleted, f.created...), " "), guard); c.recreated != (got == "orders orders") || !c.recreated && got != "" {
					t.Errorf("deleted and created: %q", got)
				}
			})
		})
	}
}

func TestSubmitted(t *testing.T) {
	fresh := func(t *testing.T, merge ...string) api.Job {
		t.Helper()
		job := ordersWith(t, append([]string{`{"status":null}`}, merge...)...)
		job.Object.SetAPIVersion(api.Group + "/" + api.Version)
		job.Object.SetKind(api.Deployment.Name)
		return job
	}
	for name, c := range map[string]struct {
		job     []string
		request SubmitRequest
		there   bool
		react   func(*fakeOperator, api.Job)
		fails   []string
		code    int
		running bool
		from    string
		created bool
	}{
		"it runs":                               {running: true, created: true},
		"from a path":                           {request: SubmitRequest{From: "s3://b/s/0", AllowNonRestored: true}, running: true, created: true, from: "s3://b/s/0"},
		"not waited for":                        {request: SubmitRequest{NoWait: true}, created: true},
		"created suspended":                     {job: []string{`{"spec":{"job":{"state":"suspended"}}}`}, created: true},
		"a dry run":                             {request: SubmitRequest{DryRun: "server"}},
		"a local dry run":                       {request: SubmitRequest{DryRun: "client"}},
		"it is there":                           {there: true, fails: []string{"already exists", "To change it: kubectl flink upgrade flinkdeployment/orders -n ns"}, code: exit.Failed},
		"it is there, found by a local dry run": {there: true, request: SubmitRequest{DryRun: "client"}, fails: []string{"already exists"}, code: exit.Failed},
		"a session cluster has no state":        {job: []string{`{"spec":{"job":null}}`}, request: SubmitRequest{From: "s3://b/s/0"}, fails: []string{"is a session cluster, which has no state to start from"}, code: exit.Usage},
		"a session cluster":                     {job: []string{`{"spec":{"job":null}}`}, created: true, running: true},
		"the operator rejects it": {
			react: func(f *fakeOperator, job api.Job) {
				f.status(job.Ref(), map[string]any{"error": `{"type":"org.apache.flink.kubernetes.operator.exception.ValidationException","message":"no such version"}`})
			},
			fails: []string{"flinkdeployment/orders doesn't run", "the operator: rejects the spec: no such version"}, code: exit.Failed, created: true,
		},
		"an error that stays": {
			react: func(f *fakeOperator, job api.Job) { f.status(job.Ref(), map[string]any{"error": "quota exceeded"}) },
			fails: []string{"doesn't run", "the operator: quota exceeded"}, code: exit.Failed, created: true,
		},
		"started from something else": {
			request: SubmitRequest{From: "s3://b/s/0"}, react: func(f *fakeOperator, job api.Job) { f.start(job, "s3://b/s/1") },
			fails: []string{"runs, but it was restored from s3://b/s/1, not from s3://b/s/0"}, code: exit.Failed, created: true,
		},
		"canceled by somebody": {
			react: func(f *fakeOperator, job api.Job) {
				f.start(job, "")
				f.tells(job.Ref(), &api.FlinkState{State: "CANCELED"})
				f.status(job.Ref(), map[string]any{"jobStatus": map[string]any{"state": "CANCELED"}})
			},
			fails: []string{"was canceled"}, code: exit.Failed, created: true,
		},
		"the operator is silent": {
			react: func(*fakeOperator, api.Job) {}, fails: []string{"the test has waited", "not seen by the operator yet", "the operator: has not reacted"}, code: exit.Failed, created: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				var objects []api.Job
				if c.there {
					objects = append(objects, ordersWith(t))
				}
				f := newFakeOperator(t, nil, objects...)
				if c.react != nil {
					f.react = func(job api.Job) { c.react(f, job) }
				}
				report, err := Submit(patience(t), f.client, fresh(t, c.job...), c.request, f.reporter())
				f.check(err, c.code, c.fails)
				if report.Running != c.running && err == nil || err == nil && report.Restored != c.from {
					t.Errorf("%+v", report)
				}
				if (len(f.created) == 1) != c.created {
					t.Errorf("created: %q", f.created)
				}
			})
		})
	}
}

// What is in the way of a new job is said, and at once where it can't pass.
func TestAwaitRunning(t *testing.T) {
	pod := func(reason string) runtime.Object {
		return flinktest.Pod("orders-2", "orders", func(p *corev1.Pod) {
			p.Namespace = "ns"
			p.Status.ContainerStatuses = []corev1.ContainerStatus{flinktest.WaitingIn(reason)}
		})
	}
	for name, c := range map[string]struct {
		status   string
		pods     []runtime.Object
		failures []string
		after    func(*fakeOperator)
		cause    error
		fails    []string
		code     int
		within   time.Duration
	}{
		"it runs": {after: func(f *fakeOperator) { f.start(f.get(ordersRef), "") }},
		"it has finished": {after: func(f *fakeOperator) {
			f.start(f.get(ordersRef), "")
			f.status(ordersRef, map[string]any{"jobStatus": map[string]any{"state": "FINISHED"}})
		}},
		"FAILED": {after: func(f *fakeOperator) {
			f.status(ordersRef, map[string]any{"lifecycleState": "FAILED", "jobStatus": map[string]any{"state": "FAILED"}})
		}, fails: []string{"the job: has FAILED"}, code: exit.Failed, within: 10 * time.Second},
		"fails again and again": {failures: []string{"boom", "boom", "boom"}, fails: []string{"the job: failed 3 times: boom"}, code: exit.Failed, within: 10 * time.Second},
		"deleted":               {after: func(f *fakeOperator) { _ = f.dynamic.Tracker().Delete(api.Deployment.GVR(), "ns", "orders") }, fails: []string{"was deleted"}, code: exit.Failed, within: 10 * time.Second},
		"no such image":         {pods: []runtime.Object{pod("InvalidImageName")}, fails: []string{"pod/orders-2: InvalidImageName"}, code: exit.Failed, within: 2 * time.Minute},
		"Ctrl-C":                {cause: exit.With(exit.Interrupted, errors.New("interrupted")), fails: []string{"interrupted: flinkdeployment/orders doesn't run: it is RECONCILING"}, code: exit.Interrupted},
		"time-out":              {failures: []string{"boom"}, cause: exit.Timeoutf("timed out after 30s"), fails: []string{"timed out after 30s", "the job: boom"}, code: exit.TimedOut},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFakeOperator(t, c.pods, ordersWith(t, `{"status":{"lifecycleState":"DEPLOYED","reconciliationStatus":{"lastStableSpec":null},"jobStatus":{"state":"RECONCILING","startTime":null}}}`))
				f.ask(flinktest.Flink{OnFailures: func(context.Context, api.Ref, time.Time) []string { return c.failures }})
				ctx, cancel := context.WithCancelCause(patience(t))
				defer cancel(nil)
				began := time.Now()
				f.group.Go(func() {
					time.Sleep(3 * time.Second)
					if c.after != nil {
						c.after(f)
					}
				})
				if c.cause != nil {
					time.AfterFunc(30*time.Second, func() { cancel(c.cause) })
				}
				_, err := AwaitRunning(ctx, f.client, Start{Ref: ordersRef, Since: began}, f.reporter())
				took := time.Since(began)
				f.check(err, c.code, c.fails)
				if c.within > 0 && took > c.within {
					t.Errorf("it took %s", took)
				}
				var stuck *StuckError
				if errors.As(err, &stuck) && Reasons(err) != stuck.Reasons() {
					t.Errorf("%q", Reasons(err))
				}
			})
		})
	}
}

func TestDelete(t *testing.T) {
	chk := &api.FlinkSnapshot{ID: 6, Path: "s3://b/c/aaa/chk-6"}
	facts := &api.CheckpointFacts{State: "RUNNING", Kept: true, Checkpoint: chk, Latest: chk}
	const noHA = `{"spec":{"flinkConfiguration":{"high-availability.type":"NONE"}}}`
	for name, c := range map[string]struct {
		job     []string
		request DeleteRequest
		fails   []string
		code    int
		patches []string
		state   string
		deleted bool
		waited  bool
		// asked is what somebody else changes while the question stands.
		asked string
	}{
		"with its last checkpoint": {job: []string{noHA}, patches: []string{`{"spec":{"job":{"state":"suspended","upgradeMode":"last-state"}}}`}, state: "s3://b/c/aaa/chk-7", deleted: true, waited: true},
		"with a savepoint":         {job: []string{noHA}, request: DeleteRequest{WithSavepoint: true}, patches: []string{`{"spec":{"job":{"state":"suspended","upgradeMode":"savepoint"}}}`}, state: "s3://b/s/savepoint-1", deleted: true, waited: true},
		"its state lost":           {request: DeleteRequest{LoseState: true}, deleted: true, waited: true},
		"not waited for":           {request: DeleteRequest{LoseState: true, NoWait: true}, deleted: true},
		"suspended before":         {job: []string{suspendedBy("savepoint", "s3://b/s/0")}, state: "s3://b/s/0", deleted: true, waited: true},
		"changed by somebody else before the answer": {
			job: []string{suspendedBy("savepoint", "s3://b/s/0")}, asked: `{"spec":{"job":{"state":"running"}}}`, fails: []string{"was not deleted: it was changed at the same time"}, code: exit.Failed,
		},
		"answered":             {job: []string{suspendedBy("savepoint", "s3://b/s/0")}, asked: "{}", state: "s3://b/s/0", deleted: true, waited: true},
		"declined":             {job: []string{noHA}, request: DeleteRequest{Confirm: declines}, fails: []string{"not done"}, code: exit.Failed},
		"a dry run":            {job: []string{noHA}, request: DeleteRequest{DryRun: "server"}, state: "s3://b/c/aaa/chk-6"},
		"a local dry run":      {job: []string{noHA}, request: DeleteRequest{DryRun: "client"}, state: "s3://b/c/aaa/chk-6"},
		"managed by others":    {job: []string{`{"metadata":{"labels":{"argocd.argoproj.io/instance":"x"}}}`}, fails: []string{"is managed by"}, code: exit.Failed},
		"a blue/green child":   {job: []string{`{"metadata":{"ownerReferences":[{"kind":"FlinkBlueGreenDeployment","name":"shop"}]}}`}, fails: []string{"flinkbluegreendeployment/shop, which would make it again"}, code: exit.Failed},
		"its data isn't there": {fails: []string{"was not deleted", "configmap/orders-aaa-config-map", "--lose-state"}, code: exit.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFakeOperator(t, nil, ordersWith(t, c.job...))
				f.tells(ordersRef, &api.FlinkState{State: "RUNNING", Latest: chk, Checkpoint: chk})
				f.ask(flinktest.Flink{OnCheckpoints: func(context.Context, api.Ref) (api.CheckpointFacts, error) { return *facts, nil }})
				if c.asked != "" {
					f.react = func(api.Job) {}
					c.request.Confirm = func(context.Context, string) error {
						if c.asked != "{}" {
							f.edits(ordersRef, c.asked)
						}
						return nil
					}
				}
				report, err := Delete(patience(t), f.client, ordersRef, c.request, f.reporter())
				f.check(err, c.code, c.fails, c.patches...)
				if err == nil && report.State.Path != c.state || report.Gone != c.waited || report.Asked != c.deleted || (len(f.deleted) == 1) != c.deleted {
					t.Errorf("%+v; deleted %q", report, f.deleted)
				}
				if err == nil && c.state != "" && report.Again.InitialPath() != c.state {
					t.Errorf("made again it would start from %q", report.Again.InitialPath())
				}
			})
		})
	}
}

// A request whose answer doesn't come may have been carried out.
func TestAnswersThatDontCome(t *testing.T) {
	lost := &url.Error{Op: "Patch", URL: "https://api", Err: io.ErrUnexpectedEOF}
	for name, c := range map[string]struct {
		verb  string
		made  bool
		err   error
		fails []string
	}{
		"a change that was made":     {verb: "patch", made: true, err: lost, fails: []string{"whether orders was changed isn't known"}},
		"one that wasn't":            {verb: "patch", err: lost, fails: []string{"whether orders was changed isn't known", "unexpected EOF"}},
		"the API server's own limit": {verb: "patch", err: apierrors.NewTimeoutError("too slow", 1), fails: []string{"isn't known", "too slow"}},
		"one that was never sent":    {verb: "delete", err: &url.Error{Op: "Delete", URL: "https://api", Err: &net.OpError{Op: "dial", Err: errors.New("no such host")}}, fails: []string{"flinkdeployment/orders was not deleted", "no such host"}},
		"one that was refused":       {verb: "patch", err: apierrors.NewInternalError(errors.New("a webhook")), fails: []string{"a webhook"}},
		"a deletion":                 {verb: "delete", err: lost, fails: []string{"whether flinkdeployment/orders is being deleted isn't known", "its state is savepoint s3://b/s/0"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				job, patches := ordersWith(t), []string(nil)
				if c.verb == "delete" {
					job = ordersWith(t, suspendedBy("savepoint", "s3://b/s/0"))
				}
				f := newFakeOperator(t, nil, job)
				f.tells(ordersRef, stateFrom(""))
				if c.made {
					patches = append(patches, `{"spec":{"restartNonce":1}}`)
				}
				f.dynamic.PrependReactor(c.verb, "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
					if c.made {
						_, _, _ = f.patched(action)
					}
					return true, nil, c.err
				})
				var err error
				if c.verb == "delete" {
					_, err = Delete(patience(t), f.client, ordersRef, DeleteRequest{}, f.reporter())
				} else {
					_, err = Restart(patience(t), f.client, ordersRef, RestartRequest{}, f.reporter())
				}
				f.check(err, exit.Failed, c.fails, patches...)
			})
		})
	}
}

func TestClone(t *testing.T) {
	suspend := CloneRequest{Name: "copy", Namespace: "ns", SuspendSource: true}
	from := func(path string) CloneRequest { return CloneRequest{Name: "copy", Namespace: "ns", From: path} }
	for name, c := range map[string]struct {
		job     []string
		request CloneRequest
		fails   []string
		code    int
		patches []string
		from    string
		created bool
	}{
		"its source is suspended": {request: suspend, patches: []string{`{"spec":{"job":{"state":"suspended","upgradeMode":"savepoint"}}}`}, from: "s3://b/s/savepoint-1", created: true},
		"empty":                   {request: from("none"), created: true},
		"from a path":             {request: from("s3://b/s/0"), from: "s3://b/s/0", created: true},
		"of a suspended job":      {job: []string{suspendedBy("savepoint", "s3://b/s/0")}, request: from(""), from: "s3://b/s/0", created: true},
		"its source was stopped by its last checkpoint": {job: []string{suspendedBy("last-state", "s3://b/s/0")}, request: from(""), from: "s3://b/c/aaa/chk-12", created: true},
		"planned only": {request: CloneRequest{Name: "copy", Namespace: "ns", From: "s3://b/s/0", DryRun: "server"}, from: "s3://b/s/0"},
		"it doesn't run": {
			job: []string{`{"status":{"jobStatus":{"state":"RESTARTING"}}}`}, request: from(""), fails: []string{"is not RUNNING, so no savepoint can be taken for the clone", "--from none"}, code: exit.Failed,
		},
		"a blue/green child": {job: []string{`{"metadata":{"ownerReferences":[{"kind":"FlinkBlueGreenDeployment","name":"shop"}]}}`}, request: from("none"), fails: []string{"belongs to flinkbluegreendeployment/shop: clone that one"}, code: exit.Failed},
		"a session cluster":  {job: []string{`{"spec":{"job":null}}`}, request: suspend, fails: []string{"is a session cluster, which has no state"}, code: exit.Usage},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFakeOperator(t, []runtime.Object{configMap("orders-aaa-config-map", "checkpointID-0000000000000000012", "…")}, ordersWith(t, c.job...))
				f.tells(ordersRef, stateFrom(""))
				if err := c.request.Validate(ordersRef); err != nil {
					t.Fatal(err)
				}
				report, err := Clone(patience(t), f.client, ordersRef, f.client, c.request, f.reporter())
				f.check(err, c.code, c.fails, c.patches...)
				if err == nil && (report.From != c.from || report.Running != c.created || report.Suspended != c.request.SuspendSource) {
					t.Errorf("%+v", report)
				}
				if (len(f.created) == 1) != c.created || len(f.deleted) != 0 {
					t.Errorf("created %q, deleted %q", f.created, f.deleted)
				}
			})
		})
	}
}
