package sqljob

import (
	"strings"
	"testing"
)

// Only what a session forgets is run for a comparison.
func TestCompilable(t *testing.T) {
	const table = "CREATE TABLE s (a INT) WITH ('connector'='datagen');"
	for _, c := range []struct{ text, before, job, want string }{
		{"SET 'pipeline.name'='x';" + table + "SHOW TABLES; INSERT INTO t SELECT a FROM s;", "SET CREATE", "INSERT INTO t SELECT a FROM s", ""},
		{table + "EXECUTE STATEMENT SET BEGIN INSERT INTO t SELECT 1; END;", "CREATE", "STATEMENT SET BEGIN INSERT INTO t SELECT 1; END", ""},
		{"BEGIN STATEMENT SET; INSERT INTO t SELECT 1; END;", "", "STATEMENT SET BEGIN INSERT INTO t SELECT 1; END", ""},
		{"EXECUTE INSERT INTO t SELECT 1;", "", "INSERT INTO t SELECT 1", ""},
		{"CREATE CATALOG c WITH ('type'='jdbc'); CREATE TEMPORARY TABLE s (a INT); INSERT INTO t SELECT 1;", "CREATE CREATE", "INSERT INTO t SELECT 1", ""},
		{"CREATE CATALOG c WITH ('type'='jdbc'); USE CATALOG c;" + table + "INSERT INTO t SELECT 1;", "", "", "may last in its catalog"},
		{"USE c.d; DROP TABLE s; INSERT INTO t SELECT 1;", "", "", "may last in its catalog"},
		{"DROP DATABASE IF EXISTS c.d CASCADE; INSERT INTO t SELECT 1;", "", "", "may last in its catalog"},
		{"USE CATALOG default_catalog; USE `default_catalog`.default_database; CREATE DATABASE d; USE d; CREATE TABLE d.s (a INT); INSERT INTO t SELECT 1;", "USE USE CREATE USE CREATE", "INSERT INTO t SELECT 1", ""},
		{"DROP TABLE c.d.s; INSERT INTO t SELECT 1;", "", "", "may last in its catalog"},
		{"CREATE TABLE t AS SELECT 1;", "", "", "takes an INSERT"},
		{"EXECUTE PLAN '/p.json';", "", "", "takes an INSERT"},
		{"SET 'table.exec.uid.generation'='ALWAYS'; INSERT INTO t SELECT 1;", "", "", "numbers"},
		{"SET 'execution.runtime-mode'='batch'; INSERT INTO t SELECT 1;", "", "", "batch"},
		{"CALL sys.clean(); INSERT INTO t SELECT 1;", "", "", "isn't run"},
		{"SET 'a'='b';", "", "", "no statement"},
	} {
		before, job, err := script(t, c.text).Compilable()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		var first []string
		for _, statement := range before {
			first = append(first, strings.Fields(statement)[0])
		}
		if got := strings.Join(first, " "); err == nil && (got != c.before || job != c.job) {
			t.Errorf("%s: %q, %q", c.text, before, job)
		}
	}
}

// The plan is beside the script that runs it, and the script that it is of.
func TestPlanned(t *testing.T) {
	written := script(t, "SET 'pipeline.name'='x'; CREATE TABLE s (a INT); INSERT INTO t SELECT a FROM s;")
	planned, err := written.Planned([]byte(`{"nodes":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := "SET 'pipeline.name'='x'\n;\nCREATE TABLE s (a INT)\n;\nEXECUTE PLAN 'file:///etc/flink-sql/plan.json'\n;\n"
	if planned.Text != want || planned.Written() != written.Text || written.Written() != written.Text {
		t.Error(planned.Text)
	}
	other, err := written.Planned([]byte(`{"nodes":[1]}`))
	if err != nil || other.Hash() == planned.Hash() || planned.Hash() == written.Hash() {
		t.Error("one name for several", err)
	}
	if data := planned.data(); len(data) != 3 || data[planFile] != `{"nodes":[]}` || len(written.data()) != 1 {
		t.Error(data)
	}
	if notes, err := planned.Check(); err != nil || len(notes) > 0 {
		t.Error(notes, err)
	}
	if _, err := written.Planned(make([]byte, LargestScript)); err == nil || !strings.Contains(err.Error(), "1 MiB") {
		t.Error(err)
	}
	if _, err := script(t, "CREATE TABLE t AS SELECT 1;").Planned(nil); err == nil {
		t.Error("no plan of it")
	}
}
