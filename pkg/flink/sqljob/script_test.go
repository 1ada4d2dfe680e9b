package sqljob

import (
	"strings"
	"testing"
)

func script(t *testing.T, texts ...string) Script {
	t.Helper()
	var parts []Part
	for i, text := range texts {
		parts = append(parts, Part{Name: []string{"a.sql", "b.sql"}[i], Text: text})
	}
	s, err := New(parts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What an application can't do with a script is said with the place.
func TestCheckRefuses(t *testing.T) {
	const tables = "CREATE TABLE s (a INT) WITH ('connector'='datagen');\nCREATE TABLE t (a INT) WITH ('connector'='print');\n"
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "-- nothing\n", "no statement"},
		{"no job", tables, "no INSERT"},
		{"two inserts", tables + "INSERT INTO t SELECT a FROM s;\nINSERT INTO t SELECT 1", "a.sql:4:1: INSERT INTO t SELECT 1"},
		{"an insert and a table of a query", tables + "CREATE TABLE u WITH ('connector'='print') AS SELECT a FROM s; INSERT INTO t SELECT 1", "starts 2 jobs"},
		{"a query", tables + "SELECT a FROM s;", "a.sql:3:1: the rows of this query would be lost"},
		{"a query in brackets", "(SELECT 1)", "the rows of this query would be lost"},
		{"a materialized table", "CREATE MATERIALIZED TABLE m AS SELECT 1", "SQL gateway"},
		{"a change of one", "ALTER MATERIALIZED TABLE m RESUME; INSERT INTO t SELECT 1", "SQL gateway"},
		{"a table of a query in place of one", "CREATE OR REPLACE TABLE u AS TABLE t; INSERT INTO t SELECT 1", "starts 2 jobs"},
		{"SET without quotes behind the file's heading", "-- orders\nSET a.b = c;\nINSERT INTO t SELECT 1", "a.sql:2:1: for Flink's SqlDriver beside a comment"},
		{"SET without quotes before a comment", "SET 'x' = 'y';\n SET a.b=c; -- why\nINSERT INTO t SELECT 1", "a.sql:2:2: for Flink's SqlDriver beside"},
		{"RESET without quotes with a comment", "RESET /* all of it */ a.b; INSERT INTO t SELECT 1", "a.sql:1:1: for Flink's SqlDriver beside"},
		{"a comment with // that looks like SQL", "INSERT INTO t\nSELECT a // it's\nFROM s", "a.sql:1:1: for Flink's SqlDriver a comment with // is SQL"},
		{"the client's command", tables + "INSERT INTO t SELECT 1; QUIT;", "a.sql:3:25: QUIT is a command to the SQL client"},
		{"the shell's command", "\\timing\n" + tables + "INSERT INTO t SELECT 1;", `\timing is a command`},
		{"a state", "SET 'execution.savepoint.path' = '/x';" + tables + "INSERT INTO t SELECT 1", "a.sql:1:1: SET 'execution.savepoint.path' does harm"},
		{"the cluster's", "SET taskmanager.numberOfTaskSlots = 4;" + tables + "INSERT INTO t SELECT 1", "--set"},
		{"the operator's", "SET 'state.savepoints.dir' = '/x';" + tables + "INSERT INTO t SELECT 1", "--set"},
	} {
		if _, err := script(t, c.text).Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestCheckTakes(t *testing.T) {
	for _, c := range []struct{ name, text, note string }{
		{"an insert", "INSERT INTO t SELECT 1", ""},
		{"a set", "EXECUTE STATEMENT SET BEGIN INSERT INTO t SELECT 1; INSERT INTO t SELECT 2; END;", ""},
		{"a set in the old form", "BEGIN STATEMENT SET; INSERT INTO t SELECT 1; INSERT INTO u SELECT 1; END;", ""},
		{"a table of a query", "CREATE TABLE u WITH ('connector'='print') AS SELECT 1", ""},
		{"a view of a query", "CREATE VIEW v AS SELECT 1; INSERT INTO t TABLE v", ""},
		{"a view of a table", "CREATE VIEW v AS TABLE u; CREATE TEMPORARY VIEW w AS TABLE v; INSERT INTO t TABLE w", ""},
		{"a table of that name", "CREATE TABLE materialized (a INT); INSERT INTO materialized SELECT 1", ""},
		{"what changes data", "TRUNCATE TABLE t;\nINSERT INTO t SELECT 1", "a.sql:1:1: TRUNCATE runs again"},
		{"a jar of some computer", "SHOW JARS;\nADD JAR 'udf.jar'; INSERT INTO t SELECT 1", "a.sql:2:1: a jar without a host"},
		{"a function's jar", "CREATE FUNCTION f AS 'x.F' USING JAR 's3://b/f.jar', JAR 'file:///opt/f.jar'; INSERT INTO t SELECT f(1)", "a.sql:1:1: a jar without a host"},
		{"a jar of a bucket", "ADD JAR 's3://b/udf.jar'; INSERT INTO t SELECT 'a.jar' AS jar", ""},
		{"a procedure", "INSERT INTO t SELECT 1;\nCALL sys.rollback_to('t', 1)", "a.sql:2:1: CALL runs again"},
		{"a procedure alone", "CREATE CATALOG lake WITH ('type'='paimon'); CALL lake.sys.compact('db.t')", "a.sql:1:45: the script has no INSERT: its job is the one that this procedure starts, if it starts one"},
		{"a heading", "-- it's; /* orders */\nSET 'a.b' = 'c'; -- why\nRESET; -- all\nSET c.d = s3://x;\nINSERT INTO t SELECT a /* it's */ // plain\nFROM s", ""},
		{"SET without quotes and comments elsewhere", "SET 'x' = 'y'; -- why\nSET a.b = c;\nINSERT INTO t SELECT 1 -- so", ""},
		{"a computed column", "CREATE TABLE t (a INT, b AS a + 1, PRIMARY KEY (a) NOT ENFORCED) WITH ('connector'='print'); INSERT INTO t SELECT 1", ""},
		{"a function", "CREATE FUNCTION f AS 'org.example.F'; INSERT INTO t SELECT f(1)", ""},
		{"settings of a job", "SET 'pipeline.name' = 'it''s'; SET 'execution.checkpointing.interval' = '10s'; INSERT INTO t SELECT 1", ""},
		{"the client's setting", "SET 'sql-client.execution.result-mode' = 'tableau'; INSERT INTO t SELECT 1", "without effect"},
		{"its own parallelism", "SET 'parallelism.default' = '3'; INSERT INTO t SELECT 1", "wins over"},
		{"a batch", "SET 'execution.runtime-mode' = 'batch'; INSERT INTO t SELECT 1", "begins again"},
		{"something after", "INSERT INTO t SELECT 1; CREATE TABLE x (a INT);", "after the INSERT"},
		{"a secret", "CREATE TABLE t (a INT) WITH ('connector'='jdbc', 'password'='hunter2hunter2'); INSERT INTO t SELECT 1", "ConfigMaps"},
	} {
		notes, err := script(t, c.text).Check()
		all := strings.Join(notes, "\n")
		if err != nil || c.note == "" && all != "" || !strings.Contains(all, c.note) {
			t.Errorf("%s: notes %q, want %q; %v", c.name, all, c.note, err)
		}
		if strings.Contains(all, "hunter2") {
			t.Error(all)
		}
	}
}

// Files are one script: a last statement without semicolon ends with its file,
// also behind a comment.
func TestFilesBecomeOneScript(t *testing.T) {
	s := script(t, "CREATE TABLE t (a INT) -- it's the sink", "\ufeffINSERT INTO t SELECT 1;\n\n")
	if len(s.Statements) != 2 || s.Text != "CREATE TABLE t (a INT) -- it's the sink\n;\nINSERT INTO t SELECT 1;\n" {
		t.Errorf("%q", s.Text)
	}
	if again := script(t, s.Text); again.Text != s.Text || again.Hash() != s.Hash() {
		t.Errorf("%q", again.Text)
	}
	if got := script(t, "SET 'pipeline.name' = 'it''s'; SET a.b=c ; SET x = ''").Settings(); got["pipeline.name"] != "it's" || got["a.b"] != "c" || got["x"] != "" {
		t.Error(got)
	}
}

func TestScriptsThatCantBe(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT 'open":              "not closed",
		"INSERT INTO t \xff":        "UTF-8",
		"INSERT INTO t SELECT \x00": "UTF-8",
		"-- " + strings.Repeat("x", LargestScript) + "\nINSERT INTO t SELECT 1": "at most 1048576",
	} {
		if _, err := New(Part{"a.sql", text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}
