package sqlgateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

const intColumn = `{"name":"a","logicalType":{"type":"INTEGER","nullable":true},"comment":null}`

func rowOf(fields string) string { return `{"kind":"INSERT","fields":[` + fields + `]}` }

// all reads a statement to its end.
func all(t *testing.T, s *Session, statement string) (sqlshell.Schema, []sqlshell.Row, error) {
	t.Helper()
	e, err := s.Run(t.Context(), statement)
	if err != nil {
		return sqlshell.Schema{}, nil, err
	}
	schema, err := e.Schema(t.Context())
	if err != nil {
		return schema, nil, err
	}
	var out []sqlshell.Row
	for {
		rows, err := e.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return schema, out, e.Close(t.Context())
		}
		if err != nil {
			return schema, out, err
		}
		out = append(out, rows...)
	}
}

func TestQueryOverPages(t *testing.T) {
	f := newFake(t)
	f.pages = append(f.pages,
		times(3, notReady(0), fakePage(1, intColumn, "")),
		fakePage(2, intColumn, rowOf("1")+`,{"kind":"UPDATE_BEFORE","fields":[null]}`),
		fakePage(0, intColumn, rowOf("9007199254740993")))
	s := f.session(Options{Name: "test", Properties: map[string]string{"k": "v"}})
	schema, rows, err := all(t, s, "SELECT a FROM t")
	if err != nil {
		t.Fatal(err)
	}
	if !schema.Query || schema.Job || schema.Command || len(schema.Columns) != 1 || schema.Columns[0].Type.Name != "INT" {
		t.Errorf("%+v", schema)
	}
	want := []sqlshell.Row{{Fields: []any{json.Number("1")}}, {Change: sqlshell.UpdateBefore, Fields: []any{nil}}, {Fields: []any{json.Number("9007199254740993")}}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.properties["k"] != "v" || !slices.Contains(f.asked, "GET /v4/sessions/"+fakeSession+"/operations/"+fakeOperation+"/result/2?rowFormat=JSON") {
		t.Error(f.properties, f.asked)
	}
}

// A page that got lost on its way is asked for again by the same token, and
// gateways and proxies that are away for a moment are waited for.
func TestLostAnswers(t *testing.T) {
	f := newFake(t)
	f.pages = append(f.pages,
		times(1, cutOff, fakePage(1, intColumn, rowOf("1"))),
		times(2, answer(http.StatusBadGateway, "bad gateway"), fakePage(0, intColumn, rowOf("2"))))
	s := f.session(Options{})
	_, rows, err := all(t, s, "SELECT a FROM t")
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
}

// A gateway that nothing replaces isn't waited for, the job of its query is
// canceled, and what comes after is refused at once.
func TestAGatewayThatEnds(t *testing.T) {
	hung := make(chan struct{})
	for name, c := range map[string]struct {
		last func(http.ResponseWriter, *http.Request)
	}{
		"an answer that breaks": {cutOff},
		"an answer that doesn't come": {func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-hung:
			case <-r.Context().Done():
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			var over, canceled atomic.Bool
			f.pages = append(f.pages, fakePage(1, intColumn, rowOf("1")), func(w http.ResponseWriter, r *http.Request) {
				over.Store(true)
				c.last(w, r)
			})
			jobs := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPatch {
					canceled.Store(true)
				}
				state := "RUNNING"
				if canceled.Load() {
					state = "CANCELED"
				}
				io.WriteString(w, `{"jid":"`+fakeJob+`","state":"`+state+`"}`)
			})
			s := f.session(Options{JobManager: rest.NewClient(transportTo(t, jobs), ""), Ended: func(context.Context) error {
				if over.Load() {
					return errors.New("OOMKilled, exit code 137")
				}
				return nil
			}})
			e, err := s.Run(t.Context(), "SELECT a FROM t")
			if err != nil {
				t.Fatal(err)
			}
			if rows, err := e.Next(t.Context()); err != nil || len(rows) != 1 {
				t.Fatal(rows, err)
			}
			if _, err := e.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "has ended: OOMKilled, exit code 137") {
				t.Fatal(err)
			}
			asked := len(f.asked)
			if err := e.Cancel(t.Context()); err != nil || !canceled.Load() {
				t.Error(err, canceled.Load())
			}
			if _, err := s.Run(t.Context(), "SELECT a FROM t"); err == nil || !strings.Contains(err.Error(), "OOMKilled") || strings.Contains(err.Error(), "isn't known") || len(f.asked) != asked {
				t.Error(err, f.asked[asked:])
			}
		})
	}
	close(hung)
}

func TestASessionThatIsGone(t *testing.T) {
	f := newFake(t)
	f.pages = append(f.pages, fakePage(0, intColumn, rowOf("1")))
	s := f.session(Options{})
	f.mu.Lock()
	f.gone = true
	f.mu.Unlock()
	_, _, err := all(t, s, "SELECT a FROM t")
	var e *sqlshell.Error
	if !errors.As(err, &e) || !strings.Contains(e.Root, "doesn't know this session any more") {
		t.Fatal(err)
	}
	if _, rows, err := all(t, s, "SELECT a FROM t"); err != nil || len(rows) != 1 || f.sessions != 2 {
		t.Error(rows, err, f.sessions)
	}
	for _, code := range []int{http.StatusGone, http.StatusNotFound} {
		if !gone(&Error{Code: code}) {
			t.Error(code)
		}
	}
	if gone(&Error{Code: http.StatusInternalServerError, Messages: []string{"Table 'x' does not exist"}}) {
		t.Error("a missing table is no missing session")
	}
}

// A gateway writes maps with text keys only as JSON. What it can't write is
// asked for again as text, by the same token.
func TestResultsThatJSONCannotHold(t *testing.T) {
	const column = `{"name":"m","logicalType":{"type":"MAP","nullable":false,"keyType":{"type":"INTEGER","nullable":false},"valueType":{"type":"ARRAY","nullable":true,"elementType":{"type":"BIGINT","nullable":true}}},"comment":null}`
	unmapped := answer(http.StatusInternalServerError, `{"errors":["Internal server error. Could not map response to JSON."]}`)
	plainOnly := func(next int, rows string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("rowFormat") != formatPlain {
				unmapped(w, r)
				return
			}
			fakePage(next, column, rows)(w, r)
		}
	}
	f := newFake(t)
	f.pages = append(f.pages, plainOnly(1, rowOf(`"{1=[1, NULL], 2=NULL}"`)), plainOnly(0, rowOf("null")))
	_, rows, err := all(t, f.session(Options{}), "SELECT m FROM t")
	want := []sqlshell.Row{
		{Fields: []any{[]sqlshell.Pair{{Key: json.Number("1"), Value: []any{json.Number("1"), nil}}, {Key: json.Number("2")}}}},
		{Fields: []any{nil}},
	}
	if diff := cmp.Diff(want, rows); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestGarbage(t *testing.T) {
	for name, c := range map[string]struct {
		page func(http.ResponseWriter, *http.Request)
		want string
	}{
		"not JSON":           {answer(200, "<html>"), "isn't what a SQL gateway sends"},
		"a value too many":   {fakePage(0, intColumn, rowOf("1,2")), "2 values for 1 columns"},
		"an unknown kind":    {fakePage(0, intColumn, `{"kind":"UPSERT","fields":[1]}`), `unknown kind "UPSERT"`},
		"no columns":         {fakePage(0, "", rowOf("1")), "rows without columns"},
		"bytes that are not": {fakePage(0, `{"name":"b","logicalType":{"type":"VARBINARY","length":4}}`, rowOf(`"*"`)), `column "b"`},
		"500 without words":  {answer(500, ""), "answered 500"},
		"a broken array":     {fakePage(0, `{"name":"b","logicalType":{"type":"ARRAY","elementType":{"type":"INTEGER"}}}`, rowOf(`{}`)), `column "b"`},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.pages = append(f.pages, c.page)
			if _, _, err := all(t, f.session(Options{}), "SELECT 1"); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// A statement must not be sent twice: an INSERT would run twice.
func TestAStatementIsSentOnce(t *testing.T) {
	f := newFake(t)
	var sent atomic.Int64
	lossy := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/statements") {
			sent.Add(1)
			panic(http.ErrAbortHandler)
		}
		f.ServeHTTP(w, r)
	})
	client, err := Connect(t.Context(), transportTo(t, lossy))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), client, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	if _, err := s.Run(t.Context(), "INSERT INTO t VALUES (1)"); err == nil || !strings.Contains(err.Error(), "SHOW JOBS") || sent.Load() != 1 {
		t.Error(err, sent.Load())
	}
}

// Between statements and their answers little time is lost, and a gateway that
// has nothing yet isn't asked too often.
func TestHowOftenIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &execution{begun: time.Now()}
		questions := 0
		for ; time.Since(e.begun) < 10*time.Second; questions++ {
			e.slower(0)
			limit := longestPause
			if time.Since(e.begun) < early {
				limit = earlyPause
			}
			if e.pause > limit {
				t.Fatal(e.pause, "after", time.Since(e.begun))
			}
			time.Sleep(e.pause)
		}
		if questions > 110 {
			t.Errorf("%d questions in 10 s", questions)
		}
		if e.slower(fullPage); e.pause != 0 {
			t.Error("more is there already, and it waits", e.pause)
		}
		// The next portion of many rows is seen at most an eighth of its time late.
		questions = 0
		for full := time.Now(); time.Since(full) < burst; questions++ {
			e.slower(0)
			if late := max(time.Since(full)/8, shortestPause/2); e.pause != late {
				t.Fatal(e.pause, "instead of", late)
			}
			time.Sleep(e.pause)
		}
		if questions > 50 {
			t.Errorf("%d questions in a second", questions)
		}
		// And where none comes, it is asked as rarely as before.
		for range 20 {
			e.slower(0)
		}
		if e.pause != longestPause {
			t.Error(e.pause)
		}
	})
}

func TestCancelEndsTheJob(t *testing.T) {
	f := newFake(t)
	f.pages = append(f.pages, times(2, notReady(0), fakePage(1, intColumn, "")), fakePage(1, intColumn, ""))
	canceled, asked := false, 0
	jobs := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			canceled = r.URL.RequestURI() == "/jobs/"+fakeJob+"?mode=cancel"
			io.WriteString(w, "{}")
			return
		}
		if asked++; canceled {
			io.WriteString(w, `{"jid":"`+fakeJob+`","state":"CANCELED"}`)
			return
		}
		io.WriteString(w, `{"jid":"`+fakeJob+`","state":"RUNNING"}`)
	})
	s := f.session(Options{JobManager: rest.NewClient(transportTo(t, jobs), "")})
	e, err := s.Run(t.Context(), "-- all of it\nSELECT a FROM t")
	if err != nil {
		t.Fatal(err)
	}
	// The user gives up before the job has even been submitted.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Schema(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := e.Cancel(t.Context()); err != nil || e.JobID() != fakeJob || !canceled || asked == 0 {
		t.Error(err, e.JobID(), canceled, asked)
	}
	if !slices.Contains(f.asked, "DELETE /v4/sessions/"+fakeSession+"/operations/"+fakeOperation+"/close") {
		t.Error(f.asked)
	}
}

// What may be a query is waited for before it is canceled, so that its job is known.
func TestWhatMayBeAQuery(t *testing.T) {
	for statement, want := range map[string]bool{
		"/* a */ select 1": true, "WITH q AS (SELECT 1) TABLE q": true, "((SELECT 1))": true, "EXECUTE SELECT 1": true, "execute\n(TABLE t)": true,
		"EXECUTE INSERT INTO t SELECT 1": false, "EXECUTE STATEMENT SET BEGIN INSERT INTO t SELECT 1; END": false, "EXECUTE PLAN '/p'": false, "SHOW TABLES": false,
	} {
		e := execution{statement: statement}
		if got := e.mayQuery(); got != want || e.shape(page{}).Query != want {
			t.Errorf("%q: %v", statement, got)
		}
	}
}

func TestCommandsAndJobs(t *testing.T) {
	text := func(name string) string {
		return `{"name":"` + name + `","logicalType":{"type":"VARCHAR","nullable":true,"length":2147483647},"comment":null}`
	}
	answered := func(body string) *fake {
		f := newFake(t)
		f.pages = append(f.pages, answer(200, body), answer(200, `{"resultType":"EOS","isQueryResult":false,"resultKind":"SUCCESS_WITH_CONTENT","results":{"columns":[],"rowFormat":"JSON","data":[]}}`))
		return f
	}
	next := `"nextResultUri":"/v4/sessions/` + fakeSession + `/operations/` + fakeOperation + `/result/1?rowFormat=JSON"`
	f := answered(`{"resultType":"PAYLOAD","isQueryResult":false,"resultKind":"SUCCESS","results":{"columns":[` + text("result") + `],"rowFormat":"JSON","data":[` + rowOf(`"OK"`) + `]},` + next + `}`)
	if schema, rows, err := all(t, f.session(Options{}), "CREATE TABLE t"); err != nil || !schema.Command || len(rows) != 0 {
		t.Error(schema, rows, err)
	}
	f = answered(`{"resultType":"PAYLOAD","isQueryResult":false,"jobID":"` + fakeJob + `","resultKind":"SUCCESS_WITH_CONTENT","results":{"columns":[` + text("job id") + `],"rowFormat":"JSON","data":[` + rowOf(`"`+fakeJob+`"`) + `]},` + next + `}`)
	s := f.session(Options{StopHint: func(id string) string { return "stop " + id }})
	if schema, rows, err := all(t, s, "INSERT INTO t"); err != nil || !schema.Job || len(rows) != 1 || schema.Query {
		t.Error(schema, rows, err)
	}
	if s.StopHint(s.jobs[0]) != "stop "+fakeJob {
		t.Error(s.jobs)
	}
	// REST v1 of Flink 1.16 tells neither the kind nor the job.
	f = newFake(t)
	f.versions, f.router = `["V1"]`, nil
	f.pages = append(f.pages, answer(200, `{"resultType":"PAYLOAD","results":{"columns":[`+text("job id")+`],"data":[`+rowOf(`"`+fakeJob+`"`)+`]},"nextResultUri":"/v1/sessions/`+fakeSession+`/operations/`+fakeOperation+`/result/1"}`),
		answer(200, `{"resultType":"EOS","results":{"columns":[],"data":[]}}`))
	s = f.session(Options{})
	if schema, _, err := all(t, s, "INSERT INTO t"); err != nil || !schema.Job || len(s.jobs) != 1 {
		t.Error(schema, s.jobs, err)
	}
}

func TestNotAGateway(t *testing.T) {
	for _, handler := range []http.HandlerFunc{
		answer(200, "<html>"), answer(404, `{"errors":["Not found."]}`), answer(200, `{}`),
	} {
		if _, err := Connect(t.Context(), transportTo(t, handler)); err == nil || !strings.Contains(err.Error(), "is not a Flink SQL Gateway") {
			t.Error(err)
		}
	}
	if _, err := Connect(t.Context(), transportTo(t, http.HandlerFunc(answer(200, `{"versions":["V9"]}`)))); err == nil || !strings.Contains(err.Error(), "V9") {
		t.Error(err)
	}
}
