package api

// The kinds of state that a job leaves or starts from.
const (
	RetainedSavepoint  = "savepoint"
	RetainedCheckpoint = "checkpoint"
	// KeptNone is a start without state.
	RetainedNone = "none"
)

// Kept is the state that a job left when it stopped, or started from. The zero
// Kept is unknown.
type RetainedState struct {
	// Kind is one of the Kept… constants; "" is unknown.
	Kind string
	// Path is where it is; "" where that isn't known.
	Path string
	// Proven says that the JobManager itself told of it, not just the operator.
	Proven bool
}

// IsZero reports whether nothing is known.
func (k RetainedState) IsZero() bool { return k.Kind == "" && k.Path == "" }
