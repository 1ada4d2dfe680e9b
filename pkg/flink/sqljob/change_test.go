package sqljob

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

// The patch changes the one volume, and nothing of a job that somebody else
// scaled or configured meanwhile.
func TestEditChangesTheScriptOnly(t *testing.T) {
	job, err := App{Name: "orders", Namespace: "ns", FlinkVersion: "2.3", Script: insert(t)}.Job()
	if err != nil {
		t.Fatal(err)
	}
	next := script(t, "INSERT INTO t SELECT 2;")
	patch, err := Edit(job, next)
	if err != nil || len(patch) != 1 || patch["podTemplate"] == nil {
		t.Fatal(patch, err)
	}
	if got := ConfigMapOf(job.Patched(patch).Spec()); got != ConfigMapName("orders", next) {
		t.Error(got)
	}
	if got := ConfigMapOf(job.Spec()); got != ConfigMapName("orders", insert(t)) {
		t.Errorf("the job itself was changed: %s", got)
	}
	if patch, err := Edit(job, insert(t)); err != nil || len(patch) != 0 {
		t.Error(patch, err)
	}
	// One whose script is in the image gets a mount.
	inImage := flinktest.JobOf(t, api.Deployment, `{"metadata":{"name":"orders"},"spec":{"job":{"entryClass":"`+Driver+`","args":["--scriptUri","file:///opt/a.sql"],"jarURI":"local:///x.jar"}}}`)
	if patch, err = Edit(inImage, next); err != nil {
		t.Fatal(err)
	}
	after := inImage.Patched(patch).Spec()
	if ConfigMapOf(after) != ConfigMapName("orders", next) || api.Text(after, "job", "jarURI") != "local:///x.jar" || !strings.Contains(api.PlainList(api.Section(after, "job")["args"].([]any)), Dir) {
		t.Error(after)
	}
	for name, manifest := range map[string]string{
		"a session cluster": `{"metadata":{"name":"orders"},"spec":{}}`,
		"a program":         `{"metadata":{"name":"orders"},"spec":{"job":{"entryClass":"org.example.Main"}}}`,
	} {
		if _, err := Edit(flinktest.JobOf(t, api.Deployment, manifest), next); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a change means for the state is only said where it is known.
func TestEffectOfAChange(t *testing.T) {
	const before = "CREATE TABLE s (a INT) WITH ('connector'='datagen');\nINSERT INTO t SELECT a FROM s;"
	for _, c := range []struct{ name, after, want string }{
		{"a comment", "-- new\n" + before, "the statements are the same"},
		{"a name", "SET 'pipeline.name'='x';" + before, "the statements are the same"},
		{"a setting of the planner", "SET 'table.exec.mini-batch.enabled'='true';" + before, "table.exec.mini-batch.enabled"},
		{"chaining", "SET 'pipeline.operator-chaining.enabled'='false';" + before, "and this changes: pipeline.operator-chaining.enabled\n"},
		{"the maximum parallelism", "SET pipeline.max-parallelism = 256;" + before, ": pipeline.max-parallelism\n"},
		{"the parallelism of a sink", "CREATE TABLE t (a INT) WITH ('connector'='x', 'sink.parallelism' = '2');" + before, ": sink.parallelism\n"},
		{"the parallelism of all", "SET 'parallelism.default'='4';" + before, "the statements are the same"},
		{"a setting that is reset", "SET 'table.exec.mini-batch.enabled'='true'; RESET 'table.exec.mini-batch.enabled';" + before, "the statements are the same"},
		{"a setting and all reset", "SET 'table.exec.mini-batch.enabled'='true'; RESET;" + before, "the statements are the same"},
		{"a setting after a reset", "RESET; SET table.exec.mini-batch.enabled = true;" + before, "table.exec.mini-batch.enabled"},
		{"a table", strings.Replace(before, "a INT", "a INT, b INT", 1), "INSERT is the same"},
		{"the query", before[:len(before)-1] + " WHERE a > 1;", "plans the job again"},
	} {
		got, known := Effect(script(t, before), script(t, c.after))
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.name, got)
		}
		if same := strings.Contains(got, "the statements are the same, so"); same == strings.Contains(got, "not known") || same != known {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	// Beside a sink with a parallelism of its own, that of the others counts.
	const own = "CREATE TABLE t (a INT) WITH ('sink.parallelism'='2');" + before
	if got, known := Effect(script(t, own), script(t, "SET 'parallelism.default'='4';"+own)); known || !strings.Contains(got, ": parallelism.default\n") {
		t.Error(got)
	}
	if got, known := Effect(script(t, own), script(t, "-- new\n"+own)); !known || Untold(script(t, own), script(t, own)) != "" {
		t.Error(got)
	}
	// The operators of a compiled plan have ids of their own.
	planned := script(t, own)
	planned.Plan = "{}"
	if got := Untold(planned, script(t, "SET 'pipeline.operator-chaining.enabled'='false';"+own)); got != "" {
		t.Error(got)
	}
	if got := Untold(planned, script(t, "SET 'pipeline.max-parallelism'='256';"+own)); !strings.Contains(got, "pipeline.max-parallelism\n") {
		t.Error(got)
	}
	if diff := Diff("A;\nB;\n", "A;\nC 'password'='hunter2hunter2';\n"); !strings.Contains(diff, "-B;\n+C ") || strings.Contains(diff, "hunter2") {
		t.Error(diff)
	}
}

// Of a session an application gets what defines something, up to the last
// INSERT and with that one only.
func TestApplicationOfASession(t *testing.T) {
	ran := func(text string) []sqlshell.Statement {
		var out []sqlshell.Statement
		for splitter := sqlshell.NewSplitter("", strings.NewReader(text)); ; {
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
	got, left, err := FromSession(ran("SHOW TABLES; SET; SET 'sql-client.execution.result-mode'='tableau'; SET 'pipeline.name'='o'; CREATE TABLE s (a INT); TRUNCATE TABLE s; CALL sys.compact('s'); SELECT * FROM s; INSERT INTO t SELECT 0; USE CATALOG c; BEGIN STATEMENT SET; INSERT INTO t SELECT 1; END; DROP TABLE s; DESCRIBE t"))
	want := "SET 'pipeline.name'='o'\n;\nCREATE TABLE s (a INT)\n;\nUSE CATALOG c\n;\nBEGIN STATEMENT SET; INSERT INTO t SELECT 1; END\n;\n"
	if err != nil || left != 1 || got.Text != want {
		t.Errorf("%v %d\n%s", err, left, got.Text)
	}
	if notes, err := got.Check(); err != nil || len(notes) != 0 {
		t.Error(notes, err)
	}
	if _, _, err := FromSession(ran("SELECT 1")); err == nil || !strings.Contains(err.Error(), "no INSERT") {
		t.Error(err)
	}
	cluster := flinktest.JobOf(t, api.Deployment, `{"metadata":{"name":"session","namespace":"ns","uid":"u"},"spec":{"image":"flink:2.3","ingress":{"template":"x"},"podTemplate":{"spec":{"volumes":[{"name":"d","emptyDir":{}}]}}},"status":{}}`)
	job, err := App{Name: "orders", Namespace: "ns", Base: BaseOf(cluster), Script: got}.Job()
	if err != nil {
		t.Fatal(err)
	}
	if job.Spec()["ingress"] != nil || job.FlinkVersion() != "v2_3" || job.Object.GetUID() != "" || ConfigMapOf(job.Spec()) == "" || ConfigMapOf(cluster.Spec()) != "" {
		t.Error(job.Object.Object)
	}
}
