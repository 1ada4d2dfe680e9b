// Package statefile reads Flink's _metadata: what a savepoint or a checkpoint
// says of itself, its operators and the files that hold their state. It reads
// versions 2 to 6, which Flink 1.3 to 2.3 write, needs no Java, and never loads
// state itself.
//
// The file is taken as a stream. What it holds is reported piece by piece, in
// memory that doesn't grow with the file; every length is checked before
// anything is done with it, because the file may come from anywhere.
package statefile

// The versions of the format that Read understands.
const (
	OldestVersion = 2
	NewestVersion = 6
)

// Header is what a _metadata says of itself.
type Header struct {
	// Version is that of the format: 3 up to Flink 1.14, 4 up to 1.20, 5 from
	// 2.0 and 6 from 2.2 or 2.3.
	Version int `json:"version"`
	// CheckpointID counts the checkpoints and savepoints of a job.
	CheckpointID int64 `json:"checkpointID"`
	// Properties are nil where the file has none (before version 4) or where
	// they couldn't be understood.
	Properties *Properties `json:"properties,omitempty"`
}

// Properties are how Flink took the snapshot.
type Properties struct {
	// Savepoint tells a savepoint from a checkpoint.
	Savepoint bool `json:"savepoint"`
	// Name is Flink's own: Savepoint, Suspend Savepoint, Terminate Savepoint,
	// Checkpoint or Full Checkpoint.
	Name string `json:"name,omitempty"`
	// Format is CANONICAL or NATIVE for savepoints, else "".
	Format string `json:"format,omitempty"`
	// Unclaimed says that the job was started from this without owning its
	// files.
	Unclaimed bool `json:"unclaimed,omitempty"`
	// DiscardCanceled says that Flink deletes it when its job is canceled.
	DiscardCanceled bool `json:"discardCanceled,omitempty"`
	// DiscardSubsumed says that Flink deletes it when newer ones replace it.
	DiscardSubsumed bool `json:"discardSubsumed,omitempty"`
}

// MasterState is state of a hook in the JobManager.
type MasterState struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
	// Size is in bytes.
	Size int64 `json:"size"`
}

// Operator is one operator that has state, or had subtasks, in the snapshot.
type Operator struct {
	// ID is Flink's operator ID, 32 hexadecimal digits. It is made from the uid
	// where one is set, else from the shape of the job graph.
	ID string `json:"id"`
	// Name and UID are written from version 5 on; "" where they aren't, and UID
	// also where the job sets none.
	Name string `json:"name,omitempty"`
	UID  string `json:"uid,omitempty"`
	// Parallelism is how many subtasks it had.
	Parallelism int `json:"parallelism"`
	// MaxParallelism is how many key groups its keyed state is in.
	MaxParallelism int `json:"maxParallelism"`
	// Subtasks is how many of them are in the file, finished ones among them.
	Subtasks int `json:"subtasks"`
	// Finished is how many subtasks had ended.
	Finished int `json:"finished,omitempty"`
	// FullyFinished says that all had; then none is in the file.
	FullyFinished bool `json:"fullyFinished,omitempty"`
}

// Single reports whether the operator can't be scaled by what it is, as one that
// gathers a whole stream: it stays at 1, whatever the job's parallelism.
func (o Operator) Single() bool { return o.Parallelism <= 1 && o.MaxParallelism == 1 }

// Kind is what sort of state a handle holds.
type Kind string

// The kinds of state, in Flink's words.
const (
	ManagedKeyed    Kind = "keyed"
	RawKeyed        Kind = "raw-keyed"
	ManagedOperator Kind = "operator"
	RawOperator     Kind = "raw-operator"
	InputChannel    Kind = "input-channel"
	ResultChannel   Kind = "result-channel"
	Coordinator     Kind = "coordinator"
)

// Kinds are all kinds of state, in the order in which pages show them.
var Kinds = []Kind{ManagedKeyed, RawKeyed, ManagedOperator, RawOperator, InputChannel, ResultChannel, Coordinator}

// Form is how a handle keeps its state.
type Form string

// The forms of handles.
const (
	// KeyGroups is a full snapshot of keyed state in a backend's own form.
	KeyGroups Form = "full"
	// SavepointKeyGroups is keyed state in the canonical form, which every
	// backend can read.
	SavepointKeyGroups Form = "canonical"
	// BackendFiles is keyed state as the files of RocksDB or ForSt. It is
	// incremental where some of them are shared with other checkpoints.
	BackendFiles Form = "files"
	// Changelog is keyed state as a snapshot and the changes since.
	Changelog Form = "changelog"
	// ChangelogInline and ChangelogFiles are such changes.
	ChangelogInline Form = "changelog-inline"
	ChangelogFiles  Form = "changelog-files"
	// Partitionable is operator state, which is split by its entries.
	Partitionable Form = "partitionable"
	// MergedPartitionable is that in a file that several subtasks share.
	MergedPartitionable Form = "partitionable-merged"
	// Channel is what an unaligned checkpoint found in a buffer between tasks.
	Channel Form = "channel"
	// MergedChannel is that for all buffers of a subtask together.
	MergedChannel Form = "channel-merged"
	// Bytes is a coordinator's state.
	Bytes Form = "bytes"
)

// Range is a range of key groups; Count may be 0.
type Range struct {
	Start int `json:"start"`
	Count int `json:"count"`
}

// Handle is one subtask's state of one kind.
type Handle struct {
	// Subtask is -1 for a coordinator, which is in the JobManager.
	Subtask int  `json:"subtask"`
	Kind    Kind `json:"kind"`
	Form    Form `json:"form"`
	// KeyGroups are of keyed state.
	KeyGroups Range `json:"keyGroups"`
	// Size is in bytes, as Flink counts it: of channel state, the part of the
	// file that belongs to this channel.
	Size int64 `json:"size"`
}

// StateName is a named piece of operator state.
type StateName struct {
	Name string `json:"name"`
	// Mode is split, union or broadcast.
	Mode string `json:"mode"`
}

// Place is where a piece of state is.
type Place string

// The places of state.
const (
	// Inline is in the _metadata itself.
	Inline Place = "inline"
	// Absolute is a file under a path of its own.
	Absolute Place = "file"
	// Relative is a file beside the _metadata.
	Relative Place = "relative"
	// Segment is a part of a file that holds state of several subtasks.
	Segment Place = "segment"
)

// Piece is a file, a part of one, or bytes in the _metadata, that holds state.
// A file can come up several times.
type Piece struct {
	Subtask int
	Kind    Kind
	// Form is that of the handle right around it, which inside a changelog is
	// that of the materialized state or of the changes.
	Form  Form
	Place Place
	// Path is a URI, or the name of a file in the directory of the _metadata; ""
	// for Inline.
	Path string
	// Size is in bytes: of the file, or of the part; -1 where Flink doesn't know.
	Size int64
	// Start is where in the file a Segment begins.
	Start int64
	// Shared says that other checkpoints may need the same file.
	Shared bool
	// LocalName of RocksDB's files is the name that the file had locally.
	LocalName string
}
