package change

import (
	"context"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Prospect is a start that is going to be made, and from which state. It is
// shown to Options.Look before anything is done.
type Prospect struct {
	// Before is the job as it is: the one whose storage the state is in. After is
	// what is going to be started.
	Before, After api.Job
	// Kind is one of api's Retained… constants; "" where it isn't known.
	Kind string
	// Path is where the state is; "" where there is none or it isn't known, and
	// then Unknown may say why.
	Path    string
	Unknown string
	// Proxy says that the state is still to be taken, or may be replaced by a
	// newer one, and that Path is the newest of the job for now.
	Proxy bool
	// Fresh says that the state is a savepoint that is still to be taken.
	Fresh bool
	// Of is the job that the state is of; zero where that isn't known.
	Of api.Ref
	// OwnRun says that the state is of the run that Before is in, or was in when
	// it was suspended.
	OwnRun bool
	// Stateless says that Path is not going to be used.
	Stateless bool
}

// LookAhead has somebody look at what is going to be started. Its error ends the
// change before anything was done.
func (o Options) LookAhead(ctx context.Context, p Prospect) error {
	if o.Look == nil {
		return nil
	}
	return o.Look(ctx, p)
}
