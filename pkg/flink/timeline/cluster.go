package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
)

// reasons are what the operator's events are about; others are the operator's
// own business.
var reasons = map[string]Kind{
	"SpecChanged":   Spec,
	"ScalingReport": Scaling, "Scaling": Scaling, "IneffectiveScaling": Scaling, "MemoryPressure": Scaling, "ResourceQuotaReached": Scaling, "AutoscalerError": Scaling,
	"SavepointError": Savepoint, "SnapshotError": Savepoint, "SnapshotAbandoned": Savepoint,
	"CheckpointError": Checkpoint, "JobException": Exception, "JobStatusChanged": Job, "RestoreFailed": Restore, "CheckpointNotFound": Restore,
}

// everyday are normal events that a pod's own status tells better, and how
// a controller does its daily work.
var everyday = []string{"Scheduled", "Pulling", "Pulled", "Created", "Started", "ScalingReplicaSet", "SuccessfulCreate", "SuccessfulDelete", "SuccessfulAttachVolume", "WaitForFirstConsumer", "Provisioning", "ProvisioningSucceeded", "ExternalProvisioning"}

// events reports the operator's events and Kubernetes' own.
func (b *builder) events() {
	exists := map[string]bool{}
	for _, p := range b.f.Pods {
		if p.Pod != nil {
			exists[p.Pod.Name] = true
		}
	}
	for i := range b.f.Events {
		e := &b.f.Events[i]
		about := strings.ToLower(e.InvolvedObject.Kind) + "/" + e.InvolvedObject.Name
		first, last, count := times(e)
		entry := Entry{
			At: first, Source: "event " + e.Reason + " of " + about, Count: count,
			ID: fmt.Sprintf("event/%s/%s/%d", cmp.Or(string(e.UID), e.Name, about+"/"+e.Reason+"/"+e.Message), last.UTC().Format(time.RFC3339), count),
		}
		if b.o.Newest {
			entry.At = last
		} else if last.After(first) {
			entry.Until = &last
		}
		if e.Type == corev1.EventTypeWarning {
			entry.Severity = diagnosis.Warning
		}
		message := api.DecodeFailure(e.Message).Root()
		entry.Text = e.Reason + ": " + message
		switch {
		case strings.Contains(e.InvolvedObject.APIVersion, api.Group):
			entry.Kind = cmp.Or(reasons[e.Reason], Operator)
			switch e.Reason {
			case "SpecChanged":
				b.changes += count
				entry.Text, entry.Details = specChange(e.Message)
			case "JobException":
				if b.knowsException(e, last) {
					continue
				}
				entry.Severity = diagnosis.Error
			}
			if e.InvolvedObject.Kind != b.f.Object.GetKind() || e.InvolvedObject.Name != b.f.Object.GetName() {
				entry.Text = about + ": " + entry.Text
			}
		default:
			if e.Type != corev1.EventTypeWarning && slices.Contains(everyday, e.Reason) && !(e.Reason == "Started" && !exists[e.InvolvedObject.Name]) {
				continue
			}
			entry.Kind = Pod
			entry.group = "event/" + e.Reason + "/" + e.InvolvedObject.Kind + "/" + role(e.InvolvedObject.Name) + "/" + strings.ReplaceAll(message, e.InvolvedObject.Name, "")
			entry.Text = about + ": " + entry.Text
			entry.fold = func(same []Entry) string {
				return fmt.Sprintf("%s and %d more: %s: %s", about, len(same)-1, e.Reason, message)
			}
		}
		b.add(entry)
	}
}

// role is a pod's by its name.
func role(name string) string {
	if strings.Contains(name, "-taskmanager-") {
		return "taskmanager"
	}
	return "jobmanager"
}

// times are when an event happened first and last, and how often.
func times(e *corev1.Event) (first, last time.Time, count int) {
	pick := func(all ...time.Time) time.Time {
		for _, t := range all {
			if !t.IsZero() {
				return t
			}
		}
		return time.Time{}
	}
	count = int(max(e.Count, 1))
	last = pick(e.LastTimestamp.Time, e.EventTime.Time, e.FirstTimestamp.Time, e.CreationTimestamp.Time)
	first = pick(e.FirstTimestamp.Time, e.EventTime.Time, last)
	if e.Series != nil {
		count, last = max(count, int(e.Series.Count)), later(last, e.Series.LastObservedTime.Time)
	}
	if last.Before(first) {
		first = last
	}
	return first, last, count
}

// knowsException reports whether the JobManager reports the exception of an
// event, too: it knows more.
func (b *builder) knowsException(e *corev1.Event, at time.Time) bool {
	if ms, err := strconv.ParseInt(e.Annotations["exception-timestamp"], 10, 64); err == nil {
		at = time.UnixMilli(ms)
	} else if t, err := time.Parse(time.RFC3339Nano, e.Annotations["exception-timestamp"]); err == nil {
		at = t
	}
	return slices.ContainsFunc(b.f.Flink.Exceptions, func(x diagnosis.Exception) bool { return x.At.Sub(at).Abs() < 2*time.Second })
}

// pods reports starts and ends of all containers, of the job's pods and of the
// operator's.
func (b *builder) pods() {
	for _, p := range b.f.Pods {
		b.pod(p, cmp.Or(map[string]string{"jobmanager": "JobManager", "taskmanager": "TaskManager"}[p.Role], "pod"), Pod)
	}
	for _, o := range b.f.Operators {
		for _, p := range o.Pods {
			b.pod(p, "operator", Operator)
		}
	}
}

// many is how several pods of a role are called.
func many(n int, role string) string {
	if role == "operator" {
		role = "operator pod"
	}
	return fmt.Sprintf("%d %ss", n, role)
}

func (b *builder) pod(p diagnosis.PodFacts, role string, kind Kind) {
	if p.Pod == nil {
		return
	}
	name, id := p.Pod.Name, string(p.Pod.UID)+"/"+p.Pod.Name
	source := "pod/" + name
	step := func(at time.Time, what, key string, severity diagnosis.Severity) {
		b.add(Entry{
			At: at, Kind: kind, Severity: severity, Text: role + " " + name + ": " + what, Source: source, ID: "pod/" + id + "/" + key + "/" + at.UTC().Format(time.RFC3339), Count: 1,
			group: "pod/" + role + "/" + what,
			fold:  func(same []Entry) string { return many(len(same), role) + ": " + what },
		})
	}
	step(p.Pod.CreationTimestamp.Time, "created", "created", "")
	if at := p.Pod.DeletionTimestamp; at != nil {
		// The time is when the grace period ends.
		when := at.Time
		if grace := p.Pod.DeletionGracePeriodSeconds; grace != nil && *grace > 0 && *grace < 1<<20 {
			when = when.Add(-time.Duration(*grace) * time.Second)
		}
		step(when, "deleted", "deleted", "")
	}
	if p.Pod.Status.Phase == corev1.PodFailed && p.Pod.Status.Reason != "" {
		var at time.Time
		for _, c := range p.Pod.Status.Conditions {
			at = later(at, c.LastTransitionTime.Time)
		}
		step(at, "failed: "+p.Pod.Status.Reason+because(p.Pod.Status.Message), "failed", diagnosis.Error)
	}
	inits := map[string]bool{}
	for _, c := range p.Pod.Spec.InitContainers {
		inits[c.Name] = true
	}
	for _, c := range slices.Concat(p.Pod.Status.InitContainerStatuses, p.Pod.Status.ContainerStatuses, p.Pod.Status.EphemeralContainerStatuses) {
		called := c.Name
		if inits[c.Name] {
			called = "init container " + c.Name
		}
		ended := func(t *corev1.ContainerStateTerminated) {
			if t == nil {
				return
			}
			step(t.StartedAt.Time, called+" started", c.Name+"/started", "")
			severity := diagnosis.Severity("")
			if t.ExitCode != 0 {
				severity = diagnosis.Warning
				if t.Reason == "OOMKilled" || inits[c.Name] {
					severity = diagnosis.Error
				}
			}
			step(t.FinishedAt.Time, called+" ended "+how(t), c.Name+"/ended", severity)
		}
		ended(c.LastTerminationState.Terminated)
		ended(c.State.Terminated)
		if c.State.Running != nil {
			step(c.State.Running.StartedAt.Time, called+" started", c.Name+"/started", "")
		}
		known := int32(0)
		if c.LastTerminationState.Terminated != nil {
			known = 1
		}
		if c.RestartCount > known && !b.o.NoGaps {
			until := p.Pod.CreationTimestamp.Time
			switch {
			case c.LastTerminationState.Terminated != nil:
				until = later(until, c.LastTerminationState.Terminated.StartedAt.Time)
			case c.State.Running != nil:
				until = later(until, c.State.Running.StartedAt.Time)
			default:
				until = b.f.Now
			}
			b.add(Entry{
				At: p.Pod.CreationTimestamp.Time, Until: &until, Kind: Gap, Source: source, ID: "restarts/" + id + "/" + c.Name,
				Text: fmt.Sprintf("%s %s: %s restarted %d times; only the last run's end is kept", role, name, called, c.RestartCount),
			})
		}
	}
}

func because(message string) string {
	if message == "" {
		return ""
	}
	return " (" + api.FirstLine(message) + ")"
}

// how a container ended.
func how(t *corev1.ContainerStateTerminated) string {
	text := fmt.Sprintf("with exit code %d", t.ExitCode)
	if t.Signal != 0 {
		text = fmt.Sprintf("by signal %d", t.Signal)
	}
	if t.Reason != "" && t.Reason != "Error" && t.Reason != "Completed" {
		text += ", " + t.Reason
	}
	return text + because(t.Message)
}
