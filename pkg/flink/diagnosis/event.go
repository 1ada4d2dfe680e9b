package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// event is one that Kubernetes or the operator wrote.
type event struct {
	about, reason, message string
	// container is the one of a pod that it is about; "" where it names none.
	container  string
	kind, name string
	at         time.Time
	count      int32
	warning    bool
}

var fieldContainer = pattern(`^spec\.(?:initContainers|containers|ephemeralContainers)\{([\w.-]+)\}$`)

func readEvent(e *corev1.Event) event {
	at := e.LastTimestamp.Time
	if e.Series != nil && e.Series.LastObservedTime.After(at) {
		at = e.Series.LastObservedTime.Time
	}
	if at.IsZero() {
		at = e.EventTime.Time
	}
	if at.IsZero() {
		at = e.CreationTimestamp.Time
	}
	container := ""
	if found := fieldContainer.FindStringSubmatch(e.InvolvedObject.FieldPath); found != nil {
		container = found[1]
	}
	return event{
		container: container,
		about:     strings.ToLower(e.InvolvedObject.Kind) + "/" + e.InvolvedObject.Name, kind: e.InvolvedObject.Kind, name: e.InvolvedObject.Name,
		reason: e.Reason, message: e.Message, at: at, count: max(e.Count, 1), warning: e.Type == corev1.EventTypeWarning,
	}
}

func (e event) evidence() Evidence {
	source := "event of " + e.about
	if e.count > 1 {
		source += fmt.Sprintf(" (%d times)", e.count)
	}
	return Evidence{Source: source, At: e.at, Text: e.reason + ": " + oneLine(e.message)}
}

// event is the newest event of one of the reasons whose message fits; nil takes
// any.
func (j *job) event(message *lazy, reasons ...string) (event, bool) {
	for _, e := range j.events {
		if slices.Contains(reasons, e.reason) && (message == nil || message.MatchString(e.message)) {
			return e, true
		}
	}
	return event{}, false
}
