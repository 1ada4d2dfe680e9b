package operator

import (
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// fakeClient is a client of a cluster that has these objects: unstructured
// ones of the operator's kinds, and Kubernetes' own.
func fakeClient(objects ...runtime.Object) *Client {
	var own, core []runtime.Object
	for _, o := range objects {
		if u, ok := o.(*unstructured.Unstructured); ok {
			own = append(own, u)
		} else {
			core = append(core, o)
		}
	}
	scheme := runtime.NewScheme()
	for _, kind := range []api.Kind{api.Deployment, api.SessionJob, api.StateSnap, api.BlueGreen} {
		scheme.AddKnownTypeWithName(kind.GVR().GroupVersion().WithKind(kind.Name), &unstructured.Unstructured{})
		scheme.AddKnownTypeWithName(kind.GVR().GroupVersion().WithKind(kind.Name+"List"), &unstructured.UnstructuredList{})
	}
	c := ClientOf(dynamicfake.NewSimpleDynamicClient(scheme, own...), fake.NewClientset(core...), api.Deployment, api.SessionJob, api.StateSnap, api.BlueGreen)
	return c
}

var eventsNow = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func flinkObject(kind api.Kind, name, uid string, created time.Time, spec map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	u.SetAPIVersion(api.Group + "/" + api.Version)
	u.SetKind(kind.Name)
	u.SetNamespace("ns")
	u.SetName(name)
	u.SetUID(types.UID(uid))
	u.SetCreationTimestamp(metav1.NewTime(created))
	return u
}

func eventOf(n string, kind, name, uid string, at time.Time) *corev1.Event {
	version := "v1"
	if kind == api.Deployment.Name || kind == api.StateSnap.Name || kind == api.SessionJob.Name {
		version = api.Group + "/" + api.Version
	}
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: "ns", Name: "e" + n},
		InvolvedObject: corev1.ObjectReference{APIVersion: version, Kind: kind, Namespace: "ns", Name: name, UID: types.UID(uid)},
		Type:           "Warning", Reason: n, LastTimestamp: metav1.NewTime(at),
	}
}

func owned(name, uid string, labels map[string]string, by metav1.OwnerReference) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(uid), Labels: labels, OwnerReferences: []metav1.OwnerReference{by}, CreationTimestamp: metav1.NewTime(eventsNow)}
}

func TestEventsAreOfThisJobAndNoOther(t *testing.T) {
	labels := map[string]string{"app": "basic", "component": "jobmanager"}
	workers := map[string]string{"app": "basic", "component": "taskmanager"}
	created, soon, before := eventsNow, eventsNow.Add(time.Minute), eventsNow.Add(-time.Hour)
	snapshot := func(name, uid, job string) *unstructured.Unstructured {
		return flinkObject(api.StateSnap, name, uid, created, map[string]any{"jobReference": map[string]any{"kind": api.Deployment.Name, "name": job}})
	}
	c := fakeClient(
		flinkObject(api.Deployment, "basic", "u1", created, map[string]any{"job": map[string]any{}}),
		flinkObject(api.Deployment, "basic-secure", "u2", created, map[string]any{"job": map[string]any{}}),
		snapshot("by-hand", "s1", "basic"), snapshot("basic-savepoint-manual-1795571979000", "s2", "basic-secure"),
		&appsv1.Deployment{ObjectMeta: owned("basic", "d1", labels, metav1.OwnerReference{Kind: api.Deployment.Name, Name: "basic", UID: "u1"})},
		&appsv1.ReplicaSet{ObjectMeta: owned("basic-6d4cf56db", "r1", labels, metav1.OwnerReference{Kind: "Deployment", Name: "basic", UID: "d1"})},
		&corev1.Pod{ObjectMeta: owned("basic-6d4cf56db-bh74k", "p1", labels, metav1.OwnerReference{Kind: "ReplicaSet", Name: "basic-6d4cf56db", UID: "r1"})},
		// A chart's own Flink that happens to carry the same labels.
		&corev1.Pod{ObjectMeta: owned("chart-taskmanager-0", "p9", workers, metav1.OwnerReference{Kind: "StatefulSet", Name: "chart-taskmanager", UID: "x"})},
		eventOf("object", api.Deployment.Name, "basic", "u1", soon),
		eventOf("predecessor", api.Deployment.Name, "basic", "u0", soon),
		eventOf("predecessor-unnamed", api.Deployment.Name, "basic", "", before),
		eventOf("unnamed", api.Deployment.Name, "basic", "", soon),
		eventOf("session-job", api.SessionJob.Name, "basic", "u7", soon),
		eventOf("pod", "Pod", "basic-6d4cf56db-bh74k", "p1", soon),
		eventOf("pod-gone", "Pod", "basic-6d4cf56db-zz2xx", "p0", soon),
		eventOf("worker-gone", "Pod", "basic-taskmanager-1-7", "t7", soon),
		eventOf("worker-before", "Pod", "basic-taskmanager-1-7", "t0", before),
		eventOf("other-worker", "Pod", "basic-secure-taskmanager-1-1", "", soon),
		eventOf("other-pod", "Pod", "basic-secure-6d4cf56db-bh74k", "", soon),
		eventOf("chart-pod", "Pod", "chart-taskmanager-0", "p9", soon),
		eventOf("replicaset-gone", "ReplicaSet", "basic-5f9c8d7b6c", "r0", soon),
		eventOf("other-replicaset", "ReplicaSet", "basic-secure-6d4cf56db", "", soon),
		eventOf("deployment", "Deployment", "basic", "d0", soon),
		eventOf("other-deployment", "Deployment", "basic-secure", "", soon),
		eventOf("other-service", "Service", "basic-secure-rest", "", soon),
		eventOf("service", "Service", "basic-rest", "v1", soon),
		eventOf("snapshot", api.StateSnap.Name, "by-hand", "s1", soon),
		eventOf("snapshot-gone", api.StateSnap.Name, "basic-savepoint-upgrade-1795571979123", "s0", soon),
		eventOf("other-snapshot", api.StateSnap.Name, "basic-secure-savepoint-manual-1", "", soon),
		eventOf("snapshot-of-another", api.StateSnap.Name, "basic-savepoint-manual-1795571979000", "s2", soon),
	)
	events, err := c.EventsAbout(t.Context(), api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "basic"}, "basic")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range events {
		got = append(got, e.Reason)
	}
	slices.Sort(got)
	want := []string{"deployment", "object", "pod", "pod-gone", "replicaset-gone", "service", "snapshot", "snapshot-gone", "unnamed", "worker-gone"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestAnUnrelatedDeploymentOfTheSameNameIsNotTheJobs(t *testing.T) {
	c := fakeClient(
		flinkObject(api.Deployment, "web", "u1", eventsNow, map[string]any{"job": map[string]any{"state": "suspended"}}),
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "d9"}},
		eventOf("deployment", "Deployment", "web", "d9", eventsNow),
		eventOf("pod", "Pod", "web-6d4cf56db-bh74k", "p9", eventsNow),
	)
	if events, err := c.EventsAbout(t.Context(), api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "web"}, "web"); err != nil || len(events) != 0 {
		t.Errorf("%+v %v", events, err)
	}
}

func TestWarningsOfAPredecessorAreNotTold(t *testing.T) {
	now := flinkObject(api.Deployment, "basic", "u1", eventsNow, nil)
	c := fakeClient(now,
		eventOf("mine", api.Deployment.Name, "basic", "u1", eventsNow),
		eventOf("predecessor", api.Deployment.Name, "basic", "u0", eventsNow),
		eventOf("session-job", api.SessionJob.Name, "basic", "u2", eventsNow),
	)
	got := c.WarningsSince(t.Context(), "ns", eventsNow.Add(-time.Second), SubjectOf(now))
	if len(got) != 1 || got[0].Reason != "mine" {
		t.Errorf("%+v", got)
	}
}
