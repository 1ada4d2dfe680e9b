package reach

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// object is one of the operator's, with a metrics port in its configuration.
func object(kind api.Kind, name, metrics string, status map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": api.Group + "/" + api.Version, "kind": kind.Name,
		"metadata": map[string]any{"name": name, "namespace": "ns"},
		"spec":     map[string]any{"job": map[string]any{}, "flinkConfiguration": map[string]any{"metrics.reporter.prom.port": metrics}},
		"status":   status,
	}}
}

// fakeClient has objects; watching is called with each watch that has begun.
func fakeClient(objects ...runtime.Object) (client *operator.Client, watching <-chan struct{}) {
	lists := map[schema.GroupVersionResource]string{}
	for _, kind := range api.JobKinds {
		lists[kind.GVR()] = kind.Name + "List"
	}
	dyn := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, objects...)
	begun := make(chan struct{}, 8)
	dyn.PrependWatchReactor("*", func(action clienttesting.Action) (bool, watch.Interface, error) {
		w, err := dyn.Tracker().Watch(action.GetResource(), action.GetNamespace())
		begun <- struct{}{}
		return true, w, err
	})
	return operator.ClientOf(dyn, fake.NewClientset()), begun
}

// tracked finds ref and follows it until the test ends; moves are the clusters
// that it moves to.
func tracked(t *testing.T, client *operator.Client, watching <-chan struct{}, ref api.Ref) (tracker *Tracker, moves <-chan string) {
	t.Helper()
	place, err := Find(t.Context(), client, ref)
	if err != nil {
		t.Fatal(err)
	}
	tracker = NewTracker(client, place)
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	clusters := make(chan string, 8)
	work.Go(func() {
		if err := tracker.Follow(ctx, func(p Place) { clusters <- p.Cluster.Ref().Name }); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); work.Wait() })
	<-watching
	return tracker, clusters
}

func ports(t *testing.T, tracker *Tracker, names ...string) (current []func() portforward.Target) {
	t.Helper()
	for _, name := range names {
		first, now, err := tracker.Port(intstr.Parse(name))
		if err != nil || first != now() {
			t.Fatalf("port %s: %v, now %v; %v", name, first, now(), err)
		}
		current = append(current, now)
	}
	return current
}

func TestTrackerFollowsABlueGreenSwitch(t *testing.T) {
	parent := object(api.BlueGreen, "bg", "", map[string]any{"blueGreenState": "ACTIVE_BLUE"})
	client, watching := fakeClient(parent, object(api.Deployment, "bg-blue", "9249", nil), object(api.Deployment, "bg-green", "9250", nil))
	tracker, moves := tracked(t, client, watching, api.Ref{Kind: api.BlueGreen, Namespace: "ns", Name: "bg"})
	current := ports(t, tracker, "rest", "rpc", "metrics", "6123")
	set := func(state string) {
		t.Helper()
		changed := parent.DeepCopy()
		changed.Object["status"] = map[string]any{"blueGreenState": state}
		if _, err := client.Resource(api.BlueGreen, "ns").Update(t.Context(), changed, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	set("TRANSITIONING_TO_GREEN")
	set("ACTIVE_GREEN")
	if got := <-moves; got != "bg-green" {
		t.Fatalf("moved to %s", got)
	}
	for i, want := range []string{
		"service/bg-green-rest rest", "selector/app=bg-green,component=jobmanager jobmanager-rpc",
		"selector/app=bg-green,component=jobmanager 9250", "selector/app=bg-green,component=jobmanager 6123",
	} {
		target := current[i]()
		if got := string(target.Kind) + "/" + target.Name + " " + target.Port.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	set("ACTIVE_BLUE")
	if got := <-moves; got != "bg-blue" {
		t.Errorf("moved back to %s", got)
	}
}

func TestTrackerFollowsAnUpgrade(t *testing.T) {
	client, watching := fakeClient(object(api.Deployment, "job", "9249", nil))
	tracker, _ := tracked(t, client, watching, api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "job"})
	metrics := ports(t, tracker, "metrics")[0]
	update := func(port string) {
		t.Helper()
		if _, err := client.Resource(api.Deployment, "ns").Update(t.Context(), object(api.Deployment, "job", port, nil), metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(10 * time.Second)
		for tracker.Place().Config["metrics.reporter.prom.port"] != port {
			if time.Now().After(deadline) {
				t.Fatal("the upgrade isn't seen")
			}
			time.Sleep(time.Millisecond)
		}
	}
	update("9300")
	if got := metrics(); got.Port != intstr.FromInt(9300) {
		t.Errorf("got port %s", got.Port.String())
	}
	// Where the port is configured no more, its last number says why not.
	update("")
	if got := metrics(); got.Port != intstr.FromInt(9300) {
		t.Errorf("got port %s", got.Port.String())
	}
}

// A manifest's prefix leads the user's requests nowhere else.
func TestFindRefusesAPrefixThatLeadsElsewhere(t *testing.T) {
	for prefix, want := range map[string]string{
		"": "", "/": "", "/flink/": "", "flink": "", "/a b/": "",
		"../../../../victim-ns/services/pay:rest/proxy": "segment of dots",
		"/flink/..":   "segment of dots",
		"/..;x/":      "segment of dots",
		`/..\..`:      "backslash",
		"/%2e%2e/":    "no path",
		"/x?y":        "no path",
		"/x#y":        "no path",
		"/flink\r\nx": "control character",
	} {
		job := object(api.Deployment, "job", "9249", nil)
		config := job.Object["spec"].(map[string]any)["flinkConfiguration"].(map[string]any)
		config["rest.url-prefix"] = prefix
		client, _ := fakeClient(job)
		place, err := Find(t.Context(), client, api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "job"})
		switch {
		case want == "":
			if err != nil || place.Prefix != prefix {
				t.Errorf("%q: got %q, %v", prefix, place.Prefix, err)
			}
		case err == nil || place.Prefix != "" || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "rest.url-prefix"):
			t.Errorf("%q: got %q, %v, want %q", prefix, place.Prefix, err, want)
		}
	}
}
