package api

// The types of states are names for strings and not types of their own: what
// they hold is the operator's text, which is printed as it is, and an operator
// may have states that are not known here.

// JobState is the state of a job as Flink has it and the operator passes it on;
// "" until the operator has seen one.
type JobState = string

// The states of a job that something here depends on.
const (
	JobReconciling  JobState = "RECONCILING"
	JobInitializing JobState = "INITIALIZING"
	JobCreated      JobState = "CREATED"
	JobRunning      JobState = "RUNNING"
	JobRestarting   JobState = "RESTARTING"
	JobFailing      JobState = "FAILING"
	JobFailed       JobState = "FAILED"
	JobFinished     JobState = "FINISHED"
	JobCancelling   JobState = "CANCELLING"
	JobCanceled     JobState = "CANCELED"
	JobSuspended    JobState = "SUSPENDED"
)

// TaskState is the state of a task, and of a vertex by its tasks.
type TaskState = string

// The states of tasks. A scheduled one waits for a slot.
const (
	TaskCreated      TaskState = "CREATED"
	TaskScheduled    TaskState = "SCHEDULED"
	TaskDeploying    TaskState = "DEPLOYING"
	TaskInitializing TaskState = "INITIALIZING"
	TaskRunning      TaskState = "RUNNING"
	TaskFinished     TaskState = "FINISHED"
	TaskFailed       TaskState = "FAILED"
)

// CheckpointState is the state of a checkpoint or savepoint as its JobManager
// has it.
type CheckpointState = string

// The states of checkpoints.
const (
	CheckpointInProgress CheckpointState = "IN_PROGRESS"
	CheckpointCompleted  CheckpointState = "COMPLETED"
	CheckpointFailed     CheckpointState = "FAILED"
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

// Reconciliation is how far the operator is with a spec:
// status.reconciliationStatus.state.
type Reconciliation = string

// The states of a reconciliation.
const (
	ReconciliationUpgrading   Reconciliation = "UPGRADING"
	ReconciliationDeployed    Reconciliation = "DEPLOYED"
	ReconciliationRollingBack Reconciliation = "ROLLING_BACK"
	ReconciliationRolledBack  Reconciliation = "ROLLED_BACK"
)

// JobManagerState is the state of a JobManager's deployment; "" for session
// jobs.
type JobManagerState = string

// The states of a JobManager's deployment that something here depends on. Only
// of one that is ready the REST API answers.
const (
	JobManagerDeploying JobManagerState = "DEPLOYING"
	JobManagerNotReady  JobManagerState = "DEPLOYED_NOT_READY"
	JobManagerReady     JobManagerState = "READY"
	JobManagerMissing   JobManagerState = "MISSING"
	JobManagerError     JobManagerState = "ERROR"
)

// BlueGreenState is the state of a FlinkBlueGreenDeployment.
type BlueGreenState = string

// The states of a FlinkBlueGreenDeployment that something here depends on.
const (
	BlueGreenActiveBlue        BlueGreenState = "ACTIVE_BLUE"
	BlueGreenActiveGreen       BlueGreenState = "ACTIVE_GREEN"
	BlueGreenToBlue            BlueGreenState = "TRANSITIONING_TO_BLUE"
	BlueGreenSavepointingGreen BlueGreenState = "SAVEPOINTING_GREEN"
)

// How the names of states begin in which a FlinkBlueGreenDeployment starts its
// first job, takes a savepoint of the active one, or moves to the next.
const (
	BlueGreenInitializing = "INITIALIZING"
	BlueGreenSavepointing = "SAVEPOINTING"
	BlueGreenMoving       = "TRANSITIONING"
)

// SnapshotState is the state of a FlinkStateSnapshot.
type SnapshotState = string

// The states of a FlinkStateSnapshot. COMPLETED, FAILED and ABANDONED are
// final; FAILED with retries left goes back to TRIGGER_PENDING.
const (
	SnapshotPending    SnapshotState = "TRIGGER_PENDING"
	SnapshotInProgress SnapshotState = "IN_PROGRESS"
	SnapshotCompleted  SnapshotState = "COMPLETED"
	SnapshotFailed     SnapshotState = "FAILED"
	SnapshotAbandoned  SnapshotState = "ABANDONED"
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
