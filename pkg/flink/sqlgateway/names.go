package sqlgateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// ask runs a statement and gives its rows as text, NULL as "". What asks may not
// show errors, so that the end of the session is told to the next statement of the
// user, too.
func (s *Session) ask(ctx context.Context, statement string) ([][]string, error) {
	before, untold := s.standing()
	if untold {
		return nil, ErrGone
	}
	out, err := s.askNow(ctx, statement)
	if err != nil {
		s.untellEnd(before)
	}
	return out, err
}

func (s *Session) askNow(ctx context.Context, statement string) ([][]string, error) {
	e, err := s.run(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer e.Close(ctx) //nolint:errcheck // it never fails
	var out [][]string
	for {
		rows, err := e.Next(ctx)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			line := make([]string, len(row.Fields))
			for i, field := range row.Fields {
				if field != nil {
					line[i] = fmt.Sprint(field)
				}
			}
			out = append(out, line)
		}
	}
}

// first is the first column of a statement's rows.
func (s *Session) first(ctx context.Context, statement string) ([]string, error) {
	rows, err := s.ask(ctx, statement)
	var out []string
	for _, row := range rows {
		if len(row) > 0 {
			out = append(out, row[0])
		}
	}
	return out, err
}

// Names are the names below path.
func (s *Session) Names(ctx context.Context, path ...string) ([]string, error) {
	switch len(path) {
	case 0:
		return s.first(ctx, "SHOW CATALOGS")
	case 1:
		found, err := s.first(ctx, "SHOW DATABASES IN "+sqlshell.Identifier(path...))
		if err == nil {
			return found, nil
		}
		// Flink before 1.19 shows those of the current catalog only.
		if catalog, _, currentErr := s.Current(ctx); currentErr != nil || catalog != path[0] {
			return nil, err
		}
		return s.first(ctx, "SHOW DATABASES")
	case 2:
		return s.first(ctx, "SHOW TABLES IN "+sqlshell.Identifier(path...))
	case 3:
		return s.first(ctx, "DESCRIBE "+sqlshell.Identifier(path...))
	}
	return nil, nil
}

// Current are the catalog and the database of unqualified names.
func (s *Session) Current(ctx context.Context) (catalog, database string, err error) {
	for _, ask := range []struct {
		what string
		to   *string
	}{{"CATALOG", &catalog}, {"DATABASE", &database}} {
		found, err := s.first(ctx, "SHOW CURRENT "+ask.what)
		if err != nil {
			return "", "", err
		}
		if len(found) == 1 {
			*ask.to = found[0]
		}
	}
	return catalog, database, nil
}

// Jobs are the jobs that this session started with their states, in their order.
// The JobManager is asked where it can be, else the gateway, which doesn't
// tell causes.
func (s *Session) Jobs(ctx context.Context) ([]sqlshell.Job, error) {
	s.mu.Lock()
	ids := slices.Clone(s.jobs)
	s.mu.Unlock()
	if len(ids) == 0 {
		return nil, nil
	}
	known := map[string]sqlshell.Job{}
	if s.options.JobManager == nil {
		rows, err := s.ask(ctx, "SHOW JOBS")
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if len(row) >= 3 {
				known[row[0]] = sqlshell.Job{ID: row[0], Name: row[1], State: row[2]}
			}
		}
	} else {
		jobs, err := s.options.JobManager.Jobs(ctx)
		if err != nil {
			return nil, err
		}
		for _, job := range jobs {
			known[job.ID] = sqlshell.Job{ID: job.ID, Name: job.Name, State: job.State}
		}
	}
	out := make([]sqlshell.Job, 0, len(ids))
	for _, id := range ids {
		job, ok := known[id]
		if !ok {
			continue // the JobManager has forgotten it
		}
		if job.State == api.JobFailed || job.State == api.JobRestarting || job.State == api.JobFailing {
			job.Cause = s.causeOf(ctx, id)
		}
		out = append(out, job)
	}
	return out, nil
}

// causeOf is why a job failed last; "" where the JobManager doesn't say.
func (s *Session) causeOf(ctx context.Context, job string) string {
	if s.options.JobManager == nil {
		return ""
	}
	history, _, err := s.options.JobManager.Exceptions(ctx, job, 1)
	if err != nil || len(history) == 0 {
		return ""
	}
	return api.RootCause(history[0].Stacktrace)
}

// CancelJob ends a job.
func (s *Session) CancelJob(ctx context.Context, id string) error {
	if s.options.JobManager != nil {
		err := s.options.JobManager.CancelJob(ctx, id)
		if rest.NotFound(err) {
			return fmt.Errorf("there is no job %s", id)
		}
		return err
	}
	_, err := s.ask(ctx, "STOP JOB '"+strings.ReplaceAll(id, "'", "''")+"'")
	return err
}

// StopHint is the command that stops a job later.
func (s *Session) StopHint(id string) string {
	if s.options.StopHint == nil {
		return ""
	}
	return s.options.StopHint(id)
}
