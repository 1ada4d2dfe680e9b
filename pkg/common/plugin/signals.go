package plugin

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/interrupt"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

var (
	// errInterrupted is the cause of a context that the user canceled.
	errInterrupted = exit.With(exit.Interrupted, errors.New("interrupted"))
	// errBrokenPipe is that of one whose output has no reader any more, as in
	// "… | head". It is no error of ours.
	errBrokenPipe = exit.Silent(exit.BrokenPipe)
)

// idleLimit is how long a command that only reads files may take to end.
const idleLimit = time.Second

// listen cancels for Ctrl-C, a termination, a terminal that closes and an
// output without reader, so that each of them leaves nothing running. abandon
// ends the process; it is called where a command is held up by what it reads.
func listen(cancel context.CancelCauseFunc, out io.Writer, abandon func()) {
	stops := make(chan os.Signal, 1)
	signal.Notify(stops, os.Interrupt, syscall.SIGTERM)
	// These stay caught to the end: a terminal hangs up more than once, and
	// what is tidied up writes to the pipe that broke.
	hangups, pipes := make(chan os.Signal, 1), make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGHUP) { // by nohup
		signal.Notify(hangups, syscall.SIGHUP)
	}
	signal.Notify(pipes, syscall.SIGPIPE)
	go func() {
		for stop := range stops {
			// A prompt takes Ctrl-C for the statement that runs.
			if stop != os.Interrupt || !interrupt.Deliver() {
				break
			}
		}
		// A second Ctrl-C ends the process as it does without this.
		signal.Stop(stops)
		cancel(errInterrupted)
		time.Sleep(idleLimit)
		if !interrupt.IsBusy() {
			abandon()
		}
	}()
	go func() {
		for {
			select {
			case <-hangups:
				cancel(errInterrupted)
			case <-pipes:
				// A connection that broke raises it too.
				if term.ReaderGone(out) {
					cancel(errBrokenPipe)
				}
			}
		}
	}()
}

// lostReader reports whether a command ended because its output has no reader any more.
func lostReader(ctx context.Context, err error, out io.Writer) bool {
	return errors.Is(context.Cause(ctx), errBrokenPipe) || errors.Is(err, syscall.EPIPE) && term.ReaderGone(out)
}
