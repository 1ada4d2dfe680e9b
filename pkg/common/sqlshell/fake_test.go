package sqlshell

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// fake is a backend that answers from a table of statements.
type fake struct {
	mu      sync.Mutex
	answers map[string]answer
	// ran are the statements that were run, canceled those that were ended.
	ran, canceled []string
	jobs          []Job
	names         map[string][]string
	asked         []string
	// lost has every statement fail until Renew; renewed counts its calls.
	lost    bool
	renewed int
}

// Lost reports whether the session has ended.
func (f *fake) Lost() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lost
}

// Renew begins another session.
func (f *fake) Renew(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = false
	f.renewed++
	return nil
}

// answer is what a statement gives: an error, or rows.
type answer struct {
	refuse  error
	schema  Schema
	batches [][]Row
	// fail comes instead of the end; wait lasts until the statement is
	// canceled.
	fail error
	wait bool
	// starting has no schema until the statement is canceled.
	starting bool
	job      string
	// more makes rows up instead of batches.
	more func(n int) ([]Row, error)
	// appendOnly says that rows are only added.
	appendOnly bool
}

func (f *fake) Run(_ context.Context, statement string) (Execution, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ran = append(f.ran, statement)
	if statement == "END SESSION" && f.renewed < 2 {
		f.lost = true
	}
	if f.lost {
		return nil, &Error{Root: "the session has ended"}
	}
	a, ok := f.answers[statement]
	if !ok {
		a, ok = f.answers[strings.Fields(statement)[0]]
	}
	if !ok {
		a = answer{schema: Schema{Command: true}}
	}
	if a.refuse != nil {
		return nil, a.refuse
	}
	return &fakeExecution{fake: f, statement: statement, answer: a}, nil
}

func (f *fake) Names(_ context.Context, path ...string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := strings.Join(path, ".")
	f.asked = append(f.asked, key)
	return f.names[key], nil
}

func (f *fake) Current(context.Context) (string, string, error) {
	return "default_catalog", "default_database", nil
}

func (f *fake) Jobs(context.Context) ([]Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Job(nil), f.jobs...), nil
}

func (f *fake) CancelJob(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.jobs {
		if f.jobs[i].ID == id {
			f.jobs[i].State = "CANCELED"
			return nil
		}
	}
	return errors.New("no such job")
}

func (f *fake) StopHint(id string) string { return "stop " + id }

func (f *fake) Close(context.Context) error { return nil }

type fakeExecution struct {
	fake      *fake
	statement string
	answer    answer
	given     int
}

func (e *fakeExecution) Schema(ctx context.Context) (Schema, error) {
	if e.answer.starting {
		<-ctx.Done()
		return Schema{}, ctx.Err()
	}
	return e.answer.schema, nil
}

func (e *fakeExecution) Next(ctx context.Context) ([]Row, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if e.answer.more != nil {
		e.given++
		return e.answer.more(e.given - 1)
	}
	if e.given < len(e.answer.batches) {
		e.given++
		return e.answer.batches[e.given-1], nil
	}
	if e.answer.wait {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if e.answer.fail != nil {
		return nil, e.answer.fail
	}
	return nil, io.EOF
}

func (e *fakeExecution) AppendOnly(context.Context) bool { return e.answer.appendOnly }

func (e *fakeExecution) JobID() string { return e.answer.job }

func (e *fakeExecution) Cancel(context.Context) error {
	e.fake.mu.Lock()
	defer e.fake.mu.Unlock()
	e.fake.canceled = append(e.fake.canceled, e.statement)
	return nil
}

func (e *fakeExecution) Close(context.Context) error { return nil }

func column(name, kind string) Column { return Column{Name: name, Type: Type{Name: kind}} }

func rows(rows ...Row) [][]Row { return [][]Row{rows} }

func plus(fields ...any) Row { return Row{Fields: fields} }

// script runs sql and returns what was printed.
func script(t *testing.T, backend *fake, sql string, options Options) (out, errOut string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	options.IOStreams = genericiooptions.IOStreams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err = Script(ctx, backend, []Source{{Name: "jobs.sql", Text: strings.NewReader(sql)}}, options)
	return stdout.String(), stderr.String(), err
}
