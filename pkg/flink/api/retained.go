package api

import (
	"fmt"
	"strings"
	"time"
)

// The kinds of state that a job leaves or starts from.
const (
	RetainedSavepoint  = "savepoint"
	RetainedCheckpoint = "checkpoint"
	// KeptNone is a start without state.
	RetainedNone = "none"
)

// RetainedState is the state that a job left when it stopped, or started from. The zero
// RetainedState is unknown.
type RetainedState struct {
	// Kind is one of the Retained… constants; "" is unknown.
	Kind string
	// Path is where it is; "" where that isn't known.
	Path string
	// Proven says that the JobManager itself reported it, not just the operator.
	Proven bool
}

// IsZero reports whether nothing is known.
func (k RetainedState) IsZero() bool { return k.Kind == "" && k.Path == "" }

// RetainedState is the state from which a suspended job will resume, as the
// operator notes it; zero where the job isn't suspended or was never started.
// The path of a last-state suspension is in the JobManager's high-availability
// data, so it isn't known here.
func (j Job) RetainedState() RetainedState {
	switch mode := j.SuspendedMode(); mode {
	case UpgradeSavepoint:
		if path := j.UpgradeSavepointPath(); path != "" {
			return RetainedState{Kind: KindOfPath(path), Path: path}
		}
	case UpgradeLastState:
		return RetainedState{Kind: RetainedCheckpoint}
	case UpgradeStateless:
		return RetainedState{Kind: RetainedNone}
	}
	return RetainedState{}
}

// KindOfPath tells a savepoint's path from a checkpoint's, by Flink's naming.
func KindOfPath(path string) string {
	last := path[strings.LastIndex(strings.TrimRight(path, "/"), "/")+1:]
	if strings.HasPrefix(last, "chk-") {
		return RetainedCheckpoint
	}
	return RetainedSavepoint
}

// FlinkState is what a JobManager says of a job, as far as changes care.
type FlinkState struct {
	// State is Flink's: RUNNING, …; Started is when this run began.
	State   string
	Started time.Time
	// Restored is the state that this run started from; nil where it started
	// empty.
	Restored *FlinkSnapshot
	// Latest is the newest completed checkpoint or savepoint of this run; nil
	// where there is none yet.
	Latest *FlinkSnapshot
	// Checkpoint is the newest completed checkpoint of this run that is no
	// savepoint; nil where there is none yet.
	Checkpoint *FlinkSnapshot
	// Parallelism is the largest of all vertices, MaxParallelism the smallest;
	// 0 is unknown.
	Parallelism, MaxParallelism int
	// Tasks is how many there are, Waiting how many of them don't run and ought
	// to: they have no slot, or are being deployed. Flink calls a job RUNNING
	// before.
	Tasks, Waiting int
}

// FlinkSnapshot is one checkpoint or savepoint.
type FlinkSnapshot struct {
	ID        int64
	Path      string
	Savepoint bool
	// At is when it was completed or restored.
	At time.Time
}

// RetainedState is the snapshot as the state that is retained, proven by the JobManager.
func (s *FlinkSnapshot) RetainedState() RetainedState {
	if s == nil {
		return RetainedState{Kind: RetainedNone, Proven: true}
	}
	kind := RetainedCheckpoint
	if s.Savepoint {
		kind = RetainedSavepoint
	}
	return RetainedState{Kind: kind, Path: s.Path, Proven: true}
}

// CheckpointFacts are what a JobManager says of how a job's checkpoints are
// kept, as far as that decides whether one is left when the job has stopped.
type CheckpointFacts struct {
	// State is Flink's; Ended says that it is final.
	State string
	Ended bool
	// Off says that the job takes no checkpoints, as batch jobs don't.
	Off bool
	// Kept says that checkpoints outlive the job at all, and Deletes that they
	// go when it is canceled.
	Kept, Deletes bool
	// Checkpoint is the newest completed checkpoint and Latest the newest of
	// checkpoints and savepoints; nil where there is none.
	Checkpoint, Latest *FlinkSnapshot
}

// IsStopped reports whether the operator has stopped the job as its spec says.
func (j Job) IsStopped() bool {
	return j.Lifecycle() == LifecycleSuspended || j.Kind.Name == BlueGreen.Name && j.State() == JobSuspended ||
		j.Lifecycle() == "" && j.ReconciledState() == WantSuspended && Text(j.Object.Object, "status", "reconciliationStatus", "state") == ReconciliationDeployed
}

// CanceledWith is the last checkpoint of a job that the operator canceled to
// suspend it by that: the checkpoint is one of the run that ended. "" where it
// took the JobManager away instead.
func (j Job) CanceledWith() string {
	path := j.UpgradeSavepointPath()
	if path != "" && j.JobID() != "" && strings.Contains(path, j.JobID()) {
		return path
	}
	return ""
}

// WaitingTasks says how many tasks don't run.
func (s FlinkState) WaitingTasks() string {
	return fmt.Sprintf("RUNNING, but %d of its %d tasks don't run yet", s.Waiting, s.Tasks)
}

// NothingToLose reports whether a job has no state that deleting it could lose,
// and why.
func (j Job) NothingToLose() (bool, string) {
	wrapped := Section(j.Object.Object, "status")
	switch {
	case j.IsSessionCluster():
		return true, "a session cluster has no state of its own"
	case len(wrapped) == 0 || j.State() == "" && j.JobID() == "":
		return true, "it has never run"
	case j.State() == JobFinished && j.Lifecycle() != LifecycleSuspended && j.SuspendedMode() == "" && j.Wanted() == WantRunning:
		return true, "it has finished"
	case j.Kind.Name != BlueGreen.Name && Text(j.Object.Object, "status", "reconciliationStatus", "lastStableSpec") == "" && !j.IsRunning():
		return true, "it has never been stable"
	}
	return false, ""
}

// NeverRan reports whether the operator has never seen the job in Flink: no
// state can be of it.
func (j Job) NeverRan() bool {
	status := Section(j.Object.Object, "status", "jobStatus")
	switch {
	case Text(status, "startTime") != "" || Text(status, "updateTime") != "",
		Text(j.Object.Object, "status", "reconciliationStatus", "lastStableSpec") != "",
		j.newestSaved() != "":
		return false
	}
	path := j.UpgradePath()
	if path != "" && !SamePath(path, j.InitialPath()) {
		return false
	}
	switch j.State() {
	case "", JobReconciling, JobInitializing:
		return true
	}
	return false
}

// RestoredPath is the path of the state that this run started from; "" where it
// started empty.
func (s FlinkState) RestoredPath() string {
	if s.Restored == nil {
		return ""
	}
	return s.Restored.Path
}

// What a job whose start failed for good is started from again.
const (
	// FromNothing is of a job that never ran and is to start from no state.
	FromNothing = "nothing"
	// FromInitialPath is of one that never ran and whose spec names its state: by
	// upgradeMode stateless the operator would leave that out.
	FromInitialPath = "initial path"
	// FromSaved is of one that ran.
	FromSaved = "saved"
)

// StartsAgainFrom says from what a job is started again; path is that in its spec.
func (j Job) StartsAgainFrom() (from, path string) {
	switch path = j.InitialPath(); {
	case !j.NeverRan():
		return FromSaved, ""
	case path != "":
		return FromInitialPath, path
	}
	return FromNothing, ""
}
