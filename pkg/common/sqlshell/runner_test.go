package sqlshell

import (
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
)

func TestScriptRunsStatementsInOrder(t *testing.T) {
	backend := &fake{answers: map[string]answer{
		"SELECT 1": {schema: Schema{Query: true, Columns: []Column{column("EXPR$0", "INTEGER")}}, batches: rows(plus("1"))},
	}}
	out, _, err := script(t, backend, "CREATE TABLE a (b INT);\n-- now\nSELECT 1;\n", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"CREATE TABLE a (b INT)", "SELECT 1"}; !reflect.DeepEqual(backend.ran, want) {
		t.Errorf("ran %q", backend.ran)
	}
	if out != "EXPR$0\n     1\n" {
		t.Errorf("printed %q", out)
	}
}

func TestScriptStopsAtTheFirstErrorAndShowsItsPlace(t *testing.T) {
	backend := &fake{answers: map[string]answer{
		"INSERT": {refuse: &Error{Root: "Object 'nowhere' not found", Full: "org.apache…", Line: 2, Column: 8}},
	}}
	_, _, err := script(t, backend, "SET 'a' = 'b';\n\n  INSERT INTO x\n  SELECT nowhere.y\n  FROM z;\nSELECT 1", Options{})
	if err == nil {
		t.Fatal("no error")
	}
	want := "jobs.sql:4:8: Object 'nowhere' not found\n    SELECT nowhere.y\n         ^"
	if err.Error() != want {
		t.Errorf("got:\n%s\nwant:\n%s", err, want)
	}
	if len(backend.ran) != 2 {
		t.Errorf("ran %q", backend.ran)
	}
	if exit.Code(err) != exit.Failed {
		t.Errorf("exit code %d", exit.Code(err))
	}
}

// A place that the statement doesn't have is one of another text, such as the
// query of a view.
func TestPlacesInOtherTexts(t *testing.T) {
	for line, want := range map[int]string{
		2: "jobs.sql:3:6: Column 'x' not found\n  FROM v\n       ^",
		3: "jobs.sql:2: line 3, column 6: Column 'x' not found",
	} {
		backend := &fake{answers: map[string]answer{"SELECT": {refuse: &Error{Root: "Column 'x' not found", Line: line, Column: 6}}}}
		if _, _, err := script(t, backend, "\nSELECT *\nFROM v  ;\nSELECT 1;\n", Options{}); err == nil || err.Error() != want {
			t.Errorf("got:\n%v\nwant:\n%s", err, want)
		}
	}
}

// A script that goes on runs what is behind an error, tells each, and fails.
func TestScriptGoesOnAfterAnError(t *testing.T) {
	backend := &fake{answers: map[string]answer{
		"INSERT": {refuse: &Error{Root: "Object 'nowhere' not found", Full: "org.apache…", Line: 1, Column: 8}},
	}}
	_, said, err := script(t, backend, "SET 'a' = 'b';\nINSERT INTO x SELECT 1;\nSHOW TABLES;\nINSERT INTO y SELECT 1", Options{GoOn: true})
	if err == nil || err.Error() != "2 statements failed" || exit.Code(err) != exit.Failed || len(backend.ran) != 4 {
		t.Errorf("%v, ran %q", err, backend.ran)
	}
	if !strings.Contains(said, "error: jobs.sql:2:8: Object 'nowhere' not found") || !strings.Contains(said, "jobs.sql:4:8") {
		t.Error(said)
	}
}

func TestDefinitionsAndOptionsHaveNoSecrets(t *testing.T) {
	ddl := "CREATE TABLE t (\n  a INT\n) WITH (\n  'password' = 'hunter2',\n  'url' = 'jdbc:mysql://u:hunter2@h/db'\n)"
	answers := func() map[string]answer {
		return map[string]answer{
			"SHOW":     {schema: Schema{Columns: []Column{column("result", "STRING")}}, batches: rows(plus(ddl))},
			"SET":      {schema: Schema{Columns: []Column{column("key", "STRING"), column("value", "STRING")}}, batches: rows(plus("s3.secret-key", "hunter2"), plus("a", "x://u:hunter2@h"))},
			"DESCRIBE": {schema: Schema{Columns: []Column{column("info name", "STRING"), column("info value", "STRING")}}, batches: rows(plus("option:password", "hunter2"))},
			"EXPLAIN":  {schema: Schema{Columns: []Column{column("result", "STRING")}}, batches: rows(plus("Scan(hints=[[[OPTIONS options:{password=hunter2}]]])"))},
			"SELECT":   {schema: Schema{Query: true, Columns: []Column{column("a", "STRING")}}, batches: rows(plus("password=hunter2"))},
		}
	}
	for statement, shown := range map[string]bool{
		"SHOW CREATE TABLE t": false, "SET": false, "DESCRIBE CATALOG EXTENDED c": false, "EXPLAIN SELECT 1": false,
		"SELECT a FROM t": true, // rows of a query are data
	} {
		for _, format := range []string{Table, CSV, JSON} {
			out, _, err := script(t, &fake{answers: answers()}, statement, Options{Format: format})
			if err != nil || strings.Contains(out, "hunter2") != shown {
				t.Errorf("%s -o %s: %v\n%s", statement, format, err, out)
			}
			if out, _, _ := script(t, &fake{answers: answers()}, statement, Options{Format: format, ShowSecrets: true}); !strings.Contains(out, "hunter2") {
				t.Errorf("%s -o %s --show-secrets:\n%s", statement, format, out)
			}
		}
	}
}

// What a statement is called is read from its beginning only, and a value that
// this cuts has no quote at its end.
func TestNamesOfLongStatements(t *testing.T) {
	long := strings.Repeat("hunter2", 1000)
	for sql, want := range map[string]string{
		"SET 'my.password' = '" + long + "'": "SET 'my.password' = '" + secret.Hidden + "'",
		"SELECT\n1":                          "SELECT 1",
		"SELECT 'ü" + long + "ü'":            "SELECT 'ü" + long[:50] + "…",
	} {
		if got := brief(sql); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestErrorsOfStatementsHaveNoSecrets(t *testing.T) {
	backend := &fake{answers: map[string]answer{
		"CREATE": {refuse: &Error{Root: "unknown option of x://u:hunter2@h", Full: "all: password=hunter2", Line: 1, Column: 3}},
	}}
	_, _, err := script(t, backend, "CREATE TABLE t (a INT) WITH ('password' = 'hunter2')", Options{Full: true})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

func TestTimeoutCancelsTheQuery(t *testing.T) {
	for statement, canceled := range map[string]int{
		"SELECT n FROM forever": 1, "EXECUTE SELECT n FROM forever": 1, "EXECUTE (SELECT n FROM forever)": 1,
		"EXECUTE INSERT INTO t SELECT n FROM forever": 0,
	} {
		forever := answer{schema: Schema{Query: true, Columns: []Column{column("n", "BIGINT")}}, batches: rows(plus("1")), wait: true, job: "abc"}
		backend := &fake{answers: map[string]answer{"SELECT": forever, "EXECUTE": forever}}
		out, _, err := script(t, backend, statement, Options{Timeout: 50 * time.Millisecond, Format: CSV})
		if exit.Code(err) != exit.TimedOut || !strings.Contains(err.Error(), "--timeout") {
			t.Errorf("%s: got %v", statement, err)
		}
		if len(backend.canceled) != canceled {
			t.Errorf("%s: canceled %q", statement, backend.canceled)
		}
		if out != "n\n1\n" {
			t.Errorf("%s: printed %q", statement, out)
		}
	}
}

// Of a job whose start isn't waited for it is said whether it goes on.
func TestTimeoutWhileAJobStarts(t *testing.T) {
	for _, c := range []struct {
		statement, job string
		canceled       int
		said           string
	}{
		{"INSERT INTO t SELECT 1", "", 1, "whether its job had started isn't known; see with SHOW JOBS\n"},
		{"INSERT INTO t SELECT 1", "sql-1", 0, "job sql-1 goes on; stop it with: stop sql-1\n"},
		{"SELECT 1", "", 1, ""},
	} {
		starting := answer{starting: true, job: c.job}
		backend := &fake{answers: map[string]answer{"INSERT": starting, "SELECT": starting}}
		_, said, err := script(t, backend, c.statement, Options{Timeout: 20 * time.Millisecond})
		if exit.Code(err) != exit.TimedOut || len(backend.canceled) != c.canceled || said != c.said {
			t.Errorf("%s, job %q: %v, canceled %q, said %q", c.statement, c.job, err, backend.canceled, said)
		}
	}
}

func TestLimitEndsTheQuery(t *testing.T) {
	for _, format := range Formats() {
		backend := &fake{answers: map[string]answer{
			"SELECT": {schema: Schema{Query: true, Columns: []Column{column("n", "BIGINT")}}, batches: rows(plus("41"), plus("42"), plus("43")), wait: true, appendOnly: true},
		}}
		out, _, err := script(t, backend, "SELECT n FROM forever", Options{Limit: 2, Format: format})
		if err != nil {
			t.Fatal(err)
		}
		if len(backend.canceled) != 1 {
			t.Errorf("%s: canceled %q", format, backend.canceled)
		}
		if !strings.Contains(out, "42") || strings.Contains(out, "43") {
			t.Errorf("%s: printed %q", format, out)
		}
	}
}

func TestWaitFollowsTheJob(t *testing.T) {
	jobPoll = time.Millisecond
	insert := answer{schema: Schema{Job: true}, job: "abc"}
	for state, wrong := range map[string]string{"FINISHED": "", "FAILED": "job abc ended in state FAILED: no space left\nthe disk is full", "CANCELED": "job abc ended in state CANCELED"} {
		backend := &fake{answers: map[string]answer{"INSERT": insert}, jobs: []Job{{ID: "abc", State: "RUNNING"}}}
		go func() {
			time.Sleep(20 * time.Millisecond)
			backend.mu.Lock()
			defer backend.mu.Unlock()
			backend.jobs[0].State = state
			if state == "FAILED" {
				backend.jobs[0].Cause = "no space left"
			}
		}()
		explain := func(_ context.Context, failed *Error) string {
			return map[string]string{"no space left": "the disk is full"}[failed.Full]
		}
		out, _, err := script(t, backend, "INSERT INTO a SELECT 1", Options{Wait: true, Format: TSV, Explain: explain})
		if out != "job id\nabc\n" {
			t.Errorf("printed %q", out)
		}
		if wrong == "" && err != nil || wrong != "" && (err == nil || err.Error() != "jobs.sql:1: "+wrong) {
			t.Errorf("%s: %v", state, err)
		}
	}
}

// A job that was waited for and failed is a statement that failed.
func TestScriptGoesOnAfterAFailedJob(t *testing.T) {
	jobPoll = time.Millisecond
	backend := &fake{answers: map[string]answer{"INSERT": {schema: Schema{Job: true}, job: "abc"}}, jobs: []Job{{ID: "abc", State: "FAILED"}}}
	_, said, err := script(t, backend, "INSERT INTO a SELECT 1; SHOW TABLES", Options{Wait: true, GoOn: true})
	if err == nil || err.Error() != "1 statement failed" || len(backend.ran) != 2 || !strings.Contains(said, "error: jobs.sql:1: job abc ended in state FAILED\n") {
		t.Errorf("%v, ran %q, said %q", err, backend.ran, said)
	}
}

func TestChangesAreGatheredWhereAFormatCantShowThem(t *testing.T) {
	backend := &fake{answers: map[string]answer{
		"SELECT": {schema: Schema{Query: true, Columns: []Column{column("n", "BIGINT")}}, batches: rows(plus("1"),
			Row{Change: UpdateBefore, Fields: []any{"1"}}, Row{Change: UpdateAfter, Fields: []any{"2"}})},
	}}
	for format, want := range map[string]string{
		JSON:      "[\n  {\"n\":2}\n]\n",
		CSV:       "n\n2\n",
		NDJSON:    "{\"n\":1}\n{\"op\":\"-U\",\"n\":1}\n{\"op\":\"+U\",\"n\":2}\n",
		Changelog: "op   n\n+I   1\n-U   1\n+U   2\n",
	} {
		out, _, err := script(t, backend, "SELECT COUNT(*) AS n FROM t", Options{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		if out != want {
			t.Errorf("%s: printed\n%s", format, out)
		}
	}
}

// What files set for Flink's own client counts here, and -o more.
func TestOptionsOfFlinksClient(t *testing.T) {
	const boxed, plain = "│ op │", "n\n1\n"
	for _, c := range []struct{ set, format, want string }{
		{"SET 'sql-client.execution.result-mode' = 'tableau';", "", boxed},
		{"SET sql-client.execution.result-mode=TABLEAU;", "", boxed},
		{"set sql-client.execution.result-mode = 'tableau' ;", "", boxed},
		{"SET 'sql-client.execution.result-mode' = 'table';", "", plain},
		{"SET 'sql-client.execution.result-mode' = 'nothing';", "", plain},
		{"SET sql-client.execution.result-mode=;", "", plain},
		{"SET 'sql-client.execution.max-table-result.rows' = 'tableau';", "", plain},
		{"SET 'sql-client.execution.result-mode' = 'tableau';", CSV, plain},
		{"SET sql-client.execution.result-mode=tableau;", Table, plain},
	} {
		backend := &fake{answers: map[string]answer{"SELECT": {schema: Schema{Query: true, Columns: []Column{column("n", "INT")}}, batches: rows(plus("1"))}}}
		out, _, err := script(t, backend, c.set+"SELECT n FROM t", Options{Format: c.format})
		if err != nil || !strings.Contains(out, c.want) {
			t.Errorf("%s -o %s: %v\n%s", c.set, c.format, err, out)
		}
	}
	// What a file before set counts until another is set.
	var options Options
	if _, _, err := script(t, &fake{}, "SET sql-client.execution.result-mode=changelog; SET 'a'='b'; SET sql-client.verbose=true; SHOW TABLES", Options{Heir: &options}); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]string{"SELECT n": "op   n", "SET 'sql-client.execution.result-mode'='table';SELECT n": plain} {
		backend := &fake{answers: map[string]answer{"SELECT": {schema: Schema{Query: true, Columns: []Column{column("n", "INT")}}, batches: rows(plus("1"))}}}
		if out, _, err := script(t, backend, sql, options); err != nil || !options.Full || !strings.HasPrefix(out, want) {
			t.Errorf("%s: %v\n%s", sql, err, out)
		}
	}
	backend := &fake{answers: map[string]answer{"SELECT": {refuse: &Error{Root: "no", Full: "all of it"}}}}
	if _, _, err := script(t, backend, "SET sql-client.verbose = true; SELECT 1", Options{}); err == nil || !strings.Contains(err.Error(), "all of it") {
		t.Error(err)
	}
}

func TestSetCommand(t *testing.T) {
	for command, want := range map[string]string{
		`\set a b`: "SET 'a' = 'b'", `\set a=b`: "SET 'a' = 'b'", `\set a  =  b c`: "SET 'a' = 'b c'", `\set 'a' = 'b'`: "SET 'a' = 'b'",
		`\set a -Db=c`: "SET 'a' = '-Db=c'", `\set a=b=c`: "SET 'a' = 'b=c'", `\set a`: "SET 'a' = ''", `\set`: "SET",
	} {
		backend := &fake{}
		if _, _, err := script(t, backend, command, Options{}); err != nil || len(backend.ran) != 1 || backend.ran[0] != want {
			t.Errorf("%s: %q, %v", command, backend.ran, err)
		}
	}
}

func TestWrongOptionsAreNamed(t *testing.T) {
	for _, options := range []Options{{Format: "xml"}, {Limit: -1}, {Timeout: -1}} {
		if _, _, err := script(t, &fake{}, "SELECT 1", options); exit.Code(err) != exit.Usage {
			t.Errorf("%+v: %v", options, err)
		}
	}
}

func TestOpenTextIsRefusedWithItsPlace(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT\n  'abc":                             "jobs.sql:2:3: this string is not closed by '",
		"SELECT 1 /* what":                           "jobs.sql:1:10: this comment is not closed by */",
		"SELECT `a":                                  "jobs.sql:1:8: this name is not closed by `",
		"BEGIN STATEMENT SET;\nINSERT 1;\n":          "jobs.sql:1:1: this statement set is not closed by END;",
		"EXECUTE STATEMENT SET\nBEGIN INSERT 1;":     "jobs.sql:2:1: this statement set is not closed by END;",
		"EXECUTE STATEMENT SET\nBEGIN INSERT 1 END;": "jobs.sql:2:1: this statement set is not closed by END; behind a semicolon",
		"INSERT INTO t\n VALUES ('M\xfcller');":      "jobs.sql:2:12: this is no text in UTF-8: save it in that encoding",
		"-- gr\xfc\xdfe\nSELECT 1;":                  "jobs.sql:1:6: this is no text in UTF-8: save it in that encoding",
		"\xff\xfeS\x00E\x00L\x00;\x00":               "jobs.sql:1:1: this is no text in UTF-8: save it in that encoding",
		"S\x00E\x00;\x00":                            "jobs.sql:1:2: this is no text in UTF-8: save it in that encoding",
	} {
		backend := &fake{}
		_, _, err := script(t, backend, sql, Options{})
		if exit.Code(err) != exit.Usage || err.Error() != want {
			t.Errorf("%q: %v", sql, err)
		}
		if len(backend.ran) > 0 {
			t.Errorf("%q ran %q", sql, backend.ran)
		}
	}
}

func TestLostConnectionNamesTheStatement(t *testing.T) {
	backend := &fake{answers: map[string]answer{"SHOW": {refuse: errors.New("connection lost")}}}
	_, _, err := script(t, backend, "\nSHOW TABLES;", Options{})
	if err == nil || err.Error() != "jobs.sql:2: connection lost" {
		t.Error(err)
	}
}

// A pipe into which nothing is written doesn't keep a script from its end.
func TestAScriptEndsWhileItsInputSaysNothing(t *testing.T) {
	in, silent := io.Pipe()
	defer silent.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	backend := &fake{answers: map[string]answer{}}
	go func() {
		ended <- Script(ctx, backend, []Source{{Name: "-", Text: in}}, Options{IOStreams: genericiooptions.IOStreams{In: in, Out: io.Discard, ErrOut: io.Discard}})
	}()
	cancel(errInterrupted)
	select {
	case err := <-ended:
		if !errors.Is(err, errInterrupted) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for its input")
	}
}
