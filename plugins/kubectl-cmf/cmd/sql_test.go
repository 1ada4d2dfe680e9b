package cmd

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

// sqlRig is a CMF of each version with an environment and a pool.
func sqlRig(t *testing.T, version string) *rig {
	r := newRig(t, cmftest.Options{Version: version, Step: 5 * time.Millisecond, Clusters: []string{"c"}})
	r.ok("env", "create", "dev-env", "--kubernetes-namespace", "flink")
	r.ok("pool", "create", "-f", r.file("pool.yaml", `
apiVersion: cmf.confluent.io/v1
kind: ComputePool
metadata: {name: pool1}
spec: {type: DEDICATED, clusterSpec: {flinkVersion: v1_19, image: "confluentinc/cp-flink-sql:1.19-cp1"}}
`))
	return r
}

// left are the names of the statements that CMF has.
func (r *rig) left() []string {
	return strings.Fields(r.ok("statement", "list", "-o", "name"))
}

// Who knows kubectl flink sql gives the statement with -e, which is the environment
// here.
func TestAStatementIsNoEnvironment(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	got := r.run("sql", "-e", "SELECT 1")
	if got.code != exit.Usage {
		t.Errorf("exit code %d", got.code)
	}
	contains(t, got.err, `"SELECT 1" is no environment`, "--execute")
}

func TestSQL(t *testing.T) {
	for _, version := range all {
		t.Run(version, func(t *testing.T) {
			r := sqlRig(t, version)
			if got := r.ok("sql", "--execute", "SHOW CATALOGS; SHOW TABLES", "-o", "csv"); got != "name\nkafka-1\nkafka-2\nname\nclicks\norders\n" {
				t.Error(got)
			}
			got := r.ok("sql", "--execute", "SELECT * FROM orders", "-o", "ndjson")
			want := `{"id":10,"name":"it's 0","tags":{"k":[1,null]}}
{"id":20,"name":null,"tags":{}}
{"id":12,"name":"it's 2","tags":{"k":[1,null]}}
{"id":22,"name":null,"tags":{}}
`
			if got != want {
				t.Error(got)
			}
			if got := r.ok("sql", "--execute", "SELECT * FROM endless", "--limit", "5", "-o", "tsv"); strings.Count(got, "\n") != 6 {
				t.Error(got)
			}
			failing := r.file("f.sql", "SHOW TABLES;\n\n  SELECT\n*\n\n\nFROM no_such_table;\nSHOW TABLES;\n")
			r.fails(1, "f.sql:3:17: Object 'no_such_table' not found", "sql", "-f", failing)
			// What was read is deleted.
			eventuallyNone(t, r)
			got = r.ok("sql", "--execute", "INSERT INTO sink SELECT * FROM orders", "-o", "csv")
			name := strings.Fields(strings.TrimPrefix(got, "job id"))
			if left := r.left(); len(left) != 1 || len(name) != 1 || !strings.HasSuffix(left[0], "/"+name[0]) {
				t.Fatal(left, got)
			}
			if version == "2.4.0" {
				r.fails(1, "is stateless", "statement", "stop", name[0], "--wait")
			}
			contains(t, r.ok("statement", "stop", name[0], "--wait", "--lose-state"), "stopped")
			contains(t, r.ok("statement", "resume", name[0], "--wait"), "resumed")
		})
	}
}

func eventuallyNone(t *testing.T, r *rig) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left := r.left()
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("statements are left: %q", left)
		}
	}
}

func TestSQLKeepsASession(t *testing.T) {
	r := sqlRig(t, "2.4.0")
	r.ok("sql", "--catalog", "kafka-1", "--set", "a.b=c", "--execute",
		"USE CATALOG `kafka-2`; USE main; SET 'sql.secrets.x' = 'y'; SET 'pipeline.name' = 'it''s'; SHOW TABLES; RESET; SHOW TABLES; USE `a`.b; SHOW TABLES", "-o", "csv")
	var bodies []string
	for _, request := range r.server.Requests() {
		if request.Method == http.MethodPost && strings.HasSuffix(request.Path, "/statements") {
			bodies = append(bodies, string(request.Body))
		}
	}
	for i, wants := range [][]string{
		{`"sql.current-catalog":"kafka-2"`, `"sql.current-database":"main"`, `"sql.secrets.x":"y"`, `"pipeline.name":"it's"`, `"a.b":"c"`},
		{`"sql.current-catalog":"kafka-1"`, `"a.b":"c"`},
		{`"sql.current-catalog":"a"`, `"sql.current-database":"b"`},
	} {
		for _, want := range wants {
			if i >= len(bodies) || !strings.Contains(bodies[i], want) {
				t.Errorf("statement %d lacks %s: %q", i, want, bodies)
			}
		}
	}
	if len(bodies) == 3 && strings.Contains(bodies[1], "pipeline.name") {
		t.Error(bodies[1])
	}
}

func TestSQLIsInterrupted(t *testing.T) {
	r := sqlRig(t, "2.4.0")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var out, errOut buffer
	done := make(chan int)
	go func() {
		done <- r.start(ctx, &out, &errOut, "sql", "--execute", "SELECT * FROM endless", "-o", "ndjson")
	}()
	for strings.Count(out.text(), "\n") < 3 {
		time.Sleep(5 * time.Millisecond)
	}
	cancel(exit.With(exit.Interrupted, errors.New("interrupted")))
	if code := <-done; code != exit.Interrupted {
		t.Errorf("exit code %d: %s", code, errOut.text())
	}
	eventuallyNone(t, r)
}

func TestSQLNeedsAPool(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0", Clusters: []string{"c"}})
	r.ok("env", "create", "dev-env", "--kubernetes-namespace", "flink")
	r.fails(2, "has no compute pool", "sql", "--execute", "SHOW TABLES")
	r.fails(2, "want KEY=VALUE", "sql", "--set", "x")
	r.fails(2, "unknown format", "sql", "-o", "xml")
	r.fails(2, "can be given once", "sql", "-f", "-", "-f", "-")
	r.fails(2, "latin1.sql:1:9: this is no text in UTF-8", "sql", "-f", r.file("latin1.sql", "SELECT '\xfc';"))
	if slices.Contains(r.left(), "x") {
		t.Error("made a statement")
	}
}
