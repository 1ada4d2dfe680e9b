package cmd

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

func TestApplicationsLife(t *testing.T) {
	for _, version := range all {
		t.Run(version, func(t *testing.T) {
			r := newRig(t, cmftest.Options{Version: version, Step: 5 * time.Millisecond})
			r.env("dev-env")
			r.ok("apply", "-f", r.file("a.yaml", app("app1", "")), "--wait", "--timeout", "30s")
			contains(t, r.ok("app", "status", "app1"), "app1 in environment dev-env: ready", "RUNNING", "STABLE")
			contains(t, r.ok("app", "list"), "LIFECYCLE", "RUNNING")
			contains(t, r.ok("event", "list", "--application", "app1"), "FlinkApplication created")
			want(t, r.ok("app", "suspend", "app1"), "flinkapplication.cmf.confluent.io/app1 suspended\n")
			contains(t, r.ok("app", "suspend", "app1"), "is SUSPENDED already")
			contains(t, r.ok("app", "list"), "SUSPENDED")
			want(t, r.ok("app", "start", "app1"), "flinkapplication.cmf.confluent.io/app1 started\n")
			contains(t, r.ok("app", "restart", "app1"), "app1 suspended\n", "app1 started\n")
			if strings.HasPrefix(version, "2.0") {
				r.fails(1, "needs CMF 2.1 or newer; this server is CMF 2.0", "app", "savepoint", "app1")
				r.fails(1, "needs CMF 2.1 or newer", "savepoint", "list", "--application", "app1")
			} else {
				contains(t, r.ok("app", "savepoint", "app1", "--name", "before"), "savepoint.cmf.confluent.io/before created: s3://flink/savepoints/savepoint-")
				contains(t, r.ok("savepoint", "list", "--application", "app1"), "COMPLETED")
				r.ok("app", "suspend", "app1")
				r.fails(1, `there is no savepoint "nope"`, "app", "start", "app1", "--from", "nope")
				r.ok("app", "start", "app1", "--from", "before")
				contains(t, r.ok("savepoint", "detach", "before", "--application", "app1"), "detachedsavepoint.cmf.confluent.io/before detached")
				got := r.fails(1, "nothing was deleted", "app", "delete", "app1")
				contains(t, got.err, "--with-savepoint", "--lose-state")
				contains(t, r.ok("app", "delete", "app1", "--with-savepoint"), "detachedsavepoint.cmf.confluent.io/app1-", "app1 deleted")
				return
			}
			contains(t, r.ok("app", "delete", "app1", "--lose-state"), "app1 deleted")
			r.fails(1, "not found", "app", "get", "app1")
		})
	}
}

func TestStatelessNeedsAWord(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("a.yaml", strings.Replace(app("app1", ""), "upgradeMode: savepoint", "upgradeMode: stateless", 1)))
	for _, verb := range []string{"suspend", "restart"} {
		r.fails(1, "upgradeMode is stateless", "app", verb, "app1")
	}
	r.ok("app", "suspend", "app1", "--lose-state")
}

func TestFailureTellsItsCause(t *testing.T) {
	r := newRig(t, cmftest.Options{Step: 2 * time.Millisecond})
	r.env("dev-env")
	broken := strings.Replace(app("app1", ""), "cp-flink:2.1.1", "broken:1", 1)
	got := r.fails(1, "ImagePullBackOff", "apply", "-f", r.file("a.yaml", broken), "--wait")
	contains(t, got.out, "app1 created")
	r.fails(1, "ImagePullBackOff", "app", "wait", "app1")
	if got := r.run("app", "status", "app1"); got.code != 3 || !strings.Contains(got.out, "failed") {
		t.Errorf("status: %+v", got)
	}
}

func TestWaits(t *testing.T) {
	r := newRig(t, cmftest.Options{Step: time.Hour})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("a.yaml", app("app1", "")))
	r.fails(124, "timed out waiting for app \"app1\" in environment \"dev-env\"; it is still: DEPLOYING", "app", "wait", "app1", "--timeout", "20ms")
	r.fails(2, "--for", "app", "wait", "app1", "--for", "nonsense")
	want(t, r.ok("app", "wait", "app1", "--for", "state=CREATED"), "flinkapplication.cmf.confluent.io/app1 condition met\n")
	want(t, r.ok("app", "wait", "app1", "--for", "jsonpath={.spec.flinkVersion}=v2_1"), "flinkapplication.cmf.confluent.io/app1 condition met\n")
	r.ok("apply", "-f", r.file("b.yaml", strings.Replace(app("app2", ""), "{name: app2}", "{name: app2, labels: {a.b/c: d}}", 1)))
	want(t, r.ok("app", "wait", "app2", "--for", `jsonpath={.metadata.labels.a\.b/c}=d`), "flinkapplication.cmf.confluent.io/app2 condition met\n")
	want(t, r.ok("app", "wait", "nope", "--for", "delete"), "flinkapplication.cmf.confluent.io/nope condition met\n")
	r.fails(1, "not found", "app", "wait", "nope")
}

func TestStatementThatDoesNotCompile(t *testing.T) {
	r := newRig(t, cmftest.Options{Step: time.Millisecond})
	r.env("dev-env")
	r.ok("pool", "create", "-f", r.file("p.yaml", pool1))
	r.ok("statement", "create", "fine", "--sql", "SHOW TABLES", "--pool", "pool1", "--wait")
	r.fails(1, "Object 'no_such_table' not found", "statement", "create", "wrong", "--sql", "SELECT * FROM no_such_table", "--pool", "pool1", "--wait")
	got := r.fails(1, "Object 'no_such_table' not found", "statement", "create", "wrong2", "--sql", "SELECT * FROM no_such_table", "--pool", "pool1")
	contains(t, got.out, "wrong2 created")
	r.fails(1, "in use by statement", "pool", "delete", "pool1")
	r.ok("statement", "create", "insert", "--sql", "INSERT INTO a SELECT * FROM b", "--pool", "pool1", "--wait")
	r.fails(1, "--lose-state", "statement", "delete", "insert")
	r.fails(1, "spec.statement can't be changed", "statement", "update", "-f", r.file("s.yaml", `
apiVersion: cmf.confluent.io/v1
kind: Statement
metadata: {name: fine}
spec: {statement: SELECT 1, computePoolName: pool1}
`))
	contains(t, r.ok("statement", "delete", "fine", "wrong", "wrong2"), "fine deleted", "wrong deleted")
}

func TestDeletingAnEnvironmentLooksInside(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("a.yaml", app("app1", "")))
	r.fails(1, `app "app1" in environment "dev-env"`, "env", "delete", "dev-env")
	r.ok("env", "delete", "dev-env", "--lose-state")
	r.fails(1, `env "dev-env" not found`, "env", "delete", "dev-env")
	r.ok("env", "delete", "dev-env", "--ignore-not-found")
}

// CMF takes the wish for a savepoint of what doesn't run, and waits for ever.
func TestSavepointOfWhatDoesNotRun(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0"})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("a.yaml", app("app1", "")+pool("pool1", "type: DEDICATED")+stmt("s", "pool1", "SHOW TABLES", "")), "--wait")
	r.ok("app", "suspend", "app1")
	r.fails(1, `app "app1" in environment "dev-env" is SUSPENDED; a savepoint is taken of what runs`, "app", "savepoint", "app1")
	r.fails(1, `statement "s" in environment "dev-env" is COMPLETED; a savepoint is taken of what runs`, "statement", "savepoint", "s")
	r.fails(1, `app "nope" in environment "dev-env" not found`, "app", "savepoint", "nope")
	want(t, r.ok("savepoint", "list", "--application", "app1", "-o", "name"), "")
	r.ok("app", "start", "app1")
	contains(t, r.ok("app", "savepoint", "app1", "--name", "sp"), "savepoint.cmf.confluent.io/sp created")
}

func TestRestartThatLeavesTheApplicationSuspendedSaysSo(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("a.yaml", app("app1", "")), "--wait")
	r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: "/start", Times: 1, Status: 500, Body: `{"errors":[{"message":"database is locked"}]}`})
	contains(t, r.fails(1, "database is locked", "app", "restart", "app1").err, "is suspended now; to start it: kubectl cmf app start app1 -e dev-env")
	r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: "/start", Times: 1, Status: 500})
	if got := r.fails(1, "CMF failed", "app", "start", "app1"); strings.Contains(got.err, "is suspended now") {
		t.Error(got.err)
	}
}
