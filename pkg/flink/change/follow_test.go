package change

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

// Statuses as operator 1.16 writes them. The job "orders" runs as run "a", with
// generation 1 of its spec.
const (
	ordersSpec   = `{"flinkVersion":"v1_20","job":{"state":"running","upgradeMode":"savepoint","parallelism":2}}`
	ordersStatus = `{"observedGeneration":1,"lifecycleState":"STABLE","jobManagerDeploymentStatus":"READY",
		"reconciliationStatus":{"state":"DEPLOYED","lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"running\",\"upgradeMode\":\"savepoint\"}}}"},
		"jobStatus":{"state":"RUNNING","jobId":"a","startTime":"1000"}}`
	// The operator took the spec up and stops the job with a savepoint.
	stopping = `{"observedGeneration":2,"lifecycleState":"UPGRADING","reconciliationStatus":{"state":"UPGRADING","lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"suspended\",\"upgradeMode\":\"savepoint\"}}}"},
		"jobStatus":{"state":"FINISHED","upgradeSavepointPath":"file:/s/2"}}`
	starting  = `{"observedGeneration":2,"lifecycleState":"DEPLOYED","jobManagerDeploymentStatus":"DEPLOYING","reconciliationStatus":{"state":"DEPLOYED","lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"running\"}}}"},"jobStatus":{"state":"RECONCILING","jobId":"b"}}`
	runsAgain = `{"observedGeneration":2,"lifecycleState":"STABLE","jobManagerDeploymentStatus":"READY","error":null,"jobStatus":{"state":"RUNNING","jobId":"b","startTime":"2000"}}`
	suspended = `{"observedGeneration":2,"lifecycleState":"SUSPENDED","jobManagerDeploymentStatus":"MISSING","reconciliationStatus":{"lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"suspended\",\"upgradeMode\":\"savepoint\"}}}"},"jobStatus":{"state":"FINISHED","upgradeSavepointPath":"file:/s/2"}}`
	// The status of a job that the operator takes for finished.
	forgotten = `{"observedGeneration":2,"lifecycleState":"STABLE","jobStatus":{"state":"FINISHED"}}`

	invalid     = `{"error":"{\"type\":\"org.apache.flink.kubernetes.operator.exception.ValidationException\",\"message\":\"Parallelism must be set\"}"}`
	haGoneError = `"error":"{\"type\":\"org.apache.flink.kubernetes.operator.exception.UpgradeFailureException\",\"message\":\"HA metadata is not available to restore from last state.\"}"`
	noUpgrade   = `{"error":"{\"type\":\"org.apache.flink.kubernetes.operator.exception.UpgradeFailureException\",\"message\":\"Savepoint failed: no room\"}"}`
)

func restartOf(job api.Job) Change {
	return Change{Job: job, Did: "restarted", Spec: map[string]any{"restartNonce": int64(1)}, Goal: Goal{NewRun: true, State: true}}
}

func suspendOf(job api.Job) Change {
	return Change{Job: job, Did: "suspended", Spec: map[string]any{"job": map[string]any{"state": "suspended"}}, Goal: Goal{Suspended: true}}
}

// scene is one change of a job, what happens meanwhile, and what its user sees.
type scene struct {
	// status is merged into the job's before the change.
	status string
	kind   api.Kind
	// objects are there besides the job; without an operator's Deployment one
	// that is ready is.
	objects []runtime.Object
	change  func(api.Job) Change
	options Options
	// prepare comes before the change, and after the job was read for it.
	prepare func(*flinktest.Cluster)
	// operate is what happens meanwhile.
	operate func(*flinktest.Cluster)
	// restored is what the JobManager says that run b came from; "" is nothing,
	// "away" no answer.
	restored string
	// cut ends the wait after that time, with a time-out or, with ctrlC, as
	// Ctrl-C does.
	cut   time.Duration
	ctrlC bool

	// What the user sees: the exit code, words of the error and words that it
	// must not have, the notes, and how long it took at most.
	code        int
	says, hides []string
	notes       []string
	within      time.Duration
	check       func(*testing.T, *flinktest.Cluster, Report, error)
}

func step(at time.Duration, status string) func(*flinktest.Cluster) {
	return func(c *flinktest.Cluster) {
		flinktest.After(at, func() { c.SetStatus(api.Deployment, "orders", status) })
	}
}

func steps(all ...func(*flinktest.Cluster)) func(*flinktest.Cluster) {
	return func(c *flinktest.Cluster) {
		for _, do := range all {
			do(c)
		}
	}
}

// restarts is what a healthy operator does with a restart.
func restarts(generation int) func(*flinktest.Cluster) {
	at := func(status string) string {
		return strings.Replace(status, `"observedGeneration":2`, fmt.Sprintf(`"observedGeneration":%d`, generation), 1)
	}
	return steps(step(time.Second, at(stopping)), step(3*time.Second, at(starting)), step(8*time.Second, at(runsAgain)))
}

func (s scene) play(t *testing.T) {
	objects := []runtime.Object{flinktest.Object(api.Deployment, "orders", ordersSpec, ordersStatus), flinktest.Operator(1, 1)}
	if s.objects != nil {
		objects = append(objects[:1], s.objects...)
	}
	c := flinktest.New(objects...)
	kind := api.Deployment
	if s.kind.Name != "" {
		kind = s.kind
	}
	if s.status != "" {
		c.SetStatus(kind, "orders", s.status)
	}
	if s.restored != "" {
		state, err := api.FlinkState{State: "RUNNING", Tasks: 2}, error(nil)
		switch s.restored {
		case "nothing":
		case "away":
			state, err = api.FlinkState{}, errors.New("connection refused")
		default:
			state.Restored = &api.FlinkSnapshot{Path: s.restored, Savepoint: !api.IsCheckpointPath(s.restored)}
		}
		c.Ask(flinktest.States(state, err))
	}
	change := restartOf
	if s.change != nil {
		change = s.change
	}
	planned := change(c.Job(kind, "orders"))
	if s.prepare != nil {
		s.prepare(c)
	}
	if s.operate != nil {
		s.operate(c)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	// Time costs nothing here: what waits for ever would wait for ever.
	flinktest.After(15*time.Minute, func() {
		t.Error("it still waits after 15 minutes")
		cancel(errors.New("15 minutes"))
	})
	if s.cut > 0 {
		flinktest.After(s.cut, func() {
			if s.ctrlC {
				cancel(context.Canceled)
			} else {
				cancel(exit.Timeoutf("timed out after %s", s.cut))
			}
		})
	}
	began := time.Now()
	report, err := CarryOut(ctx, c.Client, planned, s.options, c.Reporter())
	if took := time.Since(began); s.within > 0 && took > s.within {
		t.Errorf("it took %s, want %s at most", took, s.within)
	}
	if code := exit.Code(err); code != s.code {
		t.Errorf("exit code %d, want %d: %v", code, s.code, err)
	}
	text := fmt.Sprint(err)
	for _, words := range s.says {
		if !strings.Contains(text, words) {
			t.Errorf("the error doesn't say %q:\n%s", words, text)
		}
	}
	for _, words := range s.hides {
		if strings.Contains(text, words) {
			t.Errorf("the error says %q:\n%s", words, text)
		}
	}
	for _, words := range s.notes {
		if !strings.Contains(c.Notes(), words) {
			t.Errorf("no note says %q:\n%s", words, c.Notes())
		}
	}
	if report.Done != (err == nil && s.options.DryRun == "" && !s.options.NoWait) {
		t.Errorf("done: %t, beside the error %v", report.Done, err)
	}
	if s.check != nil {
		s.check(t, c, report, err)
	}
}

func playAll(t *testing.T, scenes map[string]scene) {
	t.Helper()
	for name, s := range scenes {
		t.Run(name, func(t *testing.T) { synctest.Test(t, s.play) })
	}
}

// failedAs is a check that the change failed in a way.
func failedAs(how string, putBack bool) func(*testing.T, *flinktest.Cluster, Report, error) {
	return func(t *testing.T, c *flinktest.Cluster, _ Report, err error) {
		t.Helper()
		var failed *FailedError
		if !errors.As(err, &failed) || failed.How != how || failed.PutBack != putBack {
			t.Errorf("%+v: want %s, put back: %t", err, how, putBack)
		}
		_, stays := c.Job(api.Deployment, "orders").Spec()["restartNonce"]
		if stays == putBack {
			t.Errorf("the nonce is in the spec: %t", stays)
		}
	}
}

func TestAChangeThatIsCarriedOut(t *testing.T) {
	playAll(t, map[string]scene{
		"restarted from its savepoint": {
			operate: restarts(2), restored: "file:/s/2", within: 15 * time.Second,
			notes: []string{"flinkdeployment.flink.apache.org/orders patched (restartNonce: 1)"},
			check: func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
				if !r.Changed || r.JobID != "b" || r.OldJobID != "a" || r.State != "RUNNING" || r.Lifecycle != "STABLE" || r.Generation != 2 || r.Took < 8*time.Second {
					t.Errorf("%+v", r)
				}
				if want := (api.RetainedState{Kind: api.RetainedSavepoint, Path: "file:/s/2"}); r.Left != want {
					t.Errorf("left %+v", r.Left)
				}
				if want := (api.RetainedState{Kind: api.RetainedSavepoint, Path: "file:/s/2", Proven: true}); r.From != want {
					t.Errorf("from %+v", r.From)
				}
				for _, words := range []string{"checking the job", "waiting for the operator to take it up", "lifecycle DEPLOYED, JobManager DEPLOYING, the job is RECONCILING", "asking the JobManager"} {
					if !strings.Contains(c.Waits(), words) {
						t.Errorf("nothing says %q:\n%s", words, c.Waits())
					}
				}
			},
		},
		"it is to stay so": {
			change:  func(job api.Job) Change { ch := restartOf(job); ch.Goal.StableFor = 30 * time.Second; return ch },
			operate: restarts(2), restored: "file:/s/2", within: 45 * time.Second,
			check: func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
				if r.Took < 38*time.Second || !strings.Contains(c.Waits(), "RUNNING; it is to stay so for 30s") {
					t.Errorf("%s\n%s", r.Took, c.Waits())
				}
			},
		},
		"it didn't stay so at first": {
			change:  func(job api.Job) Change { ch := restartOf(job); ch.Goal.StableFor = 30 * time.Second; return ch },
			operate: steps(restarts(2), step(20*time.Second, `{"lifecycleState":"DEPLOYED","jobStatus":{"state":"RESTARTING"}}`), step(40*time.Second, runsAgain)), restored: "file:/s/2",
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if r.Took < 70*time.Second {
					t.Errorf("counted from before it restarted: %s", r.Took)
				}
			},
		},
		"suspended with a savepoint": {
			change: suspendOf, operate: steps(step(time.Second, stopping), step(3*time.Second, suspended)), within: 5 * time.Second,
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if r.Lifecycle != "SUSPENDED" || r.Left.Path != "file:/s/2" || r.Left.Kind != api.RetainedSavepoint {
					t.Errorf("%+v", r)
				}
			},
		},
		"suspended by its last checkpoint": {
			change:  suspendOf,
			objects: []runtime.Object{&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "orders-a-config-map", Namespace: flinktest.Namespace}, Data: map[string]string{"checkpointID-0000000000000000007": "x"}}},
			operate: step(time.Second, strings.ReplaceAll(suspended, `\"upgradeMode\":\"savepoint\"`, `\"upgradeMode\":\"last-state\"},\"flinkConfiguration\":{\"execution.checkpointing.dir\":\"s3://b/c/\"`)),
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if want := (api.RetainedState{Kind: api.RetainedCheckpoint, Path: "s3://b/c/a/chk-7"}); r.Left != want {
					t.Errorf("left %+v", r.Left)
				}
			},
		},
		"it was so already": {
			status: runsAgain, change: func(job api.Job) Change {
				return Change{Job: job, Did: "resumed", Spec: map[string]any{"job": map[string]any{"state": "running"}}}
			},
			within: time.Second,
			check: func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
				if r.Changed || len(c.Writes()) > 0 || r.From != (api.RetainedState{}) {
					t.Errorf("%+v %v", r, c.Writes())
				}
			},
		},
		"another changes something else meanwhile": {
			operate: steps(func(c *flinktest.Cluster) {
				flinktest.After(500*time.Millisecond, func() { c.SetSpec(api.Deployment, "orders", `{"taskManager":{"replicas":3}}`) })
			}, restarts(3)),
			restored: "file:/s/2",
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if r.Generation != 3 {
					t.Errorf("%+v", r)
				}
			},
		},
		"a status write comes between reading and patching": {
			prepare: func(c *flinktest.Cluster) {
				c.SetStatus(api.Deployment, "orders", `{"jobStatus":{"updateTime":"5"}}`)
			},
			operate: restarts(2), restored: "file:/s/2",
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if got := strings.Join(c.Writes(), ","); got != "patch flinkdeployments,patch flinkdeployments" {
					t.Error(got)
				}
			},
		},
		"the operator doesn't see what it has just made": {
			change: restartOf, within: 31 * time.Second, restored: "file:/s/2",
			operate: steps(step(time.Second, stopping), step(2*time.Second, starting), step(3*time.Second, `{"lifecycleState":"FAILED","jobManagerDeploymentStatus":"MISSING",`+haGoneError+`}`),
				step(4*time.Second, starting), step(30*time.Second, runsAgain)),
		},
		"it is gone indeed": {
			change: restartOf, within: 24 * time.Second, code: exit.Failed, says: []string{"HA metadata is not available to restore from last state"},
			operate: steps(step(time.Second, stopping), step(2*time.Second, starting), step(3*time.Second, `{"lifecycleState":"FAILED","jobManagerDeploymentStatus":"MISSING",`+haGoneError+`}`)),
		},
		"an error that passes": {
			operate: steps(step(time.Second, stopping), step(2*time.Second, `{"error":"ErrImagePull"}`), step(10*time.Second, starting), step(12*time.Second, runsAgain)), restored: "file:/s/2",
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if !strings.Contains(c.Waits(), "ErrImagePull") {
					t.Error(c.Waits())
				}
			},
		},
		"an error from before that the operator clears in time": {
			status:  noUpgrade,
			operate: steps(step(4*time.Second, stopping), step(4*time.Second, `{"error":null}`), step(6*time.Second, starting), step(8*time.Second, runsAgain)), restored: "file:/s/2",
		},
		"the API server goes away for a while": {
			prepare: func(c *flinktest.Cluster) {
				failures := 0
				c.Objects.PrependReactor("list", api.Deployment.Plural, func(clienttesting.Action) (bool, runtime.Object, error) {
					failures++
					return failures <= 2, nil, &url.Error{Op: "Get", URL: "https://x", Err: errors.New("connection refused")}
				})
			},
			operate: steps(step(5*time.Second, stopping), step(6*time.Second, starting), step(8*time.Second, runsAgain)), restored: "file:/s/2",
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if !strings.Contains(c.Waits(), "the API server doesn't answer (connection refused); trying again") || !strings.Contains(c.Waits(), "the API server answers again") {
					t.Error(c.Waits())
				}
			},
		},
	})
}

func TestNothingIsAwaited(t *testing.T) {
	at := func(text string) func(*testing.T, *flinktest.Cluster, Report, error) {
		return func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
			t.Helper()
			if got := fmt.Sprintf("changed %t, generation %d, writes %v", r.Changed, r.Generation, c.Writes()); got != text {
				t.Errorf("%s, want %s", got, text)
			}
		}
	}
	already := func(job api.Job) Change {
		return Change{Job: job, Did: "resumed", Spec: map[string]any{"job": map[string]any{"state": "running"}}}
	}
	playAll(t, map[string]scene{
		"dry run on the client": {options: Options{DryRun: "client"}, within: 1, check: at("changed true, generation 1, writes []")},
		"dry run on the server": {options: Options{DryRun: "server"}, within: 1, check: at("changed true, generation 2, writes []")},
		"no wait":               {options: Options{NoWait: true}, within: 1, check: at("changed true, generation 2, writes [patch flinkdeployments]")},
		"no wait, it was so":    {options: Options{NoWait: true}, change: already, within: 1, check: at("changed false, generation 1, writes []")},
		"no wait, not permitted": {options: Options{NoWait: true}, prepare: func(c *flinktest.Cluster) {
			c.Refuse("patch", api.Deployment, flinktest.Forbidden(api.Deployment, "orders"))
		}, code: exit.Failed, says: []string{"forbidden"}, check: func(*testing.T, *flinktest.Cluster, Report, error) {}},
		"dry run of what would fail": {options: Options{DryRun: "server"}, prepare: func(c *flinktest.Cluster) { c.SetSpec(api.Deployment, "orders", `{"job":{"parallelism":4}}`) }, code: exit.Failed, says: []string{"was not changed: it was changed at the same time at this moment (generation 2, was 1)"}},
	})
}

func TestAChangeThatIsRefused(t *testing.T) {
	playAll(t, map[string]scene{
		"the operator rejects the spec": {
			operate: step(2*time.Second, invalid), code: exit.Failed, within: 3 * time.Second,
			says:  []string{"flinkdeployment/orders: the change was rejected: Parallelism must be set", "The spec was put back (restartNonce removed); the job is RUNNING"},
			check: failedAs(ChangeRejected, true),
		},
		"says so in an event alone": {
			operate: func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() { c.Warn(api.Deployment, "orders", "ValidationError", "Parallelism must be set") })
			},
			code: exit.Failed, says: []string{"the change was rejected: Parallelism must be set"}, check: failedAs(ChangeRejected, true),
		},
		"rejects it also where one keeps trying": {
			options: Options{KeepTrying: true}, operate: step(2*time.Second, invalid), code: exit.Failed,
			says:  []string{"The changed spec stays (--keep-trying); to take it back: kubectl patch flinkdeployment orders -n ns --type merge -p '{\"spec\":{\"restartNonce\":null}}'"},
			check: failedAs(ChangeRejected, false),
		},
		"was changed before": {
			status: `{"error":null}`,
			change: func(job api.Job) Change {
				return Change{Job: job, Did: "resumed", Spec: map[string]any{"job": map[string]any{"state": "running"}}, Goal: Goal{NewRun: true}}
			},
			operate: step(2*time.Second, noUpgrade), code: exit.Failed,
			says:  []string{"the change was not carried out", "The spec was changed before this command, so that it is left as it is; the operator goes on trying"},
			hides: []string{"put back"},
		},
		"the operator can't begin": {
			operate: func(c *flinktest.Cluster) {
				step(2*time.Second, noUpgrade)(c)
				// It takes up the spec that was put back.
				step(10*time.Second, `{"observedGeneration":3,"error":null}`)(c)
			},
			code: exit.Failed, within: 11 * time.Second,
			says:  []string{"flinkdeployment/orders: the change was not carried out: Savepoint failed: no room", "The spec was put back (restartNonce removed); the job is RUNNING"},
			check: failedAs(ChangeStuck, true),
		},
		"can't begin, and the job is not as it was": {
			operate: step(2*time.Second, noUpgrade), code: exit.Failed, within: 185 * time.Second,
			says: []string{"The spec was put back", "; after 3m0s the job is RUNNING"}, check: failedAs(ChangeStuck, true),
		},
		"can't begin, Ctrl-C while it is put back": {
			operate: step(2*time.Second, noUpgrade), cut: 5 * time.Second, ctrlC: true, code: exit.Failed, within: 6 * time.Second,
			says: []string{"the job is RUNNING, and what followed was not observed"}, check: failedAs(ChangeStuck, true),
		},
		"can't begin, and it can't be put back": {
			operate: func(c *flinktest.Cluster) {
				step(2*time.Second, noUpgrade)(c)
				flinktest.After(time.Second, func() { c.Refuse("patch", api.Deployment, flinktest.Forbidden(api.Deployment, "orders")) })
			},
			code: exit.Failed, says: []string{"The spec could not be put back (", "forbidden", "the operator goes on trying. To take the change back: kubectl patch flinkdeployment orders"},
			check: failedAs(ChangeStuck, false),
		},
		"can't begin, put back, and the operator had succeeded at the last moment": {
			operate: steps(step(2*time.Second, noUpgrade),
				step(5*time.Second, `{"observedGeneration":3,"error":null,"jobStatus":{"state":"FINISHED","upgradeSavepointPath":"file:/s/2"}}`),
				step(10*time.Second, `{"observedGeneration":4,"jobStatus":{"state":"RUNNING","jobId":"b","startTime":"2000"}}`)),
			code: exit.Failed, within: 11 * time.Second, says: []string{"The spec was put back", "; the job is RUNNING"},
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if nonce, _ := api.Number(c.Job(api.Deployment, "orders").Spec(), "restartNonce"); nonce != 1 {
					t.Errorf("the operator was not told to start it: nonce %d", nonce)
				}
			},
		},
		"couldn't begin with the spec before this one": {
			status:  `{"observedGeneration":0}`,
			operate: steps(step(time.Second, noUpgrade), step(12*time.Second, `{"error":null}`), step(12*time.Second, stopping), step(13*time.Second, starting), step(14*time.Second, runsAgain)), restored: "file:/s/2",
		},
		"couldn't begin with the spec before, nor with this one": {
			status: `{"observedGeneration":0}`, operate: step(time.Second, noUpgrade), code: exit.Failed,
			says: []string{"the change was not carried out: Savepoint failed: no room"},
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if r.Took < earlierLimit || r.Took > earlierLimit+3*time.Second {
					t.Errorf("given up after %s", r.Took)
				}
			},
		},
		"can't begin for a moment": {
			operate: steps(step(2*time.Second, strings.ReplaceAll(noUpgrade, "no room", "Connection refused")), step(30*time.Second, `{"error":null}`), step(31*time.Second, stopping), step(32*time.Second, starting), step(33*time.Second, runsAgain)), restored: "file:/s/2",
		},
		"can't begin for long": {
			operate: step(2*time.Second, strings.ReplaceAll(noUpgrade, "no room", "Connection refused")), cut: 150 * time.Second, code: exit.Failed,
			says: []string{"the change was not carried out: Savepoint failed: Connection refused"},
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if r.Took < 2*time.Minute {
					t.Errorf("given up after %s", r.Took)
				}
			},
		},
		"keeps trying": {
			options: Options{KeepTrying: true}, operate: steps(step(2*time.Second, noUpgrade), step(60*time.Second, stopping), step(60*time.Second, `{"error":null}`), step(61*time.Second, starting), step(63*time.Second, runsAgain)), restored: "file:/s/2",
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if !strings.Contains(c.Waits(), "the operator tries again: Savepoint failed: no room") {
					t.Error(c.Waits())
				}
			},
		},
		"an error from before stays": {
			status: noUpgrade, code: exit.Failed, says: []string{"the change was not carried out"}, within: 190 * time.Second,
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if r.Took < 6*time.Second || r.Took > 8*time.Second {
					t.Errorf("given up after %s", r.Took)
				}
			},
		},
	})
}

func TestAChangeThatFails(t *testing.T) {
	playAll(t, map[string]scene{
		"the job fails": {
			operate: steps(step(time.Second, stopping), step(3*time.Second, starting), step(8*time.Second, `{"observedGeneration":2,"lifecycleState":"FAILED","jobManagerDeploymentStatus":"READY","jobStatus":{"state":"FAILED","jobId":"b"},"error":"java.lang.IllegalStateException: no topic"}`)),
			code:    exit.Failed, says: []string{"flinkdeployment/orders: the change failed: IllegalStateException: no topic"}, hides: []string{"put back"}, check: failedAs(ChangeFailed, false),
		},
		"with warnings": {
			operate: steps(step(time.Second, stopping), func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() { c.Warn(api.Deployment, "orders", "JobException", "the topic is missing") })
			}, step(8*time.Second, `{"lifecycleState":"FAILED","jobStatus":{"state":"FAILED","jobId":"b"}}`)),
			code: exit.Failed, says: []string{"the change failed: the job FAILED\n  event JobException (flinkdeployment/orders): the topic is missing"},
		},
		"the operator rolls it back": {
			operate: steps(step(time.Second, starting), step(2*time.Second, `{"jobManagerDeploymentStatus":"ERROR","error":"ErrImagePull"}`), step(10*time.Second, `{"lifecycleState":"ROLLING_BACK","error":null}`), step(12*time.Second, `{"lifecycleState":"ROLLED_BACK","jobStatus":{"state":"RUNNING"}}`)),
			code:    exit.Failed, says: []string{"the change failed: the operator rolled it back", "ErrImagePull"}, check: failedAs(ChangeFailed, false),
		},
		"rolled back without a word": {
			operate: steps(step(time.Second, starting), step(12*time.Second, `{"lifecycleState":"ROLLED_BACK","jobStatus":{"state":"RUNNING"}}`)),
			code:    exit.Failed, says: []string{"the operator rolled it back: it was not stable in time (" + ReadinessKey + ")"},
		},
		"an error stays": {
			operate: steps(step(time.Second, starting), step(2*time.Second, `{"jobManagerDeploymentStatus":"ERROR","error":"ErrImagePull"}`)), code: exit.Failed,
			says: []string{"the change failed: ErrImagePull"},
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if r.Took < 22*time.Second || r.Took > 25*time.Second {
					t.Errorf("given up after %s", r.Took)
				}
			},
		},
		"an error that mostly passes stays": {
			operate: steps(step(time.Second, starting), step(2*time.Second, `{"jobManagerDeploymentStatus":"ERROR","error":"MountVolume.SetUp failed for volume x"}`)), code: exit.Failed,
			says: []string{"MountVolume.SetUp failed"},
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if r.Took < 2*time.Minute {
					t.Errorf("given up after %s", r.Took)
				}
			},
		},
		"an error stays, and one keeps trying": {
			options: Options{KeepTrying: true}, operate: steps(step(time.Second, starting), step(2*time.Second, `{"jobManagerDeploymentStatus":"ERROR","error":"ErrImagePull"}`)), cut: time.Minute, code: exit.TimedOut,
			says: []string{"was not restarted yet: ErrImagePull"},
		},
		"somebody deletes the job": {
			operate: func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() { c.Remove(api.Deployment, "orders") })
			}, code: exit.Failed, within: 3 * time.Second,
			says: []string{"flinkdeployment/orders was deleted"},
		},
		"somebody deletes and creates it": {
			operate: func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() {
					object := c.Get(api.Deployment, "orders")
					object.SetUID("another")
					object.SetResourceVersion("99")
					_ = c.Objects.Tracker().Update(api.Deployment.GVR(), object, flinktest.Namespace)
				})
			}, code: exit.Failed, within: 3 * time.Second,
			says: []string{"flinkdeployment/orders was deleted and recreated"},
		},
		"somebody changed it before": {
			prepare: func(c *flinktest.Cluster) { c.SetSpec(api.Deployment, "orders", `{"job":{"parallelism":9}}`) }, code: exit.Failed, within: 1,
			says: []string{"flinkdeployment/orders was not changed: it was changed at the same time at this moment (generation 2, was 1)", "Look at it and try again: kubectl get flinkdeployment orders -n ns -o yaml"},
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, err error) {
				if _, there := c.Job(api.Deployment, "orders").Spec()["restartNonce"]; there || !errors.Is(err, ErrOvertaken) {
					t.Error(there, err)
				}
			},
		},
		"somebody changes it meanwhile": {
			operate: func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() { c.SetSpec(api.Deployment, "orders", `{"restartNonce":7}`) })
			}, code: exit.Failed, within: 3 * time.Second,
			says: []string{"it was changed at the same time while the change was being carried out (generation 3, ours was 2), last by kubectl-edit: it is not what was asked for any more"},
			check: func(t *testing.T, _ *flinktest.Cluster, _ Report, err error) {
				if !errors.Is(err, ErrOvertaken) {
					t.Error(err)
				}
			},
		},
		"written to all the time": {
			prepare: func(c *flinktest.Cluster) {
				c.Objects.PrependReactor("patch", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
					c.SetStatus(api.Deployment, "orders", fmt.Sprintf(`{"jobStatus":{"updateTime":"%d"}}`, len(c.Get(api.Deployment, "orders").GetResourceVersion())))
					return false, nil, nil
				})
			}, code: exit.Failed, says: []string{"was not changed: it is being written to all the time; try again"},
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if len(c.Writes()) != conflicts {
					t.Errorf("%d tries", len(c.Writes()))
				}
			},
		},
		"the user may not watch": {
			prepare: func(c *flinktest.Cluster) {
				c.Core.PrependReactor("create", "selfsubjectaccessreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
					return true, &authorizationv1.SelfSubjectAccessReview{}, nil
				})
			}, code: exit.Failed, says: []string{"you may not watch it, so that the end of the change could not be seen; nothing was changed"},
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if len(c.Writes()) > 0 {
					t.Error(c.Writes())
				}
			},
		},
		"the watch is refused meanwhile": {
			prepare: func(c *flinktest.Cluster) {
				c.Refuse("watch", api.Deployment, flinktest.Forbidden(api.Deployment, "orders"))
			}, code: exit.Failed,
			says: []string{"forbidden", "It can't be watched any longer; the change stays in the spec and goes on without this command", "Go on waiting with: kubectl flink status orders -n ns --for stable"},
		},
	})
}
