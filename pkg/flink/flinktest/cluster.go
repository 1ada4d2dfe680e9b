// Package flinktest is a cluster of fakes for unit tests of what follows the
// operator's objects. It has the habits of a real API server that followers
// depend on and client-go's fakes don't have: generations, resource versions
// and conflicts, creation times, managed fields, field selectors, dry runs and
// finalizers. Used within testing/synctest its time is the test's.
package flinktest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Namespace is where all objects of a Cluster are.
const Namespace = "ns"

var eventsResource = corev1.SchemeGroupVersion.WithResource("events")

// Cluster is an API server of fakes, and what a command said to its user.
type Cluster struct {
	// Client is what the code under test gets.
	Client *operator.Client
	// Objects has the operator's objects and the events that are watched, Core
	// has Kubernetes' own kinds.
	Objects *dynamicfake.FakeDynamicClient
	Core    *fake.Clientset

	mu      sync.Mutex
	version int64
	notes   []string
	waits   []string
	// refused are the answers to a verb and a resource that isn't served, as
	// "verb resource".
	refused map[string]error
}

// New is a cluster that has these objects: unstructured ones of the operator's
// kinds, and Kubernetes' own. Its API server serves all of the operator's
// kinds, and lets the user watch them.
func New(objects ...runtime.Object) *Cluster {
	return Serving([]api.Kind{api.Deployment, api.SessionJob, api.StateSnap, api.BlueGreen}, objects...)
}

// Serving is New with an API server that serves only some of the operator's
// kinds.
func Serving(served []api.Kind, objects ...runtime.Object) *Cluster {
	scheme := runtime.NewScheme()
	lists := map[schema.GroupVersionResource]string{
		eventsResource: "EventList",
		corev1.SchemeGroupVersion.WithResource("pods"):                              "PodList",
		{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}: "HorizontalPodAutoscalerList",
	}
	for _, kind := range []api.Kind{api.Deployment, api.SessionJob, api.StateSnap, api.BlueGreen} {
		lists[kind.GVR()] = kind.Name + "List"
	}
	var own, core []runtime.Object
	for _, o := range objects {
		if u, ok := o.(*unstructured.Unstructured); ok {
			own = append(own, u)
		} else {
			core = append(core, o)
		}
	}
	c := &Cluster{Objects: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(scheme, lists), Core: fake.NewClientset(core...)}
	for _, o := range own {
		c.Add(o.(*unstructured.Unstructured))
	}
	for verb, react := range map[string]clienttesting.ReactionFunc{"create": c.create, "patch": c.patch, "delete": c.delete, "list": c.list} {
		c.Objects.PrependReactor(verb, "*", react)
	}
	c.Objects.PrependWatchReactor("*", c.watch)
	c.Objects.PrependWatchReactor("*", func(action clienttesting.Action) (bool, watch.Interface, error) {
		err := c.refusal(action)
		return err != nil, nil, err
	})
	c.Objects.PrependReactor("*", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		err := c.refusal(action)
		return err != nil, nil, err
	})
	c.Core.PrependReactor("create", "selfsubjectaccessreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &authorizationv1.SelfSubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: true}}, nil
	})
	c.Client = operator.ClientOf(c.Objects, c.Core, served...)
	return c
}

// Object is one of the operator's objects; spec and status are JSON, status may
// be "".
func Object(kind api.Kind, name, spec, status string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": api.Group + "/" + api.Version, "kind": kind.Name, "spec": decode(spec),
	}}
	if status != "" {
		u.Object["status"] = decode(status)
	}
	u.SetName(name)
	u.SetNamespace(Namespace)
	u.SetUID(types.UID("uid-" + name))
	u.SetGeneration(1)
	u.SetCreationTimestamp(metav1.NewTime(time.Now().Add(-time.Hour)))
	return u
}

// decode reads a JSON object as an API client does, with whole numbers as
// int64. It panics where the test's author wrote no JSON.
func decode(text string) map[string]any {
	u := unstructured.Unstructured{}
	if err := u.UnmarshalJSON([]byte(`{"apiVersion":"v1","kind":"X","o":` + text + `}`)); err != nil {
		panic(fmt.Sprintf("%v in %s", err, text))
	}
	return u.Object["o"].(map[string]any)
}

// Add creates an object as somebody else does.
func (c *Cluster) Add(object *unstructured.Unstructured) {
	object = object.DeepCopy()
	object.SetResourceVersion(c.nextVersion())
	if err := c.Objects.Tracker().Create(resourceOf(object), object, object.GetNamespace()); err != nil {
		panic(err)
	}
}

// Get is an object as it is now; nil where there is none.
func (c *Cluster) Get(kind api.Kind, name string) *unstructured.Unstructured {
	object, err := c.Objects.Tracker().Get(kind.GVR(), Namespace, name)
	if err != nil {
		return nil
	}
	return object.(*unstructured.Unstructured).DeepCopy()
}

// Job is Get as a job. It panics where there is none.
func (c *Cluster) Job(kind api.Kind, name string) api.Job {
	object := c.Get(kind, name)
	if object == nil {
		panic(kind.Singular + "/" + name + " doesn't exist")
	}
	return api.Job{Kind: kind, Object: object}
}

// SetStatus merges JSON into an object's status, as the operator does: null
// removes a field.
func (c *Cluster) SetStatus(kind api.Kind, name, status string) {
	c.change(kind, name, false, map[string]any{"status": decode(status)})
}

// SetSpec merges JSON into an object's spec, as another user does with kubectl edit.
func (c *Cluster) SetSpec(kind api.Kind, name, spec string) {
	c.change(kind, name, true, map[string]any{"spec": decode(spec)})
}

func (c *Cluster) change(kind api.Kind, name string, generation bool, patch map[string]any) {
	object := c.Job(kind, name).Object
	merge(object.Object, patch)
	if generation {
		object.SetGeneration(object.GetGeneration() + 1)
		signed(object, "kubectl-edit")
	}
	c.store(object)
}

func (c *Cluster) store(object *unstructured.Unstructured) {
	object.SetResourceVersion(c.nextVersion())
	if err := c.Objects.Tracker().Update(resourceOf(object), object, object.GetNamespace()); err != nil {
		panic(err)
	}
}

// Remove deletes an object at once, as somebody else does.
func (c *Cluster) Remove(kind api.Kind, name string) {
	if err := c.Objects.Tracker().Delete(kind.GVR(), Namespace, name); err != nil {
		panic(err)
	}
}

// Warn writes a warning about an object of the operator, of now.
func (c *Cluster) Warn(kind api.Kind, name, reason, message string) {
	now := metav1.NewTime(time.Now().Truncate(time.Second))
	event := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: "event-" + c.nextVersion(), Namespace: Namespace, CreationTimestamp: now},
		InvolvedObject: corev1.ObjectReference{APIVersion: api.Group + "/" + api.Version, Kind: kind.Name, Namespace: Namespace, Name: name},
		Type:           corev1.EventTypeWarning, Reason: reason, Message: message, FirstTimestamp: now, LastTimestamp: now, Count: 1,
	}
	if object := c.Get(kind, name); object != nil {
		event.InvolvedObject.UID = object.GetUID()
	}
	if err := c.Core.Tracker().Create(eventsResource, event, Namespace); err != nil {
		panic(err)
	}
	raw, err := runtime.DefaultUnstructuredConverter.ToUnstructured(event)
	if err != nil {
		panic(err)
	}
	u := &unstructured.Unstructured{Object: raw}
	u.SetAPIVersion("v1")
	u.SetKind("Event")
	c.Add(u)
}

// Operator is the operator's own Deployment.
func Operator(wanted, ready int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "flink", Name: "flink-kubernetes-operator", Labels: map[string]string{"app.kubernetes.io/name": "flink-kubernetes-operator"}},
		Spec:       appsv1.DeploymentSpec{Replicas: &wanted}, Status: appsv1.DeploymentStatus{ReadyReplicas: ready},
	}
}

// After calls do when the test's clock has gone on by d, unless the test has
// ended by then.
func After(d time.Duration, do func()) { time.AfterFunc(d, do) }

// Reporter remembers what is said.
func (c *Cluster) Reporter() operator.Reporter {
	into := func(list *[]string) func(string) {
		return func(text string) {
			c.mu.Lock()
			defer c.mu.Unlock()
			*list = append(*list, text)
		}
	}
	return operator.Reporter{Note: into(&c.notes), Waiting: into(&c.waits)}
}

// Notes is what was said to stay on screen, one per line.
func (c *Cluster) Notes() string { return c.said(&c.notes) }

// Waits is what was said to be waited for, one per line.
func (c *Cluster) Waits() string { return c.said(&c.waits) }

func (c *Cluster) said(list *[]string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(*list, "\n")
}

// Writes are the requests that changed something, as "verb resource", in order.
func (c *Cluster) Writes() []string {
	var out []string
	for _, action := range c.Objects.Actions() {
		var dryRun []string
		switch action := action.(type) {
		case clienttesting.CreateActionImpl:
			dryRun = action.CreateOptions.DryRun
		case clienttesting.PatchActionImpl:
			dryRun = action.PatchOptions.DryRun
		case clienttesting.DeleteActionImpl:
			dryRun = action.DeleteOptions.DryRun
		default:
			continue
		}
		if len(dryRun) == 0 {
			out = append(out, action.GetVerb()+" "+action.GetResource().Resource)
		}
	}
	return out
}
