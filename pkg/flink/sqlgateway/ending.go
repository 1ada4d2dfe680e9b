package sqlgateway

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// setJob takes note of the job's id, where there is one: commands that people
// are shown, and requests to the JobManager, are made of it.
func (e *execution) setJob(id string) error {
	if id == "" {
		return nil
	}
	if !untrusted.IsID(id) {
		return fmt.Errorf("the SQL gateway names a job %.100q, which is no job id", id)
	}
	e.mu.Lock()
	e.job = id
	e.mu.Unlock()
	e.session.started(id)
	return nil
}

// Cancel ends the statement and the job of a query. Whoever waits in Schema or
// Next must have given up before.
//
// A query's operation is FINISHED for the gateway as soon as its job is
// submitted, and can't be canceled then; closing it cancels the job.
func (e *execution) Cancel(ctx context.Context) error {
	e.fetching.Lock()
	defer e.fetching.Unlock()
	e.dropPrefetched()
	if e.schema == nil && e.failure == nil && e.mayQuery() {
		// The job is on its way to the cluster. Interrupting the gateway now
		// could leave it there, known to nobody.
		limited, cancel := context.WithTimeout(ctx, submission)
		for e.schema == nil && e.fetch(limited) == nil && !e.ended {
		}
		cancel()
	}
	if e.schema == nil || e.schema.Job {
		// Refused where the operation has ended meanwhile.
		_ = e.session.call(ctx, http.MethodPost, e.at("cancel"), nil, nil)
	}
	e.close(ctx)
	if e.schema == nil || !e.schema.Query {
		return nil
	}
	return e.session.assureEnd(ctx, e.JobID())
}

// mayQuery reports whether the statement may be a query, whose job has to end
// with it.
func (e *execution) mayQuery() bool {
	return sqlshell.IsQuery(e.statement)
}

// assureEnd waits until a query's job has ended, and cancels it at the
// JobManager where the gateway didn't.
func (s *Session) assureEnd(ctx context.Context, job string) error {
	if job == "" || s.options.JobManager == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, closeLimit)
	defer cancel()
	asked := false
	for started := time.Now(); ; {
		found, err := s.options.JobManager.Job(ctx, job)
		if rest.NotFound(err) || err == nil && rest.Ended(found.State) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("whether its job %s has ended isn't known: %w", job, err)
		}
		if !asked && time.Since(started) > 2*time.Second {
			asked = true
			if err := s.options.JobManager.CancelJob(ctx, job); err != nil && !rest.NotFound(err) {
				return fmt.Errorf("its job %s can't be canceled: %w", job, err)
			}
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("its job %s is still %s after %s", job, found.State, closeLimit)
		}
	}
}

// Close frees the operation. For a query that means to cancel its job, so that
// is waited for; the rest is done while the next statement begins.
func (e *execution) Close(ctx context.Context) error {
	e.fetching.Lock()
	defer e.fetching.Unlock()
	e.dropPrefetched()
	if e.schema != nil && e.schema.Query && !e.ended {
		e.close(ctx)
		return e.session.assureEnd(ctx, e.JobID())
	}
	background := context.WithoutCancel(ctx)
	e.session.work.Go(func() {
		limited, cancel := context.WithTimeout(background, closeLimit)
		defer cancel()
		e.close(limited)
	})
	return nil
}

// close frees the operation once. That it is gone already is as good.
func (e *execution) close(ctx context.Context) {
	e.closed.Do(func() {
		// A gateway that can't be reached must leave time for the job.
		ctx, cancel := context.WithTimeout(ctx, closeLimit/2)
		defer cancel()
		if e.session.call(ctx, http.MethodDelete, e.at("close"), nil, nil) == nil {
			e.ended = true
		}
	})
}
