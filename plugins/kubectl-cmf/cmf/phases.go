package cmf

// The phases that CMF gives pools, statements and artifacts in status.phase;
// what it passes on of Flink's operator is in pkg/flink/api.
const (
	PhasePending          = "PENDING"
	PhaseRunning          = "RUNNING"
	PhaseDedicated        = "DEDICATED"
	PhaseReady            = "READY"
	PhaseCompleted        = "COMPLETED"
	PhaseSuspended        = "SUSPENDED"
	PhaseStopped          = "STOPPED"
	PhaseFailing          = "FAILING"
	PhaseFailed           = "FAILED"
	PhaseDeleting         = "DELETING"
	PhaseFileMissing      = "FILE_MISSING"
	PhaseStoreUnreachable = "STORE_UNREACHABLE"
)
