package savepoint

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

// nonceOf is the nonce that stands in the spec of orders; 0 where none does.
func nonceOf(c *flinktest.Cluster) int64 {
	nonce, _ := c.Job(api.Deployment, "orders").SavepointNonce()
	return nonce
}

// job changes the status of orders after a time; NONCE in it is the nonce of
// its spec.
func job(at time.Duration, status string) func(*flinktest.Cluster) {
	return func(c *flinktest.Cluster) {
		flinktest.After(at, func() {
			c.SetStatus(api.Deployment, "orders", strings.ReplaceAll(status, "NONCE", fmt.Sprint(nonceOf(c))))
		})
	}
}

const (
	triggered   = `{"jobStatus":{"savepointInfo":{"triggerId":"t1"}}}`
	untriggered = `{"jobStatus":{"savepointInfo":{"triggerId":null}}}`
	saved       = `{"jobStatus":{"savepointInfo":{"triggerId":null,"lastSavepoint":{"location":"s3://b/s/savepoint-a-2","formatType":"CANONICAL","timeStamp":946684805000,"triggerNonce":NONCE}}}}`
	dealtWith   = `{"reconciliationStatus":{"lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"running\",\"savepointTriggerNonce\":NONCE}}}"}}`
	earlier     = `{"jobManagerDeploymentStatus":"READY","jobStatus":{"state":"RUNNING","jobId":"a","savepointInfo":{"lastSavepoint":{"location":"s3://b/s/savepoint-a-1","timeStamp":946684000000,"triggerNonce":7}}}}`
)

// refuseFirst refuses the first watch.
func refuseFirst(watches *int) clienttesting.WatchReactionFunc {
	return func(clienttesting.Action) (bool, watch.Interface, error) {
		*watches++
		return *watches == 1, nil, flinktest.Forbidden(api.StateSnap, "")
	}
}

func TestASavepointByNonce(t *testing.T) {
	by := Request{Method: Nonce}
	warn := func(at time.Duration, reason, message string) func(*flinktest.Cluster) {
		return func(c *flinktest.Cluster) {
			flinktest.After(at, func() { c.Warn(api.Deployment, "orders", reason, message) })
		}
	}
	playAll(t, map[string]scene{
		"completed": {
			served: old, status: earlier, operate: steps(job(time.Second, triggered), job(5*time.Second, saved)), within: 6 * time.Second,
			notes: []string{
				"flinkdeployment.flink.apache.org/orders savepointTriggerNonce set to 9466848",
				"flinkdeployment/orders: the operator deletes this savepoint when there is a newer one and it is older than 1 d, or when there are 10 newer ones",
				"To keep it, set kubernetes.operator.savepoint.cleanup.enabled: \"false\" in spec.flinkConfiguration",
			}, waits: []string{"flinkdeployment/orders: waiting for the operator", "flinkdeployment/orders: savepoint in progress"},
			check: func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
				if !r.Done || r.Method != Nonce || r.Path != "s3://b/s/savepoint-a-2" || r.Format != "CANONICAL" || r.TriggerID != "t1" || r.Nonce == 0 || r.Nonce != nonceOf(c) || r.Snapshot.Object != nil || !r.CompletedAt.Equal(time.UnixMilli(946684805000)) {
					t.Errorf("%+v", r)
				}
			},
		},
		"completed, and kept for a week": {
			served: old, operate: job(5*time.Second, saved), spec: strings.Replace(ordersSpec, `ion":{`, `ion":{"kubernetes.operator.savepoint.history.max.age":"7 d","kubernetes.operator.savepoint.history.max.count":"99",`, 1),
			notes: []string{"it is older than 7 d, or when there are 99 newer ones"},
		},
		"completed, and kept": {
			served: old, operate: job(5*time.Second, saved), spec: strings.Replace(ordersSpec, `ion":{`, `ion":{"kubernetes.operator.savepoint.cleanup.enabled":"false",`, 1),
			mute: []string{"the operator deletes"},
		},
		"an earlier nonce was dealt with": {
			served: old, status: strings.Replace(earlier, "{", `{"reconciliationStatus":{"lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"running\",\"savepointTriggerNonce\":7}}}"},`, 1),
			operate: steps(job(time.Second, `{"jobStatus":{"updateTime":"1"}}`), job(3*time.Second, triggered), job(5*time.Second, saved)),
		},
		"another one's savepoint meanwhile": {
			served: old, operate: steps(job(2*time.Second, strings.ReplaceAll(saved, "NONCE", "7")), job(5*time.Second, saved)),
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if took := time.Since(time.UnixMilli(r.Nonce)); took < 5*time.Second {
					t.Errorf("another's was taken for ours after %s", took)
				}
			},
		},
		"dry run on the client": {served: old, request: Request{DryRun: "client"}, within: 1, check: writes("")},
		"dry run on the server": {served: old, request: Request{DryRun: "server"}, within: 1, check: writes("")},
		"no wait": {
			served: old, request: Request{NoWait: true}, within: 1, check: func(t *testing.T, c *flinktest.Cluster, r Report, err error) {
				writes("patch flinkdeployments")(t, c, r, err)
				if r.Nonce != nonceOf(c) || r.Done {
					t.Errorf("%+v", r)
				}
			},
		},
		"failed": {
			served: old, operate: steps(job(time.Second, triggered), warn(3*time.Second, "SavepointError", "no room"), job(4*time.Second, untriggered), job(5*time.Second, dealtWith)), code: exit.Failed,
			says: []string{"the savepoint of flinkdeployment/orders (savepointTriggerNonce 946684800000) FAILED: no room"}, check: failedAs("FAILED", "no room"),
		},
		"failed, by the status": {
			served: old, operate: steps(job(time.Second, triggered), warn(3*time.Second, "SavepointError", "no room"), warn(3*time.Second, "ImagePullBackOff", "an aside"), job(5*time.Second, strings.Replace(dealtWith, "{", `{"error":"the job restarts","jobStatus":{"savepointInfo":null},`, 1))), code: exit.Failed,
			prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				c.Ask(flinktest.Flink{OnCause: func(_ context.Context, _ api.Ref, job, trigger string) string { return job + trigger + " is full" }})
			},
			says: []string{"FAILED: the job restarts\n  cause: at1 is full\n  event SavepointError (flinkdeployment/orders): no room"}, hides: []string{"an aside"},
		},
		"a retry": {
			served: old, operate: steps(job(time.Second, triggered), warn(2*time.Second, "SavepointError", "no room"), job(3*time.Second, untriggered), job(4*time.Second, `{"jobStatus":{"updateTime":"4"}}`), job(6*time.Second, triggered), job(8*time.Second, saved)),
			notes: []string{"flinkdeployment/orders: an attempt failed: no room"},
			check: func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
				if !r.Done || strings.Count(c.Notes(), "an attempt failed") != 1 {
					t.Errorf("%+v\n%s", r, c.Notes())
				}
			},
		},
		"in progress when the operator has dealt with it": {
			served: old, operate: steps(job(time.Second, strings.Replace(dealtWith, "{", `{"jobStatus":{"savepointInfo":{"triggerId":"t1"}},`, 1)), job(4*time.Second, saved)),
		},
		"rejected": {
			served: old, operate: job(2*time.Second, `{"error":"{\"type\":\"org.apache.flink.kubernetes.operator.exception.ValidationException\",\"message\":\"Bad parallelism\"}"}`), code: exit.Failed,
			says: []string{"rejected: Bad parallelism\nThe nonce stays in the spec; the operator ignores the spec until it is valid again"},
		},
		"rejected before": {
			served: old, status: strings.Replace(ordersStatus, "{", `{"error":"{\"type\":\"org.apache.flink.kubernetes.operator.exception.ValidationException\",\"message\":\"Bad parallelism\"}",`, 1), code: exit.Failed, check: writes(""),
			says: []string{"the operator rejects the spec of flinkdeployment/orders and would ignore a nonce in it: Bad parallelism"},
		},
		"the job is suspended meanwhile": {
			served: old, operate: func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() { c.SetSpec(api.Deployment, "orders", `{"job":{"state":"suspended"}}`) })
				job(3*time.Second, `{"jobStatus":{"state":"FINISHED"},"reconciliationStatus":{"lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"suspended\"}}}"}}`)(c)
			}, code: exit.Failed, says: []string{"not carried out: the job was suspended meanwhile\nThe nonce stays in the spec: it is carried out when the job runs again"},
		},
		"its nonce is taken back meanwhile": {
			served: old, operate: func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() { c.SetSpec(api.Deployment, "orders", `{"job":{"savepointTriggerNonce":7}}`) })
			}, code: exit.Failed, within: 3 * time.Second, says: []string{"not carried out: somebody else changed the nonce in the spec before the operator took it up"},
		},
		"something else is changed meanwhile": {
			served: old, operate: steps(func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() { c.SetSpec(api.Deployment, "orders", `{"job":{"parallelism":9}}`) })
			}, job(5*time.Second, saved)),
		},
		"the job restarts meanwhile": {
			served: old, operate: steps(job(2*time.Second, `{"jobStatus":{"state":"RESTARTING"}}`), job(4*time.Second, `{"jobStatus":{"state":"RUNNING"}}`), job(6*time.Second, saved)),
			waits: []string{"flinkdeployment/orders: waiting; the job is RESTARTING"},
		},
		"the job is deleted meanwhile": {
			served: old, operate: func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() { c.Remove(api.Deployment, "orders") })
			}, code: exit.Failed, says: []string{"flinkdeployment/orders was deleted"}, hides: []string{"goes on"},
		},
		"the spec is changed at this moment": {
			served: old, prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				once := false
				c.Objects.PrependReactor("patch", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
					if !once {
						once = true
						c.SetSpec(api.Deployment, "orders", `{"job":{"parallelism":9}}`)
					}
					return false, nil, nil
				})
			}, code: exit.Failed, says: []string{"flinkdeployment/orders was changed at the same time; look at it and try again"},
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if nonceOf(c) != 0 {
					t.Error("the nonce was set")
				}
			},
		},
		"the job is made again at this moment": {
			served: old, request: Request{NoWait: true}, prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				once := false
				c.Objects.PrependReactor("patch", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
					if !once {
						once = true
						again := c.Get(api.Deployment, "orders")
						again.SetUID("another")
						c.Remove(api.Deployment, "orders")
						c.Add(again)
					}
					return false, nil, nil
				})
			}, code: exit.Failed, says: []string{"flinkdeployment/orders was changed at the same time"},
			check: func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
				if nonceOf(c) != 0 {
					t.Error("another job of that name got the nonce")
				}
			},
		},
		"a status write comes in between": {
			served: old, request: Request{NoWait: true}, prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				once := false
				c.Objects.PrependReactor("patch", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
					if !once {
						once = true
						c.SetStatus(api.Deployment, "orders", `{"jobStatus":{"updateTime":"5"}}`)
					}
					return false, nil, nil
				})
			}, check: writes("patch flinkdeployments, patch flinkdeployments"),
		},
		"an operator that doesn't know nonces": {
			served: old, request: Request{NoWait: true}, prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				c.Objects.PrependReactor("patch", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
					return true, c.Get(api.Deployment, "orders"), nil
				})
			}, code: exit.Failed, says: []string{"the operator installed here is too old: its FlinkDeployment has no spec.job.savepointTriggerNonce (it came with operator 1.7)\nNothing was changed"},
		},
		"the operator doesn't run": {
			served: old, objects: []runtime.Object{flinktest.Operator(0, 0)}, code: exit.Failed, within: 13 * time.Second,
			says: []string{"not carried out: the operator is not running", "The nonce stays in the spec: it is carried out when the operator runs again"},
		},
		"the operator stops in the middle": {
			served: old, objects: []runtime.Object{flinktest.Operator(0, 0)}, operate: job(5*time.Second, triggered), code: exit.Failed, within: 18 * time.Second,
			says: []string{"was begun but not followed to its end: the operator is not running", "Flink goes on with it, and the operator takes note when it runs again"},
		},
		"the operator doesn't react": {
			served: old, cut: 40 * time.Second, code: exit.TimedOut, notes: []string{"the operator has not reacted yet. The operator runs"},
			says: []string{"timed out after 40s: the savepoint of flinkdeployment/orders (savepointTriggerNonce 946684800000) goes on without this command\nThe operator runs", "See it with: kubectl get flinkdeployment orders -n ns -o jsonpath='{.status.jobStatus.savepointInfo}'"},
		},
		"it takes its time": {served: old, operate: steps(job(time.Second, triggered), job(time.Minute, saved)), mute: []string{"has not reacted"}},
		"time-out while the operator is away": {
			served: old, objects: []runtime.Object{flinktest.Operator(0, 0)}, cut: 5 * time.Second, code: exit.TimedOut, says: []string{"goes on when the operator runs again: the operator is not running"},
		},
		"Ctrl-C": {served: old, operate: job(time.Second, triggered), cut: 3 * time.Second, ctrlC: true, code: exit.Interrupted, says: []string{"goes on without this command"}},
		"it can't be watched any longer": {
			served: old, prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				c.Refuse("watch", api.Deployment, flinktest.Forbidden(api.Deployment, "orders"))
			}, code: exit.Failed, says: []string{"forbidden", "can't be watched any longer but goes on without this command"},
		},
		"it can't be asked for": {
			served: old, prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				c.Refuse("patch", api.Deployment, flinktest.Forbidden(api.Deployment, "orders"))
			}, code: exit.Failed, says: []string{"forbidden"}, hides: []string{"goes on"},
		},
		"the operator makes a snapshot": {
			request: by, operate: func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() {
					// The two watches race for what the operator wrote in this order.
					c.Add(snapshotOf("orders-savepoint-manual-1", `"savepoint":{"formatType":"CANONICAL"}`, underway))
					c.SetStatus(api.Deployment, "orders", strings.ReplaceAll(dealtWith, "NONCE", fmt.Sprint(nonceOf(c))))
				})
				flinktest.After(6*time.Second, func() { c.SetStatus(api.StateSnap, "orders-savepoint-manual-1", completed) })
			},
			check: func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
				if !r.Done || r.Method != Nonce || r.Nonce != nonceOf(c) || r.Snapshot.Name() != "orders-savepoint-manual-1" || r.Path != "s3://b/s/savepoint-a-1" {
					t.Errorf("%+v", r)
				}
			},
		},
		"the operator makes a snapshot, which can't be watched": {
			request: by, prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				watches := 0
				c.Objects.PrependWatchReactor(api.StateSnap.Plural, refuseFirst(&watches))
			},
			operate: func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() {
					c.Add(snapshotOf("orders-savepoint-manual-1", `"savepoint":{}`, underway))
				})
				job(3*time.Second, dealtWith)(c)
				flinktest.After(6*time.Second, func() { c.SetStatus(api.StateSnap, "orders-savepoint-manual-1", completed) })
			},
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if !r.Done || r.Snapshot.Name() != "orders-savepoint-manual-1" {
					t.Errorf("%+v", r)
				}
			},
		},
		"the operator's snapshot fails": {
			request: by, operate: func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() {
					c.Add(snapshotOf("orders-savepoint-manual-1", `"savepoint":{}`, `{"state":"FAILED","error":"no room"}`))
				})
			}, code: exit.Failed, says: []string{"flinkstatesnapshot/orders-savepoint-manual-1 FAILED: no room"},
		},
		"snapshots that were there or are others'": {
			request: by, objects: []runtime.Object{flinktest.Operator(1, 1), snapshotOf("orders-savepoint-manual-0", `"savepoint":{}`, completed)},
			operate: func(c *flinktest.Cluster) {
				flinktest.After(2*time.Second, func() {
					other := snapshotOf("orders-savepoint-manual-9", `"savepoint":{}`, completed)
					other.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubectl-flink"}})
					c.Add(other)
					c.Add(snapshotOf("orders-savepoint-periodic-1", `"savepoint":{}`, completed))
				})
			}, cut: 10 * time.Second, code: exit.TimedOut,
		},
	})
}

func TestASavepointOfAnOldOperatorThatIsUnderWay(t *testing.T) {
	follow := Request{Follow: true}
	at := strings.Replace(earlier, `"savepointInfo":{`, `"savepointInfo":{"triggerId":"t1",`, 1)
	playAll(t, map[string]scene{
		"is not taken twice": {served: old, status: at, code: exit.Failed, check: writes(""), says: []string{"has a savepoint in progress already: trigger t1\nWait for that one with --follow"}},
		"is followed": {
			served: old, status: at, request: follow, operate: job(3*time.Second, strings.ReplaceAll(saved, "NONCE", "8")),
			check: func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
				if !r.Done || r.Path != "s3://b/s/savepoint-a-2" || r.Nonce != 0 || len(c.Writes()) > 0 {
					t.Errorf("%+v %v", r, c.Writes())
				}
			},
		},
		"is followed where snapshots are served": {status: at, request: follow, operate: job(3*time.Second, strings.ReplaceAll(saved, "NONCE", "8"))},
		"fails": {
			served: old, status: at, request: follow, operate: job(3*time.Second, strings.Replace(untriggered, "{", `{"error":"no room",`, 1)), code: exit.Failed,
			says: []string{"the savepoint of flinkdeployment/orders FAILED: no room"},
		},
	})
}

func TestACheckpointByNonce(t *testing.T) {
	spec := strings.Replace(ordersSpec, "v1_20", "v1_18", 1)
	playAll(t, map[string]scene{
		"of another type than is configured": {
			served: old, spec: spec, request: Request{Checkpoint: Incremental}, operate: func(c *flinktest.Cluster) {
				flinktest.After(3*time.Second, func() {
					nonce, _ := api.Number(c.Job(api.Deployment, "orders").Spec(), "job", "checkpointTriggerNonce")
					c.SetStatus(api.Deployment, "orders", fmt.Sprintf(`{"jobStatus":{"checkpointInfo":{"lastCheckpoint":{"formatType":"INCREMENTAL","timeStamp":946684803000,"triggerNonce":%d}}}}`, nonce))
				})
			},
			notes: []string{"checkpointTriggerNonce set to", "flinkdeployment/orders: " + checkpointTypeKey + " is now INCREMENTAL in spec.flinkConfiguration, and stays so"},
			check: func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
				if !r.Done || !r.Checkpoint || r.Format != "INCREMENTAL" || r.Path != "" || api.Section(c.Job(api.Deployment, "orders").Spec(), "flinkConfiguration")[checkpointTypeKey] != "INCREMENTAL" {
					t.Errorf("%+v", r)
				}
			},
		},
	})
}
