package flinktest

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Refuse has the API server answer a verb on a kind with an error, from now on;
// also while the code under test runs.
func (c *Cluster) Refuse(verb string, kind api.Kind, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil {
		c.refused = map[string]error{}
	}
	c.refused[verb+" "+kind.Plural] = err
}

// refusal is the error that an action is answered with; nil lets it pass.
func (c *Cluster) refusal(action clienttesting.Action) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused[action.GetVerb()+" "+action.GetResource().Resource]
}

// Forbidden is the API server's answer to a user without a permission.
func Forbidden(kind api.Kind, name string) error {
	return apierrors.NewForbidden(kind.GVR().GroupResource(), name, errors.New("no permission"))
}

func (c *Cluster) nextVersion() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	return strconv.FormatInt(c.version, 10)
}

func resourceOf(object *unstructured.Unstructured) schema.GroupVersionResource {
	for _, kind := range []api.Kind{api.Deployment, api.SessionJob, api.StateSnap, api.BlueGreen} {
		if kind.Name == object.GetKind() {
			return kind.GVR()
		}
	}
	gvk := object.GroupVersionKind()
	return gvk.GroupVersion().WithResource(strings.ToLower(gvk.Kind) + "s")
}

func (c *Cluster) create(action clienttesting.Action) (bool, runtime.Object, error) {
	create := action.(clienttesting.CreateActionImpl)
	object := create.Object.(*unstructured.Unstructured).DeepCopy()
	object.SetNamespace(create.Namespace)
	object.SetUID(types.UID("uid-" + object.GetName()))
	object.SetGeneration(1)
	object.SetCreationTimestamp(metav1.NewTime(time.Now()))
	signed(object, create.CreateOptions.FieldManager)
	object.SetResourceVersion(c.nextVersion())
	if len(create.CreateOptions.DryRun) > 0 {
		return true, object, nil
	}
	err := c.Objects.Tracker().Create(create.Resource, object, create.Namespace)
	return true, object.DeepCopy(), err
}

func (c *Cluster) patch(action clienttesting.Action) (bool, runtime.Object, error) {
	patch := action.(clienttesting.PatchActionImpl)
	found, err := c.Objects.Tracker().Get(patch.Resource, patch.Namespace, patch.Name)
	if err != nil {
		return true, nil, err
	}
	object := found.(*unstructured.Unstructured).DeepCopy()
	body := decode(string(patch.Patch))
	group := patch.Resource.GroupResource()
	if version := api.Text(body, "metadata", "resourceVersion"); version != "" && version != object.GetResourceVersion() {
		return true, nil, apierrors.NewConflict(group, patch.Name, errors.New("the object has been modified"))
	}
	if uid := api.Text(body, "metadata", "uid"); uid != "" && uid != string(object.GetUID()) {
		return true, nil, apierrors.NewConflict(group, patch.Name, errors.New("another uid"))
	}
	before, _ := json.Marshal(object.Object["spec"])
	merge(object.Object, body)
	if after, _ := json.Marshal(object.Object["spec"]); !slices.Equal(before, after) {
		object.SetGeneration(object.GetGeneration() + 1)
	}
	signed(object, patch.PatchOptions.FieldManager)
	if len(patch.PatchOptions.DryRun) > 0 {
		return true, object, nil
	}
	c.store(object)
	return true, object.DeepCopy(), nil
}

func (c *Cluster) delete(action clienttesting.Action) (bool, runtime.Object, error) {
	remove := action.(clienttesting.DeleteActionImpl)
	found, err := c.Objects.Tracker().Get(remove.Resource, remove.Namespace, remove.Name)
	if err != nil {
		return true, nil, err
	}
	object := found.(*unstructured.Unstructured).DeepCopy()
	if p := remove.DeleteOptions.Preconditions; p != nil && p.UID != nil && *p.UID != object.GetUID() {
		return true, nil, apierrors.NewConflict(remove.Resource.GroupResource(), remove.Name, errors.New("another uid"))
	}
	switch {
	case len(remove.DeleteOptions.DryRun) > 0:
		return true, nil, nil
	case len(object.GetFinalizers()) > 0:
		now := metav1.NewTime(time.Now())
		object.SetDeletionTimestamp(&now)
		object.SetGeneration(object.GetGeneration() + 1)
		c.store(object)
		return true, nil, nil
	}
	return true, nil, c.Objects.Tracker().Delete(remove.Resource, remove.Namespace, remove.Name)
}

func (c *Cluster) list(action clienttesting.Action) (bool, runtime.Object, error) {
	list := action.(clienttesting.ListActionImpl)
	gvk := list.Kind
	if !strings.HasSuffix(gvk.Kind, "List") {
		gvk.Kind += "List"
	}
	found, err := c.Objects.Tracker().List(list.Resource, list.Kind, list.Namespace)
	if err != nil {
		return true, nil, err
	}
	all := found.(*unstructured.UnstructuredList)
	selected := &unstructured.UnstructuredList{}
	selected.SetGroupVersionKind(gvk)
	selected.SetResourceVersion(c.nextVersion())
	for i := range all.Items {
		if selects(list.ListOptions, &all.Items[i]) {
			selected.Items = append(selected.Items, all.Items[i])
		}
	}
	return true, selected, nil
}

func (c *Cluster) watch(action clienttesting.Action) (bool, watch.Interface, error) {
	of := action.(clienttesting.WatchActionImpl)
	all, err := c.Objects.Tracker().Watch(of.Resource, of.Namespace, of.ListOptions)
	if err != nil {
		return true, nil, err
	}
	w := &filtered{Interface: all, out: make(chan watch.Event), stopped: make(chan struct{})}
	go func() {
		defer close(w.out)
		for event := range all.ResultChan() {
			if object, ok := event.Object.(*unstructured.Unstructured); ok && !selects(of.ListOptions, object) {
				continue
			}
			select {
			case w.out <- event:
			case <-w.stopped:
			}
		}
	}()
	return true, w, nil
}

// filtered is a watch of the objects that options select. Its goroutine ends
// when it is stopped, whether or not its channel is read.
type filtered struct {
	watch.Interface
	out     chan watch.Event
	once    sync.Once
	stopped chan struct{}
}

func (f *filtered) ResultChan() <-chan watch.Event { return f.out }

func (f *filtered) Stop() {
	f.once.Do(func() { close(f.stopped) })
	f.Interface.Stop()
}

func selects(options metav1.ListOptions, object *unstructured.Unstructured) bool {
	selector, err := fields.ParseSelector(options.FieldSelector)
	return err != nil || selector.Matches(fields.Set{
		"metadata.name": object.GetName(), "type": api.Text(object.Object, "type"),
		"involvedObject.name": api.Text(object.Object, "involvedObject", "name"), "involvedObject.kind": api.Text(object.Object, "involvedObject", "kind"),
	})
}

// signed notes who wrote the object, and when.
func signed(object *unstructured.Unstructured, manager string) {
	now := metav1.NewTime(time.Now())
	entries := slices.DeleteFunc(object.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool { return e.Manager == manager })
	object.SetManagedFields(append(entries, metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, Time: &now}))
}

// merge is a JSON merge patch.
func merge(into, patch map[string]any) {
	for key, value := range patch {
		below, isMap := value.(map[string]any)
		switch {
		case value == nil:
			delete(into, key)
		case isMap:
			there, ok := into[key].(map[string]any)
			if !ok {
				there = map[string]any{}
				into[key] = there
			}
			merge(there, below)
		default:
			into[key] = value
		}
	}
}
