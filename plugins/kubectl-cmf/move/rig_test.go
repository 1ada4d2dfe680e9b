package move

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

// rig is a cluster with an operator, beside a CMF, for synctest bubbles: no
// request goes over a network.
type rig struct {
	*testing.T
	cluster *flinktest.Cluster
	server  *cmftest.Server
	client  *cmf.Client

	mu sync.Mutex
	// restored is what each FlinkDeployment's job was restored from.
	restored map[string]string
	// wrong, where set, is what the operator starts jobs from in place of what
	// they should.
	wrong string
	// deaf JobManagers don't answer.
	deaf bool
	// onReconcile, where set, is called before the operator starts a job.
	onReconcile func()
}

// setDeaf has no JobManager answer any more.
func (r *rig) setDeaf() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deaf = true
}

// suspendApp has another user suspend the application.
func (r *rig) suspendApp() error {
	_, err := r.client.Act(context.Background(), r.sides().App, "suspend", nil)
	return err
}

// setWrong has the operator start jobs from something else.
func (r *rig) setWrong(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrong = path
}

// direct has a handler answer requests.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	if r.Context().Err() != nil {
		return nil, context.Cause(r.Context())
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	out := httptest.NewRecorder()
	defer func() {
		if recover() != nil {
			answer, err = nil, io.ErrUnexpectedEOF
		}
	}()
	d.ServeHTTP(out, r)
	return out.Result(), nil
}

const orders = `{"image":"flink:1.20","flinkVersion":"v1_20","serviceAccount":"flink","flinkConfiguration":{"execution.checkpointing.dir":"s3://b/c","execution.checkpointing.savepoint-dir":"s3://b/s","high-availability.type":"kubernetes"},
	"job":{"state":"running","jarURI":"local:///opt/job.jar","upgradeMode":"savepoint","parallelism":2}}`

const runs = `{"observedGeneration":1,"lifecycleState":"STABLE","jobManagerDeploymentStatus":"READY","reconciliationStatus":{"state":"DEPLOYED","lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"running\",\"upgradeMode\":\"savepoint\"}}}","lastStableSpec":"{}"},"jobStatus":{"state":"RUNNING","jobId":"aaa","startTime":"946684000000"}}`

// newRig has the FlinkDeployment orders in the namespace ns, and the environment
// prod in the namespace flink.
func newRig(t *testing.T, objects ...runtime.Object) *rig {
	t.Helper()
	server, err := cmftest.New(cmftest.Options{Step: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	client, err := cmf.NewClient("http://cmf", direct{server}, false)
	if err != nil {
		t.Fatal(err)
	}
	client.Backoff = func(int) time.Duration { return time.Millisecond }
	if len(objects) == 0 {
		objects = []runtime.Object{flinktest.Object(api.Deployment, "orders", orders, runs)}
	}
	for _, namespace := range []string{"flink", "ns"} {
		objects = append(objects, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "flink", Namespace: namespace}}, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	}
	r := &rig{T: t, cluster: flinktest.New(objects...), server: server, client: client, restored: map[string]string{}}
	r.cluster.Ask(flinktest.Flink{OnState: func(_ context.Context, ref api.Ref) (api.FlinkState, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.deaf {
			return api.FlinkState{}, flinktest.ErrNoAnswer
		}
		state := api.FlinkState{State: "RUNNING", Tasks: 2, Latest: &api.FlinkSnapshot{Path: "s3://b/s/savepoint-1", Savepoint: true}}
		if path := r.restored[ref.Name]; path != "" {
			state.Restored = &api.FlinkSnapshot{Path: path, Savepoint: true}
		}
		return state, nil
	}})
	_, err = client.Create(t.Context(), cmf.Ref{Kind: cmf.Must("env"), Name: "prod"}, cmf.Object{"name": "prod", "kubernetesNamespace": "flink"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.operate(ctx)
	}()
	t.Cleanup(func() { stop(); <-done })
	return r
}

// operate does what an operator does: it brings jobs to their specs.
func (r *rig) operate(ctx context.Context) {
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(1137 * time.Millisecond):
			// Not in step with what follows it by the second: in the same moment the
			// fakes lose a change between a list and a watch.
		}
		list, err := r.cluster.Objects.Tracker().List(api.Deployment.GVR(), api.Deployment.GVR().GroupVersion().WithKind(api.Deployment.Name), "")
		if err != nil {
			continue
		}
		_ = list.(*unstructured.UnstructuredList).EachListItem(func(o runtime.Object) error {
			r.reconcile(api.Job{Kind: api.Deployment, Object: o.(*unstructured.Unstructured).DeepCopy()}, n)
			return nil
		})
	}
}

func (r *rig) reconcile(job api.Job, n int) {
	if job.ObservedGeneration() == job.Object.GetGeneration() || job.Object.GetNamespace() != flinktest.Namespace {
		return
	}
	name, generation := job.Object.GetName(), job.Object.GetGeneration()
	reconciled, _ := json.Marshal(map[string]any{"spec": map[string]any{"job": api.Section(job.Spec(), "job")}})
	text, _ := json.Marshal(string(reconciled))
	if job.Wanted() == api.WantSuspended {
		r.cluster.SetStatus(api.Deployment, name, fmt.Sprintf(`{"observedGeneration":%d,"lifecycleState":"SUSPENDED","jobStatus":{"state":"FINISHED","upgradeSavepointPath":"s3://b/s/savepoint-1"},"reconciliationStatus":{"state":"DEPLOYED","lastReconciledSpec":%s}}`, generation, text))
		return
	}
	from := job.UpgradeSavepointPath()
	if from == "" {
		from = job.InitialPath()
	}
	if r.onReconcile != nil {
		r.onReconcile()
	}
	r.mu.Lock()
	if r.wrong != "" {
		from = r.wrong
	}
	r.restored[name] = from
	r.mu.Unlock()
	r.cluster.SetStatus(api.Deployment, name, fmt.Sprintf(`{"observedGeneration":%d,"lifecycleState":"STABLE","jobManagerDeploymentStatus":"READY","jobStatus":{"state":"RUNNING","jobId":"run%d","startTime":"%d"},"reconciliationStatus":{"state":"DEPLOYED","lastReconciledSpec":%s,"lastStableSpec":"{}"}}`, generation, n, time.Now().UnixMilli(), text))
}

func (r *rig) sides() Sides {
	return Sides{
		CMF: r.client, Operator: r.cluster.Client, Now: time.Now, Timeout: 10 * time.Minute, Reporter: r.cluster.Reporter(),
		Job: api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "orders"},
		App: cmf.Ref{Kind: cmf.Must("app"), Scope: cmf.Scope{Environment: "prod"}, Name: "orders"},
	}
}

// app is the application's wanted state and what its job does: "running RUNNING";
// "none" where there is none.
func (r *rig) app() string {
	o, err := r.client.Get(context.Background(), r.sides().App)
	if cmf.IsNotFound(err) {
		return "none"
	}
	if err != nil {
		return err.Error()
	}
	return o.Text("spec.job.state") + " " + o.Text("status.jobStatus.state")
}

// job is the FlinkDeployment's.
func (r *rig) job() string {
	object := r.cluster.Get(api.Deployment, "orders")
	if object == nil {
		return "none"
	}
	job := api.Job{Kind: api.Deployment, Object: object}
	return job.Wanted() + " " + job.State()
}

// text is a value as JSON.
func text(t *testing.T, value any) string {
	t.Helper()
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func wants(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: %q is missing in:\n%s", what, part, text)
		}
	}
}
