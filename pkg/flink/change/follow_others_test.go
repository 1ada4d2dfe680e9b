package change

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

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
