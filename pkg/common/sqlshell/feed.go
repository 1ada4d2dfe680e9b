package sqlshell

import (
	"context"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// feed is what an execution gives, read ahead by one batch in a goroutine of
// its own, so that it can be waited for together with a key.
type feed struct {
	execution Execution
	batches   <-chan batch
	stop      context.CancelFunc
	done      <-chan struct{}
}

type batch struct {
	rows []Row
	// err is io.EOF after the last row.
	err error
}

func newFeed(ctx context.Context, execution Execution) *feed {
	ctx, stop := context.WithCancel(ctx)
	batches, done := make(chan batch), make(chan struct{})
	go func() {
		defer close(done)
		for {
			rows, err := execution.Next(ctx)
			select {
			case batches <- batch{rows, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return &feed{execution: execution, batches: batches, stop: stop, done: done}
}

// trouble is what keeps rows from coming; "" where that isn't known.
func (f *feed) trouble() string {
	if t, ok := f.execution.(Troubled); ok {
		return secret.Text(term.SafeLine(t.Trouble()))
	}
	return ""
}

// close ends reading.
func (f *feed) close() {
	f.stop()
	<-f.done
}
