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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
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

	invalid   = `{"error":"{\"type\":\"org.apache.flink.kubernetes.operator.exception.ValidationException\",\"message\":\"Parallelism must be set\"}"}`
	noUpgrade = `{"error":"{\"type\":\"org.apache.flink.kubernetes.operator.exception.UpgradeFailureException\",\"message\":\"Savepoint failed: no room\"}"}`
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

func TestTheOperatorIsSilent(t *testing.T) {
	playAll(t, map[string]scene{
		"it doesn't run": {
			objects: []runtime.Object{flinktest.Operator(0, 0)}, code: exit.Failed, within: 14 * time.Second,
			says:  []string{"the change was not carried out: the operator is not running: deployment flink/flink-kubernetes-operator has 0 of 0 replicas ready", "The changed spec stays and is carried out when the operator runs again; to take the change back: kubectl patch"},
			check: failedAs(ChangeStuck, false),
		},
		"it stops in the middle": {
			objects: []runtime.Object{flinktest.Operator(0, 0)}, operate: step(5*time.Second, starting), code: exit.Failed, within: 20 * time.Second,
			says: []string{"It had begun with the change (lifecycle DEPLOYED, JobManager DEPLOYING, the job is RECONCILING), and goes on with it when it runs again"},
			check: func(t *testing.T, c *flinktest.Cluster, r Report, err error) {
				if r.Took < 17*time.Second {
					t.Errorf("%s after the change, 5 s of which it worked", r.Took)
				}
				failedAs(ChangeStuck, false)(t, c, r, err)
			},
		},
		"it runs but doesn't react": {
			cut: 40 * time.Second, code: exit.TimedOut,
			notes: []string{"flinkdeployment/orders: the operator has not reacted yet. The operator runs: deployment flink/flink-kubernetes-operator has 1 of 1 replicas ready."},
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if n := strings.Count(c.Notes(), "not reacted"); n != 1 {
					t.Errorf("said %d times", n)
				}
			},
		},
		"it isn't ready in the middle": {
			objects: []runtime.Object{flinktest.Operator(1, 0)}, operate: step(5*time.Second, starting), cut: 40 * time.Second, code: exit.TimedOut,
			notes: []string{"the operator does nothing. The operator is not ready: deployment flink/flink-kubernetes-operator has 0 of 1 replicas ready."},
		},
		"there is none": {
			objects: []runtime.Object{}, cut: 20 * time.Second, code: exit.TimedOut, notes: []string{"has not reacted yet. No Deployment of the operator was found"},
		},
		"it works for long": {
			operate: steps(step(5*time.Second, starting), step(15*time.Second, `{"jobStatus":{"state":"CREATED"}}`), step(25*time.Second, runsAgain)), restored: "file:/s/2",
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if strings.Contains(c.Notes(), "not reacted") || strings.Contains(c.Notes(), "does nothing") {
					t.Error(c.Notes())
				}
			},
		},
	})
}

func TestTheWaitEndsFirst(t *testing.T) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "orders-1", Namespace: flinktest.Namespace, Labels: map[string]string{"app": "orders", "component": "jobmanager"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: api.MainContainer}}},
		Status:     corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{Name: api.MainContainer, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such image"}}}}},
	}
	stays := "The change stays in the spec and goes on without this command"
	playAll(t, map[string]scene{
		"time-out before the operator takes it up": {
			cut: 10 * time.Second, code: exit.TimedOut,
			says: []string{
				"timed out after 10s: flinkdeployment/orders was not restarted yet: waiting for the operator to take it up", stays,
				"Go on waiting with: kubectl flink status orders -n ns --for stable", "Take the change back with: kubectl patch flinkdeployment orders -n ns --type merge -p '{\"spec\":{\"restartNonce\":null}}'",
			},
		},
		"Ctrl-C before the operator takes it up": {cut: 3 * time.Second, ctrlC: true, code: exit.Interrupted, says: []string{"context canceled: flinkdeployment/orders was not restarted yet: waiting for the operator", stays}},
		"Ctrl-C while it is stopped": {
			operate: step(time.Second, stopping), cut: 3 * time.Second, ctrlC: true, code: exit.Interrupted, says: []string{"lifecycle UPGRADING, the job is FINISHED", stays},
		},
		"Ctrl-C while it starts": {
			operate: steps(step(time.Second, starting)), cut: 3 * time.Second, ctrlC: true, code: exit.Interrupted, says: []string{"the job is RECONCILING", stays},
		},
		"Ctrl-C while it suspends": {
			change: suspendOf, operate: step(time.Second, stopping), cut: 3 * time.Second, ctrlC: true, code: exit.Interrupted,
			says: []string{"was not suspended yet: stopping; the job is FINISHED", "--for suspended"},
		},
		"time-out while a pod can't start": {
			objects: []runtime.Object{flinktest.Operator(1, 1), pod}, operate: step(time.Second, starting), cut: 10 * time.Second, code: exit.TimedOut,
			says: []string{"Pod orders-1 is ImagePullBackOff: no such image"},
		},
		"time-out while the operator is away": {
			objects: []runtime.Object{flinktest.Operator(0, 0), pod}, cut: 10 * time.Second, code: exit.TimedOut,
			says: []string{"the operator is not running: deployment flink/flink-kubernetes-operator has 0 of 0 replicas ready. The change stays in the spec and is carried out when it runs again"}, hides: []string{"Pod orders-1"},
		},
		"time-out of what was so already, the operator is away": {
			objects: []runtime.Object{flinktest.Operator(0, 0)}, status: `{"lifecycleState":"DEPLOYED"}`,
			change: func(job api.Job) Change {
				return Change{Job: job, Did: "resumed", Spec: map[string]any{"job": map[string]any{"state": "running"}}}
			},
			cut: 10 * time.Second, code: exit.TimedOut, says: []string{"the operator is not running: deployment flink/flink-kubernetes-operator has 0 of 0 replicas ready. Nothing was changed by this command"}, hides: []string{"Take the change back"},
		},
		"time-out while a savepoint is in progress": {
			status: `{"jobStatus":{"savepointInfo":{"triggerId":"t"}}}`, cut: 10 * time.Second, code: exit.TimedOut, says: []string{"the operator has not taken it up yet: a savepoint is in progress"},
		},
		"time-out with a secret in the change": {
			change: func(job api.Job) Change {
				ch := restartOf(job)
				ch.Spec["flinkConfiguration"] = map[string]any{"s3.secret-key": "hunter2"}
				return ch
			},
			cut: 5 * time.Second, code: exit.TimedOut, hides: []string{"hunter2"},
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if strings.Contains(c.Notes(), "hunter2") || !strings.Contains(c.Notes(), "s3.secret-key") {
					t.Error(c.Notes())
				}
			},
		},
		"Ctrl-C while tasks wait for slots": {
			prepare: func(c *flinktest.Cluster) {
				c.Ask(flinktest.States(api.FlinkState{State: "RUNNING", Tasks: 4, Waiting: 3}, nil))
			},
			operate: restarts(2), cut: 20 * time.Second, ctrlC: true, code: exit.Interrupted,
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if !strings.Contains(c.Waits(), (api.FlinkState{Tasks: 4, Waiting: 3}).WaitingTasks()) {
					t.Error(c.Waits())
				}
			},
		},
	})
}

func TestAJobThatTheOperatorTakesForFinished(t *testing.T) {
	finished := strings.Replace(forgotten, `"FINISHED"`, `"FINISHED","upgradeSavepointPath":"file:/s/2"`, 1)
	playAll(t, map[string]scene{
		"is started by a nonce": {
			operate:  steps(step(2*time.Second, finished), step(4*time.Second, strings.Replace(stopping, `"observedGeneration":2`, `"observedGeneration":3`, 1)), step(5*time.Second, starting), step(6*time.Second, strings.Replace(runsAgain, `"observedGeneration":2`, `"observedGeneration":3`, 1))),
			restored: "file:/s/2", within: 10 * time.Second,
			notes: []string{"the operator takes the job for finished and doesn't start it (it missed the suspension); restarted (restartNonce: 2)"},
			check: func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
				if nonce, _ := api.Number(c.Job(api.Deployment, "orders").Spec(), "restartNonce"); nonce != 2 || api.Section(r.Patch, "spec")["restartNonce"] != int64(2) || r.Generation != 3 {
					t.Errorf("nonce %d, %+v", nonce, r)
				}
			},
		},
		"only once": {
			operate: steps(step(2*time.Second, finished), step(4*time.Second, strings.Replace(finished, `"observedGeneration":2`, `"observedGeneration":3`, 1))),
			code:    exit.Failed, within: 6 * time.Second,
			says: []string{"the change failed: the operator takes the job for finished and doesn't start it", "Its state is kept. Start it from there with: kubectl flink restart flinkdeployment/orders -n ns"},
		},
		"but not where that is forbidden": {
			operate: steps(step(2*time.Second, finished), func(c *flinktest.Cluster) {
				flinktest.After(time.Second, func() { c.Refuse("patch", api.Deployment, flinktest.Forbidden(api.Deployment, "orders")) })
			}), code: exit.Failed, says: []string{"and it could not be restarted", "forbidden"},
		},
	})
}

func TestTheStateThatItRunsFrom(t *testing.T) {
	playAll(t, map[string]scene{
		"another savepoint": {
			operate: restarts(2), restored: "file:/s/1", code: exit.Failed,
			says: []string{"flinkdeployment/orders started without its state: it was restored from file:/s/1 instead of file:/s/2"}, check: failedAs(ChangeUnproven, false),
		},
		"none": {
			operate: restarts(2), restored: "nothing", code: exit.Failed,
			says: []string{"the JobManager says that it was not restored from anything", "Its earlier state still exists at file:/s/2", "spec.job.savepointRedeployNonce"}, check: failedAs(ChangeUnproven, false),
		},
		"none, and where its state is isn't known": {
			operate: steps(step(time.Second, starting), step(3*time.Second, runsAgain)), restored: "nothing", code: exit.Failed, says: []string{"Its earlier state still exists; go back to it"},
		},
		"its own checkpoint since": {
			operate: restarts(2), restored: "file:/c/b/chk-3", notes: []string{"has restarted since, from its own checkpoint file:/c/b/chk-3"},
		},
		"nobody answers": {
			operate: restarts(2), restored: "away", within: 20 * time.Second, notes: []string{"that it runs from its state is the operator's word only; the JobManager can't be asked: connection refused"},
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if want := (api.RetainedState{Kind: api.RetainedSavepoint, Path: "file:/s/2"}); r.From != want {
					t.Errorf("%+v", r.From)
				}
			},
		},
		"nobody asks": {operate: restarts(2), notes: []string{"operator's word only; the JobManager can't be asked: nobody asks it"}},
		"none was wanted": {
			change: func(job api.Job) Change { ch := restartOf(job); ch.Goal.State = false; return ch }, operate: restarts(2), restored: "nothing",
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if r.From.Kind != api.RetainedNone || !r.From.Proven {
					t.Errorf("%+v", r.From)
				}
			},
		},
		"the one that was named": {
			change:  func(job api.Job) Change { return Redeploy(job, "file:/s/named", false) },
			operate: steps(step(time.Second, starting), step(3*time.Second, runsAgain)), restored: "file:///s/named",
		},
		"not the one that was named": {
			change:  func(job api.Job) Change { return Redeploy(job, "file:/s/named", false) },
			operate: steps(step(time.Second, starting), step(3*time.Second, runsAgain)), restored: "file:/s/else", code: exit.Failed, says: []string{"it was restored from file:/s/else instead of file:/s/named"},
		},
		"a named one needs another run": {
			change: func(job api.Job) Change { return Redeploy(job, "file:/s/named", false) },
			// The operator calls it stable before the new run is there.
			operate: step(time.Second, `{"observedGeneration":2,"jobStatus":{"startTime":"2000"}}`), restored: "file:/s/named", cut: 10 * time.Second, code: exit.TimedOut,
		},
	})
}

// blueGreen is the deployment "orders" that serves from its blue child.
func blueGreen(status string) []runtime.Object {
	u := flinktest.Object(api.BlueGreen, "orders", `{"template":{"spec":`+ordersSpec+`}}`, status)
	blue := flinktest.Object(api.Deployment, "orders-blue", ordersSpec, ordersStatus)
	blue.SetOwnerReferences([]metav1.OwnerReference{{Kind: api.BlueGreen.Name, Name: "orders"}})
	return []runtime.Object{u, blue, flinktest.Operator(1, 1)}
}

func TestABlueGreenDeployment(t *testing.T) {
	at := func(after time.Duration, status string) func(*flinktest.Cluster) {
		return func(c *flinktest.Cluster) {
			flinktest.After(after, func() { c.SetStatus(api.BlueGreen, "orders", status) })
		}
	}
	const (
		before = `{"blueGreenState":"ACTIVE_BLUE","lastReconciledSpec":"{\"template\":{\"spec\":{\"job\":{\"state\":\"running\"}}}}","jobStatus":{"state":"RUNNING"}}`
		taken  = `"lastReconciledSpec":"{\"template\":{\"spec\":{\"restartNonce\":1}}}"`
		green  = `{"blueGreenState":"ACTIVE_GREEN",` + taken + `,"jobStatus":{"state":"RUNNING"}}`
	)
	moves := `{"blueGreenState":"TRANSITIONING_TO_GREEN",` + taken + `,"jobStatus":{"state":"RECONCILING"}}`
	child := func(after time.Duration) func(*flinktest.Cluster) {
		return func(c *flinktest.Cluster) {
			flinktest.After(after, func() { c.Add(flinktest.Object(api.Deployment, "orders-green", ordersSpec, ordersStatus)) })
		}
	}
	dying := func(name string, gone time.Duration) func(*flinktest.Cluster) {
		return func(c *flinktest.Cluster) {
			object := flinktest.Object(api.Deployment, name, ordersSpec, ordersStatus)
			now := metav1.NewTime(time.Now())
			object.SetDeletionTimestamp(&now)
			object.SetFinalizers([]string{"foregroundDeletion"})
			c.Add(object)
			if gone > 0 {
				flinktest.After(gone, func() { c.Remove(api.Deployment, name) })
			}
		}
	}
	format := map[string]any{"flinkConfiguration": map[string]any{api.FormatKey: "NATIVE"}}
	playAll(t, map[string]scene{
		"moves to the other color": {
			kind: api.BlueGreen, objects: blueGreen(before), operate: steps(child(2*time.Second), at(2*time.Second, moves), at(6*time.Second, green)), restored: "s3://b/s/1", within: 10 * time.Second,
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if _, there := api.Section(r.Patch, "spec", "template", "spec")["restartNonce"]; !there || r.From.Path != "s3://b/s/1" {
					t.Errorf("%+v", r)
				}
			},
		},
		"the color before goes first": {
			kind: api.BlueGreen, objects: blueGreen(before), prepare: dying("orders-green", 5*time.Second), operate: steps(child(7*time.Second), at(7*time.Second, moves), at(9*time.Second, green)), restored: "s3://b/s/1",
			check: func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
				if !strings.Contains(c.Waits(), "waiting until orders-green, the color before, is gone") || r.Took > 5*time.Second {
					t.Errorf("%s\n%s", r.Took, c.Waits())
				}
			},
		},
		"Ctrl-C while the color before goes": {
			kind: api.BlueGreen, objects: blueGreen(before), prepare: dying("orders-green", 0), cut: 5 * time.Second, ctrlC: true, code: exit.Interrupted,
			says: []string{"nothing was changed; flinkbluegreendeployment/orders is RUNNING"},
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if len(c.Writes()) > 0 {
					t.Error(c.Writes())
				}
			},
		},
		"the next color is gone": {
			kind: api.BlueGreen, objects: blueGreen(before), operate: at(2*time.Second, moves), code: exit.Failed, within: 30 * time.Second,
			says: []string{"it moves to orders-green, which doesn't exist", "The other color goes on running", "--subresource=status", `"blueGreenState":"ACTIVE_BLUE"`},
		},
		"given up": {
			kind: api.BlueGreen, objects: blueGreen(before), operate: at(2*time.Second, `{`+taken+`,"error":"Transition to GREEN not possible","jobStatus":{"state":"FAILING"}}`), code: exit.Failed,
			says: []string{"The operator has given the change up, although the spec has it. orders-blue goes on; once it runs, carry the change out with: kubectl flink restart flinkbluegreendeployment/orders -n ns"},
		},
		"suspended": {
			kind: api.BlueGreen, objects: blueGreen(before), change: suspendOf,
			operate: steps(func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() { c.SetStatus(api.Deployment, "orders-blue", suspended) })
			}, at(3*time.Second, `{"lastReconciledSpec":"{\"template\":{\"spec\":{\"job\":{\"state\":\"suspended\"}}}}","jobStatus":{"state":"SUSPENDED"}}`)),
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if want := (api.RetainedState{Kind: api.RetainedSavepoint, Path: "file:/s/2"}); r.Left != want || r.State != "SUSPENDED" {
					t.Errorf("%+v", r)
				}
			},
		},
		"an event of a child": {
			kind: api.BlueGreen, objects: blueGreen(before), operate: func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() { c.Warn(api.Deployment, "orders-blue", "SavepointError", "no room") })
			}, code: exit.Failed, cut: 3 * time.Minute, says: []string{"the change was not carried out: no room"},
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if _, there := c.Job(api.BlueGreen, "orders").Spec()["restartNonce"]; there {
					t.Error("it was not put back")
				}
			},
		},
		"the savepoint's format goes first": {
			kind: api.BlueGreen, objects: blueGreen(before), change: func(job api.Job) Change {
				ch := restartOf(job)
				ch.Spec = api.Merge(ch.Spec, format)
				return ch
			},
			operate: steps(at(2*time.Second, `{"lastReconciledSpec":"{\"template\":{\"spec\":{\"flinkConfiguration\":{\"`+api.FormatKey+`\":\"NATIVE\"}}}}"}`), func(c *flinktest.Cluster) {
				flinktest.After(5*time.Second, func() {
					c.SetSpec(api.Deployment, "orders-blue", `{"flinkConfiguration":{"`+api.FormatKey+`":"NATIVE"}}`)
					c.SetStatus(api.Deployment, "orders-blue", `{"observedGeneration":2}`)
				})
			}, child(8*time.Second), at(8*time.Second, strings.Replace(moves, `\"restartNonce\":1`, `\"restartNonce\":1,\"flinkConfiguration\":{\"`+api.FormatKey+`\":\"NATIVE\"}`, 1)), at(10*time.Second, `{"blueGreenState":"ACTIVE_GREEN","jobStatus":{"state":"RUNNING"}}`)),
			restored: "s3://b/s/1",
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if len(c.Writes()) != 2 || !strings.Contains(c.Notes(), "patched (flinkConfiguration."+api.FormatKey+": NATIVE)\n") || !strings.Contains(c.Waits(), "waiting until its active color has") {
					t.Errorf("%v\n%s\n%s", c.Writes(), c.Notes(), c.Waits())
				}
			},
		},
		"Ctrl-C after the savepoint's format": {
			kind: api.BlueGreen, objects: blueGreen(before), change: func(job api.Job) Change {
				ch := restartOf(job)
				ch.Spec = api.Merge(ch.Spec, format)
				return ch
			},
			operate: at(2*time.Second, `{"lastReconciledSpec":"{\"template\":{\"spec\":{\"flinkConfiguration\":{\"`+api.FormatKey+`\":\"NATIVE\"}}}}"}`), cut: 10 * time.Second, ctrlC: true, code: exit.Interrupted,
			says: []string{"flinkbluegreendeployment/orders has " + api.FormatKey + " in its spec now; nothing else was changed"},
		},
	})
}

// What others' events say is nothing about this change.
func TestEventsThatAreNotAboutTheChange(t *testing.T) {
	event := func(change func(map[string]any)) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{
			"reason": "SavepointError", "message": "no room", "lastTimestamp": "2026-01-02T12:00:00Z",
			"involvedObject": map[string]any{"kind": api.Deployment.Name, "name": "orders", "apiVersion": api.Group + "/" + api.Version},
		}}
		change(u.Object)
		return u
	}
	asked := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change  func(map[string]any)
		changed bool
		kept    bool
	}{
		"ours, in the same second":                {func(map[string]any) {}, true, true},
		"in the same second, nothing was changed": {func(map[string]any) {}, false, false},
		"after it, nothing was changed":           {func(o map[string]any) { o["lastTimestamp"] = "2026-01-02T12:00:01Z" }, false, true},
		"before the change":                       {func(o map[string]any) { o["lastTimestamp"] = "2026-01-02T11:59:59Z" }, true, false},
		"by its event time":                       {func(o map[string]any) { delete(o, "lastTimestamp"); o["eventTime"] = "2026-01-02T12:00:05.000000Z" }, true, true},
		"of another job":                          {func(o map[string]any) { o["involvedObject"].(map[string]any)["name"] = "orders-blue" }, true, false},
		"of another API":                          {func(o map[string]any) { o["involvedObject"].(map[string]any)["apiVersion"] = "apps/v1" }, true, false},
		"of another reason":                       {func(o map[string]any) { o["reason"] = "JobException" }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := &Follower{Change: Change{Job: flinktest.JobWith(nil)}, observation: observation{asked: asked}, now: time.Now}
			f.Change.Job.Object.SetName("orders")
			f.Report.Changed = c.changed
			f.noteEvent(event(c.change))
			if (f.failureEvent != nil) != c.kept {
				t.Errorf("kept: %+v", f.failureEvent)
			}
		})
	}
}

// A watch may still tell of the object from before the change.
func TestStatusesFromBeforeTheChangeAreNotBelieved(t *testing.T) {
	for name, c := range map[string]struct {
		generation int64
		state      string
	}{"before": {1, "RUNNING"}, "after": {2, "FAILED"}} {
		t.Run(name, func(t *testing.T) {
			f := &Follower{Change: restartOf(changedJob(1, nil)), now: time.Now, observation: observation{applied: true, generation: 2, job: changedJob(2, map[string]any{"jobStatus": map[string]any{"state": "RUNNING"}})}}
			f.Report.State = "RUNNING"
			told := changedJob(c.generation, map[string]any{"jobStatus": map[string]any{"state": "FAILED"}})
			api.Section(told.Object.Object, "spec")["restartNonce"] = int64(1)
			if err := f.observe(watch.Modified, told.Object); err != nil || f.Report.State != c.state || f.job.State() != c.state {
				t.Errorf("%v, the job is %s, reported %s", err, f.job.State(), f.Report.State)
			}
		})
	}
}
