package sqlgateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// The row formats of REST v2 and newer.
const (
	formatJSON  = "JSON"
	formatPlain = "PLAIN_TEXT"
)

const (
	// The gateway can't be told to wait for rows, so it is asked again: at
	// once where rows come, ever more rarely where none do. In the beginning a
	// user waits for the first row.
	shortestPause = 10 * time.Millisecond
	earlyPause    = 50 * time.Millisecond
	longestPause  = 200 * time.Millisecond
	early         = 3 * time.Second
	// fullPage is a number of rows after which more are most likely there.
	fullPage = 500
	// burst is how long after a full page the next one is expected soon.
	burst = time.Second
	// submission is how long a canceled query may still be on its way to the
	// cluster: its job has to be known to be canceled.
	submission = 10 * time.Second
)

// execution is one statement. Only Cancel and JobID may be called while
// another method runs.
type execution struct {
	session   *Session
	statement string
	// handle is the session's; operation is the statement's.
	handle, operation string

	token  int64
	format string
	// local says that there are local timestamps among the rows.
	local   bool
	pause   time.Duration
	schema  *sqlshell.Schema
	rows    []sqlshell.Row
	ended   bool
	closed  sync.Once
	failure error
	// begun is when the statement was sent, looked when its job was last looked
	// at, or had rows.
	begun, looked time.Time
	// fullAt is when there was a full page last; zero before the first.
	fullAt time.Time

	mu      sync.Mutex
	job     string
	trouble string
	// fetching is held while results are asked for.
	fetching sync.Mutex
	// prefetched is the next page, nil where it isn't requested yet. Guarded by
	// fetching.
	prefetched *prefetchedPage
}

// page is one answer with results.
type page struct {
	Type    string `json:"resultType"`
	Query   *bool  `json:"isQueryResult"`
	Job     string `json:"jobID"`
	Kind    string `json:"resultKind"`
	Results struct {
		Columns []column `json:"columns"`
		Format  string   `json:"rowFormat"`
		Data    []struct {
			Kind   string            `json:"kind"`
			Fields []json.RawMessage `json:"fields"`
		} `json:"data"`
	} `json:"results"`
	Next string `json:"nextResultUri"`
}

// Schema waits for the first answer that has columns.
func (e *execution) Schema(ctx context.Context) (sqlshell.Schema, error) {
	e.fetching.Lock()
	defer e.fetching.Unlock()
	for e.schema == nil {
		if e.ended {
			return sqlshell.Schema{Command: true}, nil
		}
		if err := e.fetch(ctx); err != nil {
			return sqlshell.Schema{}, err
		}
	}
	return *e.schema, nil
}

// Next waits for rows.
func (e *execution) Next(ctx context.Context) ([]sqlshell.Row, error) {
	e.fetching.Lock()
	defer e.fetching.Unlock()
	for len(e.rows) == 0 {
		if e.ended {
			return nil, io.EOF
		}
		if err := e.fetch(ctx); err != nil {
			return nil, err
		}
	}
	rows := e.rows
	e.rows = nil
	return rows, nil
}

// JobID is the job's, as soon as it is known.
func (e *execution) JobID() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.job
}

// fetch asks for the next page, after a pause where the last had nothing.
func (e *execution) fetch(ctx context.Context) error {
	if e.failure != nil {
		return e.failure
	}
	if e.pause > 0 {
		if err := sleep(ctx, e.pause); err != nil {
			return err
		}
	}
	p, err := e.nextPage(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		e.failure = err
		return err
	}
	if p.Type == "NOT_READY" {
		e.slower(0)
		return nil
	}
	if err := e.setJob(p.Job); err != nil {
		e.failure = err
		return err
	}
	if e.schema == nil && len(p.Results.Columns) > 0 {
		if p, err = e.begin(ctx, p); err != nil {
			e.failure = err
			return err
		}
	}
	if err := e.take(ctx, p); err != nil {
		e.failure = err
		return err
	}
	next, ok, err := nextToken(p.Next, e.at())
	if err != nil {
		e.failure = err
		return err
	}
	if p.Type == "EOS" || !ok {
		e.ended = true
		return nil
	}
	e.token = next
	e.slower(len(p.Results.Data))
	if len(p.Results.Data) >= fullPage && p.size() <= prefetchLimit {
		e.prefetch(ctx)
	}
	if len(p.Results.Data) > 0 || e.looked.IsZero() {
		e.looked = time.Now()
		e.setTrouble("")
	} else if e.schema != nil && e.schema.Query {
		e.watchJob(ctx)
	}
	return nil
}

// begin takes the shape of the result from its first page and returns the page,
// asked for again where rows of that shape have to come in another way.
func (e *execution) begin(ctx context.Context, p page) (page, error) {
	schema := e.shape(p)
	if e.format == formatJSON && e.session.client.version > 1 && slices.ContainsFunc(schema.Columns, func(c sqlshell.Column) bool { return plainOnly(c.Type) }) {
		e.format = formatPlain
	}
	e.local = slices.ContainsFunc(schema.Columns, func(c sqlshell.Column) bool { return mentions(c.Type, "TIMESTAMP_LTZ") })
	if e.format == formatPlain {
		schema.Opaque = opaque(schema.Columns)
	}
	again := len(p.Results.Data) > 0 && !schema.Command && (e.format == formatPlain && p.Results.Format == formatJSON || e.local)
	if again {
		var err error
		if p, err = e.ask(ctx); err != nil {
			return p, err
		}
	}
	e.schema = schema
	return p, nil
}

// slower sets the pause before the next question, after an answer of so many rows.
func (e *execution) slower(rows int) {
	now := time.Now()
	switch {
	case rows >= fullPage:
		e.pause, e.fullAt = 0, now
	case rows > 0:
		e.pause = max(e.pause/2, shortestPause)
	case now.Sub(e.fullAt) < burst:
		// Many rows come in portions; the pauses may add an eighth to the time
		// between two of them.
		e.pause = max(now.Sub(e.fullAt)/8, shortestPause/2)
	default:
		longest := longestPause
		if now.Sub(e.begun) < early {
			longest = earlyPause
		}
		e.pause = min(max(e.pause*3/2, shortestPause), longest)
	}
}

// ask sends the same question until it is answered: the gateway gives the
// results of the last token again.
func (e *execution) ask(ctx context.Context) (page, error) {
	var p page
	var until time.Time
	for delay := shortestPause; ; delay = min(2*delay, 2*time.Second) {
		where := e.at("result", strconv.FormatInt(e.token, 10))
		if e.session.client.version > 1 {
			where = where.Asking("rowFormat", e.format)
		}
		p = page{}
		err := e.get(ctx, where, &p)
		if err == nil {
			return p, nil
		}
		if e.format == formatJSON && e.session.client.version > 1 && notJSON(err) {
			e.format = formatPlain
			continue
		}
		if gone(err) {
			e.session.lost(e.handle)
		}
		if ctx.Err() != nil || !passing(err) {
			return p, e.explain(err)
		}
		if until.IsZero() {
			until = time.Now().Add(reconnect)
		}
		if time.Now().After(until) {
			return p, fmt.Errorf("the SQL gateway can't be reached any more: %w", err)
		}
		if err := sleep(ctx, delay); err != nil {
			return p, err
		}
	}
}

// get asks for a page once.
func (e *execution) get(ctx context.Context, where httpapi.Address, p *page) error {
	if e.local && e.format == formatJSON {
		e.session.zoning.Lock()
		defer e.session.zoning.Unlock()
		if err := e.session.readUTC(ctx, e.handle); err != nil {
			return err
		}
	}
	return e.session.call(ctx, http.MethodGet, where, nil, p)
}

func (e *execution) explain(err error) error {
	if notJSON(err) && e.session.client.version > 1 {
		return &sqlshell.Error{Root: "the SQL gateway can't send values of this type: CAST them to STRING", Full: err.Error()}
	}
	if notJSON(err) {
		return &sqlshell.Error{Root: "this SQL gateway speaks only v1 of its REST API, which can't send this result: CAST maps whose keys aren't text, and multisets, to STRING", Full: err.Error()}
	}
	return e.session.explain(err)
}

// notJSON reports whether the gateway failed to write its rows as JSON.
func notJSON(err error) bool {
	var answer *Error
	return errors.As(err, &answer) && strings.Contains(strings.Join(answer.Messages, "\n"), "Could not map response to JSON")
}

// at is an address of the operation's.
func (e *execution) at(segments ...string) httpapi.Address {
	return httpapi.Path(append([]string{"sessions", e.handle, "operations", e.operation}, segments...)...)
}

// shape is what the first page says of the result. REST v1 of Flink 1.16
// doesn't say what a result is: there the statement and the columns do.
func (e *execution) shape(p page) *sqlshell.Schema {
	s := &sqlshell.Schema{Query: p.Query != nil && *p.Query}
	for _, c := range p.Results.Columns {
		s.Columns = append(s.Columns, sqlshell.Column{Name: c.Name, Type: c.Type.ours()})
	}
	one := ""
	if len(s.Columns) == 1 {
		one = s.Columns[0].Name
	}
	if p.Query == nil {
		s.Query = e.mayQuery()
	}
	s.Job = !s.Query && one == "job id"
	s.Command = p.Kind == "SUCCESS"
	if p.Kind == "" && !s.Query && one == "result" && len(p.Results.Data) == 1 && len(p.Results.Data[0].Fields) == 1 {
		s.Command = string(p.Results.Data[0].Fields[0]) == `"OK"`
	}
	return s
}

var changes = map[string]sqlshell.Change{
	"INSERT": sqlshell.Insert, "UPDATE_BEFORE": sqlshell.UpdateBefore,
	"UPDATE_AFTER": sqlshell.UpdateAfter, "DELETE": sqlshell.Delete,
}

// take reads the rows of a page.
func (e *execution) take(ctx context.Context, p page) error {
	if len(p.Results.Data) == 0 {
		return nil
	}
	if e.schema == nil {
		return errors.New("the SQL gateway sent rows without columns")
	}
	if e.schema.Command {
		e.ended = true // "OK" is all that comes
		return nil
	}
	var zone *time.Location
	if e.local {
		known, err := e.session.zoneOf(ctx, e.handle)
		if err != nil {
			return err
		}
		zone = known.location
	}
	isPlain := p.Results.Format == formatPlain
	rows := make([]sqlshell.Row, 0, len(p.Results.Data))
	for _, d := range p.Results.Data {
		change, ok := changes[d.Kind]
		if !ok {
			return fmt.Errorf("the SQL gateway sent a row of the unknown kind %q", d.Kind)
		}
		if len(d.Fields) != len(e.schema.Columns) {
			return fmt.Errorf("the SQL gateway sent a row with %d values for %d columns", len(d.Fields), len(e.schema.Columns))
		}
		row := sqlshell.Row{Change: change, Fields: make([]any, len(d.Fields))}
		for i, raw := range d.Fields {
			var err error
			if isPlain {
				row.Fields[i], err = plainField(e.schema.Columns[i].Type, raw, zone)
			} else {
				row.Fields[i], err = value(e.schema.Columns[i].Type, raw, zone)
			}
			if err != nil {
				return fmt.Errorf("column %q: %w", e.schema.Columns[i].Name, err)
			}
		}
		rows = append(rows, row)
	}
	if e.schema.Job && e.JobID() == "" && len(rows) == 1 {
		if id, ok := rows[0].Fields[0].(string); ok {
			if err := e.setJob(id); err != nil {
				return err
			}
		}
	}
	e.rows = append(e.rows, rows...)
	return nil
}

func plainField(t sqlshell.Type, raw json.RawMessage, zone *time.Location) (any, error) {
	if string(raw) == "null" {
		return nil, nil //nolint:nilnil // NULL is nil
	}
	s, err := text(raw)
	if err != nil {
		return nil, garbled(t, raw)
	}
	return plain(t, s, zone), nil
}

func mentions(t sqlshell.Type, name string) bool {
	if t.Name == name {
		return true
	}
	for _, inner := range []*sqlshell.Type{t.Key, t.Element} {
		if inner != nil && mentions(*inner, name) {
			return true
		}
	}
	for _, field := range t.Fields {
		if mentions(field.Type, name) {
			return true
		}
	}
	return false
}
