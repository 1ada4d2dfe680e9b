package operator

import (
	"context"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// LastState is state of a job that is still there when the job's object is not.
type LastState struct {
	Savepoint bool
	Path      string
	// At is when it was completed; zero where unknown.
	At time.Time
	// Final says that the job stopped with it, so that nothing came after.
	Final bool
	// Passing says that the running job replaces it with newer ones.
	Passing bool
}

// Kind is savepoint or checkpoint.
func (s LastState) Kind() string {
	if s.Savepoint {
		return "savepoint"
	}
	return "checkpoint"
}

// LastStates are the states of a job that are known of, newest first: of its
// FlinkStateSnapshots, its status and, where it can be asked, its JobManager.
// Those that go with the job's pods are left out and said.
func (c *Client) LastStates(ctx context.Context, job Job, reporter Reporter) ([]LastState, error) {
	out := statesInStatus(job)
	served, err := c.Serves(ctx, StateSnap)
	if err != nil && !apierrors.IsForbidden(err) {
		return nil, err
	}
	if served || err != nil {
		snapshots, err := c.List(ctx, StateSnap, job.Object.GetNamespace(), metav1.ListOptions{})
		if err != nil && !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err) {
			return nil, err
		}
		for i := range snapshots {
			if s := (Snapshot{&snapshots[i]}); s.State() == SnapshotCompleted && s.Path() != "" && refersTo(s, job) {
				out = append(out, LastState{Savepoint: s.IsSavepoint(), Path: s.Path(), At: s.timestamp("resultTimestamp")})
			}
		}
	}
	if state, known, _ := c.State(ctx, job); known && state.Latest != nil {
		latest := state.Latest
		out = append(out, LastState{Savepoint: latest.Savepoint, Path: latest.Path, At: latest.At, Passing: !latest.Savepoint})
	}
	slices.SortStableFunc(out, func(a, b LastState) int {
		if a.Final != b.Final {
			if a.Final {
				return -1
			}
			return 1
		}
		return b.At.Compare(a.At)
	})
	out = slices.CompactFunc(out, func(a, b LastState) bool { return SamePath(a.Path, b.Path) })
	return c.lastingStates(ctx, job, out, reporter), nil
}

// lastingStates leaves out the states that go with the job's pods.
func (c *Client) lastingStates(ctx context.Context, job Job, states []LastState, reporter Reporter) []LastState {
	if len(states) == 0 {
		return nil
	}
	cluster, err := c.runsIn(ctx, job)
	if err != nil {
		cluster = job // its spec has the pod templates, unless it is a session job
	}
	return slices.DeleteFunc(states, func(s LastState) bool {
		if err != nil && job.Kind.Name == SessionJob.Name {
			return NormalPath(s.Path) == ""
		}
		place := c.StatePlace(ctx, cluster, s.Path)
		if !place.Lasts() {
			reporter.note("%s: %s %s is passed over: it %s", job.Ref(), s.Kind(), s.Path, place.Why)
		}
		return !place.Lasts()
	})
}

// refersTo reports whether a snapshot is of the job, or of a child that a
// blue/green deployment has or had.
func refersTo(s Snapshot, job Job) bool {
	ref := job.Ref()
	if ref.Kind.Name != BlueGreen.Name {
		return s.Refers(ref)
	}
	return s.Refers(Ref{Deployment, ref.Namespace, ref.Name + "-blue"}) || s.Refers(Ref{Deployment, ref.Namespace, ref.Name + "-green"})
}

// statesInStatus are the savepoints that the object itself tells of.
func statesInStatus(job Job) []LastState {
	var out []LastState
	status := section(job.Object.Object, "status", "jobStatus")
	info := section(status, "savepointInfo")
	entries, _, _ := unstructured.NestedSlice(info, "savepointHistory")
	if last := section(info, "lastSavepoint"); last != nil {
		entries = append(entries, last)
	}
	for _, entry := range entries {
		if entry, ok := entry.(map[string]any); ok && text(entry, "location") != "" {
			out = append(out, LastState{Savepoint: !isCheckpointPath(text(entry, "location")), Path: text(entry, "location"), At: millis(entry, "timeStamp")})
		}
	}
	if path := text(status, "upgradeSavepointPath"); path != "" && path != lastState && job.Lifecycle() == "SUSPENDED" && job.SuspendedMode() != "last-state" {
		out = append(out, LastState{Savepoint: !isCheckpointPath(path), Path: path, At: job.StateSince(), Final: true})
	}
	return out
}

// nothingToLose reports whether a job has no state that deleting it could lose,
// and why.
func (j Job) nothingToLose() (bool, string) {
	wrapped := section(j.Object.Object, "status")
	switch {
	case j.IsSessionCluster():
		return true, "a session cluster has no state of its own"
	case len(wrapped) == 0 || j.State() == "" && j.JobID() == "":
		return true, "it has never run"
	case j.State() == "FINISHED" && j.Lifecycle() != "SUSPENDED" && j.Wanted() == "running":
		return true, "it has finished"
	case j.Kind.Name != BlueGreen.Name && text(j.Object.Object, "status", "reconciliationStatus", "lastStableSpec") == "" && !j.IsRunning():
		return true, "it has never been stable"
	}
	return false, ""
}
