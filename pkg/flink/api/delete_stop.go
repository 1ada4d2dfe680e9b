package api

import (
	"strings"
)

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

// isStopped reports whether the operator has stopped the job as its spec says.
func (j Job) IsStopped() bool {
	return j.Lifecycle() == "SUSPENDED" || j.Kind.Name == BlueGreen.Name && j.State() == "SUSPENDED" ||
		j.Lifecycle() == "" && j.ReconciledState() == "suspended" && Text(j.Object.Object, "status", "reconciliationStatus", "state") == "DEPLOYED"
}

// canceledWith is the last checkpoint of a job that the operator canceled to
// suspend it by that: the checkpoint is one of the run that ended. "" where it
// took the JobManager away instead.
func (j Job) CanceledWith() string {
	path := j.UpgradeSavepointPath()
	if path != "" && j.JobID() != "" && strings.Contains(path, j.JobID()) {
		return path
	}
	return ""
}
