package sqlshell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// jobPoll is how often a job is looked at; a variable for tests.
var jobPoll = time.Second

// job prints the id of the job that a statement started and, where asked to,
// follows it to its end.
func (r *runner) job(ctx context.Context, execution Execution, line *progress.Line) error {
	// The answer's only row is the id; reading to the end waits for the job
	// where the session says so (table.dml-sync).
	id, err := "", error(nil)
	feed := newFeed(ctx, execution)
	defer feed.close()
	for err == nil {
		select {
		case <-ctx.Done():
			err = context.Cause(ctx)
		case b := <-feed.batches:
			if len(b.rows) > 0 && len(b.rows[0].Fields) > 0 && id == "" {
				id = text(b.rows[0].Fields[0])
			}
			err = b.err
		}
	}
	if own := execution.JobID(); own != "" {
		id = own
	}
	if !errors.Is(err, io.EOF) {
		if id != "" {
			r.goesOn(id)
		}
		return err
	}
	line.Done()
	if err := r.printJob(id); err != nil {
		return err
	}
	if !r.options.Wait || id == "" {
		return nil
	}
	if err := r.follow(ctx, id); err != nil {
		if ctx.Err() != nil {
			r.goesOn(id)
		}
		return err
	}
	return nil
}

// goesOn says that a job runs on after the wait for it.
func (r *runner) goesOn(id string) {
	fmt.Fprintf(r.options.ErrOut, "job %s goes on", term.SafeLine(id))
	if hint := r.backend.StopHint(id); hint != "" {
		fmt.Fprintf(r.options.ErrOut, "; stop it with: %s", term.SafeLine(hint))
	}
	fmt.Fprintln(r.options.ErrOut)
}

// givenUp says what becomes of a job of which the start wasn't waited for.
func (r *runner) givenUp(execution Execution) {
	if id := execution.JobID(); id != "" {
		r.goesOn(id)
	} else if !r.options.Quiet {
		fmt.Fprintln(r.options.ErrOut, "whether its job had started isn't known; see with SHOW JOBS")
	}
}

func (r *runner) printJob(id string) error {
	if r.prompt {
		_, err := fmt.Fprintf(r.options.Out, "Job %s started\n", term.SafeLine(id))
		return err
	}
	writer := newRowWriter(r.format, r.out, 0, r.palette)
	if err := writer.begin([]Column{{Name: "job id", Type: Type{Name: "VARCHAR"}}}); err != nil {
		return err
	}
	if err := writer.row(Row{Fields: []any{id}}); err != nil {
		return err
	}
	return writer.end()
}

// follow waits until job id has finished; it fails where the job did.
func (r *runner) follow(ctx context.Context, id string) error {
	line := progress.New(r.options.ErrOut, r.options.Quiet)
	defer line.Done()
	line.Set("waiting for job %s", id)
	tick := time.NewTicker(jobPoll)
	defer tick.Stop()
	for misses := 0; ; {
		job, err := r.find(ctx, id)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			if misses++; misses >= 10 {
				return fmt.Errorf("job %s can't be followed: %w", id, err)
			}
			line.Set("waiting for job %s: %s", id, err)
		case job.State == JobFinished:
			return nil
		case job.Ended():
			cause := job.Cause
			if cause = strings.TrimSpace(term.Safe(cause)); cause != "" {
				cause = ": " + cause
			}
			return &Error{Root: fmt.Sprintf("job %s ended in state %s%s", id, term.SafeLine(job.State), cause), Full: job.Cause}
		default:
			misses = 0
			line.Set("waiting for job %s: %s", id, job.State)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (r *runner) find(ctx context.Context, id string) (Job, error) {
	jobs, err := r.backend.Jobs(ctx)
	if err != nil {
		return Job{}, err
	}
	for _, job := range jobs {
		if job.ID == id {
			return job, nil
		}
	}
	return Job{}, errors.New("the cluster doesn't list it")
}
