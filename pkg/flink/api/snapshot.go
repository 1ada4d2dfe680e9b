package api

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The labels that the operator sets on a snapshot once it has found the job.
// Set at creation they make it selectable at once.
const (
	LabelJobKind = "job-reference.kind"
	LabelJobName = "job-reference.name"
	LabelTrigger = "snapshot.trigger-type"
)

// Snapshot is a typed view of a FlinkStateSnapshot.
type Snapshot struct{ Object *unstructured.Unstructured }

// Name of the snapshot.
func (s Snapshot) Name() string { return s.Object.GetName() }

// State is one of the Snapshot… states; "" while the operator hasn't seen it.
func (s Snapshot) State() SnapshotState { return Text(s.Object.Object, "status", "state") }

// Path is where the data is; "" until it is completed.
func (s Snapshot) Path() string { return Text(s.Object.Object, "status", "path") }

// TriggerID is Flink's id of the running operation.
func (s Snapshot) TriggerID() string { return Text(s.Object.Object, "status", "triggerId") }

// Failures counts the attempts that failed.
func (s Snapshot) Failures() int64 {
	n, _ := Number(s.Object.Object, "status", "failures")
	return n
}

// Failure is the operator's error about the snapshot.
func (s Snapshot) Failure() Failure { return DecodeFailure(Text(s.Object.Object, "status", "error")) }

// IsSavepoint tells savepoints from checkpoints.
func (s Snapshot) IsSavepoint() bool { return Section(s.Object.Object, "spec", "savepoint") != nil }

// Format is the savepoint's format; the operator's default is CANONICAL. A
// checkpoint that the operator takes for a FlinkStateSnapshot is always FULL.
func (s Snapshot) Format() string {
	if !s.IsSavepoint() {
		return "FULL"
	}
	if f := Text(s.Object.Object, "spec", "savepoint", "formatType"); f != "" {
		return f
	}
	return "CANONICAL"
}

// Disposes reports whether deleting the object deletes the savepoint's data
// too, which is the operator's default. Of checkpoints it never does.
func (s Snapshot) Disposes() bool {
	if !s.IsSavepoint() {
		return false
	}
	dispose, found, _ := unstructured.NestedBool(s.Object.Object, "spec", "savepoint", "disposeOnDelete")
	return dispose || !found
}

// Adopted reports whether the savepoint existed before the object, which only
// registers it.
func (s Snapshot) Adopted() bool {
	exists, _, _ := unstructured.NestedBool(s.Object.Object, "spec", "savepoint", "alreadyExists")
	return exists
}

// Going reports whether it is being deleted; false where there is no object.
func (s Snapshot) Going() bool { return s.Object != nil && s.Object.GetDeletionTimestamp() != nil }

// HasData reports whether there is something to lose: a completed savepoint,
// or one that is being taken.
func (s Snapshot) HasData() bool {
	return s.State() == SnapshotCompleted && NormalPath(s.Path()) != "" || s.State() == SnapshotInProgress
}

// Job is the job that the snapshot is of; the zero Ref where it refers to none.
func (s Snapshot) Job() Ref {
	labels := s.Object.GetLabels()
	if Text(s.Object.Object, "spec", "jobReference", "name") == "" && labels[LabelJobName] == "" {
		return Ref{}
	}
	kind, ok := ParseKind(cmp.Or(Text(s.Object.Object, "spec", "jobReference", "kind"), labels[LabelJobKind]), JobKinds...)
	if !ok {
		kind = Deployment
	}
	return Ref{Kind: kind, Namespace: s.Object.GetNamespace(), Name: cmp.Or(Text(s.Object.Object, "spec", "jobReference", "name"), labels[LabelJobName])}
}

// Ref names the snapshot.
func (s Snapshot) Ref() Ref { return Ref{StateSnap, s.Object.GetNamespace(), s.Name()} }

// TriggeredAt is when the operator asked Flink for it; zero if it did not.
func (s Snapshot) TriggeredAt() time.Time { return s.Timestamp("triggerTimestamp") }

// CompletedAt is when the operator saw the result; zero if it did not.
func (s Snapshot) CompletedAt() time.Time { return s.Timestamp("resultTimestamp") }

// Retries is how often the operator may try again; ok is false where the
// object leaves it to the operator, whose releases differ in what that means.
func (s Snapshot) Retries() (n int64, ok bool) {
	return Number(s.Object.Object, "spec", "backoffLimit")
}

// Trigger is MANUAL, PERIODIC or UPGRADE; "" if unknown.
func (s Snapshot) Trigger() string { return s.Object.GetLabels()[LabelTrigger] }

// Refers reports whether the snapshot is one of the job.
func (s Snapshot) Refers(job Ref) bool {
	kind := Text(s.Object.Object, "spec", "jobReference", "kind")
	return Text(s.Object.Object, "spec", "jobReference", "name") == job.Name && (kind == "" || kind == job.Kind.Name)
}

// Duration is the time between trigger and result, as the operator saw them;
// 0 if unknown. It includes the operator's polling.
func (s Snapshot) Duration() time.Duration {
	start := s.Timestamp("triggerTimestamp")
	end := s.Timestamp("resultTimestamp")
	if start.IsZero() || end.Before(start) {
		return 0
	}
	return end.Sub(start)
}

// Timestamp is the time in a field of the status; zero where there is none.
func (s Snapshot) Timestamp(field string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, Text(s.Object.Object, "status", field))
	if err != nil {
		return time.Time{}
	}
	return t
}

// Held reports whether an operator holds the object until it has dealt with the
// data.
func (s Snapshot) Held() bool {
	return slices.ContainsFunc(s.Object.GetFinalizers(), func(finalizer string) bool {
		domain, _, _ := strings.Cut(finalizer, "/")
		return domain == Group || strings.HasSuffix(domain, "."+Group)
	})
}
