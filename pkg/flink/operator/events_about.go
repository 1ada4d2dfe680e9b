package operator

import (
	"context"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// EventsAbout are the events about a job, its cluster's pods and Deployments
// and its snapshots, newest first. Repeated ones are one with a count. Events
// about an object of the same name that was there before are none of them.
func (c *Client) EventsAbout(ctx context.Context, job api.Ref, cluster string) ([]Event, error) {
	belongings, err := c.belongings(ctx, job, cluster)
	if err != nil {
		return nil, err
	}
	var out keptEvents
	err = clientset.Pages(ctx, metav1.ListOptions{}, c.core.CoreV1().Events(job.Namespace).List, func(page *corev1.EventList) error {
		for i := range page.Items {
			if e := &page.Items[i]; belongings.has(e) {
				out.add(readEvent(e))
			}
		}
		return nil
	})
	return out.newest(), err
}

// RawEventsAbout is EventsAbout with the events as Kubernetes has them; of very
// many the newest are kept.
func (c *Client) RawEventsAbout(ctx context.Context, job api.Ref, cluster string) ([]corev1.Event, error) {
	belongings, err := c.belongings(ctx, job, cluster)
	if err != nil {
		return nil, err
	}
	var out []corev1.Event
	newest := func() {
		sort.SliceStable(out, func(i, j int) bool { return eventTime(&out[i]).After(eventTime(&out[j])) })
		out = out[:min(len(out), maxEvents)]
	}
	err = clientset.Pages(ctx, metav1.ListOptions{}, c.core.CoreV1().Events(job.Namespace).List, func(page *corev1.EventList) error {
		for i := range page.Items {
			if e := &page.Items[i]; belongings.has(e) {
				e.ManagedFields = nil
				out = append(out, *e)
			}
		}
		if len(out) >= 2*maxEvents {
			newest()
			out = slices.Clone(out)
		}
		return nil
	})
	newest()
	return out, err
}

// maxEvents is how many events are kept, the newest: each has a message.
const maxEvents = 2000

// keptEvents are the newest of all that were added.
type keptEvents []Event

func (k *keptEvents) add(e Event) {
	if *k = append(*k, e); len(*k) >= 2*maxEvents {
		*k = slices.Clone(k.newest())
	}
}

// newest are those that are kept, newest first.
func (k *keptEvents) newest() []Event {
	sort.SliceStable(*k, func(i, j int) bool { return (*k)[i].Time.After((*k)[j].Time) })
	return (*k)[:min(len(*k), maxEvents)]
}

func readEvent(e *corev1.Event) Event {
	count := max(e.Count, 1)
	if e.Series != nil {
		count = max(count, e.Series.Count)
	}
	return Event{
		Object: strings.ToLower(e.InvolvedObject.Kind) + "/" + e.InvolvedObject.Name, UID: string(e.InvolvedObject.UID),
		Reason: e.Reason, Message: e.Message, Time: eventTime(e), Type: e.Type, Count: count,
	}
}

// EventsOf are the events about one of the operator's objects, newest first.
func (c *Client) EventsOf(ctx context.Context, ref api.Ref) ([]Event, error) {
	var of Subject
	if object, err := c.Get(ctx, ref); err == nil {
		of = SubjectOf(object)
	}
	var out keptEvents
	err := clientset.Pages(ctx, metav1.ListOptions{
		FieldSelector: "involvedObject.name=" + ref.Name + ",involvedObject.kind=" + ref.Kind.Name,
	}, c.core.CoreV1().Events(ref.Namespace).List, func(page *corev1.EventList) error {
		for i := range page.Items {
			if e := &page.Items[i]; of.uid == "" && of.since.IsZero() || of.is(e) {
				out.add(readEvent(e))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out.newest(), nil
}

// Subject is an object that events are about.
type Subject struct {
	Kind, Name string
	// uid is "" where only the name is known.
	uid types.UID
	// since is when the object was created: what happened before happened to
	// another of its name.
	since time.Time
}

// SubjectOf is what events about an object name.
func SubjectOf(object *unstructured.Unstructured) Subject {
	return Subject{object.GetKind(), object.GetName(), object.GetUID(), object.GetCreationTimestamp().Time}
}

// is reports whether an event is about the object: by its identity, and by
// name and time where the one who wrote the event left that out.
func (s Subject) is(e *corev1.Event) bool {
	o := e.InvolvedObject
	switch {
	case s.Kind != "" && o.Kind != s.Kind || o.Name != s.Name:
		return false
	case s.uid != "" && o.UID != "":
		return o.UID == s.uid
	}
	// Times of events are whole seconds.
	return !eventTime(e).Before(s.since.Truncate(time.Second))
}

// belongings are the objects of a job, those that are there and those that are
// gone, as far as Kubernetes' and Flink's exact names show.
type belongings struct {
	// own are ours by kind and name; foreign are others' that exist.
	own     map[string]Subject
	foreign map[string]bool
	// since is when the job's cluster was created.
	since time.Time
	// gone are names of what our objects have made before, by kind.
	gone map[string]*regexp.Regexp
}

func key(kind, name string) string { return kind + "/" + name }

func (b belongings) has(e *corev1.Event) bool {
	o := e.InvolvedObject
	if s, ok := b.own[key(o.Kind, o.Name)]; ok && s.is(e) {
		return true
	}
	if b.foreign[key(o.Kind, o.Name)] {
		return false
	}
	gone := b.gone[o.Kind]
	return gone != nil && gone.MatchString(o.Name) && !eventTime(e).Before(b.since.Truncate(time.Second))
}

// What Kubernetes and Flink put behind a name: a ReplicaSet's hash, a pod's
// random letters, a TaskManager's attempt and number, and the moment of a
// snapshot that the operator takes.
const (
	replicaSetTail = `-[bcdfghjklmnpqrstvwxz2456789]{6,10}`
	podTail        = `-[bcdfghjklmnpqrstvwxz2456789]{5}`
	workerTail     = `-taskmanager-\d+-\d+`
	snapshotTail   = `-(savepoint|checkpoint)-(manual|periodic|upgrade)-\d{10,}`
)

// belongings finds a job's objects. Which of them can't be read without a
// permission is known by name alone.
func (c *Client) belongings(ctx context.Context, job api.Ref, cluster string) (belongings, error) {
	out := belongings{own: map[string]Subject{}, foreign: map[string]bool{}, gone: map[string]*regexp.Regexp{}}
	object, err := c.Get(ctx, job)
	if err != nil {
		return out, err
	}
	out.add(SubjectOf(object))
	out.since = object.GetCreationTimestamp().Time
	out.addSnapshots(ctx, c, job)
	if cluster == "" {
		return out, nil
	}
	owner := object
	if job.Kind.Name != api.Deployment.Name {
		if owner, err = c.Get(ctx, api.Ref{Kind: api.Deployment, Namespace: job.Namespace, Name: cluster}); err != nil {
			return out, nil //nolint:nilerr // a session job may be there before its cluster
		}
		out.add(SubjectOf(owner))
		out.since = owner.GetCreationTimestamp().Time
	}
	standalone := api.Text(owner.Object, "spec", "mode") == "standalone"
	out.addCluster(ctx, c, owner, standalone)
	return out, nil
}

func (b *belongings) add(s Subject) { b.own[key(s.Kind, s.Name)] = s }

func (b *belongings) addSnapshots(ctx context.Context, c *Client, job api.Ref) {
	if served, err := c.Serves(ctx, api.StateSnap); err != nil || !served {
		return
	}
	items, err := c.List(ctx, api.StateSnap, job.Namespace, metav1.ListOptions{})
	if err != nil {
		return
	}
	for i := range items {
		if (api.Snapshot{Object: &items[i]}).Refers(job) {
			b.add(SubjectOf(&items[i]))
		} else {
			b.foreign[key(api.StateSnap.Name, items[i].GetName())] = true
		}
	}
	b.gone[api.StateSnap.Name] = exactly(job.Name + snapshotTail)
}

// addCluster adds what the operator and Flink make for a FlinkDeployment.
func (b *belongings) addCluster(ctx context.Context, c *Client, owner *unstructured.Unstructured, standalone bool) {
	namespace, name := owner.GetNamespace(), owner.GetName()
	deployments := []string{name}
	if standalone {
		deployments = append(deployments, name+"-taskmanager")
	}
	ours := map[types.UID]bool{owner.GetUID(): true}
	var left []string
	for _, deployment := range deployments {
		d, err := c.core.AppsV1().Deployments(namespace).Get(ctx, deployment, metav1.GetOptions{})
		switch {
		case err != nil:
		case d.Labels["app"] != name && !slices.ContainsFunc(d.OwnerReferences, func(o metav1.OwnerReference) bool { return ours[o.UID] }):
			b.foreign[key("Deployment", deployment)] = true
			continue
		default:
			ours[d.UID] = true
			b.add(Subject{"Deployment", d.Name, "", b.since}) // an upgrade makes it again
		}
		left = append(left, regexp.QuoteMeta(deployment))
	}
	for _, service := range []string{name, name + "-rest"} {
		b.add(Subject{"Service", service, "", b.since})
	}
	b.add(Subject{"Ingress", name, "", b.since})
	if len(left) > 0 {
		b.expect(name, left)
	}
	// What can't be read is known by its name alone.
	_ = clientset.Pages(ctx, metav1.ListOptions{LabelSelector: "app=" + name}, c.core.AppsV1().ReplicaSets(namespace).List, func(page *appsv1.ReplicaSetList) error {
		for i := range page.Items {
			b.judge("ReplicaSet", &page.Items[i].ObjectMeta, ours)
		}
		return nil
	})
	_ = clientset.Pages(ctx, metav1.ListOptions{LabelSelector: PodSelector(name)}, c.core.CoreV1().Pods(namespace).List, func(page *corev1.PodList) error {
		for i := range page.Items {
			b.judge("Pod", &page.Items[i].ObjectMeta, ours)
		}
		return nil
	})
}

// expect sets the names of what Deployments that are ours have made before.
func (b *belongings) expect(name string, deployments []string) {
	one := "(" + strings.Join(deployments, "|") + ")"
	b.gone["Deployment"] = exactly(one)
	b.gone["ReplicaSet"] = exactly(one + replicaSetTail)
	b.gone["Pod"] = exactly("(" + one + replicaSetTail + podTail + "|" + regexp.QuoteMeta(name) + workerTail + ")")
}

// judge adds an object that carries the cluster's labels, unless its owners
// say that it is another's.
func (b *belongings) judge(kind string, meta *metav1.ObjectMeta, ours map[types.UID]bool) {
	owned := len(meta.OwnerReferences) == 0
	for _, owner := range meta.OwnerReferences {
		gone := b.gone[owner.Kind]
		owned = owned || ours[owner.UID] || gone != nil && gone.MatchString(owner.Name)
	}
	if !owned {
		b.foreign[key(kind, meta.Name)] = true
		return
	}
	ours[meta.UID] = true
	b.add(Subject{kind, meta.Name, meta.UID, meta.CreationTimestamp.Time})
}

func exactly(pattern string) *regexp.Regexp { return regexp.MustCompile("^(?:" + pattern + ")$") }
