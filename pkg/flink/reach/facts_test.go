package reach

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

var factsNow = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

var factsRef = api.Ref{Kind: api.Deployment, Namespace: "prod", Name: "orders"}

// factsCluster is a cluster with a FlinkDeployment whose init container ended,
// and what a cluster has beside it.
func factsCluster(t *testing.T, more ...runtime.Object) (*Gatherer, *fake.Clientset, *dynamicfake.FakeDynamicClient) {
	t.Helper()
	job := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"job": map[string]any{}, "flinkConfiguration": map[string]any{"a": "b"}}}}
	job.SetAPIVersion(api.Group + "/" + api.Version)
	job.SetKind(api.Deployment.Name)
	job.SetNamespace("prod")
	job.SetName("orders")
	job.SetUID("u1")
	job.SetCreationTimestamp(metav1.NewTime(factsNow.Add(-time.Hour)))
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "orders-5d4f7c9b6d-abcde", UID: "p1", Labels: map[string]string{"app": "orders", "component": "jobmanager"}},
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "fetch"}},
			Containers: []corev1.Container{{Name: api.MainContainer, EnvFrom: []corev1.EnvFromSource{
				{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "password"}}},
				{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "there"}}},
			}}},
		},
		Status: corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{{Name: "fetch", RestartCount: 3, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}, LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3}}}}},
	}
	event := func(n, name, uid string) *corev1.Event {
		return &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: n}, InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "prod", Name: name, UID: types.UID(uid)}, Reason: n, LastTimestamp: metav1.NewTime(factsNow)}
	}
	core := fake.NewClientset(append([]runtime.Object{
		pod, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "there"}, Data: map[string][]byte{"k": []byte("hidden-value")}},
		event("ours", pod.Name, "p1"), event("others", "orders-eu-5d4f7c9b6d-abcde", "p2"),
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}},
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "ops", Name: "flink-kubernetes-operator", Labels: map[string]string{"app.kubernetes.io/name": "flink-kubernetes-operator"}}, Status: appsv1.DeploymentStatus{ReadyReplicas: 1}},
	}, more...)...)
	scheme := runtime.NewScheme()
	lists := map[schema.GroupVersionResource]string{
		hpaResource: "HorizontalPodAutoscalerList", pdbResource: "PodDisruptionBudgetList", validating: "ValidatingWebhookConfigurationList",
		mutating: "MutatingWebhookConfigurationList", certificates: "CertificateList", storageClasses: "StorageClassList",
	}
	for _, kind := range []api.Kind{api.Deployment, api.SessionJob, api.StateSnap, api.BlueGreen} {
		lists[kind.GVR()] = kind.Name + "List"
	}
	dyn := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(scheme, lists, job)
	client := operator.ClientOf(dyn, core, api.Deployment, api.SessionJob, api.StateSnap, api.BlueGreen)
	return &Gatherer{Client: client, Limit: 5 * time.Second, Now: func() time.Time { return factsNow }}, core, dyn
}

func refuse(what *clienttesting.Fake, verb, resource string) {
	what.PrependReactor(verb, resource, func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("you may not"))
	})
}

func TestFactsOfAJob(t *testing.T) {
	g, core, dyn := factsCluster(t)
	refuse(&core.Fake, "list", "nodes")
	refuse(&dyn.Fake, "list", "poddisruptionbudgets")
	f, unread, err := g.Job(t.Context(), factsRef)
	if err != nil {
		t.Fatal(err)
	}
	for source, mark := range map[diagnosis.Source]diagnosis.Mark{
		diagnosis.FromPods: diagnosis.Read, diagnosis.FromEvents: diagnosis.Read, diagnosis.FromLogs: diagnosis.Read,
		diagnosis.FromNodes: diagnosis.NotAllowed, diagnosis.FromPDB: diagnosis.NotAllowed, diagnosis.FromService: diagnosis.NotThere,
		diagnosis.FromConfig: diagnosis.NotThere, diagnosis.FromAutoscaler: diagnosis.NotThere, diagnosis.FromJobManager: diagnosis.NotAsked,
		diagnosis.FromQuotas: diagnosis.Read, diagnosis.FromSecrets: diagnosis.Read, diagnosis.FromOperator: diagnosis.Read, diagnosis.FromHPA: diagnosis.Read,
	} {
		if f.Mark(source) != mark {
			t.Errorf("%s is marked %q, not %q", source, f.Mark(source), mark)
		}
	}
	var refused []string
	for _, u := range unread {
		refused = append(refused, string(u.Source))
		if u.Mark != diagnosis.NotAllowed || u.Why == "" {
			t.Errorf("%s: %s %q", u.Source, u.Mark, u.Why)
		}
	}
	if want := []string{"nodes", "poddisruptionbudgets"}; !slices.Equal(refused, want) {
		t.Errorf("unread are %q, not %q", refused, want)
	}
	if len(f.Events) != 1 || f.Events[0].Reason != "ours" {
		t.Errorf("the events are those of another pod, too: %v", f.Events)
	}
	if len(f.Pods) != 1 || f.Pods[0].Role != "jobmanager" || len(f.Pods[0].Logs) != 1 {
		t.Fatalf("pods: %+v", f.Pods)
	}
	if log := f.Pods[0].Logs[0]; log.Container != "fetch" || !log.Previous || len(log.Lines) == 0 {
		t.Errorf("the log of the container that ended: %+v", log)
	}
	if want := []diagnosis.Existing{{Name: "password", Exists: diagnosis.NotThere}, {Name: "there", Exists: diagnosis.Read}}; len(f.Secrets) != 2 || f.Secrets[0].Exists != want[0].Exists || f.Secrets[1].Exists != want[1].Exists {
		t.Errorf("secrets: %+v", f.Secrets)
	}
	if len(f.Operators) != 1 || f.Operators[0].Ready != 1 {
		t.Errorf("operators: %+v", f.Operators)
	}
}

// A source that never answers doesn't keep the others.
func TestFactsWithASourceThatHangs(t *testing.T) {
	g, _, objects := factsCluster(t)
	g.Limit = 200 * time.Millisecond
	stop := make(chan struct{})
	defer close(stop)
	// The fake answers one question at a time: all that goes through the same
	// client hangs with this one.
	objects.PrependReactor("list", pdbResource.Resource, func(clienttesting.Action) (bool, runtime.Object, error) {
		<-stop
		return true, nil, errors.New("stopped")
	})
	start := time.Now()
	done := make(chan *diagnosis.JobFacts, 1)
	var unread []Unread
	go func() {
		f, u, err := g.Job(context.Background(), factsRef)
		if err != nil {
			t.Error(err)
		}
		unread = u
		done <- f
	}()
	select {
	case f := <-done:
		if f.Mark(diagnosis.FromPDB) != diagnosis.NoAnswer || f.Mark(diagnosis.FromPods) != diagnosis.Read {
			t.Errorf("budgets %q, pods %q", f.Mark(diagnosis.FromPDB), f.Mark(diagnosis.FromPods))
		}
		if !slices.ContainsFunc(unread, func(u Unread) bool { return u.Source == diagnosis.FromPDB && strings.Contains(u.Why, "in time") }) {
			t.Errorf("unread: %+v", unread)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("a source that hangs holds up everything")
	}
	t.Logf("took %s", time.Since(start))
}

func TestMarks(t *testing.T) {
	resource := schema.GroupResource{Resource: "pods"}
	for _, c := range []struct {
		err  error
		want diagnosis.Mark
	}{
		{nil, diagnosis.Read},
		{apierrors.NewForbidden(resource, "a", nil), diagnosis.NotAllowed},
		{apierrors.NewUnauthorized("no"), diagnosis.NotAllowed},
		{apierrors.NewNotFound(resource, "a"), diagnosis.NotThere},
		{operator.ErrNotInstalled, diagnosis.NotThere},
		{context.DeadlineExceeded, diagnosis.NoAnswer},
		{errors.New("connection refused"), diagnosis.NoAnswer},
	} {
		if got := MarkOf(c.err); got != c.want {
			t.Errorf("%v is %q, not %q", c.err, got, c.want)
		}
	}
}

func TestFactsOfExceptions(t *testing.T) {
	trace := "org.apache.flink.runtime.JobException: Recovery is suppressed\nCaused by: java.io.IOException: Cannot run program \"/usr/bin/python3\": error=2"
	got := readExceptions([]rest.Exception{
		{Stacktrace: trace, Time: 1000, Task: "Map (1/2)"},
		{Stacktrace: trace, Time: 3000, Task: "Map (1/2)"},
		{Stacktrace: "java.lang.IllegalStateException: other", Time: 2000},
	})
	if len(got) != 3 || got[0].At.UnixMilli() != 3000 || got[1].Telling() != "IllegalStateException: other" || got[0].Task != "Map (1/2)" {
		t.Errorf("%+v", got)
	}
}
