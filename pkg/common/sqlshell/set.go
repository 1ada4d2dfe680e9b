package sqlshell

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// runSteps sends a statement set in pieces, as Flink's own client does: the
// session gathers them until END, which starts the job.
func (r *runner) runSteps(ctx context.Context, set Statement) error {
	if len(set.steps) == 2 {
		if !r.options.Quiet {
			fmt.Fprintln(r.options.ErrOut, "the statement set is empty: nothing runs")
		}
		return nil
	}
	if r.options.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, r.options.Timeout,
			exit.Timeoutf("%s did not end within %s (--timeout)", set.label(), r.options.Timeout))
		defer cancel()
	}
	last := len(set.steps) - 1
	for i, step := range set.steps[:last] {
		if err := r.runSilently(ctx, step); err != nil {
			if i > 0 && r.prompt && !r.options.Quiet {
				fmt.Fprintln(r.options.ErrOut, "the statement set is still open in this session: END; runs what it has so far")
			}
			return r.failure(ctx, step, err)
		}
	}
	end := set.steps[last]
	end.words = set.words // END starts the set's job
	return r.runOne(ctx, end)
}

// runSilently runs a statement that has no rows to show.
func (r *runner) runSilently(ctx context.Context, statement Statement) error {
	execution, err := r.backend.Run(ctx, statement.Text)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		_ = execution.Close(ctx) // the session's end frees it too
	}()
	for err == nil {
		_, err = execution.Next(ctx)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
