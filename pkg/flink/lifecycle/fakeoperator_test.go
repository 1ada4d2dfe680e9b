package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// fakeOperator is a cluster with one operator in it: an API server that counts
// generations and refuses outdated patches, and an operator that carries out the
// spec of each job a moment later, as 1.16 does. It is for synctest bubbles.
type fakeOperator struct {
	t       *testing.T
	client  *operator.Client
	dynamic *dynamicfake.FakeDynamicClient
	core    *fake.Clientset

	mu      sync.Mutex
	version int
	// sent are the bodies of the patches that changed something, deleted and
	// created the objects' names.
	sent, deleted, created []string
	notes                  []string
	// runs counts the runs that were begun.
	runs int
	// flink is what JobManagers tell, by job; missing is none that answers.
	flink map[api.Ref]*api.FlinkState
	// react does the operator's work after a job's spec has changed; nil is
	// carryOut.
	react func(job api.Job)
	// savepoint is what the next savepoint's path is.
	savepoint string
	group     sync.WaitGroup
}

// operates is how long the operator takes for each of its steps.
const operates = 2 * time.Second

func newFakeOperator(t *testing.T, core []runtime.Object, objects ...api.Job) *fakeOperator {
	t.Helper()
	f := &fakeOperator{t: t, version: 100, flink: map[api.Ref]*api.FlinkState{}, savepoint: "s3://b/s/savepoint-1"}
	var all []runtime.Object
	for _, job := range objects {
		object := job.Object.DeepCopy()
		object.SetAPIVersion(api.Group + "/" + api.Version)
		object.SetKind(job.Kind.Name)
		if object.GetUID() == "" {
			object.SetUID(types.UID("uid-" + object.GetName()))
		}
		if object.GetGeneration() == 0 {
			object.SetGeneration(1)
		}
		object.SetResourceVersion("100")
		all = append(all, object)
	}
	for _, object := range core {
		// Pods are watched as objects of any kind.
		if pod, ok := object.(*corev1.Pod); ok {
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pod)
			if err != nil {
				t.Fatal(err)
			}
			plain := &unstructured.Unstructured{Object: content}
			plain.SetAPIVersion("v1")
			plain.SetKind("Pod")
			all = append(all, plain)
		}
	}
	f.dynamic = fakeDynamic(all...)
	f.core = fake.NewClientset(append([]runtime.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns"}}}, core...)...)
	f.core.PrependReactor("create", "selfsubjectaccessreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &authorizationv1.SelfSubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: true}}, nil
	})
	f.dynamic.PrependReactor("patch", "*", f.patched)
	f.dynamic.PrependReactor("create", "*", f.creates)
	f.dynamic.PrependReactor("list", "*", f.listsNamed)
	f.dynamic.PrependWatchReactor("*", f.watchesNamed)
	f.dynamic.PrependReactor("delete", "*", f.deletes)
	f.client = operator.ClientOf(f.dynamic, f.core, append([]api.Kind{api.StateSnap}, api.JobKinds...)...)
	f.ask(flinktest.Flink{})
	return f
}

// ask gives the client JobManagers that answer by what tells set, and the
// questions that flink answers.
func (f *fakeOperator) ask(flink flinktest.Flink) {
	flink.OnState = func(_ context.Context, ref api.Ref) (api.FlinkState, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if state := f.flink[ref]; state != nil {
			return *state, nil
		}
		return api.FlinkState{}, change.ErrNoJobManager
	}
	f.client = f.client.Asking(flink)
}

// reporter keeps what a user is shown.
func (f *fakeOperator) reporter() operator.Reporter {
	return operator.Reporter{Note: func(s string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.notes = append(f.notes, s)
	}}
}

func (f *fakeOperator) patched(action clienttesting.Action) (bool, runtime.Object, error) {
	patch := action.(clienttesting.PatchActionImpl)
	gvr, namespace := patch.GetResource(), patch.GetNamespace()
	f.mu.Lock()
	defer f.mu.Unlock()
	found, err := f.dynamic.Tracker().Get(gvr, namespace, patch.Name)
	if err != nil {
		return true, nil, err
	}
	object := found.(*unstructured.Unstructured).DeepCopy()
	var body map[string]any
	if err := json.Unmarshal(patch.Patch, &body); err != nil {
		return true, nil, err
	}
	wanted := api.Text(body, "metadata", "resourceVersion")
	if wanted != "" && wanted != object.GetResourceVersion() {
		return true, nil, apierrors.NewConflict(gvr.GroupResource(), patch.Name, errors.New("the object has been modified"))
	}
	unstructured.RemoveNestedField(body, "metadata", "resourceVersion")
	before := object.DeepCopy().Object["spec"]
	after := integers(api.Merge(object.Object, body)).(map[string]any)
	object = &unstructured.Unstructured{Object: withoutNil(after)}
	changed := !api.SameJSON(before, object.Object["spec"])
	if changed {
		object.SetGeneration(object.GetGeneration() + 1)
	}
	if len(patch.PatchOptions.DryRun) > 0 {
		return true, object, nil
	}
	text, _ := json.Marshal(withoutEmpty(body))
	f.sent = append(f.sent, string(text))
	f.version++
	object.SetResourceVersion(strconv.Itoa(f.version))
	if err := f.dynamic.Tracker().Update(gvr, object, namespace); err != nil {
		return true, nil, err
	}
	if changed {
		f.works(object)
	}
	return true, object.DeepCopy(), nil
}

func (f *fakeOperator) creates(action clienttesting.Action) (bool, runtime.Object, error) {
	create := action.(clienttesting.CreateActionImpl)
	object := create.Object.(*unstructured.Unstructured).DeepCopy()
	if len(create.CreateOptions.DryRun) > 0 {
		return true, object, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
	object.SetResourceVersion(strconv.Itoa(f.version))
	object.SetUID(types.UID("uid-" + strconv.Itoa(f.version)))
	object.SetGeneration(1)
	object.SetNamespace(create.Namespace)
	object.SetCreationTimestamp(metav1.NewTime(time.Now()))
	if err := f.dynamic.Tracker().Create(create.GetResource(), object, create.Namespace); err != nil {
		return true, nil, err
	}
	f.created = append(f.created, object.GetName())
	f.works(object)
	return true, object.DeepCopy(), nil
}

// listsNamed and watchesNamed select by name, which the fake client doesn't.
func (f *fakeOperator) listsNamed(action clienttesting.Action) (bool, runtime.Object, error) {
	name, ok := action.(clienttesting.ListActionImpl).ListRestrictions.Fields.RequiresExactMatch("metadata.name")
	if !ok {
		return false, nil, nil
	}
	list := &unstructured.UnstructuredList{Object: map[string]any{}}
	if found, err := f.dynamic.Tracker().Get(action.GetResource(), action.GetNamespace(), name); err == nil {
		list.Items = append(list.Items, *found.(*unstructured.Unstructured).DeepCopy())
	}
	return true, list, nil
}

func (f *fakeOperator) watchesNamed(action clienttesting.Action) (bool, watch.Interface, error) {
	name, ok := action.(clienttesting.WatchActionImpl).WatchRestrictions.Fields.RequiresExactMatch("metadata.name")
	if !ok {
		return false, nil, nil
	}
	all, err := f.dynamic.Tracker().Watch(action.GetResource(), action.GetNamespace())
	if err != nil {
		return true, nil, err
	}
	events := make(chan watch.Event)
	named := watch.NewProxyWatcher(events)
	go func() {
		defer all.Stop()
		for {
			select {
			case <-named.StopChan():
				return
			case event := <-all.ResultChan():
				if object, ok := event.Object.(*unstructured.Unstructured); !ok || object.GetName() != name {
					continue
				}
				select {
				case <-named.StopChan():
					return
				case events <- event:
				}
			}
		}
	}()
	return true, named, nil
}

func (f *fakeOperator) deletes(action clienttesting.Action) (bool, runtime.Object, error) {
	remove := action.(clienttesting.DeleteActionImpl)
	if len(remove.DeleteOptions.DryRun) > 0 {
		return true, nil, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deleted = append(f.deleted, remove.Name)
	f.group.Go(func() {
		time.Sleep(operates)
		_ = f.dynamic.Tracker().Delete(remove.GetResource(), remove.Namespace, remove.Name)
	})
	return true, nil, nil
}

// works has the operator see a new spec.
func (f *fakeOperator) works(object *unstructured.Unstructured) {
	kind, ok := api.ParseKind(strings.ToLower(object.GetKind()), append([]api.Kind{api.StateSnap}, api.JobKinds...)...)
	if !ok {
		return
	}
	job := api.Job{Kind: kind, Object: object.DeepCopy()}
	f.group.Go(func() {
		time.Sleep(operates)
		if f.react != nil {
			f.react(job)
			return
		}
		f.carryOut(job)
	})
}

// get is a job as it is now.
func (f *fakeOperator) get(ref api.Ref) api.Job {
	f.t.Helper()
	object, err := f.dynamic.Tracker().Get(ref.Kind.GVR(), ref.Namespace, ref.Name)
	if err != nil {
		f.t.Errorf("%s: %v", ref, err)
		return api.Job{Kind: ref.Kind, Object: &unstructured.Unstructured{Object: map[string]any{}}}
	}
	return api.Job{Kind: ref.Kind, Object: object.(*unstructured.Unstructured).DeepCopy()}
}

// status merges fields into a job's status; a value of nil removes one.
func (f *fakeOperator) status(ref api.Ref, fields map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found, err := f.dynamic.Tracker().Get(ref.Kind.GVR(), ref.Namespace, ref.Name)
	if err != nil {
		return
	}
	object := found.(*unstructured.Unstructured).DeepCopy()
	merged := integers(api.Merge(object.Object, map[string]any{"status": fields})).(map[string]any)
	object = &unstructured.Unstructured{Object: withoutNil(merged)}
	f.version++
	object.SetResourceVersion(strconv.Itoa(f.version))
	if err := f.dynamic.Tracker().Update(ref.Kind.GVR(), object, ref.Namespace); err != nil {
		f.t.Error(err)
	}
}

// edits merges a patch into a job, as another user does.
func (f *fakeOperator) edits(ref api.Ref, patch string) {
	f.t.Helper()
	object := f.get(ref).Object
	var merge map[string]any
	if err := json.Unmarshal([]byte(patch), &merge); err != nil {
		f.t.Fatal(err)
	}
	object.Object = withoutNil(integers(api.Merge(object.Object, merge)).(map[string]any))
	object.SetGeneration(object.GetGeneration() + 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
	object.SetResourceVersion(strconv.Itoa(f.version))
	if err := f.dynamic.Tracker().Update(ref.Kind.GVR(), object, ref.Namespace); err != nil {
		f.t.Error(err)
	}
}

// tells sets what a job's JobManager answers.
func (f *fakeOperator) tells(ref api.Ref, state *api.FlinkState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flink[ref] = state
}

// carryOut does what a spec says: it stops the job by its upgrade mode, and
// starts it from what that left.
func (f *fakeOperator) carryOut(job api.Job) {
	ref := job.Ref()
	if api.Section(job.Spec(), "job") == nil {
		f.status(ref, map[string]any{
			"observedGeneration": job.Object.GetGeneration(), "lifecycleState": "STABLE", "jobManagerDeploymentStatus": "READY",
			"reconciliationStatus": map[string]any{"state": "DEPLOYED", "lastReconciledSpec": reconciled(job, "")},
		})
		return
	}
	from := f.stop(job)
	if job.Wanted() == "suspended" {
		return
	}
	time.Sleep(operates)
	f.start(job, from)
}

// stop has the operator stop a job, and gives what it left.
func (f *fakeOperator) stop(job api.Job) (left string) {
	ref := job.Ref()
	now := f.get(ref)
	mode := job.UpgradeMode()
	left = now.UpgradeSavepointPath()
	switch now.State() {
	case "RUNNING":
		switch mode {
		case "savepoint":
			left = f.savepoint
		case "last-state":
			left = "s3://b/c/" + now.JobID() + "/chk-7"
		case "stateless":
			left = ""
		}
	case "":
		if job.Wanted() != "suspended" {
			return job.InitialPath() // there is nothing to stop
		}
	}
	f.status(ref, map[string]any{
		"observedGeneration": job.Object.GetGeneration(), "lifecycleState": "SUSPENDED", "error": nil,
		"jobStatus":            map[string]any{"state": "FINISHED", "upgradeSavepointPath": orNil(left)},
		"reconciliationStatus": map[string]any{"state": "DEPLOYED", "lastReconciledSpec": reconciled(job, "suspended")},
	})
	return left
}

// start has the operator start a new run from a path.
func (f *fakeOperator) start(job api.Job, from string) {
	ref := job.Ref()
	f.mu.Lock()
	f.runs++
	id := fmt.Sprintf("run%d", f.runs)
	f.mu.Unlock()
	if nonce, ok := api.Number(job.Spec(), "job", "savepointRedeployNonce"); ok && nonce > 0 {
		from = job.InitialPath()
	}
	f.tells(ref, nil)
	f.status(ref, map[string]any{"observedGeneration": job.Object.GetGeneration(), "lifecycleState": "DEPLOYED", "jobManagerDeploymentStatus": "DEPLOYING", "jobStatus": map[string]any{"state": "RECONCILING", "jobId": id}})
	time.Sleep(operates)
	f.tells(ref, stateFrom(from))
	f.status(ref, map[string]any{
		"lifecycleState": "STABLE", "jobManagerDeploymentStatus": "READY",
		"jobStatus":            map[string]any{"state": "RUNNING", "jobId": id, "startTime": strconv.FormatInt(time.Now().UnixMilli(), 10), "upgradeSavepointPath": nil},
		"reconciliationStatus": map[string]any{"state": "DEPLOYED", "lastReconciledSpec": reconciled(job, "running"), "lastStableSpec": "{}"},
	})
}

// stateFrom is a run of four tasks that was restored from a path; "" is nothing.
func stateFrom(path string) *api.FlinkState {
	state := &api.FlinkState{State: "RUNNING", Tasks: 4}
	if path != "" {
		state.Restored = &api.FlinkSnapshot{Path: path, Savepoint: !api.IsCheckpointPath(path), At: time.Now()}
	}
	return state
}

// withCheckpoint is of a run that started empty and has completed a checkpoint.
func withCheckpoint() *api.FlinkState {
	state := stateFrom("")
	state.Checkpoint = &api.FlinkSnapshot{ID: 7, Path: "s3://b/c/aaa/chk-7", At: time.Now()}
	state.Latest = state.Checkpoint
	return state
}

func reconciled(job api.Job, state string) string {
	spec := (&unstructured.Unstructured{Object: job.Spec()}).DeepCopy().Object
	if state != "" {
		spec = api.Merge(spec, map[string]any{"job": map[string]any{"state": state}})
	}
	text, _ := json.Marshal(map[string]any{"spec": spec})
	return string(text)
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// integers has whole numbers as the API machinery keeps them.
func integers(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, below := range v {
			out[key] = integers(below)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, below := range v {
			out[i] = integers(below)
		}
		return out
	case int:
		return int64(v)
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return value
}

func withoutNil(m map[string]any) map[string]any {
	for key, value := range m {
		if below, ok := value.(map[string]any); ok {
			withoutNil(below)
		} else if value == nil {
			delete(m, key)
		}
	}
	return m
}

func withoutEmpty(m map[string]any) map[string]any {
	if below, ok := m["metadata"].(map[string]any); ok && len(below) == 0 {
		delete(m, "metadata")
	}
	return m
}

// inBubble runs a test with a clock that jumps, and ends what the fake operator
// still does.
func inBubble(t *testing.T, run func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, run)
}

// patience is a context that ends a verb that would wait for ever: with a clock
// that jumps it would do so at full speed.
func patience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Minute, errors.New("the test has waited for 10 minutes"))
	t.Cleanup(cancel)
	return ctx
}

// check compares what a verb did with what a user is to see of it. want are
// parts of the error; none is success.
func (f *fakeOperator) check(err error, code int, want []string, patches ...string) {
	f.t.Helper()
	f.group.Wait()
	switch {
	case len(want) == 0 && err != nil:
		f.t.Errorf("it failed: %v", err)
	case len(want) > 0 && err == nil:
		f.t.Errorf("it succeeded; want an error with %q", want)
	case err != nil && exit.Code(err) != code:
		f.t.Errorf("exit code %d, want %d: %v", exit.Code(err), code, err)
	}
	for _, part := range want {
		if err != nil && !strings.Contains(err.Error(), part) {
			f.t.Errorf("no %q in: %v", part, err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if strings.Join(f.sent, "\n") != strings.Join(patches, "\n") {
		f.t.Errorf("patches:\n%s\nwant:\n%s", strings.Join(f.sent, "\n"), strings.Join(patches, "\n"))
	}
}

// noted checks that the user was shown something.
func (f *fakeOperator) noted(parts ...string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	all := strings.Join(f.notes, "\n")
	for _, part := range parts {
		if !strings.Contains(all, part) {
			f.t.Errorf("no %q in the notes:\n%s", part, all)
		}
	}
}

// ordersWith is a FlinkDeployment called orders with parts of its manifest
// merged in, as JSON; none is one that runs, with state of its own and high
// availability.
func ordersWith(t *testing.T, merge ...string) api.Job {
	t.Helper()
	job := flinktest.JobOf(t, api.Deployment, `{"metadata":{"name":"orders","namespace":"ns"},
		"spec":{"image":"flink:1.20","flinkVersion":"v1_20","flinkConfiguration":{"execution.checkpointing.dir":"s3://b/c","execution.checkpointing.savepoint-dir":"s3://b/s","high-availability.type":"kubernetes"},
			"job":{"state":"running","upgradeMode":"savepoint","parallelism":2}},
		"status":{"observedGeneration":1,"lifecycleState":"STABLE","jobManagerDeploymentStatus":"READY","reconciliationStatus":{"state":"DEPLOYED","lastStableSpec":"{}"},
			"jobStatus":{"state":"RUNNING","jobId":"aaa","startTime":"946684000000"}}}`)
	for _, text := range merge {
		var more map[string]any
		if err := json.Unmarshal([]byte(text), &more); err != nil {
			t.Fatal(err)
		}
		job.Object.Object = withoutNil(integers(api.Merge(job.Object.Object, more)).(map[string]any))
	}
	job.Object.Object = integers(job.Object.Object).(map[string]any)
	return job
}

// suspendedBy is what merged into ordersWith suspends it by a mode, with a path.
func suspendedBy(mode, path string) string {
	return `{"spec":{"job":{"state":"suspended"}},"status":{"lifecycleState":"SUSPENDED","jobStatus":{"state":"FINISHED","upgradeSavepointPath":"` + path + `"},
		"reconciliationStatus":{"lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"suspended\",\"upgradeMode\":\"` + mode + `\"}}}"}}}`
}

var ordersRef = api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "orders"}
