package statement

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Attached reads the results of a statement that somebody else made: it is left
// as it is.
type Attached struct {
	execution *execution

	mu   sync.Mutex
	next string
	read bool
}

// Attach reads the results of the statement ref, which CMF showed as object,
// from the page that token names; "" is the first one.
func Attach(client *cmf.Client, ref cmf.Ref, object cmf.Object, token string, poll time.Duration) (*Attached, error) {
	text := object.Text("spec.statement")
	kind := sqlshell.Classify(text)
	if kind == sqlshell.KindJob {
		return nil, fmt.Errorf("%s writes its rows elsewhere: it has no results to read", ref.Where())
	}
	session := Open(client, Options{Environment: ref.Scope.Environment, Poll: poll})
	return &Attached{next: token, execution: &execution{session: session, text: text, ref: ref, object: object, kind: kind, token: token}}, nil
}

// Schema waits until CMF knows what the statement gives.
func (a *Attached) Schema(ctx context.Context) (sqlshell.Schema, error) {
	schema, err := a.execution.Schema(ctx)
	if err == nil && (schema.Job || schema.Command) {
		return schema, fmt.Errorf("%s has no results to read", a.execution.ref.Where())
	}
	return schema, err
}

// landing is how long a page that was asked for may take to come when reading
// has ended: broken off, nobody knows whether CMF still has it.
const landing = 2 * time.Second

// Next waits for rows.
func (a *Attached) Next(ctx context.Context) ([]sqlshell.Row, error) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(landing, cancel) })()
	rows, err := a.execution.Next(work)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.execution.begun {
		a.next, a.read = a.execution.token, !a.execution.ended
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return rows, err
}

// Following is the token of the page after those that were read; "" where none
// was, or none follows.
func (a *Attached) Following() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.read {
		return ""
	}
	return a.next
}

// AppendOnly is what CMF says of the statement's rows.
func (a *Attached) AppendOnly(ctx context.Context) bool { return a.execution.AppendOnly(ctx) }

// JobID is none: the statement isn't ours.
func (a *Attached) JobID() string { return "" }

// Cancel leaves the statement as it is.
func (a *Attached) Cancel(context.Context) error { return nil }

// Close leaves the statement as it is.
func (a *Attached) Close(context.Context) error { return nil }
