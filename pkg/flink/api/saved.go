package api

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// Saved is a savepoint or checkpoint that something in the cluster reports:
// a FlinkStateSnapshot, or the status of a job.
type Saved struct {
	// Snapshot is the object; its Object is nil where only a job's status
	// reports it, as with operators before 1.10.
	Snapshot  Snapshot
	Namespace string
	Job       Ref
	Savepoint bool
	// Trigger is MANUAL, PERIODIC or UPGRADE; "" if unknown.
	Trigger string
	// State is one of the Snapshot… states; "" while no operator has seen it.
	State  string
	Format string
	Path   string
	// Created is when it came up, Completed when its result was seen; zero
	// where unknown.
	Created, Completed time.Time
	Duration           time.Duration
	// UsedBy says which jobs start or restore from it, and where that stands.
	UsedBy []string
	// Passing is why it goes with its job's pods, as in "is in no volume of …";
	// "" where it stays or that isn't known.
	Passing string
}

// Name of the FlinkStateSnapshot; "" where there is none.
func (s Saved) Name() string {
	if s.Snapshot.Object == nil {
		return ""
	}
	return s.Snapshot.Name()
}

// Registered reports whether somebody registered a savepoint that existed
// before: when it was taken nobody knows. The operator registers those of
// upgrades itself, at once.
func (s Saved) Registered() bool {
	return s.Snapshot.Object != nil && s.Snapshot.Adopted() && s.Trigger != "UPGRADE"
}

// At is when its state was taken, as well as that is known.
func (s Saved) At() time.Time {
	if !s.Completed.IsZero() && s.Snapshot.Object != nil && !s.Snapshot.Adopted() {
		return s.Completed
	}
	return s.Created
}

// SavedFrom reads a FlinkStateSnapshot; UsedBy is left empty.
func SavedFrom(s Snapshot) Saved {
	return Saved{
		Snapshot: s, Namespace: s.Object.GetNamespace(), Job: s.Job(), Savepoint: s.IsSavepoint(), Trigger: s.Trigger(),
		State: s.State(), Format: s.Format(), Path: s.Path(), Created: s.Object.GetCreationTimestamp().Time,
		Completed: s.CompletedAt(), Duration: s.Duration(),
	}
}

// SavedIn are the savepoints and checkpoints that a job's status reports,
// newest first. An upgradeSavepointPath that a job was told to start from is
// none of its own.
func SavedIn(job Job) []Saved {
	var out []Saved
	seen := map[string]bool{}
	status := Section(job.Object.Object, "status", "jobStatus")
	add := func(s Saved) {
		key := NormalPath(s.Path)
		if key == "" || seen[key] {
			return
		}
		seen[key] = true
		s.Namespace, s.Job, s.State = job.Object.GetNamespace(), job.Ref(), SnapshotCompleted
		out = append(out, s)
	}
	of := func(entry map[string]any) Saved {
		at := Millis(entry, "timeStamp")
		return Saved{
			// Operators before 1.10 note the last checkpoint of a finished job here, too.
			Savepoint: !IsCheckpointPath(Text(entry, "location")), Trigger: Text(entry, "triggerType"), Format: Text(entry, "formatType"),
			Path: Text(entry, "location"), Created: at, Completed: at,
		}
	}
	info := Section(status, "savepointInfo")
	add(of(Section(info, "lastSavepoint")))
	history, _, _ := unstructured.NestedSlice(info, "savepointHistory")
	for _, entry := range slices.Backward(history) {
		if entry, ok := entry.(map[string]any); ok {
			add(of(entry))
		}
	}
	if path := Text(status, "upgradeSavepointPath"); !SamePath(path, job.InitialPath()) {
		add(Saved{Savepoint: !IsCheckpointPath(path), Trigger: "UPGRADE", Path: path})
	}
	return out
}

// IsCheckpointPath reports whether a path is one that Flink gives checkpoints.
func IsCheckpointPath(path string) bool {
	normal := NormalPath(path)
	return strings.HasPrefix(normal[strings.LastIndexByte(normal, '/')+1:], "chk-")
}

// InitialPath is spec.job.initialSavepointPath.
func (j Job) InitialPath() string { return Text(j.Spec(), "job", "initialSavepointPath") }

// UpgradePath is where the next restore would start from by the status; "" if
// that isn't known or is the last checkpoint.
func (j Job) UpgradePath() string {
	path := Text(j.Object.Object, "status", "jobStatus", "upgradeSavepointPath")
	if NormalPath(path) == "" {
		return ""
	}
	return path
}

// MergeSaved makes one list of objects and what statuses tell, each path once. An
// object knows more than a status.
func MergeSaved(own, reported []Saved, ownOnly bool) []Saved {
	known := map[string]bool{}
	for _, s := range own {
		known[s.Namespace+" "+NormalPath(s.Path)] = true
	}
	out := own
	for _, s := range reported {
		if key := s.Namespace + " " + NormalPath(s.Path); !ownOnly && !known[key] {
			known[key] = true
			out = append(out, s)
		}
	}
	sorting.By(out, func(a, b Saved) int {
		for _, order := range []int{
			strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Job.String(), b.Job.String()), b.At().Compare(a.At()),
		} {
			if order != 0 {
				return order
			}
		}
		return strings.Compare(a.Name(), b.Name())
	})
	return out
}

// Noun is savepoint or checkpoint.
func (s Saved) Noun() string {
	if s.Savepoint {
		return "savepoint"
	}
	return "checkpoint"
}
