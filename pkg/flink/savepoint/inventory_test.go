package savepoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	restfake "k8s.io/client-go/rest/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

func TestAdoptRequests(t *testing.T) {
	for name, c := range map[string]struct {
		request AdoptRequest
		code    int
		want    string
	}{
		"good":         {AdoptRequest{Path: "s3://b/s/1", Format: "NATIVE"}, exit.OK, ""},
		"no path":      {AdoptRequest{Format: "NATIVE"}, exit.Usage, "PATH:"},
		"a line break": {AdoptRequest{Path: "s3://b/s\n1", Format: "NATIVE"}, exit.Usage, "PATH:"},
		"a format":     {AdoptRequest{Path: "s3://b/s/1", Format: "OTHER"}, exit.Usage, `--format: "other" is not one of canonical, native, unknown`},
		"a dry run":    {AdoptRequest{Path: "s3://b/s/1", Format: "NATIVE", DryRun: "x"}, exit.Usage, "--dry-run:"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.request.Validate()
			if exit.Code(err) != c.code || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("exit code %d: %v", exit.Code(err), err)
			}
		})
	}
}

func TestAdopt(t *testing.T) {
	adopts := func(ref api.Ref, request AdoptRequest) func(context.Context, *flinktest.Cluster) (Report, error) {
		return func(ctx context.Context, c *flinktest.Cluster) (Report, error) {
			return Adopt(ctx, c.Client, ref, request, c.Reporter())
		}
	}
	child := flinktest.Object(api.Deployment, "shop-blue", ordersSpec, ordersStatus)
	shop := flinktest.Object(api.BlueGreen, "shop", `{"template":{"spec":`+ordersSpec+`}}`, `{"blueGreenState":"ACTIVE_BLUE"}`)
	ofShop := api.Ref{Kind: api.BlueGreen, Namespace: flinktest.Namespace, Name: "shop"}
	path := AdoptRequest{Path: "s3://b/s/1/_metadata", Format: "NATIVE", Name: "sp"}
	playAll(t, map[string]scene{
		"registered": {
			take: adopts(orders, path), operate: snap(2*time.Second, `{"state":"COMPLETED","path":"s3://b/s/1"}`), notes: []string{"sp created"},
			check: func(t *testing.T, c *flinktest.Cluster, r Report, _ error) {
				if got := fmt.Sprint(api.Section(c.Get(api.StateSnap, "sp").Object, "spec", "savepoint")); !r.Done || r.Path != "s3://b/s/1" || got != "map[alreadyExists:true disposeOnDelete:false formatType:NATIVE path:s3://b/s/1]" {
					t.Errorf("%+v %s", r, got)
				}
			},
		},
		"also of a job that doesn't run": {status: `{"jobStatus":{"state":"FAILED"}}`, take: adopts(orders, AdoptRequest{Path: "s3://b/s/1", Format: "NATIVE", NoWait: true}), check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
			if !strings.HasPrefix(r.Snapshot.Name(), "orders-savepoint-adopted-") {
				t.Errorf("%+v", r)
			}
		}},
		"of a blue/green deployment": {
			objects: []runtime.Object{child, shop}, take: adopts(ofShop, AdoptRequest{Path: "s3://b/s/1", Format: "NATIVE", NoWait: true}),
			check: func(t *testing.T, _ *flinktest.Cluster, r Report, _ error) {
				if got := api.Text(r.Snapshot.Object.Object, "spec", "jobReference", "name"); got != "shop-blue" {
					t.Error(got)
				}
			},
		},
		"registered already": {
			objects: []runtime.Object{snapshotOf("other", `"savepoint":{}`, completed)}, take: adopts(orders, AdoptRequest{Path: "s3://b/s/savepoint-a-1/", Format: "NATIVE"}), code: exit.Failed, check: writes(""),
			says: []string{"s3://b/s/savepoint-a-1 is registered already: flinkstatesnapshot/other of flinkdeployment/orders"},
		},
		"on a pod's disk":      {take: adopts(orders, AdoptRequest{Path: "file:///tmp/s/1", Format: "NATIVE"}), code: exit.Failed, says: []string{"PATH: file:///tmp/s/1", "Nothing was registered"}, check: writes("")},
		"an old operator":      {served: old, take: adopts(orders, path), code: exit.Failed, says: []string{"there is nothing that could register a savepoint. Restore from its path directly"}},
		"of a session cluster": {spec: `{"flinkVersion":"v1_20"}`, take: adopts(orders, path), code: exit.Failed, says: []string{"is a session cluster"}},
		"of no job":            {take: adopts(api.Ref{Kind: api.Deployment, Namespace: flinktest.Namespace, Name: "x"}, path), code: exit.Failed, says: []string{"not found"}},
	})
}

// told is orders with a savepoint that only its status reports.
func told() *unstructured.Unstructured {
	return flinktest.Object(api.Deployment, "orders", `{"job":{"initialSavepointPath":"s3://b/s/first"}}`,
		`{"jobStatus":{"upgradeSavepointPath":"s3://b/s/savepoint-a-1","savepointInfo":{"lastSavepoint":{"location":"file:///tmp/s/2","timeStamp":946684000000}}}}`)
}

func listed(saved []api.Saved) string {
	var out []string
	for _, s := range saved {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %t", s.Name(), s.Path, s.Passing != "")))
	}
	return strings.Join(out, ", ")
}

func TestInventory(t *testing.T) {
	of := func(c *flinktest.Cluster, labels string) Inventory {
		t.Helper()
		inventory, err := InventoryOf(t.Context(), c.Client, flinktest.Namespace, labels)
		if err != nil {
			t.Fatal(err)
		}
		return inventory
	}
	labeled := snapshotOf("sp", `"savepoint":{}`, completed)
	labeled.SetLabels(map[string]string{"team": "x"})
	sessionJob := flinktest.Object(api.SessionJob, "visits", `{"deploymentName":"orders","job":{"initialSavepointPath":"s3://b/s/savepoint-a-1"}}`, "")
	objects := func() []runtime.Object {
		return []runtime.Object{told(), labeled, sessionJob, snapshotOf("failed", `"savepoint":{}`, `{"state":"FAILED"}`)}
	}
	t.Run("each path once, and who uses it", func(t *testing.T) {
		inventory := of(flinktest.New(objects()...), "")
		if got := listed(inventory.Saved); !strings.Contains(got, "sp s3://b/s/savepoint-a-1 false") || strings.Count(got, "savepoint-a-1") != 1 || !strings.Contains(got, "file:///tmp/s/2 true") || !strings.Contains(got, "failed") {
			t.Error(got)
		}
		uses := strings.Join(inventory.UsedBy("s3://b/s/savepoint-a-1/"), ", ")
		if !strings.Contains(uses, "flinkdeployment/orders (upgradeSavepointPath)") || !strings.Contains(uses, "flinksessionjob/visits (initialSavepointPath)") {
			t.Error(uses)
		}
		if place := inventory.Place(api.Ref{Kind: api.SessionJob, Namespace: flinktest.Namespace, Name: "visits"}, "file:///tmp/s"); place.Lasts() {
			t.Errorf("a session job's disk is its cluster's: %+v", place)
		}
		if place := inventory.Place(api.Ref{Kind: api.Deployment, Namespace: flinktest.Namespace, Name: "gone"}, "file:///tmp/s"); !place.Lasts() {
			t.Errorf("of a job that is gone nothing is known: %+v", place)
		}
	})
	t.Run("by labels, objects alone", func(t *testing.T) {
		c := flinktest.New(objects()...)
		if got := listed(of(c, "team=x").Saved); got != "sp s3://b/s/savepoint-a-1 false" {
			t.Error(got)
		}
	})
	t.Run("an old operator", func(t *testing.T) {
		if got := listed(of(flinktest.Serving(old, objects()...), "").Saved); strings.Contains(got, "sp ") || strings.Count(got, "savepoint-a-1") != 1 {
			t.Error(got)
		}
	})
	t.Run("only what is used", func(t *testing.T) {
		c := flinktest.New(objects()...)
		inventory, err := UsesIn(t.Context(), c.Client, flinktest.Namespace)
		if err != nil || len(inventory.UsedBy("s3://b/s/savepoint-a-1")) != 2 || strings.Contains(listed(inventory.Saved), "sp ") {
			t.Errorf("%+v %v", inventory, err)
		}
	})
	t.Run("jobs that can't be read", func(t *testing.T) {
		c := flinktest.New(objects()...)
		c.Refuse("list", api.SessionJob, flinktest.Forbidden(api.SessionJob, ""))
		c.Refuse("list", api.BlueGreen, flinktest.Forbidden(api.BlueGreen, ""))
		if problems := strings.Join(of(c, "").Problems, "\n"); !strings.HasPrefix(problems, "flinksessionjobs: ") || strings.Contains(problems, "bluegreen") {
			t.Error(problems)
		}
	})
	t.Run("snapshots that can't be read", func(t *testing.T) {
		c := flinktest.New(objects()...)
		c.Refuse("list", api.StateSnap, flinktest.Forbidden(api.StateSnap, ""))
		if _, err := InventoryOf(t.Context(), c.Client, flinktest.Namespace, ""); err == nil || !strings.Contains(err.Error(), "forbidden") {
			t.Error(err)
		}
	})
	t.Run("for a disposal, the namespace where all can't be read", func(t *testing.T) {
		c := flinktest.New(objects()...)
		var asked []string
		c.Objects.PrependReactor("list", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
			asked = append(asked, action.GetNamespace())
			return action.GetNamespace() == "", nil, flinktest.Forbidden(api.StateSnap, "")
		})
		inventory, err := InventoryForDisposal(t.Context(), c.Client, flinktest.Namespace)
		if err != nil || len(inventory.Saved) == 0 || asked[0] != "" {
			t.Errorf("%+v %v %q", inventory, err, asked)
		}
	})
	t.Run("for a disposal, all namespaces", func(t *testing.T) {
		c := flinktest.New(objects()...)
		inventory, err := InventoryForDisposal(t.Context(), c.Client, "elsewhere")
		if err != nil || len(inventory.Saved) == 0 {
			t.Errorf("%+v %v", inventory, err)
		}
	})
}

func TestWhatAJobLeft(t *testing.T) {
	const history = `{"jobStatus":{"state":"RUNNING","jobId":"a","savepointInfo":{"lastSavepoint":{"location":"s3://b/s/3","timeStamp":946684003000},"savepointHistory":[{"location":"s3://b/s/2","timeStamp":946684002000},{"location":"s3://b/c/a/chk-1","timeStamp":946684001000}]}}}`
	const suspended = `{"lifecycleState":"SUSPENDED","reconciliationStatus":{"lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"suspended\",\"upgradeMode\":\"savepoint\"}}}"},"jobStatus":{"state":"FINISHED","upgradeSavepointPath":"s3://b/s/final","savepointInfo":{"lastSavepoint":{"location":"s3://b/s/3","timeStamp":946684003000}}}}`
	say := func(states []LastState) string {
		var out []string
		for _, s := range states {
			text := s.Kind() + " " + s.Path
			if s.Final {
				text += " final"
			}
			if s.Passing {
				text += " passing"
			}
			out = append(out, text)
		}
		return strings.Join(out, ", ")
	}
	const older = `{"state":"COMPLETED","path":"s3://b/s/older","resultTimestamp":"1999-12-31T00:00:00Z"}`
	now := metav1.Now()
	goes, stays := snapshotOf("goes", `"savepoint":{}`, completed), snapshotOf("stays", `"savepoint":{"disposeOnDelete":false}`, completed)
	goes.SetDeletionTimestamp(&now)
	stays.SetDeletionTimestamp(&now)
	latest := &api.FlinkSnapshot{Path: "s3://b/c/a/chk-9", At: time.UnixMilli(946684009000)}
	for name, c := range map[string]struct {
		status  string
		objects []runtime.Object
		latest  *api.FlinkSnapshot
		served  []api.Kind
		want    string
		note    string
	}{
		"by its status":                         {status: history, want: "savepoint s3://b/s/3, savepoint s3://b/s/2, checkpoint s3://b/c/a/chk-1"},
		"and its JobManager":                    {status: history, latest: latest, want: "checkpoint s3://b/c/a/chk-9 passing, savepoint s3://b/s/3, savepoint s3://b/s/2, checkpoint s3://b/c/a/chk-1"},
		"and its snapshots":                     {status: `{"jobStatus":{}}`, objects: []runtime.Object{snapshotOf("sp", `"savepoint":{}`, completed), snapshotOf("failed", `"savepoint":{}`, `{"state":"FAILED","path":"s3://b/x"}`)}, want: "savepoint s3://b/s/savepoint-a-1"},
		"old operators have none":               {status: `{"jobStatus":{}}`, served: old, objects: []runtime.Object{snapshotOf("sp", `"savepoint":{}`, completed)}, want: ""},
		"what it stopped with":                  {status: suspended, want: "savepoint s3://b/s/final final, savepoint s3://b/s/3"},
		"what it stopped with, to start again":  {status: strings.Replace(suspended, "SUSPENDED", "UPGRADING", 1), want: "savepoint s3://b/s/final final, savepoint s3://b/s/3"},
		"it stopped without its state":          {status: strings.Replace(suspended, `\"savepoint\"`, `\"stateless\"`, 1), want: "savepoint s3://b/s/3, savepoint s3://b/s/final"},
		"one that is being deleted":             {status: `{"jobStatus":{}}`, objects: []runtime.Object{goes, snapshotOf("older", `"savepoint":{}`, older)}, want: "savepoint s3://b/s/older"},
		"one is being deleted without its data": {status: `{"jobStatus":{}}`, objects: []runtime.Object{stays}, want: "savepoint s3://b/s/savepoint-a-1"},
		"one that was registered by hand":       {status: `{"jobStatus":{}}`, objects: []runtime.Object{snapshotOf("adopted", `"savepoint":{"alreadyExists":true}`, completed), snapshotOf("older", `"savepoint":{}`, older)}, want: "savepoint s3://b/s/older, savepoint s3://b/s/savepoint-a-1"},
		"what goes with its pods":               {status: strings.Replace(history, "s3://b/s/3", "file:///tmp/s/3", 1), want: "savepoint s3://b/s/2, checkpoint s3://b/c/a/chk-1", note: "flinkdeployment/orders: savepoint file:///tmp/s/3 is passed over: it "},
		"nothing":                               {status: `{"jobStatus":{}}`, want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			served := c.served
			if served == nil {
				served = modern
			}
			cluster := flinktest.Serving(served, append(c.objects, flinktest.Object(api.Deployment, "orders", ordersSpec, c.status))...)
			if c.latest != nil {
				cluster.Ask(flinktest.States(api.FlinkState{Latest: c.latest}, nil))
			}
			states, err := LastStates(t.Context(), cluster.Client, cluster.Job(api.Deployment, "orders"), cluster.Reporter())
			if got := say(states); err != nil || got != c.want || !strings.Contains(cluster.Notes(), c.note) || (cluster.Notes() == "") != (c.note == "") {
				t.Errorf("%s, %v, want %s\n%s", got, err, c.want, cluster.Notes())
			}
		})
	}
	t.Run("of both colors", func(t *testing.T) {
		green := snapshotOf("green", `"savepoint":{}`, completed)
		api.Section(green.Object, "spec", "jobReference")["name"] = "shop-green"
		shop := flinktest.Object(api.BlueGreen, "shop", `{"template":{"spec":`+ordersSpec+`}}`, `{"blueGreenState":"ACTIVE_BLUE"}`)
		cluster := flinktest.New(shop, green, snapshotOf("other", `"savepoint":{}`, completed))
		states, err := LastStates(t.Context(), cluster.Client, cluster.Job(api.BlueGreen, "shop"), cluster.Reporter())
		if err != nil || len(states) != 1 {
			t.Errorf("%+v %v", states, err)
		}
	})
	t.Run("a session job whose cluster is gone", func(t *testing.T) {
		job := flinktest.Object(api.SessionJob, "visits", `{"deploymentName":"gone","job":{}}`, history)
		cluster := flinktest.New(job)
		states, err := LastStates(t.Context(), cluster.Client, cluster.Job(api.SessionJob, "visits"), cluster.Reporter())
		if err != nil || len(states) != 3 {
			t.Errorf("%+v %v", states, err)
		}
	})
}

func TestSavepointRequests(t *testing.T) {
	for name, c := range map[string]struct {
		request Request
		want    string
	}{
		"plain":                {Request{}, ""},
		"a method":             {Request{Method: "x"}, "--method:"},
		"a format":             {Request{Format: "x"}, "--format:"},
		"a dry run":            {Request{DryRun: "x"}, "--dry-run:"},
		"a path":               {Request{Path: "relative"}, "--path:"},
		"retries":              {Request{Retries: -1}, "--retries: -1 is less than 0"},
		"nonce, path":          {Request{Method: Nonce, Path: "s3://b/s"}, "--path can't be carried by --method nonce"},
		"nonce, format":        {Request{Method: Nonce, Format: "native"}, "--format can't"},
		"nonce, name":          {Request{Method: Nonce, Name: "x"}, "--name can't"},
		"nonce, labels":        {Request{Method: Nonce, Labels: map[string]string{"a": "b"}}, "--label can't"},
		"nonce, retries":       {Request{Method: Nonce, Retries: 1}, "--retries can't"},
		"nonce, dispose":       {Request{Method: Nonce, DisposeOnDelete: true}, "--dispose-on-delete can't"},
		"follow, no wait":      {Request{Follow: true, NoWait: true}, "--follow takes part in a savepoint that is already under way"},
		"follow, format":       {Request{Follow: true, Format: "native"}, "--format can't be changed for a savepoint that is already under way"},
		"a job's id":           {Request{JobID: "a"}, "it goes with --method rest"},
		"rest, name":           {Request{Method: REST, Name: "x"}, "--name belongs to a FlinkStateSnapshot"},
		"rest, server":         {Request{Method: REST, DryRun: "server"}, "Flink's REST API has no dry run"},
		"rest, a job's id":     {Request{Method: REST, JobID: "a"}, ""},
		"follow, a checkpoint": {Request{Follow: true, NoWait: true, Checkpoint: Full}, "takes part in a checkpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.request.Validate()
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || exit.Code(err) != exit.Usage) {
				t.Errorf("exit code %d: %v", exit.Code(err), err)
			}
		})
	}
}

// Who may not ask which kinds are served finds out by listing snapshots.
func TestWhetherSnapshotsAreServed(t *testing.T) {
	forbidden := flinktest.Forbidden(api.StateSnap, "")
	missing := apierrors.NewNotFound(api.StateSnap.GVR().GroupResource(), "")
	for name, c := range map[string]struct {
		list   error
		method Method
		want   bool
		fails  bool
	}{
		"they can be listed":             {nil, Auto, true, false},
		"there is no such kind":          {missing, Auto, false, false},
		"forbidden":                      {forbidden, Auto, false, true},
		"forbidden, the user has chosen": {forbidden, Resource, true, false},
		"another error":                  {errors.New("connection refused"), Resource, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := flinktest.New()
			if c.list != nil {
				cluster.Refuse("list", api.StateSnap, c.list)
			}
			core := &withoutDiscovery{Interface: cluster.Core}
			got, err := ServesSnapshots(t.Context(), operator.ClientOf(cluster.Objects, core), flinktest.Namespace, c.method)
			if got != c.want || (err != nil) != c.fails {
				t.Errorf("%t %v", got, err)
			}
		})
	}
}

// withoutDiscovery is an API server that doesn't say which kinds it serves.
type withoutDiscovery struct{ kubernetes.Interface }

func (w *withoutDiscovery) CoreV1() corev1client.CoreV1Interface {
	return forbiddenCore{w.Interface.CoreV1()}
}

type forbiddenCore struct{ corev1client.CoreV1Interface }

func (forbiddenCore) RESTClient() rest.Interface {
	return &restfake.RESTClient{
		NegotiatedSerializer: scheme.Codecs.WithoutConversion(),
		Resp: &http.Response{
			StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`)),
		},
	}
}

func TestWhereARestSavepointGoes(t *testing.T) {
	cluster := flinktest.New(flinktest.Object(api.Deployment, "orders", ordersSpec, ordersStatus), flinktest.Object(api.Deployment, "pods", strings.Replace(ordersSpec, "s3://b/s", "/tmp/s", 1), ""), flinktest.Object(api.Deployment, "none", `{"job":{}}`, ""))
	for name, c := range map[string]struct {
		cluster, path string
		force         bool
		code          int
	}{
		"its own":             {"orders", "", false, exit.OK},
		"its own, on a pod":   {"pods", "", false, exit.Failed},
		"by force":            {"pods", "", true, exit.OK},
		"none":                {"none", "", false, exit.OK},
		"--path":              {"pods", "s3://b/x", false, exit.OK},
		"--path that is lost": {"orders", "/tmp/x", false, exit.Usage},
	} {
		t.Run(name, func(t *testing.T) {
			if err := CheckSavepointTarget(t.Context(), cluster.Client, cluster.Job(api.Deployment, c.cluster), c.path, c.force); exit.Code(err) != c.code {
				t.Errorf("exit code %d: %v", exit.Code(err), err)
			}
		})
	}
}
