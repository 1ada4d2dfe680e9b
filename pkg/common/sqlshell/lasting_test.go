package sqlshell

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func statementsOf(t *testing.T, sql string) []Statement {
	t.Helper()
	splitter := NewSplitter("", strings.NewReader(sql))
	var out []Statement
	for {
		statement, err := splitter.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, statement)
	}
}

func TestWhatAnotherSessionNeeds(t *testing.T) {
	for sql, want := range map[string]string{
		"SET 'a' = 'b'; SET; RESET 'a'; USE CATALOG c; SHOW TABLES; SELECT 1":                                              "SET 'a' = 'b'; RESET 'a'; USE CATALOG c",
		"CREATE TABLE t (a INT); INSERT INTO t VALUES (1); EXECUTE STATEMENT SET BEGIN INSERT INTO t SELECT 1; END":        "CREATE TABLE t (a INT)",
		"CREATE TABLE t AS SELECT 1; CREATE TABLE u WITH ('as' = 'as') AS SELECT 1; CREATE OR REPLACE TABLE v AS SELECT 1": "",
		"CREATE TABLE t (a AS PROCTIME()) WITH ('connector' = 'x'); CREATE VIEW v AS SELECT 1":                             "CREATE TABLE t (a AS PROCTIME()) WITH ('connector' = 'x'); CREATE VIEW v AS SELECT 1",
		"CREATE TABLE t (a INT); CREATE VIEW t2 AS SELECT 1; DROP TABLE IF EXISTS `t`":                                     "CREATE VIEW t2 AS SELECT 1",
		"CREATE TABLE t (a INT); DROP VIEW t; DROP TABLE other; ALTER TABLE other ADD b INT":                               "CREATE TABLE t (a INT)",
		"CREATE TABLE t (a INT); ALTER TABLE t ADD b INT; DROP TABLE t":                                                    "",
		"CREATE TEMPORARY SYSTEM FUNCTION IF NOT EXISTS f AS 'x.Y'; DROP TEMPORARY FUNCTION g":                             "CREATE TEMPORARY SYSTEM FUNCTION IF NOT EXISTS f AS 'x.Y'",
		"ADD JAR '/a.jar'; LOAD MODULE hive; CREATE MATERIALIZED TABLE m AS SELECT 1; CALL sys.f(); DELETE FROM t":         "ADD JAR '/a.jar'; LOAD MODULE hive",
		"SET 'a' = '1'; SET 'a' = '2'; SET 'a' = '1'":                                                                      "SET 'a' = '2'; SET 'a' = '1'",
		"/* a comment */ CREATE TABLE c.d.t (a INT); DROP TABLE c . d . t":                                                 "",
	} {
		var got []string
		for _, s := range Lasting(statementsOf(t, sql)) {
			got = append(got, s.Text)
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%s\ngot  %s\nwant %s", sql, strings.Join(got, "; "), want)
		}
	}
}

func TestStatementsWithSecretsAreTold(t *testing.T) {
	for sql, want := range map[string]bool{
		"SET 'a' = 'b'": false, "SET 's3.secret-key' = 'x'": true, "CREATE TABLE t (a INT) WITH ('password' = 'x')": true, "CREATE TABLE t (password INT)": false,
	} {
		if got := statementsOf(t, sql)[0].HasSecrets(); got != want {
			t.Errorf("%s: %v", sql, got)
		}
	}
}
