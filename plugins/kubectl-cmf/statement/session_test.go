package statement

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// answer is one of a server; status 0 is 200.
type answer struct {
	status int
	body   string
}

// server answers the requests for one statement from lists, the last of each
// again and again, and keeps what was sent.
type server struct {
	mu sync.Mutex
	// created answers POST, looks GET, pages GET of results, updated PUT.
	created, updated answer
	looks, pages     []answer
	// seen are methods and what follows the collection, sent the bodies.
	seen, sent []string
}

func next(list *[]answer) answer {
	if len(*list) == 0 {
		return answer{status: http.StatusNotFound, body: `{"errors":[{"message":"no such statement"}]}`}
	}
	a := (*list)[0]
	if len(*list) > 1 {
		*list = (*list)[1:]
	}
	return a
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	_, rest, _ := strings.Cut(r.URL.Path, "/environments/prod/statements")
	if r.URL.RawQuery != "" {
		rest += "?" + r.URL.RawQuery
	}
	s.seen = append(s.seen, r.Method+" "+rest)
	a := answer{status: http.StatusNoContent}
	switch {
	case r.Method == http.MethodPost:
		s.sent = append(s.sent, string(body))
		a = s.created
	case r.Method == http.MethodPut:
		s.sent = append(s.sent, string(body))
		a = s.updated
	case strings.Contains(rest, "/results"):
		a = next(&s.pages)
	case r.Method == http.MethodGet:
		a = next(&s.looks)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(max(a.status, http.StatusOK))
	_, _ = io.WriteString(w, a.body)
}

// requests are those whose method and path have the prefix.
func (s *server) requests(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.seen), func(seen string) bool { return !strings.HasPrefix(seen, prefix) })
}

func open(t *testing.T, s *server, o Options) *Session {
	t.Helper()
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	client, err := cmf.NewClient(web.URL, http.DefaultTransport, false)
	if err != nil {
		t.Fatal(err)
	}
	client.Backoff = func(int) time.Duration { return time.Millisecond }
	o.Environment, o.Poll = "prod", time.Millisecond
	return Open(client, o)
}

// statement is one as CMF shows it.
func shown(phase, rest string) answer {
	return answer{body: fmt.Sprintf(`{"metadata":{"name":"s"},"spec":{"statement":"SELECT 1","computePoolName":"p"},"status":{"phase":%q%s}}`, phase, rest)}
}

const twoColumns = `,"traits":{"isAppendOnly":true,"schema":{"columns":[{"name":"id","type":{"type":"BIGINT","nullable":false}},{"name":"name","type":{"type":"VARCHAR","length":9}}]}}`

func rows(nextToken, data string) answer {
	return answer{body: fmt.Sprintf(`{"metadata":{"annotations":{"nextPageToken":%q}},"results":{"data":[%s]}}`, nextToken, data)}
}

// run runs text to its end and prints what came of it: the schema, the rows, and
// how it ended.
func run(ctx context.Context, s *Session, text string) (string, error) {
	var out strings.Builder
	e, err := s.Run(ctx, text)
	if err != nil {
		return "", err
	}
	schema, err := e.Schema(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case schema.Command:
		out.WriteString("command")
	case schema.Job:
		out.WriteString("job")
	case schema.Query:
		out.WriteString("query")
	}
	for _, column := range schema.Columns {
		out.WriteString(" " + column.Name + ":" + column.Type.Name)
	}
	for {
		got, err := e.Next(ctx)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return out.String(), err
			}
			return out.String(), e.Close(ctx)
		}
		for _, row := range got {
			fmt.Fprintf(&out, " [%s %v]", row.Change.Symbol(), row.Fields)
		}
	}
}

// generated are the names of new statements.
var generated = regexp.MustCompile(`sql-\d{8}-\d{6}-[0-9a-f]{6}`)

func TestRun(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		server *server
		want   string
		// err is a part of the error, requests are those that were made after the
		// first one.
		err      string
		requests []string
	}{
		"a query, whose statement is deleted once it was read": {
			text: "SELECT id, name FROM t", want: "query id:BIGINT name:VARCHAR [+I [1 a]] [-U [1 a]] [+U [2 b]]",
			server: &server{
				created: shown("PENDING", ""), looks: []answer{shown("PENDING", ""), shown("RUNNING", ""), shown("RUNNING", twoColumns)},
				pages: []answer{rows("t1", ""), rows("t2", `{"op":0,"row":["1","a"]}`), rows("t2", ""), rows("", `{"op":1,"row":["1","a"]},{"op":2,"row":["2","b"]}`)},
			},
			requests: []string{"GET", "GET", "GET", "GET/results", "GET/results?page-token=t1", "GET/results?page-token=t2", "GET/results?page-token=t2", "DELETE"},
		},
		"SQL that CMF refuses at once": {
			text: "SELECT x", server: &server{created: answer{status: 400, body: `{"errors":[{"message":"SQL validation failed. From line 2, column 8 to line 2, column 9: Column 'x' not found"}]}`}},
			err: "Column 'x' not found",
		},
		"SQL that CMF takes and then fails": {
			text: "SELECT x", server: &server{created: shown("PENDING", ""), looks: []answer{shown("FAILED", `,"detail":"SQL parse failed. Encountered \"x\" at line 1, column 8."`)}},
			err: `Encountered "x"`,
		},
		"a failure without a word": {
			text: "SELECT x", server: &server{created: shown("FAILED", "")}, err: "CMF doesn't say why the statement failed",
		},
		"one that somebody deletes":    {text: "SELECT 1", server: &server{created: shown("PENDING", ""), looks: []answer{shown("DELETING", "")}}, err: "is being deleted"},
		"one that somebody stops":      {text: "SELECT 1", server: &server{created: shown("PENDING", ""), looks: []answer{shown("STOPPED", "")}}, err: "was stopped"},
		"one that is gone":             {text: "SELECT 1", server: &server{created: shown("PENDING", "")}, err: "no such statement"},
		"CMF refuses the pool":         {text: "SELECT 1", server: &server{created: answer{status: 404, body: `{"errors":[{"message":"no pool p"}]}`}}, err: "no pool p"},
		"a table is made":              {text: "CREATE TABLE t (a INT)", server: &server{created: shown("COMPLETED", "")}, want: "command", requests: []string{"DELETE"}},
		"a table is made from a query": {text: "CREATE TABLE t AS SELECT 1", server: &server{created: shown("RUNNING", "")}, want: "job statement:STRING [+I [NAME]]"},
		"rows go elsewhere, and go on": {text: "INSERT INTO t SELECT 1", server: &server{created: shown("PENDING", ""), looks: []answer{shown("RUNNING", "")}}, want: "job statement:STRING [+I [NAME]]", requests: []string{"GET"}},
		"an answer that comes with it": {text: "SHOW TABLES", server: &server{created: answer{body: `{"metadata":{"name":"s"},"status":{"phase":"COMPLETED"},"result":{"results":{"data":[{"row":["t"]},{"row":["u"]}]}}}`}}, want: " column 1:STRING [+I [t]] [+I [u]]", requests: []string{"DELETE"}},
		"an empty answer":              {text: "SHOW TABLES", server: &server{created: answer{body: `{"metadata":{"name":"s"},"status":{"phase":"COMPLETED"},"result":{"results":{"data":[]}}}`}}, want: "", requests: []string{"DELETE"}},
		"no results of a query that failed": {
			text: "SELECT 1", want: "query id:BIGINT name:VARCHAR", err: "the job died", server: &server{
				created: shown("RUNNING", twoColumns), looks: []answer{shown("FAILED", `,"detail":"the job died"`)}, pages: []answer{{status: 400, body: `{"errors":[{"message":"no results"}]}`}},
			},
		},
		"no results, and nobody knows why": {
			text: "SELECT 1", want: "query id:BIGINT name:VARCHAR", err: "CMF has no results of this statement", server: &server{
				created: shown("RUNNING", twoColumns), looks: []answer{shown("RUNNING", "")}, pages: []answer{{status: 400, body: `{"errors":[{"message":"no results"}]}`}},
			},
		},
		"results that are gone": {
			text: "SELECT 1", want: "query id:BIGINT name:VARCHAR", err: "CMF gives each page once", server: &server{created: shown("RUNNING", twoColumns), pages: []answer{{status: 410, body: `{}`}}},
		},
		"a job that dies between two pages": {
			text: "SELECT 1", want: "query id:BIGINT name:VARCHAR [+I [1 a]]", err: "the job died", server: &server{
				created: shown("RUNNING", twoColumns), looks: []answer{shown("FAILED", `,"detail":"the job died"`)},
				pages: []answer{rows("t1", `{"op":0,"row":["1","a"]}`), {status: 500, body: `{"errors":[{"message":"broken"}]}`}},
			},
		},
		"a job that dies without rows": {
			text: "SELECT 1", want: "query id:BIGINT name:VARCHAR", err: "the job died", server: &server{
				created: shown("RUNNING", twoColumns), looks: []answer{shown("FAILED", `,"detail":"the job died"`)}, pages: []answer{rows("", "")},
			},
		},
		"pages in a circle": {
			text: "SELECT 1", want: "query id:BIGINT name:VARCHAR [+I [1 a]]", err: "read before", server: &server{
				created: shown("RUNNING", twoColumns), pages: []answer{rows("t1", `{"op":0,"row":["1","a"]}`), rows("t1", `{"op":0,"row":["1","a"]}`)},
			},
		},
		"a row of another width": {
			text: "SELECT 1", want: "query id:BIGINT name:VARCHAR", err: "doesn't fit the 2 columns", server: &server{created: shown("RUNNING", twoColumns), pages: []answer{rows("", `{"op":0,"row":["1"]}`)}},
		},
		"a change that there isn't": {
			text: "SELECT 1", want: "query id:BIGINT name:VARCHAR", err: "unknown kind 9", server: &server{created: shown("RUNNING", twoColumns), pages: []answer{rows("", `{"op":9,"row":["1","a"]}`)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			session := open(t, c.server, Options{Pool: "p"})
			got, err := run(t.Context(), session, c.text)
			if got := generated.ReplaceAllString(got, "NAME"); got != c.want {
				t.Errorf("it gave %q, want %q", got, c.want)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("the error is %v, want %q", err, c.err)
			}
			_ = session.Close(t.Context())
			if c.err != "" {
				return
			}
			var requests []string
			for _, seen := range c.server.requests("")[1:] {
				method, path, _ := strings.Cut(seen, " ")
				_, path, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
				if path != "" {
					path = "/" + path
				}
				requests = append(requests, method+path)
			}
			if !slices.Equal(requests, c.requests) {
				t.Errorf("the requests are %q, want %q", requests, c.requests)
			}
		})
	}
}

// A statement that is left is deleted once, however it is left.
func TestCancelDeletesOnce(t *testing.T) {
	s := &server{created: shown("RUNNING", twoColumns), pages: []answer{rows("t1", "")}}
	session := open(t, s, Options{})
	e, err := session.Run(t.Context(), "SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.Cancel(t.Context()), e.Cancel(t.Context()), e.Close(t.Context()), session.Close(t.Context())); err != nil {
		t.Error(err)
	}
	if deleted := s.requests("DELETE"); len(deleted) != 1 {
		t.Errorf("%d requests delete it", len(deleted))
	}
}

// Ctrl-C ends each wait with its own cause.
func TestRunEnds(t *testing.T) {
	stop := errors.New("interrupted")
	for name, s := range map[string]*server{
		"waiting for the columns": {created: shown("PENDING", ""), looks: []answer{shown("PENDING", "")}},
		"waiting for rows":        {created: shown("RUNNING", twoColumns), pages: []answer{rows("t1", "")}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			session := open(t, s, Options{})
			failed := make(chan error)
			go func() {
				_, err := run(ctx, session, "SELECT 1")
				failed <- err
			}()
			for len(s.requests("GET")) < 3 {
				time.Sleep(time.Millisecond)
			}
			cancel(stop)
			if err := <-failed; !errors.Is(err, stop) {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}

func TestFailure(t *testing.T) {
	for detail, want := range map[string]sqlshell.Error{
		"Line 5, Column 10: Cannot determine simple type name \"com\"":                           {Root: "Line 5, Column 10: Cannot determine simple type name \"com\""},
		"SQL validation failed. From line 2, column 8 to line 3, column 9: Object 'x' not found": {Root: "Object 'x' not found", Line: 2, Column: 8},
		"SQL parse failed. Encountered \"FORM\" at line 1, column 10.":                           {Root: "Encountered \"FORM\"", Line: 1, Column: 10},
		"the pool is full": {Root: "the pool is full"},
		"":                 {Root: "HTTP 400"},
	} {
		var got *sqlshell.Error
		if err := failure(detail, errors.New("HTTP 400")); !errors.As(err, &got) || got.Root != want.Root || got.Line != want.Line || got.Column != want.Column || got.Full != detail {
			t.Errorf("%q is read as %+v, want %+v", detail, got, want)
		}
	}
}

// CMF knows no sessions: what SET and USE say goes with each statement.
func TestSessionGoesWithEachStatement(t *testing.T) {
	for name, c := range map[string]struct {
		options Options
		said    []string
		want    []string
		lacks   []string
	}{
		"nothing":              {want: []string{`"statement":"SELECT 1"`, `"computePoolName":"p"`}, lacks: []string{"properties", "flinkConfiguration"}},
		"options":              {options: Options{Catalog: "c", Database: "d", Configuration: map[string]string{"a.b": "1"}}, want: []string{`"sql.current-catalog":"c"`, `"sql.current-database":"d"`, `"flinkConfiguration":{"a.b":"1"}`}},
		"SET":                  {said: []string{"SET 'a.b' = 'it''s'", "SET sql.dry-run = true"}, want: []string{`"flinkConfiguration":{"a.b":"it's"}`, `"properties":{"sql.dry-run":"true"}`}},
		"RESET of one":         {options: Options{Configuration: map[string]string{"a.b": "1", "c": "2"}}, said: []string{"RESET 'a.b'"}, want: []string{`"flinkConfiguration":{"c":"2"}`}},
		"RESET of all":         {options: Options{Catalog: "c", Configuration: map[string]string{"a.b": "1"}}, said: []string{"SET 'a.b' = '2'", "USE CATALOG other", "RESET"}, want: []string{`"flinkConfiguration":{"a.b":"1"}`, `"sql.current-catalog":"c"`}},
		"USE CATALOG":          {options: Options{Catalog: "c", Database: "d"}, said: []string{"USE CATALOG `my catalog`"}, want: []string{`"sql.current-catalog":"my catalog"`}, lacks: []string{"sql.current-database"}},
		"USE of a database":    {options: Options{Catalog: "c"}, said: []string{"use d2"}, want: []string{`"sql.current-catalog":"c"`, `"sql.current-database":"d2"`}},
		"USE of both":          {said: []string{"USE `c 2`.d2"}, want: []string{`"sql.current-catalog":"c 2"`, `"sql.current-database":"d2"`}},
		"SET without quotes":   {said: []string{"SET a.b = s3://b/c-d", "SET c.d=-1"}, want: []string{`"flinkConfiguration":{"a.b":"s3://b/c-d","c.d":"-1"}`}},
		"SET of two words":     {said: []string{"!SET a.b = my job", "!SET 'a.b' = 'x' 'y'", "SET 'a.b' = 'x y'"}, want: []string{`"flinkConfiguration":{"a.b":"x y"}`}},
		"a set in pieces":      {said: []string{"!BEGIN STATEMENT SET"}, want: []string{`"statement":"SELECT 1"`}},
		"SET without a value":  {said: []string{"!SET a.b"}, want: []string{`"statement":"SELECT 1"`}},
		"SET of nothing there": {said: []string{"!SET 'a.b' ="}, want: []string{`"statement":"SELECT 1"`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{created: shown("COMPLETED", "")}
			c.options.Pool = "p"
			session := open(t, s, c.options)
			for _, text := range c.said {
				text, refused := strings.CutPrefix(text, "!")
				if _, err := run(t.Context(), session, text); (err != nil) != refused {
					t.Fatalf("%s: %v", text, err)
				}
			}
			if len(s.seen) > 0 {
				t.Errorf("CMF was asked: %q", s.seen)
			}
			if _, err := session.Run(t.Context(), "SELECT 1"); err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(s.sent[0], want) {
					t.Errorf("no %s in %s", want, s.sent[0])
				}
			}
			for _, no := range c.lacks {
				if strings.Contains(s.sent[0], no) {
					t.Errorf("%s is in %s", no, s.sent[0])
				}
			}
		})
	}
}

func TestSetAlone(t *testing.T) {
	session := open(t, &server{}, Options{Catalog: "c", Configuration: map[string]string{"b": "2"}})
	if got, err := run(t.Context(), session, "SET"); err != nil || got != " key:STRING value:STRING [+I [b 2]] [+I [sql.current-catalog c]]" {
		t.Errorf("SET gives %q, %v", got, err)
	}
}

func TestJobsOfASession(t *testing.T) {
	s := &server{created: shown("RUNNING", "")}
	session := open(t, s, Options{StopHint: func(name string) string { return "stop " + name }})
	if _, err := run(t.Context(), session, "INSERT INTO t SELECT 1"); err != nil {
		t.Fatal(err)
	}
	for phase, want := range map[string]sqlshell.Job{
		"RUNNING":   {State: "RUNNING"},
		"COMPLETED": {State: sqlshell.JobFinished},
		"STOPPED":   {State: sqlshell.JobCanceled},
		"FAILED":    {State: "FAILED", Cause: "it died"},
	} {
		s.looks = []answer{shown(phase, `,"detail":"it died"`)}
		jobs, err := session.Jobs(t.Context())
		if err != nil || len(jobs) != 1 || jobs[0].State != want.State || jobs[0].Cause != want.Cause || !generated.MatchString(jobs[0].ID) || jobs[0].Name != "SELECT 1" {
			t.Errorf("%s: %+v, %v", phase, jobs, err)
		}
	}
	s.looks = nil // somebody deleted it
	if jobs, err := session.Jobs(t.Context()); err != nil || len(jobs) != 0 {
		t.Errorf("a deleted one: %+v, %v", jobs, err)
	}
	s.looks = []answer{{status: http.StatusForbidden, body: `{"errors":[{"message":"not you"}]}`}}
	if _, err := session.Jobs(t.Context()); err == nil || !strings.Contains(err.Error(), "not you") {
		t.Errorf("what can't be read is %v", err)
	}
	if hint := session.StopHint("s"); hint != "stop s" {
		t.Errorf("the hint is %q", hint)
	}
}

// A job is stopped, so that it can be resumed, and never deleted; what CMF
// reports isn't sent back.
func TestCancelJobStops(t *testing.T) {
	s := &server{looks: []answer{shown("RUNNING", "")}, updated: shown("STOPPED", "")}
	session := open(t, s, Options{})
	if err := session.CancelJob(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	if len(s.sent) != 1 || !strings.Contains(s.sent[0], `"stopped":true`) || strings.Contains(s.sent[0], "status") || len(s.requests("DELETE")) > 0 {
		t.Errorf("sent is %q, requests are %q", s.sent, s.seen)
	}
	s.looks = nil
	if err := session.CancelJob(t.Context(), "s"); !cmf.IsNotFound(err) {
		t.Errorf("one that isn't there: %v", err)
	}
}

func TestNamesAreAskedOfCMF(t *testing.T) {
	for want, path := range map[string][]string{
		"SHOW CATALOGS": nil, "SHOW DATABASES IN `c`": {"c"}, "SHOW TABLES IN `c`.`d``e`": {"c", "d`e"}, "DESCRIBE `c`.`d`.`t`": {"c", "d", "t"},
	} {
		s := &server{created: answer{body: `{"metadata":{"name":"s"},"status":{"phase":"COMPLETED"},"result":{"results":{"data":[{"row":["a","x"]},{"row":[null]},{"row":["b"]}]}}}`}}
		session := open(t, s, Options{})
		names, err := session.Names(t.Context(), path...)
		if err != nil || !slices.Equal(names, []string{"a", "b"}) || !strings.Contains(s.sent[0], want) {
			t.Errorf("%s: %q, %v, sent %q", want, names, err, s.sent)
		}
	}
	s := &server{}
	if names, err := open(t, s, Options{}).Names(t.Context(), "a", "b", "c", "d"); err != nil || len(names)+len(s.seen) > 0 {
		t.Errorf("below a column: %q, %v, %q", names, err, s.seen)
	}
}

// The results of somebody else's statement can be read on from where they were
// left, and the statement stays.
func TestAttach(t *testing.T) {
	read := func(t *testing.T, s *server, text, token string) (*Attached, []sqlshell.Row, error) {
		t.Helper()
		object, err := cmf.Decode([]byte(shown("RUNNING", twoColumns).body))
		if err != nil {
			t.Fatal(err)
		}
		object.Set("spec.statement", text)
		session := open(t, s, Options{})
		a, err := Attach(session.client, session.ref("s"), object, token, time.Millisecond)
		if err != nil {
			return nil, nil, err
		}
		if _, err := a.Schema(t.Context()); err != nil {
			return a, nil, err
		}
		got, err := a.Next(t.Context())
		return a, got, err
	}
	s := &server{pages: []answer{rows("t3", `{"op":0,"row":["1","a"]}`)}}
	a, got, err := read(t, s, "SELECT 1", "t2")
	if err != nil || len(got) != 1 || a.Following() != "t3" || !a.AppendOnly(t.Context()) || a.JobID() != "" {
		t.Errorf("%v, %v; the next page is %q", got, err, a.Following())
	}
	if err := errors.Join(a.Cancel(t.Context()), a.Close(t.Context())); err != nil || len(s.requests("DELETE"))+len(s.requests("PUT")) > 0 {
		t.Errorf("%v; the requests are %q", err, s.seen)
	}
	if asked := s.requests("GET"); len(asked) != 1 || !strings.HasSuffix(asked[0], "page-token=t2") {
		t.Errorf("asked was for %q", asked)
	}
	if a, _, err := read(t, &server{pages: []answer{rows("", `{"op":0,"row":["1","a"]}`)}}, "SELECT 1", ""); err != nil || a.Following() != "" {
		t.Errorf("after the last page: %v", err)
	}
	if _, _, err := read(t, &server{}, "INSERT INTO t SELECT 1", ""); err == nil || !strings.Contains(err.Error(), "writes its rows elsewhere") {
		t.Errorf("one that writes: %v", err)
	}
	if _, _, err := read(t, &server{}, "CREATE TABLE t AS SELECT 1", ""); err == nil || !strings.Contains(err.Error(), "no results to read") {
		t.Errorf("one that turns out to write: %v", err)
	}
}

func TestName(t *testing.T) {
	at := time.Date(2026, 3, 1, 13, 0, 0, 0, time.FixedZone("", 3600))
	one, err := Name(at)
	other, errOther := Name(at)
	if errors.Join(err, errOther) != nil || one == other || !strings.HasPrefix(one, "sql-20260301-120000-") || cmf.CheckName("statement", one) != nil {
		t.Errorf("names are %q and %q", one, other)
	}
}
