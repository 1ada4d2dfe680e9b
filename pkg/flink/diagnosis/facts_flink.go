package diagnosis

import (
	"time"
)

// FlinkFacts is what the JobManager and its log say.
type FlinkFacts struct {
	// Version is the running Flink's, as in 1.20.5.
	Version string `json:"version,omitempty"`
	// State is the JobManager's own word for the job's state; "" where it
	// doesn't know the job.
	State string `json:"state,omitempty"`
	JobID string `json:"jobID,omitempty"`
	// Tasks counts the job's tasks by state.
	Tasks map[string]int `json:"tasks,omitempty"`
	// OtherJobs are jobs of the cluster that no object of the operator stands
	// for.
	OtherJobs []string `json:"otherJobs,omitempty"`
	// Started is when the job was submitted.
	Started time.Time `json:"started"`
	// Restarts is how often the job restarted, within Window.
	Restarts int64         `json:"restarts,omitempty"`
	Window   time.Duration `json:"window,omitempty"`
	// Exceptions are newest first.
	Exceptions   []Exception   `json:"exceptions,omitempty"`
	Checkpoints  *Checkpoints  `json:"checkpoints,omitempty"`
	Vertices     []Vertex      `json:"vertices,omitempty"`
	TaskManagers []TaskManager `json:"taskManagers,omitempty"`
	// SlotsTotal and SlotsFree are the cluster's.
	SlotsTotal int `json:"slotsTotal,omitempty"`
	SlotsFree  int `json:"slotsFree,omitempty"`
	// Scheduler is Default, Adaptive or AdaptiveBatch; "" where unknown.
	Scheduler string `json:"scheduler,omitempty"`
	// Type is STREAMING or BATCH; "" where unknown.
	Type string `json:"type,omitempty"`
	// Log is the end of the JobManager's log, oldest first.
	Log []LogLine `json:"log,omitempty"`
	// Clock is the JobManager's time when ClockAsked was the client's; zero
	// where it wasn't asked.
	Clock      time.Time `json:"clock"`
	ClockAsked time.Time `json:"clockAsked"`
	// RestoredFrom is the path of the state that the job started from.
	RestoredFrom string `json:"restoredFrom,omitempty"`
	// RestoredAt is when that was; zero where unknown.
	RestoredAt time.Time `json:"restoredAt"`
}

// Checkpoints is what the JobManager says of a job's checkpoints.
type Checkpoints struct {
	Restored   int64 `json:"restored"`
	Total      int64 `json:"total"`
	InProgress int64 `json:"inProgress"`
	Completed  int64 `json:"completed"`
	Failed     int64 `json:"failed"`
	// History is newest first.
	History []Checkpoint      `json:"history,omitempty"`
	Config  *CheckpointConfig `json:"config,omitempty"`
}

// Checkpoint is a checkpoint or savepoint. Sizes are in bytes.
type Checkpoint struct {
	ID        int64         `json:"id"`
	Status    string        `json:"status"`
	Savepoint bool          `json:"savepoint,omitempty"`
	Triggered time.Time     `json:"triggered"`
	Duration  time.Duration `json:"duration"`
	// Size is what was written, State the whole state.
	Size  int64 `json:"size"`
	State int64 `json:"state"`
	// Alignment is the longest that a task waited for barriers.
	Alignment time.Duration `json:"alignment,omitempty"`
	Failure   string        `json:"failure,omitempty"`
	FailedAt  time.Time     `json:"failedAt"`
	Path      string        `json:"path,omitempty"`
	// Subtasks had to answer, Acked of them did. SlowVertex is the one that
	// answered last or not at all.
	Subtasks   int    `json:"subtasks,omitempty"`
	Acked      int    `json:"acked,omitempty"`
	SlowVertex string `json:"slowVertex,omitempty"`
}

// CheckpointConfig is how checkpoints are configured. Interval is 0 where they
// are off.
type CheckpointConfig struct {
	Interval  time.Duration `json:"interval"`
	Timeout   time.Duration `json:"timeout"`
	MinPause  time.Duration `json:"minPause"`
	Unaligned bool          `json:"unaligned"`
	// AlignedFor is execution.checkpointing.aligned-checkpoint-timeout.
	AlignedFor time.Duration `json:"alignedFor"`
	Tolerable  int           `json:"tolerable"`
	// Storage is FileSystemCheckpointStorage or JobManagerCheckpointStorage.
	Storage string `json:"storage,omitempty"`
	Backend string `json:"backend,omitempty"`
	// Dropped says that checkpoints go when the job is canceled.
	Dropped bool `json:"dropped,omitempty"`
}

// Vertex is a vertex of the job's graph.
type Vertex struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Parallelism int    `json:"parallelism"`
	Max         int    `json:"max,omitempty"`
	Status      string `json:"status,omitempty"`
	// Inputs are the ids of the vertices before it; a source has none.
	Inputs []string `json:"inputs,omitempty"`
	// Metrics is nil where they weren't read.
	Metrics *VertexMetrics `json:"metrics,omitempty"`
}

// Source reports whether the vertex reads from outside.
func (v Vertex) Source() bool { return len(v.Inputs) == 0 }

// VertexMetrics are of the last seconds.
type VertexMetrics struct {
	// Busy, Backpressured and Idle are shares of time, 0 to 1, of the worst
	// subtask; BusyMean is of all.
	Busy          float64 `json:"busy"`
	BusyMean      float64 `json:"busyMean"`
	Backpressured float64 `json:"backpressured"`
	Idle          float64 `json:"idle"`
	In            float64 `json:"in"`
	Out           float64 `json:"out"`
	// Records are how many each subtask has read.
	Records []int64 `json:"records,omitempty"`
	// SubtasksIdle is how many subtasks of a source read nothing.
	SubtasksIdle int `json:"subtasksIdle,omitempty"`
	// Watermark is in milliseconds; Before is what it was Between earlier. 0 is
	// unknown.
	Watermark       int64         `json:"watermark,omitempty"`
	WatermarkBefore int64         `json:"watermarkBefore,omitempty"`
	Between         time.Duration `json:"between,omitempty"`
	// Lag is how many records wait; -1 where that is unknown.
	Lag       int64 `json:"lag"`
	LagBefore int64 `json:"lagBefore"`
}

// TaskManager is one, as the JobManager knows it. Sizes are in bytes.
type TaskManager struct {
	ID        string        `json:"id"`
	Slots     int           `json:"slots"`
	Free      int           `json:"free"`
	Heartbeat time.Duration `json:"heartbeat,omitempty"`
	HeapUsed  int64         `json:"heapUsed,omitempty"`
	HeapMax   int64         `json:"heapMax,omitempty"`
	// MetaspaceUsed and MetaspaceMax are of the JVM's class memory.
	MetaspaceUsed int64 `json:"metaspaceUsed,omitempty"`
	MetaspaceMax  int64 `json:"metaspaceMax,omitempty"`
}

// AutoscalerFacts is what the autoscaler keeps of a job.
type AutoscalerFacts struct {
	// Overrides are parallelisms by vertex id.
	Overrides map[string]int `json:"overrides,omitempty"`
	// Decisions are newest first.
	Decisions []Decision `json:"decisions,omitempty"`
}

// Decision is one scaling of a vertex.
type Decision struct {
	At     time.Time `json:"at"`
	Vertex string    `json:"vertex"`
	From   int       `json:"from"`
	To     int       `json:"to"`
}
