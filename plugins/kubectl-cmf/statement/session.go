// Package statement runs SQL as CMF's statements, as a sqlshell.Backend. CMF
// knows no sessions: what SET and USE say is kept here and sent with each
// statement.
package statement

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// The properties that hold what USE said.
const (
	catalogProperty  = "sql.current-catalog"
	databaseProperty = "sql.current-database"
)

// Options are where and how statements run.
type Options struct {
	// Environment is where statements are created, Pool where they run.
	Environment, Pool string
	// Catalog and Database are those of unqualified names; "" is CMF's choice.
	Catalog, Database string
	// Configuration is Flink's, for each statement; more is SET.
	Configuration map[string]string
	// Poll is the longest time between two looks at a statement; 0 is half a
	// second.
	Poll time.Duration
	// Now tells the time for the statements' names; nil is time.Now.
	Now func() time.Time
	// StopHint is the command that stops a statement later; nil is none.
	StopHint func(name string) string
}

// Session is what several statements have in common.
type Session struct {
	client  *cmf.Client
	options Options
	work    sync.WaitGroup

	mu sync.Mutex
	// properties go to spec.properties, configuration to
	// spec.flinkConfiguration.
	properties, configuration map[string]string
	// started are the statements that write, in their order.
	started []string
}

// Open begins a session; nothing is sent.
func Open(client *cmf.Client, o Options) *Session {
	s := &Session{client: client, options: o, properties: map[string]string{}, configuration: map[string]string{}}
	if s.options.Poll == 0 {
		s.options.Poll = 500 * time.Millisecond
	}
	if s.options.Now == nil {
		s.options.Now = time.Now
	}
	maps.Copy(s.configuration, o.Configuration)
	s.use(o.Catalog, o.Database)
	return s
}

func (s *Session) use(catalog, database string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if catalog != "" {
		s.properties[catalogProperty] = catalog
		delete(s.properties, databaseProperty) // it was the other catalog's
	}
	if database != "" {
		s.properties[databaseProperty] = database
	}
}

func (s *Session) ref(name string) cmf.Ref {
	return cmf.Ref{Kind: cmf.Must("statement"), Scope: cmf.Scope{Environment: s.options.Environment}, Name: name}
}

// name is one for a new statement.
func (s *Session) name() (string, error) {
	var random [3]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", err
	}
	return "sql-" + s.options.Now().UTC().Format("20060102-150405") + "-" + hex.EncodeToString(random[:]), nil
}

// Run creates a statement; SET, RESET and USE are answered here.
func (s *Session) Run(ctx context.Context, text string) (sqlshell.Execution, error) {
	if local, err := s.local(text); local != nil || err != nil {
		return local, err
	}
	return s.create(ctx, text)
}

func (s *Session) create(ctx context.Context, text string) (*execution, error) {
	name, err := s.name()
	if err != nil {
		return nil, err
	}
	spec := map[string]any{"statement": text, "computePoolName": s.options.Pool}
	s.mu.Lock()
	for field, values := range map[string]map[string]string{"properties": s.properties, "flinkConfiguration": s.configuration} {
		if len(values) > 0 {
			fields := map[string]any{}
			for key, value := range values {
				fields[key] = value
			}
			spec[field] = fields
		}
	}
	s.mu.Unlock()
	ref := s.ref(name)
	object, err := s.client.Create(ctx, ref, cmf.Object{
		"apiVersion": cmf.Group + "/v1", "kind": ref.Kind.Kind, "metadata": map[string]any{"name": name}, "spec": spec,
	})
	var status *cmf.StatusError
	if errors.As(err, &status) && (status.Status == http.StatusBadRequest || status.Status == http.StatusUnprocessableEntity) {
		return nil, failure(strings.Join(status.Messages, "\n"), err)
	}
	if err != nil {
		return nil, err
	}
	return &execution{session: s, text: text, ref: ref, object: object, kind: sqlshell.Classify(text)}, nil
}

// ask runs a statement and gives the first column of its rows.
func (s *Session) ask(ctx context.Context, text string) ([]string, error) {
	e, err := s.create(ctx, text)
	if err != nil {
		return nil, err
	}
	defer e.Close(ctx) //nolint:errcheck // it tidies up in the background
	if _, err := e.Schema(ctx); err != nil {
		return nil, err
	}
	var out []string
	for {
		rows, err := e.Next(ctx)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if len(row.Fields) > 0 && row.Fields[0] != nil {
				out = append(out, fmt.Sprint(row.Fields[0]))
			}
		}
	}
}

// Names are the names below path, asked for with statements that CMF itself
// answers.
func (s *Session) Names(ctx context.Context, path ...string) ([]string, error) {
	switch len(path) {
	case 0:
		return s.ask(ctx, "SHOW CATALOGS")
	case 1:
		return s.ask(ctx, "SHOW DATABASES IN "+sqlshell.Identifier(path...))
	case 2:
		return s.ask(ctx, "SHOW TABLES IN "+sqlshell.Identifier(path...))
	case 3:
		return s.ask(ctx, "DESCRIBE "+sqlshell.Identifier(path...))
	}
	return nil, nil
}

// Current are the catalog and database that were chosen.
func (s *Session) Current(context.Context) (catalog, database string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.properties[catalogProperty], s.properties[databaseProperty], nil
}

// states are CMF's phases in the words for jobs.
var states = map[string]string{cmf.PhaseCompleted: sqlshell.JobFinished, cmf.PhaseStopped: sqlshell.JobCanceled}

// Jobs are the statements of this session that write, and what became of them.
func (s *Session) Jobs(ctx context.Context) ([]sqlshell.Job, error) {
	s.mu.Lock()
	names := slices.Clone(s.started)
	s.mu.Unlock()
	var out []sqlshell.Job
	for _, name := range names {
		object, err := s.client.Get(ctx, s.ref(name))
		if cmf.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		phase := object.Text("status.phase")
		job := sqlshell.Job{ID: name, Name: strings.Join(strings.Fields(object.Text("spec.statement")), " "), State: phase}
		if state, ok := states[phase]; ok {
			job.State = state
		}
		if phase == cmf.PhaseFailed || phase == cmf.PhaseFailing {
			job.Cause = object.Text("status.detail")
		}
		out = append(out, job)
	}
	return out, nil
}

// CancelJob stops a statement. CMF keeps its state, so that it can be resumed.
func (s *Session) CancelJob(ctx context.Context, name string) error {
	ref := s.ref(name)
	object, err := s.client.Get(ctx, ref)
	if err != nil {
		return err
	}
	return Stop(ctx, s.client, ref, object, true)
}

// Stop stops a statement, or resumes it.
func Stop(ctx context.Context, client *cmf.Client, ref cmf.Ref, object cmf.Object, stopped bool) error {
	return Change(ctx, client, ref, object, func(o cmf.Object) { o.Set("spec.stopped", stopped) })
}

// Change sends object, a statement as CMF showed it, with what edit makes of it.
func Change(ctx context.Context, client *cmf.Client, ref cmf.Ref, object cmf.Object, edit func(cmf.Object)) error {
	object = object.Copy()
	edit(object)
	object.Remove("status")
	object.Remove("result")
	_, err := client.Update(ctx, ref, object)
	return err
}

// Name is one for a new statement.
func Name(now time.Time) (string, error) {
	s := Session{options: Options{Now: func() time.Time { return now }}}
	return s.name()
}

// StopHint is the command that stops a statement later.
func (s *Session) StopHint(name string) string {
	if s.options.StopHint == nil {
		return ""
	}
	return s.options.StopHint(name)
}

// Close waits for what is being tidied up. Statements that write go on.
func (s *Session) Close(context.Context) error {
	s.work.Wait()
	return nil
}
