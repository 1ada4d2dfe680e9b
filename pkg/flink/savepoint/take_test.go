package savepoint

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

const (
	ordersSpec   = `{"flinkVersion":"v1_20","flinkConfiguration":{"execution.checkpointing.savepoint-dir":"s3://b/s"},"job":{"state":"running"}}`
	ordersStatus = `{"observedGeneration":1,"lifecycleState":"STABLE","jobManagerDeploymentStatus":"READY","jobStatus":{"state":"RUNNING","jobId":"a"}}`
)

var (
	modern = []api.Kind{api.Deployment, api.SessionJob, api.StateSnap, api.BlueGreen}
	old    = []api.Kind{api.Deployment, api.SessionJob}
	orders = api.Ref{Kind: api.Deployment, Namespace: flinktest.Namespace, Name: "orders"}
)

// scene is one savepoint of the job "orders", what happens meanwhile, and what
// its user sees.
type scene struct {
	spec, status string
	served       []api.Kind
	// objects are there besides the job; without an operator's Deployment one
	// that is ready is.
	objects []runtime.Object
	of      api.Ref
	request Request
	// take is Take where it is nil.
	take    func(context.Context, *flinktest.Cluster) (Report, error)
	prepare func(*flinktest.Cluster, context.CancelCauseFunc)
	operate func(*flinktest.Cluster)
	// cut ends the wait after that time, with a time-out or, with ctrlC, as
	// Ctrl-C does.
	cut   time.Duration
	ctrlC bool

	code               int
	says, hides        []string
	notes, waits, mute []string
	within             time.Duration
	check              func(*testing.T, *flinktest.Cluster, Report, error)
}

func (s scene) play(t *testing.T) {
	spec, status, served, of := ordersSpec, ordersStatus, modern, orders
	if s.spec != "" {
		spec = s.spec
	}
	if s.status != "" {
		status = s.status
	}
	if s.served != nil {
		served = s.served
	}
	if !s.of.IsZero() {
		of = s.of
	}
	objects := []runtime.Object{flinktest.Object(api.Deployment, "orders", spec, status)}
	if s.objects == nil {
		objects = append(objects, flinktest.Operator(1, 1))
	}
	c := flinktest.Serving(served, append(objects, s.objects...)...)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	// Time costs nothing here: what waits for ever would wait for ever.
	flinktest.After(15*time.Minute, func() {
		t.Error("it still waits after 15 minutes")
		cancel(errors.New("15 minutes"))
	})
	if s.prepare != nil {
		s.prepare(c, cancel)
	}
	if s.operate != nil {
		s.operate(c)
	}
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
	var report Report
	var err error
	if s.take != nil {
		report, err = s.take(ctx, c)
	} else {
		report, err = Take(ctx, c.Client, of, s.request, c.Reporter())
	}
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
	for _, words := range s.mute {
		if strings.Contains(c.Notes(), words) {
			t.Errorf("a note says %q:\n%s", words, c.Notes())
		}
	}
	for _, words := range s.waits {
		if !strings.Contains(c.Waits(), words) {
			t.Errorf("nothing says %q:\n%s", words, c.Waits())
		}
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

func steps(all ...func(*flinktest.Cluster)) func(*flinktest.Cluster) {
	return func(c *flinktest.Cluster) {
		for _, do := range all {
			do(c)
		}
	}
}

// snap changes the status of the snapshot "sp" after a time.
func snap(at time.Duration, status string) func(*flinktest.Cluster) {
	return func(c *flinktest.Cluster) {
		flinktest.After(at, func() { c.SetStatus(api.StateSnap, "sp", status) })
	}
}

// named is a request for the snapshot "sp".
func named(change func(*Request)) Request {
	r := Request{Method: Resource, Name: "sp"}
	if change != nil {
		change(&r)
	}
	return r
}

const (
	pending   = `{"state":"TRIGGER_PENDING"}`
	underway  = `{"state":"IN_PROGRESS","triggerId":"t1","triggerTimestamp":"2000-01-01T00:00:02Z"}`
	completed = `{"state":"COMPLETED","path":"s3://b/s/savepoint-a-1","resultTimestamp":"2000-01-01T00:00:05Z"}`
	noRoom    = `{\"type\":\"org.apache.flink.kubernetes.operator.exception.ReconciliationException\",\"message\":\"it failed\",\"throwableList\":[{\"type\":\"java.io.IOException\",\"message\":\"no room\"}]}`
)

// snapshotOf is a FlinkStateSnapshot of orders.
func snapshotOf(name, spec, status string) *unstructured.Unstructured {
	object := flinktest.Object(api.StateSnap, name, `{"jobReference":{"kind":"FlinkDeployment","name":"orders"},`+spec+`}`, status)
	object.SetCreationTimestamp(metav1.NewTime(time.Now()))
	return object
}

func failedAs(state, cause string) func(*testing.T, *flinktest.Cluster, Report, error) {
	return func(t *testing.T, _ *flinktest.Cluster, r Report, err error) {
		t.Helper()
		var failed *FailedError
		if !errors.As(err, &failed) || failed.State != state || failed.Cause != cause || r.Done {
			t.Errorf("%#v, done %t: want %s, %q", err, r.Done, state, cause)
		}
	}
}

func writes(want string) func(*testing.T, *flinktest.Cluster, Report, error) {
	return func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
		t.Helper()
		if got := strings.Join(c.Writes(), ", "); got != want {
			t.Errorf("writes %q, want %q", got, want)
		}
	}
}

func TestASavepointByResource(t *testing.T) {
	healthy := steps(snap(time.Second, pending), snap(2*time.Second, underway), snap(5*time.Second, completed))
	playAll(t, map[string]scene{
		"completed": {
			request: named(nil), operate: healthy, within: 6 * time.Second, mute: []string{"attempt", "event"},
			notes: []string{"flinkstatesnapshot.flink.apache.org/sp created (format CANONICAL: Flink 1.20)"},
			waits: []string{"flinkdeployment/orders: checking the job", "sp: waiting for the operator", "sp: waiting for the operator to trigger it", "sp: in progress"},
			check: func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
				if !r.Done || r.Path != "s3://b/s/savepoint-a-1" || r.Format != "CANONICAL" || r.Duration != 3*time.Second || r.TriggerID != "t1" || r.JobID != "a" || r.Method != Resource || r.Nonce != 0 {
					t.Errorf("%+v", r)
				}
				made := c.Get(api.StateSnap, "sp")
				if dispose := api.Section(made.Object, "spec", "savepoint")["disposeOnDelete"]; dispose != false || made.GetLabels()[api.LabelJobName] != "orders" {
					t.Errorf("%v", made.Object)
				}
				if n, _ := api.Number(made.Object, "spec", "backoffLimit"); n != 0 {
					t.Errorf("%d retries", n)
				}
			},
		},
		"as it was asked for": {
			request: Request{Format: "native", Path: "s3://b/else", Labels: map[string]string{"team": "x"}, Retries: 3, DisposeOnDelete: true, NoWait: true},
			check: func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
				made := r.Snapshot.Object
				if !strings.HasPrefix(made.GetName(), "orders-savepoint-manual-") || fmt.Sprint(api.Section(made.Object, "spec", "savepoint")) != "map[disposeOnDelete:true formatType:NATIVE path:s3://b/else]" || made.GetLabels()["team"] != "x" {
					t.Errorf("%v", made.Object)
				}
				writes("create flinkstatesnapshots")(t, c, r, nil)
			},
		},
		"dry run on the client": {request: named(func(r *Request) { r.DryRun = "client" }), within: 1, check: writes("")},
		"dry run on the server": {request: named(func(r *Request) { r.DryRun = "server" }), within: 1, check: writes("")},
		"no wait":               {request: named(func(r *Request) { r.NoWait = true }), within: 1, check: writes("create flinkstatesnapshots")},
		"there is one of that name": {
			request: named(nil), objects: []runtime.Object{snapshotOf("sp", `"savepoint":{}`, `{"state":"COMPLETED","path":"s3://b/s/0"}`)}, code: exit.Failed, within: 1,
			says: []string{"already exists"},
		},
		"forbidden": {
			request: named(nil), prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				c.Refuse("create", api.StateSnap, flinktest.Forbidden(api.StateSnap, "sp"))
			}, code: exit.Failed, says: []string{"forbidden"}, hides: []string{"can't be watched"},
		},
		"completed, the path isn't known": {
			request: named(nil), operate: snap(time.Second, `{"state":"COMPLETED"}`), code: exit.Failed,
			says: []string{"flinkstatesnapshot/sp is COMPLETED but the operator doesn't know its path: look for the newest directory"},
		},
		"a retry": {
			request: named(func(r *Request) { r.Retries = 1 }),
			operate: steps(snap(time.Second, underway), snap(2*time.Second, `{"state":"TRIGGER_PENDING","failures":1,"error":"`+noRoom+`"}`), snap(4*time.Second, underway), snap(6*time.Second, completed)),
			notes:   []string{"sp: attempt 1 failed: IOException: no room"},
			check: func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
				if !r.Done || strings.Count(c.Notes(), "attempt") != 1 {
					t.Errorf("%+v\n%s", r, c.Notes())
				}
			},
		},
		"failed": {
			request: named(nil), operate: steps(snap(time.Second, underway), snap(3*time.Second, `{"state":"FAILED","error":"`+noRoom+`"}`)), code: exit.Failed, within: 4 * time.Second,
			says: []string{"flinkstatesnapshot/sp FAILED: IOException: no room"}, check: failedAs("FAILED", "IOException: no room"),
		},
		"failed, Flink knows more": {
			request: named(nil), operate: steps(snap(time.Second, underway), snap(3*time.Second, `{"state":"FAILED","error":"it failed"}`)), code: exit.Failed,
			prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				c.Ask(flinktest.Flink{OnCause: func(_ context.Context, cluster api.Ref, job, trigger string) string {
					return fmt.Sprintf("disk of %s/%s/%s is full", cluster.Name, job, trigger)
				}})
			},
			says: []string{"flinkstatesnapshot/sp FAILED: it failed\n  cause: disk of orders/a/t1 is full"},
		},
		"failed as it took the job down": {
			request: named(nil), operate: steps(snap(time.Second, underway), snap(3*time.Second, `{"state":"FAILED","error":"Checkpoint Coordinator is suspending."}`)), code: exit.Failed,
			prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				c.Ask(flinktest.Flink{
					OnCause: func(context.Context, api.Ref, string, string) string { return "Checkpoint Coordinator is suspending." },
					OnFailures: func(_ context.Context, job api.Ref, since time.Time) []string {
						if job.Name != "orders" || since.IsZero() {
							return nil
						}
						return []string{"FailoverRegion is restarting", "asynchronous state", "an older one"}
					},
				})
			},
			says: []string{"FAILED: Checkpoint Coordinator is suspending.\n  cause: asynchronous state"}, hides: []string{"older"},
		},
		"failed with warnings": {
			request: named(nil), operate: func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() { c.Warn(api.StateSnap, "sp", "SnapshotError", "the bucket is gone") })
				snap(3*time.Second, `{"state":"FAILED","error":"it failed"}`)(c)
			}, code: exit.Failed, says: []string{"FAILED: it failed\n  event SnapshotError (flinkstatesnapshot/sp): the bucket is gone"},
		},
		"abandoned": {
			request: named(nil), operate: func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() { c.Warn(api.StateSnap, "sp", "SnapshotAbandoned", "the job is gone") })
				snap(3*time.Second, `{"state":"ABANDONED"}`)(c)
			}, code: exit.Failed, says: []string{"flinkstatesnapshot/sp ABANDONED: the job is gone"}, check: failedAs("ABANDONED", "the job is gone"),
		},
		"abandoned after it took the job down": {
			request: named(nil), operate: steps(snap(time.Second, underway), snap(3*time.Second, `{"state":"ABANDONED"}`)), code: exit.Failed,
			prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				c.Ask(flinktest.Causes("asynchronous state"))
			},
			says: []string{"ABANDONED: asynchronous state"},
		},
		"deleted meanwhile": {
			request: named(nil), operate: steps(snap(time.Second, underway), func(c *flinktest.Cluster) {
				flinktest.After(3*time.Second, func() { c.Remove(api.StateSnap, "sp") })
			}), code: exit.Failed, within: 4 * time.Second, says: []string{"flinkstatesnapshot/sp was deleted while it was IN_PROGRESS"}, hides: []string{"goes on"},
		},
		"deleted before the operator saw it": {
			request: named(nil), operate: func(c *flinktest.Cluster) {
				flinktest.After(time.Second, func() { c.Remove(api.StateSnap, "sp") })
			}, code: exit.Failed, says: []string{"while it was an unknown state"},
		},
		"pending for long": {
			request: named(nil), operate: steps(snap(time.Second, pending), func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() { c.Warn(api.StateSnap, "sp", "ValidationError", "no such job") })
			}, snap(9*time.Second, underway), snap(10*time.Second, completed)),
			notes: []string{"sp: event ValidationError: no such job"},
		},
		"a warning while it isn't pending for long": {
			request: named(nil), operate: steps(snap(time.Second, pending), func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() { c.Warn(api.StateSnap, "sp", "ValidationError", "no such job") })
			}, snap(3*time.Second, underway), snap(10*time.Second, completed)),
			mute: []string{"no such job"},
		},
		"time-out while it is pending": {
			request: named(nil), operate: steps(snap(time.Second, pending), func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() { c.Warn(api.StateSnap, "sp", "ValidationError", "no such job") })
			}), cut: 10 * time.Second, code: exit.TimedOut,
			says: []string{"timed out after 10s: flinkstatesnapshot/sp is TRIGGER_PENDING and goes on without this command", "Its last event: no such job", "Follow it with: kubectl flink snapshot wait sp -n ns\nSee it with: kubectl get flinkstatesnapshot sp -n ns"},
		},
		"Ctrl-C before the operator saw it": {
			request: named(nil), cut: 2 * time.Second, ctrlC: true, code: exit.Interrupted, says: []string{"flinkstatesnapshot/sp is not seen by the operator yet and goes on without this command"},
		},
		"Ctrl-C while it is in progress": {
			request: named(nil), operate: snap(time.Second, underway), cut: 3 * time.Second, ctrlC: true, code: exit.Interrupted, says: []string{"flinkstatesnapshot/sp is IN_PROGRESS and goes on without this command"},
		},
		"Ctrl-C while it is created": {
			request: named(nil), prepare: func(c *flinktest.Cluster, cancel context.CancelCauseFunc) {
				c.Objects.PrependReactor("create", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
					cancel(context.Canceled)
					return true, nil, context.Canceled
				})
			}, code: exit.Interrupted, says: []string{"whether flinkstatesnapshot/sp was created is not known\nSee with: kubectl get flinkstatesnapshot sp -n ns"},
		},
		"time-out while the operator is away": {
			request: named(nil), objects: []runtime.Object{flinktest.Operator(0, 0)}, cut: 5 * time.Second, code: exit.TimedOut,
			says: []string{"and the operator is not running: deployment flink/flink-kubernetes-operator has 0 of 0 replicas ready\nIt goes on when the operator runs again"}, hides: []string{"goes on without this command"},
		},
		"it can't be watched any longer": {
			request: named(nil), prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				c.Refuse("watch", api.StateSnap, flinktest.Forbidden(api.StateSnap, "sp"))
			}, code: exit.Failed, says: []string{"forbidden", "flinkstatesnapshot/sp can't be watched any longer but goes on without this command"},
		},
		"the operator doesn't run": {
			request: named(nil), objects: []runtime.Object{flinktest.Operator(0, 0)}, code: exit.Failed, within: 13 * time.Second,
			says: []string{"flinkstatesnapshot/sp not carried out: the operator is not running", "The request stays and is carried out when the operator runs again; to withdraw it: kubectl delete flinkstatesnapshot sp -n ns"},
		},
		"the operator stops in the middle": {
			request: named(nil), objects: []runtime.Object{flinktest.Operator(0, 0)}, operate: snap(5*time.Second, underway), code: exit.Failed, within: 18 * time.Second,
			says: []string{"flinkstatesnapshot/sp was begun but not followed to its end: the operator is not running", "the operator takes note when it runs again: kubectl flink snapshot wait sp -n ns"},
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if since := time.Since(c.Get(api.StateSnap, "sp").GetCreationTimestamp().Time); since < 17*time.Second {
					t.Errorf("given up after %s", since)
				}
			},
		},
		"the operator doesn't react": {
			request: named(nil), cut: 40 * time.Second, code: exit.TimedOut,
			notes: []string{"The operator has not reacted. The operator runs: deployment flink/flink-kubernetes-operator has 1 of 1 replicas ready. It ignores FlinkStateSnapshot when it is older than 1.10"},
			says:  []string{"goes on without this command\nThe operator has not reacted."},
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if n := strings.Count(c.Notes(), "not reacted"); n != 1 {
					t.Errorf("said %d times", n)
				}
			},
		},
		"the operator isn't ready": {
			request: named(nil), objects: []runtime.Object{flinktest.Operator(1, 0)}, operate: snap(5*time.Second, underway), cut: 40 * time.Second, code: exit.TimedOut,
			notes: []string{"The operator is not ready: deployment flink/flink-kubernetes-operator has 0 of 1 replicas ready."},
		},
		"it takes its time": {
			request: named(nil), operate: steps(snap(time.Second, underway), snap(60*time.Second, completed)), mute: []string{"operator"},
		},
	})
}

func TestASavepointThatIsUnderWay(t *testing.T) {
	follow := Request{Method: Resource, Follow: true}
	later := func(name, status string) func(*flinktest.Cluster) {
		return func(c *flinktest.Cluster) {
			flinktest.After(3*time.Second, func() { c.SetStatus(api.StateSnap, name, status) })
		}
	}
	playAll(t, map[string]scene{
		"is not taken twice": {
			request: named(nil), objects: []runtime.Object{snapshotOf("other", `"savepoint":{}`, underway)}, code: exit.Failed, check: writes(""),
			says: []string{"flinkdeployment/orders has a savepoint in progress already: flinkstatesnapshot/other\nWait for that one with --follow"},
		},
		"a checkpoint doesn't count": {
			request: named(func(r *Request) { r.NoWait = true }), objects: []runtime.Object{snapshotOf("other", `"checkpoint":{}`, underway)}, check: writes("create flinkstatesnapshots"),
		},
		"an old pending one doesn't count": {
			request: named(func(r *Request) { r.NoWait = true }), prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				c.Add(flinktest.Object(api.StateSnap, "stuck", `{"jobReference":{"kind":"FlinkDeployment","name":"orders"},"savepoint":{}}`, pending))
			}, check: writes("create flinkstatesnapshots"),
		},
		"a fresh one counts": {
			request: named(nil), code: exit.Failed, says: []string{"in progress already: flinkstatesnapshot/other"},
			prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				c.Add(flinktest.Object(api.StateSnap, "other", `{"jobReference":{"kind":"FlinkDeployment","name":"orders"},"savepoint":{}}`, ""))
				fresh := c.Get(api.StateSnap, "other")
				fresh.SetCreationTimestamp(metav1.NewTime(time.Now()))
				_ = c.Objects.Tracker().Update(api.StateSnap.GVR(), fresh, flinktest.Namespace)
			},
		},
		"is followed": {
			request: follow, objects: []runtime.Object{flinktest.Operator(1, 1), snapshotOf("other", `"savepoint":{"formatType":"NATIVE"}`, underway)}, operate: later("other", completed),
			check: func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
				if !r.Done || r.Path != "s3://b/s/savepoint-a-1" || r.Format != "NATIVE" || r.FormatWhy != "" || len(c.Writes()) > 0 {
					t.Errorf("%+v %v", r, c.Writes())
				}
			},
		},
		"isn't there": {request: follow, code: exit.Failed, says: []string{"flinkdeployment/orders has no savepoint in progress that --follow could take part in"}},
		"goes before it is watched": {
			request: follow, objects: []runtime.Object{flinktest.Operator(1, 1), snapshotOf("other", `"savepoint":{}`, underway)},
			prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				lists := 0
				c.Objects.PrependReactor("list", api.StateSnap.Plural, func(clienttesting.Action) (bool, runtime.Object, error) {
					if lists++; lists == 2 {
						c.Remove(api.StateSnap, "other")
					}
					return false, nil, nil
				})
			}, code: exit.Failed, within: time.Second, says: []string{"flinkstatesnapshot/other was deleted while it was IN_PROGRESS"},
		},
		"one that is named is followed": {
			take: func(ctx context.Context, c *flinktest.Cluster) (Report, error) {
				return FollowSnapshot(ctx, c.Client, api.Ref{Kind: api.StateSnap, Namespace: flinktest.Namespace, Name: "other"}, c.Reporter())
			},
			objects: []runtime.Object{flinktest.Operator(1, 1), snapshotOf("other", `"checkpoint":{}`, underway)}, operate: later("other", `{"state":"COMPLETED"}`), code: exit.Failed,
			says: []string{"the JobManager had forgotten the checkpoint already"},
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if !r.Checkpoint || r.Format != "FULL" || r.JobID != "a" {
					t.Errorf("%+v", r)
				}
			},
		},
		"its checkpoints are in memory": {
			take: func(ctx context.Context, c *flinktest.Cluster) (Report, error) {
				return FollowSnapshot(ctx, c.Client, api.Ref{Kind: api.StateSnap, Namespace: flinktest.Namespace, Name: "other"}, c.Reporter())
			},
			objects: []runtime.Object{flinktest.Operator(1, 1), snapshotOf("other", `"checkpoint":{}`, underway)}, operate: later("other", `{"state":"COMPLETED","path":"`+api.NotAddressable+`"}`), code: exit.Failed,
			says: []string{"nothing can be restored from it: the job keeps its checkpoints in the JobManager's memory"},
		},
		"one whose job is gone": {
			take: func(ctx context.Context, c *flinktest.Cluster) (Report, error) {
				return FollowSnapshot(ctx, c.Client, api.Ref{Kind: api.StateSnap, Namespace: flinktest.Namespace, Name: "other"}, c.Reporter())
			},
			objects: []runtime.Object{flinktest.Operator(1, 1), flinktest.Object(api.StateSnap, "other", `{"jobReference":{"kind":"FlinkDeployment","name":"gone"},"savepoint":{}}`, `{"state":"ABANDONED"}`)}, code: exit.Failed,
			says: []string{"flinkstatesnapshot/other ABANDONED"},
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if r.Job.Name != "gone" {
					t.Errorf("%+v", r)
				}
			},
		},
		"one of no job": {
			take: func(ctx context.Context, c *flinktest.Cluster) (Report, error) {
				return FollowSnapshot(ctx, c.Client, api.Ref{Kind: api.StateSnap, Namespace: flinktest.Namespace, Name: "other"}, c.Reporter())
			},
			objects: []runtime.Object{flinktest.Operator(1, 1), flinktest.Object(api.StateSnap, "other", `{"savepoint":{}}`, `{"state":"COMPLETED","path":"s3://b/s/1"}`)},
		},
		"a name near it": {
			take: func(ctx context.Context, c *flinktest.Cluster) (Report, error) {
				return FollowSnapshot(ctx, c.Client, api.Ref{Kind: api.StateSnap, Namespace: flinktest.Namespace, Name: "othr"}, c.Reporter())
			},
			objects: []runtime.Object{snapshotOf("other", `"savepoint":{}`, underway)}, code: exit.Failed, says: []string{"Names near it: other"},
		},
		"no name near it": {
			take: func(ctx context.Context, c *flinktest.Cluster) (Report, error) {
				return FollowSnapshot(ctx, c.Client, api.Ref{Kind: api.StateSnap, Namespace: flinktest.Namespace, Name: "x"}, c.Reporter())
			}, code: exit.Failed, says: []string{"See what is there: kubectl flink snapshot list -n ns"},
		},
		"old operators have none": {
			served: old, take: func(ctx context.Context, c *flinktest.Cluster) (Report, error) {
				return FollowSnapshot(ctx, c.Client, api.Ref{Kind: api.StateSnap, Namespace: flinktest.Namespace, Name: "x"}, c.Reporter())
			}, code: exit.Failed, says: []string{"this cluster has no FlinkStateSnapshot"},
		},
		"can't be seen, and nobody waits": {
			request: Request{Method: Resource, NoWait: true}, prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				c.Refuse("list", api.StateSnap, flinktest.Forbidden(api.StateSnap, ""))
			}, notes: []string{"whether a savepoint is in progress can't be seen with your permissions (list flinkstatesnapshots.flink.apache.org)"}, check: writes("create flinkstatesnapshots"),
		},
		"can't be seen": {
			request: named(nil), prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				c.Refuse("list", api.StateSnap, flinktest.Forbidden(api.StateSnap, ""))
			}, code: exit.Failed, says: []string{"look for savepoints in progress", "forbidden"}, check: writes(""),
		},
	})
}

func TestASavepointThatCannotBeTaken(t *testing.T) {
	session := flinktest.Object(api.Deployment, "cluster", `{"flinkVersion":"v2_1","flinkConfiguration":{"state.savepoints.dir":"s3://b/cluster"}}`, ordersStatus)
	sessionJob := func(config string) runtime.Object {
		return flinktest.Object(api.SessionJob, "orders", `{"deploymentName":"cluster","flinkConfiguration":{`+config+`},"job":{}}`, `{"jobStatus":{"state":"RUNNING","jobId":"s"}}`)
	}
	ofSession := api.Ref{Kind: api.SessionJob, Namespace: flinktest.Namespace, Name: "orders"}
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "flink-config-orders", Namespace: flinktest.Namespace}, Data: map[string]string{"config.yaml": "parallelism.default: 1\n"}}
	none := `{"flinkVersion":"v1_20","job":{}}`
	child := flinktest.Object(api.Deployment, "shop-blue", ordersSpec, ordersStatus)
	child.SetOwnerReferences([]metav1.OwnerReference{{Kind: api.BlueGreen.Name, Name: "shop"}})
	shop := func(state string) runtime.Object {
		return flinktest.Object(api.BlueGreen, "shop", `{"template":{"spec":`+ordersSpec+`}}`, `{"blueGreenState":"`+state+`"}`)
	}
	ofShop := api.Ref{Kind: api.BlueGreen, Namespace: flinktest.Namespace, Name: "shop"}
	noWait := Request{NoWait: true}
	savepointOf := func(want string) func(*testing.T, *flinktest.Cluster, Report, error) {
		return func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
			t.Helper()
			if r.Snapshot.Object == nil {
				t.Fatal("no snapshot")
			}
			spec := api.Section(r.Snapshot.Object.Object, "spec")
			if got := fmt.Sprint(spec["jobReference"], spec["savepoint"], spec["checkpoint"]); got != want {
				t.Errorf("%s\nwant %s", got, want)
			}
		}
	}
	playAll(t, map[string]scene{
		"the job isn't there": {of: api.Ref{Kind: api.Deployment, Namespace: flinktest.Namespace, Name: "order"}, code: exit.Failed, says: []string{"Names near it: orders"}},
		"it failed": {
			request: noWait, status: `{"jobStatus":{"state":"FAILED"},"error":"no topic"}`, code: exit.Failed, check: writes(""),
			says: []string{"flinkdeployment/orders is not RUNNING, so no savepoint can be taken: FAILED", "The operator says: no topic"},
		},
		"it is suspended": {
			request: noWait, status: `{"lifecycleState":"SUSPENDED","jobStatus":{"state":"FINISHED"}}`, code: exit.Failed, says: []string{"Its last state is kept: see status.jobStatus.upgradeSavepointPath"},
		},
		"a session cluster": {request: noWait, spec: `{"flinkVersion":"v1_20"}`, code: exit.Failed, says: []string{"flinkdeployment/orders is a session cluster: it has no job of its own"}},
		"canonical on Flink 2": {
			request: Request{Format: "canonical", NoWait: true}, spec: strings.Replace(ordersSpec, "v1_20", "v2_1", 1), code: exit.Failed, says: []string{"--force if the job is known to take it"}, check: writes(""),
		},
		"native on Flink 2 of itself": {
			request: noWait, spec: strings.Replace(ordersSpec, "v1_20", "v2_1", 1), check: savepointOf("map[kind:FlinkDeployment name:orders] map[disposeOnDelete:false formatType:NATIVE] <nil>"),
		},
		"no directory":              {request: noWait, spec: none, objects: []runtime.Object{config}, code: exit.Failed, says: []string{"flinkdeployment/orders has no savepoint directory: neither execution.checkpointing.savepoint-dir nor state.savepoints.dir is set\nGive a directory with --path"}},
		"no directory, by nonce":    {request: Request{Method: Nonce, NoWait: true}, spec: none, objects: []runtime.Object{config}, code: exit.Failed, says: []string{"--method nonce can't carry a directory"}},
		"the directory isn't known": {request: noWait, spec: none, check: savepointOf("map[kind:FlinkDeployment name:orders] map[disposeOnDelete:false formatType:CANONICAL] <nil>")},
		"a pod's disk": {
			request: noWait, spec: strings.Replace(ordersSpec, "s3://b/s", "file:///tmp/s", 1), code: exit.Failed, check: writes(""),
			says: []string{"execution.checkpointing.savepoint-dir: file:///tmp/s", "No savepoint was taken. Choose a directory in a volume that all pods of flinkdeployment/orders share, or an object store"},
		},
		"a pod's disk, by --path": {request: Request{NoWait: true, Path: "/tmp/s"}, code: exit.Usage, says: []string{"--path: /tmp/s"}},
		"a pod's disk, by force":  {request: Request{NoWait: true, Path: "/tmp/s", Force: true}, check: savepointOf("map[kind:FlinkDeployment name:orders] map[disposeOnDelete:false formatType:CANONICAL path:/tmp/s] <nil>")},
		"of a session job": {
			of: ofSession, request: noWait, objects: []runtime.Object{session, sessionJob("")}, check: savepointOf("map[kind:FlinkSessionJob name:orders] map[disposeOnDelete:false formatType:NATIVE] <nil>"),
		},
		"of a session job with a directory of its own": {
			of: ofSession, request: noWait, objects: []runtime.Object{session, sessionJob(`"state.savepoints.dir":"s3://b/own"`)}, check: savepointOf("map[kind:FlinkSessionJob name:orders] map[disposeOnDelete:false formatType:NATIVE path:s3://b/own] <nil>"),
		},
		"of a session job without its cluster": {of: ofSession, request: noWait, objects: []runtime.Object{sessionJob("")}, code: exit.Failed, says: []string{"the session cluster of flinksessionjob/orders"}},
		"of a blue/green deployment": {
			of: ofShop, request: noWait, objects: []runtime.Object{child, shop("ACTIVE_BLUE")}, check: savepointOf("map[kind:FlinkDeployment name:shop-blue] map[disposeOnDelete:false formatType:CANONICAL] <nil>"),
		},
		"of one that moves":             {of: ofShop, request: noWait, objects: []runtime.Object{child, shop("TRANSITIONING_TO_GREEN")}, code: exit.Failed, says: []string{"there is no one active FlinkDeployment to ask"}},
		"of a blue/green one by nonce":  {of: ofShop, request: Request{Method: Nonce}, objects: []runtime.Object{child, shop("ACTIVE_BLUE")}, code: exit.Usage, says: []string{"--method nonce would patch a child of flinkbluegreendeployment/shop"}},
		"of a child by nonce":           {of: api.Ref{Kind: api.Deployment, Namespace: flinktest.Namespace, Name: "shop-blue"}, request: Request{Method: Nonce}, objects: []runtime.Object{child, shop("ACTIVE_BLUE")}, code: exit.Usage, says: []string{"which the operator owns on behalf of flinkbluegreendeployment/shop"}},
		"an old operator, by resource":  {served: old, request: Request{Method: Resource}, code: exit.Failed, says: []string{"(it came with operator 1.10): use --method nonce"}},
		"an old operator, with --path":  {served: old, request: Request{Path: "s3://b/x"}, code: exit.Usage, says: []string{"--path needs FlinkStateSnapshot"}},
		"a nonce on Flink 2":            {request: Request{Method: Nonce, NoWait: true}, spec: strings.Replace(ordersSpec, "v1_20", "v2_1", 1), code: exit.Failed, says: []string{"the canonical savepoint that the operator takes for a nonce fails", "Set " + api.FormatKey + ": NATIVE"}, check: writes("")},
		"a nonce on Flink 2 by force":   {request: Request{Method: Nonce, NoWait: true, Force: true}, spec: strings.Replace(ordersSpec, "v1_20", "v2_1", 1), check: writes("patch flinkdeployments")},
		"a nonce on Flink 2 set native": {request: Request{Method: Nonce, NoWait: true}, spec: strings.Replace(strings.Replace(ordersSpec, "v1_20", "v2_1", 1), `"flinkConfiguration":{`, `"flinkConfiguration":{"`+api.FormatKey+`":"native",`, 1), check: writes("patch flinkdeployments")},
		"a full checkpoint": {
			request: Request{Checkpoint: Full, NoWait: true}, check: savepointOf("map[kind:FlinkDeployment name:orders] <nil> map[]"),
		},
		"a checkpoint on a pod's disk": {
			request: Request{Checkpoint: Full, NoWait: true}, spec: `{"flinkVersion":"v1_20","flinkConfiguration":{"state.checkpoints.dir":"file:///tmp/c"},"job":{}}`,
			notes: []string{"warning: the checkpoints of flinkdeployment/orders don't outlive its pods: state.checkpoints.dir: file:///tmp/c"},
		},
		"a checkpoint on Flink 1.16":              {request: Request{Checkpoint: Full, NoWait: true}, spec: strings.Replace(ordersSpec, "v1_20", "v1_16", 1), code: exit.Failed, says: []string{"Take a savepoint instead: kubectl flink savepoint flinkdeployment/orders"}, check: writes("")},
		"an incremental checkpoint on Flink 1.20": {request: Request{Checkpoint: Incremental, Method: Nonce, NoWait: true}, code: exit.Failed, says: []string{"Use --type configured"}, check: writes("")},
	})
}
