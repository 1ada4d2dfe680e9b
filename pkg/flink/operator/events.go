package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// FieldManager is who changes objects, as managedFields shows it.
const FieldManager = "kubectl-flink"

// Event is a Kubernetes event about one of the operator's objects.
type Event struct {
	// Object is KIND/NAME of what it is about.
	Object string
	// UID is the object's; "" where the event doesn't say.
	UID     string
	Reason  string
	Message string
	Time    time.Time
	// Type is Normal or Warning, Count how often it happened.
	Type  string
	Count int32
}

// Root is the event's message reduced to its innermost cause. Some messages
// are the same JSON text as status.error.
func (e Event) Root() string { return api.DecodeFailure(e.Message).Root() }

// FormatEvents are the newest events of a failure, below its cause.
func FormatEvents(events []Event) string {
	out := ""
	for i, event := range events {
		if i == 3 {
			break
		}
		out += fmt.Sprintf("\n  event %s (%s): %s", event.Reason, event.Object, event.Root())
	}
	return out
}

// FormatReasons is all that is known of why, without names.
func FormatReasons(cause string, events []Event) string {
	for _, event := range events {
		cause += "\n" + event.Root()
	}
	return cause
}

// WarningsSince are the warnings about the operator's objects since a moment,
// newest first. Events are a help, not the truth: where they can't be read
// there are none.
func (c *Client) WarningsSince(ctx context.Context, namespace string, since time.Time, about ...Subject) []Event {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var out keptEvents
	for _, of := range about {
		if of.Name == "" {
			continue
		}
		_ = clientset.Pages(ctx, metav1.ListOptions{FieldSelector: WarningsAbout(of.Name)}, c.core.CoreV1().Events(namespace).List, func(page *corev1.EventList) error {
			for i := range page.Items {
				e := &page.Items[i]
				if eventTime(e).Before(since) || !strings.Contains(e.InvolvedObject.APIVersion, api.Group) || !of.is(e) {
					continue
				}
				out.add(readEvent(e))
			}
			return nil
		})
	}
	return out.newest()
}

// CreatedAt is when an object was created, by the server's clock as events
// are; otherwise where that isn't known.
func CreatedAt(object *unstructured.Unstructured, otherwise time.Time) time.Time {
	if at := object.GetCreationTimestamp().Time; !at.IsZero() {
		return at
	}
	return otherwise
}

// ChangedAt is when this program changed an object last, by the server's
// clock; otherwise where that isn't known.
func ChangedAt(object *unstructured.Unstructured, otherwise time.Time) time.Time {
	var last time.Time
	for _, entry := range object.GetManagedFields() {
		if entry.Manager == FieldManager && entry.Time != nil && entry.Time.After(last) {
			last = entry.Time.Time
		}
	}
	if last.IsZero() {
		return otherwise
	}
	return last
}

// WarningsAbout selects the warnings about objects of a name.
func WarningsAbout(name string) string {
	return "type=" + corev1.EventTypeWarning + ",involvedObject.name=" + name
}

func eventTime(e *corev1.Event) time.Time {
	for _, t := range []time.Time{e.LastTimestamp.Time, e.EventTime.Time, e.FirstTimestamp.Time} {
		if !t.IsZero() {
			return t
		}
	}
	return e.CreationTimestamp.Time
}

// DistinctEvents drops events that say no more than what is said already.
func DistinctEvents(events []Event, said string) []Event {
	var out []Event
	seen := []string{said}
	for _, e := range events {
		root := e.Root()
		if root == "" || slices.ContainsFunc(seen, func(s string) bool { return s != "" && strings.Contains(s, root) }) {
			continue
		}
		seen = append(seen, root)
		out = append(out, e)
	}
	return out
}
