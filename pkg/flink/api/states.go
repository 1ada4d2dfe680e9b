package api

// The types of states are names for strings and not types of their own: what
// they hold is the operator's text, which is printed as it is, and an operator
// may have states that are not known here.

// JobState is the state of a job as Flink has it and the operator passes it on;
// "" until the operator has seen one.
type JobState = string

// The states of a job that something here depends on.
const (
	JobRunning    JobState = "RUNNING"
	JobRestarting JobState = "RESTARTING"
	JobFailing    JobState = "FAILING"
	JobFailed     JobState = "FAILED"
	JobFinished   JobState = "FINISHED"
	JobCanceled   JobState = "CANCELED"
	JobSuspended  JobState = "SUSPENDED"
)

// Lifecycle is where the operator is with an object; "" before 1.3 and until it
// has seen it.
type Lifecycle = string

// The lifecycle states.
const (
	LifecycleCreated     Lifecycle = "CREATED"
	LifecycleUpgrading   Lifecycle = "UPGRADING"
	LifecycleDeployed    Lifecycle = "DEPLOYED"
	LifecycleStable      Lifecycle = "STABLE"
	LifecycleSuspended   Lifecycle = "SUSPENDED"
	LifecycleRollingBack Lifecycle = "ROLLING_BACK"
	LifecycleRolledBack  Lifecycle = "ROLLED_BACK"
	LifecycleFailed      Lifecycle = "FAILED"
)

// JobManagerState is the state of a JobManager's deployment; "" for session
// jobs.
type JobManagerState = string

// The states of a JobManager's deployment that something here depends on. Only
// of one that is ready the REST API answers.
const (
	JobManagerReady   JobManagerState = "READY"
	JobManagerMissing JobManagerState = "MISSING"
	JobManagerError   JobManagerState = "ERROR"
)

// UpgradeMode is how the operator carries a job's state over a change.
type UpgradeMode = string

// The upgrade modes.
const (
	UpgradeStateless UpgradeMode = "stateless"
	UpgradeLastState UpgradeMode = "last-state"
	UpgradeSavepoint UpgradeMode = "savepoint"
)

// WantedState is spec.job.state.
type WantedState = string

// What a spec may want of its job.
const (
	WantRunning   WantedState = "running"
	WantSuspended WantedState = "suspended"
)
