package savepoint

import (
	"context"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
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
func LastStates(ctx context.Context, c *operator.Client, job api.Job, reporter operator.Reporter) ([]LastState, error) {
	out := StatesInStatus(job)
	served, err := c.Serves(ctx, api.StateSnap)
	if err != nil && !apierrors.IsForbidden(err) {
		return nil, err
	}
	if served || err != nil {
		snapshots, err := c.List(ctx, api.StateSnap, job.Object.GetNamespace(), metav1.ListOptions{})
		if err != nil && !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err) {
			return nil, err
		}
		for i := range snapshots {
			s := api.Snapshot{Object: &snapshots[i]}
			if s.State() != api.SnapshotCompleted || s.Path() == "" || !refersTo(s, job) || s.Going() && s.Disposes() {
				continue
			}
			at := s.CompletedAt()
			if s.Adopted() && s.Trigger() != "UPGRADE" {
				at = time.Time{} // that is when somebody registered it
			}
			out = append(out, LastState{Savepoint: s.IsSavepoint(), Path: s.Path(), At: at})
		}
	}
	if state, known, _ := c.State(ctx, job); known && state.Latest != nil {
		latest := state.Latest
		out = append(out, LastState{Savepoint: latest.Savepoint, Path: latest.Path, At: latest.At, Passing: !latest.Savepoint})
	}
	sorting.By(out, func(a, b LastState) int {
		if a.Final != b.Final {
			if a.Final {
				return -1
			}
			return 1
		}
		return b.At.Compare(a.At)
	})
	out = slices.CompactFunc(out, func(a, b LastState) bool { return api.SamePath(a.Path, b.Path) })
	return LastingStates(ctx, c, job, out, reporter), nil
}

// LastingStates leaves out the states that go with the job's pods.
func LastingStates(ctx context.Context, c *operator.Client, job api.Job, states []LastState, reporter operator.Reporter) []LastState {
	if len(states) == 0 {
		return nil
	}
	cluster, err := c.RunsIn(ctx, job)
	if err != nil {
		cluster = job // its spec has the pod templates, unless it is a session job
	}
	return slices.DeleteFunc(states, func(s LastState) bool {
		if err != nil && job.Kind.Name == api.SessionJob.Name {
			return api.NormalPath(s.Path) == ""
		}
		place := c.StatePlace(ctx, cluster, s.Path)
		if !place.Lasts() {
			reporter.Notef("%s: %s %s is passed over: it %s", job.Ref(), s.Kind(), s.Path, place.Why)
		}
		return !place.Lasts()
	})
}

// refersTo reports whether a snapshot is of the job, or of a child that a
// blue/green deployment has or had.
func refersTo(s api.Snapshot, job api.Job) bool {
	ref := job.Ref()
	if ref.Kind.Name != api.BlueGreen.Name {
		return s.Refers(ref)
	}
	return s.Refers(api.Ref{Kind: api.Deployment, Namespace: ref.Namespace, Name: ref.Name + "-blue"}) || s.Refers(api.Ref{Kind: api.Deployment, Namespace: ref.Namespace, Name: ref.Name + "-green"})
}

// StatesInStatus are the savepoints that the object itself reports.
func StatesInStatus(job api.Job) []LastState {
	var out []LastState
	status := api.Section(job.Object.Object, "status", "jobStatus")
	info := api.Section(status, "savepointInfo")
	entries, _, _ := unstructured.NestedSlice(info, "savepointHistory")
	if last := api.Section(info, "lastSavepoint"); last != nil {
		entries = append(entries, last)
	}
	for _, entry := range entries {
		if entry, ok := entry.(map[string]any); ok && api.Text(entry, "location") != "" {
			out = append(out, LastState{Savepoint: !api.IsCheckpointPath(api.Text(entry, "location")), Path: api.Text(entry, "location"), At: api.Millis(entry, "timeStamp")})
		}
	}
	mode := job.SuspendedMode()
	if path := api.Text(status, "upgradeSavepointPath"); path != "" && path != api.LastState && (mode != "" || job.Lifecycle() == api.LifecycleSuspended) && mode != api.UpgradeLastState {
		left := LastState{Savepoint: !api.IsCheckpointPath(path), Path: path}
		if mode != api.UpgradeStateless { // then it is of an earlier start
			left.At, left.Final = job.StateSince(), true
		}
		out = append(out, left)
	}
	return out
}
