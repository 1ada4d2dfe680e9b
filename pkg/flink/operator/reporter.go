package operator

import (
	"fmt"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
)

// Reporter shows what is being waited for, and what is worth keeping on screen.
// Any of its functions may be nil.
type Reporter struct {
	Waiting func(string)
	Note    func(string)
	// Must shows what has to be read also where no progress is wanted: where
	// the state of a job is whose object goes. nil is Note.
	Must func(string)
}

// Mustf reports what has to be seen in every mode.
func (r Reporter) Mustf(format string, args ...any) {
	if r.Must == nil {
		r.Notef(format, args...)
		return
	}
	r.Must(fmt.Sprintf(format, args...))
}

// Waitingf reports what is waited for.
func (r Reporter) Waitingf(format string, args ...any) {
	if r.Waiting != nil {
		r.Waiting(fmt.Sprintf(format, args...))
	}
}

// Notef reports something that happened once.
func (r Reporter) Notef(format string, args ...any) {
	if r.Note != nil {
		r.Note(fmt.Sprintf(format, args...))
	}
}

// Trouble is for wait.OnTrouble: it reports that the API server is away while
// what is waited for, and by again that it is back.
func (r Reporter) Trouble(what string, again func()) func(error) {
	return func(err error) {
		if err == nil {
			again()
			return
		}
		r.Waitingf("%s: the API server doesn't answer (%s); trying again", what, wait.Reason(err))
	}
}
