package savepoint

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

const finalizer = "flinkstatesnapshots.flink.apache.org/finalizer"

// kept is the completed snapshot "sp" that an operator has taken up.
func kept(savepoint string) *unstructured.Unstructured {
	u := snapshotOf("sp", savepoint, completed)
	u.SetFinalizers([]string{finalizer})
	return u
}

func TestWhatDeletingASnapshotMeans(t *testing.T) {
	disposes, keeps := `"savepoint":{"disposeOnDelete":true}`, `"savepoint":{"disposeOnDelete":false}`
	used := Inventory{uses: map[string][]string{api.NormalPath("s3://b/s/savepoint-a-1"): {"flinkdeployment/other (initialSavepointPath)"}}}
	twin := Inventory{Saved: []api.Saved{{Snapshot: api.Snapshot{Object: snapshotOf("twin", keeps, completed)}, Path: "s3://b/s/savepoint-a-1"}}}
	for name, c := range map[string]struct {
		snapshot         *unstructured.Unstructured
		job              string // its status
		choice           DataChoice
		force            bool
		inventory        Inventory
		code             int
		want             string
		disposes, loses  bool
		sets             string
		withoutFinalizer bool
	}{
		"it keeps the data":              {snapshot: kept(keeps)},
		"it would delete the data":       {snapshot: kept(disposes), code: exit.Usage, want: "would delete the savepoint's data at s3://b/s/savepoint-a-1 too (its disposeOnDelete is true)\nSay --keep-data"},
		"so by the operator's default":   {snapshot: kept(`"savepoint":{}`), code: exit.Usage, want: "--keep-data"},
		"there is no data":               {snapshot: snapshotOf("sp", disposes, `{"state":"FAILED"}`), disposes: true},
		"a checkpoint":                   {snapshot: snapshotOf("sp", `"checkpoint":{}`, completed)},
		"keep":                           {snapshot: kept(disposes), choice: KeepData, sets: "false"},
		"keep what is kept":              {snapshot: kept(keeps), choice: KeepData},
		"keep a checkpoint":              {snapshot: snapshotOf("sp", `"checkpoint":{}`, completed), choice: KeepData},
		"dispose":                        {snapshot: kept(keeps), choice: DisposeData, disposes: true, loses: true, sets: "true"},
		"dispose what is disposed of":    {snapshot: kept(disposes), choice: DisposeData, disposes: true, loses: true},
		"dispose of a checkpoint":        {snapshot: snapshotOf("sp", `"checkpoint":{}`, completed), choice: DisposeData, code: exit.Usage, want: "its data belongs to the job"},
		"a job starts from it":           {snapshot: kept(keeps), choice: DisposeData, inventory: used, code: exit.Failed, want: "is what a job starts from: flinkdeployment/other (initialSavepointPath)"},
		"a job starts from it, by force": {snapshot: kept(keeps), choice: DisposeData, inventory: used, force: true, disposes: true, loses: true, sets: "true"},
		"it is registered twice":         {snapshot: kept(keeps), choice: DisposeData, inventory: twin, code: exit.Failed, want: "the same data is registered as flinkstatesnapshot/twin too"},
		"registered twice, by force":     {snapshot: kept(keeps), choice: DisposeData, inventory: twin, force: true, disposes: true, loses: true, sets: "true"},
		"its job doesn't run":            {snapshot: kept(keeps), choice: DisposeData, job: `{"jobStatus":{"state":"FAILED"}}`, code: exit.Failed, want: "flinkdeployment/orders is not RUNNING (FAILED)\nDelete the object alone and keep the data: kubectl flink snapshot delete sp --keep-data -n ns\nOr try again while the job runs"},
		"its job is gone":                {snapshot: kept(keeps), choice: DisposeData, job: "none", code: exit.Failed, want: "flinkdeployment/orders doesn't exist any more"},
		"it is being taken": {snapshot: func() *unstructured.Unstructured {
			u := snapshotOf("sp", keeps, underway)
			u.SetFinalizers([]string{finalizer})
			return u
		}(), choice: DisposeData, job: `{"jobStatus":{"state":"RESTARTING"}}`, disposes: true, loses: true, sets: "true"},
	} {
		t.Run(name, func(t *testing.T) {
			objects := []runtime.Object{c.snapshot}
			switch c.job {
			case "":
				objects = append(objects, flinktest.Object(api.Deployment, "orders", ordersSpec, ordersStatus))
			case "none":
			default:
				objects = append(objects, flinktest.Object(api.Deployment, "orders", ordersSpec, c.job))
			}
			cluster := flinktest.New(objects...)
			s := api.Snapshot{Object: cluster.Get(api.StateSnap, "sp")}
			d, err := PlanDeletion(t.Context(), cluster.Client, s, c.choice, c.force, c.inventory)
			if exit.Code(err) != c.code || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("exit code %d: %v", exit.Code(err), err)
			}
			if err != nil {
				return
			}
			sets := ""
			if d.sets != nil {
				sets = map[bool]string{true: "true", false: "false"}[*d.sets]
			}
			if d.Disposes != c.disposes || d.Loses != c.loses || sets != c.sets {
				t.Errorf("disposes %t, loses %t, sets %q", d.Disposes, d.Loses, sets)
			}
		})
	}
}

// deletes is a deletion of "sp" by a choice.
func deletes(choice DataChoice, dryRun string, noWait bool) func(context.Context, *flinktest.Cluster) (Report, error) {
	return func(ctx context.Context, c *flinktest.Cluster) (Report, error) {
		d, err := PlanDeletion(ctx, c.Client, api.Snapshot{Object: c.Get(api.StateSnap, "sp")}, choice, true, Inventory{})
		if err != nil {
			return Report{}, err
		}
		return Report{}, DeleteSnapshot(ctx, c.Client, d, dryRun, noWait, c.Reporter())
	}
}

func TestDeletingASnapshot(t *testing.T) {
	disposes, keeps := `"savepoint":{"disposeOnDelete":true}`, `"savepoint":{"disposeOnDelete":false}`
	with := func(objects ...runtime.Object) []runtime.Object { return append(objects, flinktest.Operator(1, 1)) }
	// The operator lets it go after a while.
	goes := func(at time.Duration) func(*flinktest.Cluster) {
		return func(c *flinktest.Cluster) { flinktest.After(at, func() { c.Remove(api.StateSnap, "sp") }) }
	}
	marked := func(t *testing.T, c *flinktest.Cluster, _ Report, _ error) {
		t.Helper()
		if object := c.Get(api.StateSnap, "sp"); object == nil || object.GetDeletionTimestamp() == nil {
			t.Errorf("it isn't marked for deletion: %v", object)
		}
	}
	undeleted := func(t *testing.T, c *flinktest.Cluster, r Report, err error) {
		t.Helper()
		marked(t, c, r, err)
		if !errors.As(err, new(*UndeletedError)) {
			t.Errorf("%v", err)
		}
	}
	failsLater := func(more ...func(*flinktest.Cluster)) func(*flinktest.Cluster) {
		return func(c *flinktest.Cluster) {
			flinktest.After(3*time.Second, func() {
				steps(more...)(c)
				c.Warn(api.StateSnap, "sp", "CleanupFailed", "the bucket is gone")
			})
		}
	}
	stops := func(c *flinktest.Cluster) {
		c.SetStatus(api.Deployment, "orders", `{"jobStatus":{"state":"FAILED"}}`)
	}
	playAll(t, map[string]scene{
		"without a finalizer": {objects: with(snapshotOf("sp", keeps, completed)), take: deletes("", "", false), within: 1, check: writes("delete flinkstatesnapshots")},
		"held for a while": {
			objects: with(kept(keeps)), take: deletes("", "", false), operate: goes(5 * time.Second), within: 6 * time.Second, waits: []string{"sp: waiting for it to be gone"},
		},
		"with its data": {
			objects: with(kept(disposes)), take: deletes(DisposeData, "", false), operate: goes(5 * time.Second), waits: []string{"sp: waiting for it and its data to be gone"}, check: writes("delete flinkstatesnapshots"),
		},
		"the data is to be kept": {
			objects: with(kept(disposes)), take: deletes(KeepData, "", false), operate: goes(5 * time.Second), notes: []string{"flinkstatesnapshot.flink.apache.org/sp patched: disposeOnDelete is false now"},
			check: writes("patch flinkstatesnapshots, delete flinkstatesnapshots"),
		},
		"while it is in progress": {
			objects: with(func() *unstructured.Unstructured {
				u := kept(keeps)
				u.Object["status"] = map[string]any{"state": "IN_PROGRESS"}
				return u
			}()), take: deletes("", "", false), operate: goes(5 * time.Second),
			waits: []string{"sp: the savepoint is in progress; it goes when that has ended"},
		},
		"another of its name comes": {
			objects: with(kept(keeps)), take: deletes("", "", false), operate: func(c *flinktest.Cluster) {
				flinktest.After(3*time.Second, func() {
					again := c.Get(api.StateSnap, "sp")
					again.SetUID("another")
					again.SetDeletionTimestamp(nil)
					_ = c.Objects.Tracker().Update(api.StateSnap.GVR(), again, flinktest.Namespace)
				})
			}, within: 4 * time.Second,
		},
		"dry run on the client": {objects: with(kept(disposes)), take: deletes(KeepData, "client", false), check: writes(""), within: 1},
		"dry run on the server": {
			objects: with(kept(disposes)), take: deletes(KeepData, "server", false), within: 1, check: func(t *testing.T, c *flinktest.Cluster, r Report, err error) {
				writes("")(t, c, r, err)
				if object := c.Get(api.StateSnap, "sp"); object.GetDeletionTimestamp() != nil || c.Notes() != "" {
					t.Errorf("%v %s", object, c.Notes())
				}
			},
		},
		"no wait": {objects: with(kept(keeps)), take: deletes("", "", true), within: 1, check: marked},
		"is forbidden": {objects: with(kept(keeps)), take: deletes("", "", false), prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
			c.Refuse("delete", api.StateSnap, flinktest.Forbidden(api.StateSnap, "sp"))
		}, code: exit.Failed, says: []string{"forbidden"}},
		"may not be patched": {
			objects: with(kept(disposes)), take: deletes(KeepData, "", false), prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				c.Refuse("patch", api.StateSnap, flinktest.Forbidden(api.StateSnap, "sp"))
			}, code: exit.Failed,
			says: []string{"flinkstatesnapshot/sp: set disposeOnDelete to false before deleting it:"}, check: writes("patch flinkstatesnapshots"),
		},
		"somebody changes it at this moment": {
			objects: with(kept(disposes)), take: deletes(KeepData, "", false), prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				c.Objects.PrependReactor("patch", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
					c.SetSpec(api.StateSnap, "sp", `{"backoffLimit":3}`)
					return false, nil, nil
				})
			}, code: exit.Failed, says: []string{"flinkstatesnapshot/sp was changed at the same time"}, check: writes("patch flinkstatesnapshots"),
		},
		"it is being written to all the time": {
			objects: with(kept(disposes)), take: deletes(KeepData, "", false), prepare: func(c *flinktest.Cluster, _ context.CancelCauseFunc) {
				c.Objects.PrependReactor("patch", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
					c.SetStatus(api.StateSnap, "sp", `{"x":"y"}`)
					return false, nil, nil
				})
			}, code: exit.Failed, says: []string{"is being written to all the time; try again"},
		},
		"the operator can't delete the data": {
			objects: with(kept(disposes)), take: deletes(DisposeData, "", false), operate: failsLater(), code: exit.Failed, within: 4 * time.Second,
			says: []string{"flinkstatesnapshot/sp is marked for deletion but doesn't go: the operator says: the bucket is gone\nDelete the object alone and keep the data: kubectl flink snapshot delete sp --keep-data -n ns"}, check: undeleted,
		},
		"the operator can't because the job has stopped": {
			objects: with(kept(disposes)), take: deletes(DisposeData, "", false), operate: failsLater(stops), code: exit.Failed, says: []string{"doesn't go: its data can't be deleted, because the operator has the job do that, and flinkdeployment/orders is not RUNNING (FAILED)"}, check: undeleted,
		},
		"it couldn't, but the data is to be kept by now": {
			objects: with(kept(disposes)), take: deletes(DisposeData, "", false), operate: func(c *flinktest.Cluster) {
				failsLater(func(c *flinktest.Cluster) {
					c.SetSpec(api.StateSnap, "sp", `{"savepoint":{"disposeOnDelete":false}}`)
				})(c)
				goes(6 * time.Second)(c)
			},
		},
		"the job stops without a word": {
			objects: with(kept(disposes)), take: deletes(DisposeData, "", false), operate: func(c *flinktest.Cluster) { flinktest.After(3*time.Second, func() { stops(c) }) }, code: exit.Failed, within: 13 * time.Second,
			says: []string{"is not RUNNING (FAILED)"}, check: undeleted,
		},
		"the operator doesn't run": {
			objects: []runtime.Object{kept(keeps), flinktest.Operator(0, 0)}, take: deletes("", "", false), code: exit.Failed, within: 13 * time.Second,
			says: []string{"flinkstatesnapshot/sp is marked for deletion but doesn't go: the operator is not running", "take the finalizer off (the data stays): kubectl patch flinkstatesnapshot sp -n ns --type=merge -p '{\"metadata\":{\"finalizers\":null}}'"}, check: undeleted,
		},
		"time-out": {objects: with(kept(keeps)), take: deletes("", "", false), cut: 20 * time.Second, code: exit.TimedOut, says: []string{"timed out after 20s: flinkstatesnapshot/sp is marked for deletion and goes when the operator lets it"}, check: marked},
		"Ctrl-C":   {objects: with(kept(keeps)), take: deletes("", "", false), cut: 2 * time.Second, ctrlC: true, code: exit.Interrupted, says: []string{"is marked for deletion and goes when the operator lets it"}},
		"time-out while the operator is away": {
			objects: []runtime.Object{kept(keeps), flinktest.Operator(0, 0)}, take: deletes("", "", false), cut: 5 * time.Second, code: exit.TimedOut, says: []string{"timed out after 5s: flinkstatesnapshot/sp is marked for deletion but doesn't go: the operator is not running"},
		},
	})
}

func TestWhyASnapshotIsStillThere(t *testing.T) {
	marked := kept(`"savepoint":{"disposeOnDelete":true}`)
	marked.SetDeletionTimestamp(&metav1.Time{Time: time.Now()})
	for name, c := range map[string]struct {
		snapshot *unstructured.Unstructured
		objects  []runtime.Object
		want     string
	}{
		"it isn't marked":          {kept(`"savepoint":{}`), []runtime.Object{flinktest.Operator(0, 0)}, ""},
		"it may go yet":            {marked, []runtime.Object{flinktest.Operator(1, 1), flinktest.Object(api.Deployment, "orders", ordersSpec, ordersStatus)}, ""},
		"the operator is away":     {marked, []runtime.Object{flinktest.Operator(0, 0)}, "the operator is not running"},
		"its job is gone":          {marked, []runtime.Object{flinktest.Operator(1, 1)}, "flinkdeployment/orders doesn't exist any more"},
		"the job can't be deleted": {marked, []runtime.Object{flinktest.Operator(1, 1), flinktest.Object(api.Deployment, "orders", ordersSpec, "")}, "is not RUNNING (not started)"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := flinktest.New(c.objects...)
			if why := WhyStuck(t.Context(), cluster.Client, api.Snapshot{Object: c.snapshot}); !strings.Contains(why, c.want) || (why == "") != (c.want == "") {
				t.Error(why)
			}
		})
	}
}

// Deleting one that is marked already only sets what it was waiting for.
func TestASnapshotThatWaitsToGoIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		marked := kept(`"savepoint":{"disposeOnDelete":true}`)
		marked.SetDeletionTimestamp(&metav1.Time{Time: time.Now()})
		c := flinktest.New(marked, flinktest.Operator(1, 1))
		s := api.Snapshot{Object: c.Get(api.StateSnap, "sp")}
		if _, err := PlanDeletion(t.Context(), c.Client, s, "", false, Inventory{}); exit.Code(err) != exit.Usage || !strings.Contains(err.Error(), "is waiting to delete the savepoint's data") {
			t.Error(err)
		}
		flinktest.After(3*time.Second, func() { c.Remove(api.StateSnap, "sp") })
		if _, err := deletes(KeepData, "", false)(t.Context(), c); err != nil {
			t.Error(err)
		}
		if got := strings.Join(c.Writes(), ", "); got != "patch flinkstatesnapshots" {
			t.Error(got)
		}
	})
}
