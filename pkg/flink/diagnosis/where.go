package diagnosis

import (
	"slices"
	"strings"
)

// Where says what was being done when an exception was thrown. The same words
// mean one thing where a savepoint is written, and another in a job's own code.
type Where string

// The places.
const (
	// Somewhere is not known.
	Somewhere Where = ""
	// InMain is the job's main method, which builds and submits the job.
	InMain Where = "the job's main method"
	// InTask is a running task: mostly the job's own code or a connector.
	InTask Where = "a task"
	// InCheckpoint is a checkpoint or savepoint being taken.
	InCheckpoint Where = "a checkpoint"
	// InRestore is state being read when a job starts.
	InRestore Where = "restoring state"
	// InJobManager is a JobManager that starts.
	InJobManager Where = "the JobManager's start"
	// InTaskManager is a TaskManager that starts.
	InTaskManager Where = "a TaskManager's start"
	// InScheduler is the search for slots and TaskManagers.
	InScheduler Where = "the search for slots"
	// InFetch is the operator fetching a session job's jar.
	InFetch Where = "the operator fetching the jar"
	// InValidator is the operator's check of a spec.
	InValidator Where = "the operator's validation"
	// InOperator is anything else that the operator does.
	InOperator Where = "the operator"
)

var (
	restoring  = pattern(`Could not restore|[Cc]ould not (?:be )?restored?\b|Exception while creating StreamOperatorStateContext|Cannot map (?:checkpoint/)?savepoint state|Cannot find (?:checkpoint or savepoint|meta data) file|Could not find (?:checkpoint or savepoint|any state)|state serializer|--allowNonRestoredState`)
	saving     = pattern(`Could not (?:complete snapshot|perform checkpoint|finalize|materialize)|Failed to create (?:savepoint|checkpoint) (?:directory|storage)|[Cc]heckpoint (?:was declined|expired|Coordinator is suspending|triggering task|has been aborted)|Not all required tasks are currently running|Failed to trigger (?:savepoint|checkpoint)|savepoint path in the spec or configuration .* has to be supplied`)
	savingCode = pattern(`prepareCanonicalSavepoint|FsCheckpointStreamFactory|FsCheckpointStorage|FsCheckpointMetadataOutputStream|FsMergingCheckpointStorage|initializeLocationForSavepoint|initializeBaseLocationsForCheckpoint|CheckpointCoordinator\.|AsyncCheckpointRunnable|SubtaskCheckpointCoordinatorImpl`)
	recovering = pattern(`^JobException: Recovery is suppressed by `)
	startsJM   = pattern(`Could not start cluster entrypoint|Failed to initialize the cluster entrypoint|ClusterEntrypointException`)
)

// whereOf finds out where a chain was thrown, by its frames and messages.
func whereOf(chain []Cause) Where {
	has := func(frame string) bool {
		for _, c := range chain {
			for _, f := range c.Frames {
				if strings.Contains(f, frame) {
					return true
				}
			}
		}
		return false
	}
	is := func(pattern *lazy) bool {
		return slices.ContainsFunc(chain, func(c Cause) bool { return pattern.MatchString(c.String()) })
	}
	class := func(names ...string) bool {
		return slices.ContainsFunc(chain, func(c Cause) bool { return slices.Contains(names, c.Name()) })
	}
	for _, c := range chain {
		if isValidator(c.Type) {
			return InValidator
		}
	}
	switch {
	case class("JobInitializationException"): // what main() submitted is at fault, not itself
		switch {
		case is(restoring):
			return InRestore
		case is(saving):
			return InCheckpoint
		}
		return InJobManager
	case class("ProgramInvocationException") || has("PackagedProgram.callMainMethod"):
		return InMain
	case has("kubernetes.operator.artifact."):
		return InFetch
	case is(restoring) || has("BackendRestorerProcedure") || has("restoreSavepoint"):
		return InRestore
	case is(saving) || class("CheckpointException", "SnapshotAbandoned") || slices.ContainsFunc(chain, func(c Cause) bool {
		return slices.ContainsFunc(c.Frames, savingCode.MatchString)
	}):
		return InCheckpoint
	case class("NoResourceAvailableException"):
		return InScheduler
	case is(recovering):
		return InTask // what the JobManager says around a task's failure
	case has("runtime.taskmanager.Task.") || has("streaming.runtime.tasks."):
		return InTask
	case is(startsJM) || has("ClusterEntrypoint."):
		return InJobManager
	case has("TaskManagerRunner."):
		return InTaskManager
	case has("kubernetes.operator."):
		return InOperator
	}
	return Somewhere
}

// isValidator reports whether an exception is the operator's validator's. Flink's
// SQL has one of the same simple name, thrown by a job's own code.
func isValidator(class string) bool {
	switch simple(class) {
	case "ValidationException", "InvalidSpecException":
		return !strings.Contains(class, ".") || strings.Contains(class, ".kubernetes.operator.")
	}
	return false
}
