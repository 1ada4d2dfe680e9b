package cmd

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

// kept is a pool on which statements keep their state.
const kept = `
apiVersion: cmf.confluent.io/v1
kind: ComputePool
metadata: {name: kept}
spec:
  type: DEDICATED
  clusterSpec:
    image: x/cp-flink-sql:2
    flinkVersion: v2_1
    flinkConfiguration: {execution.checkpointing.dir: "s3://b/c", execution.checkpointing.savepoint-dir: "s3://b/s"}
`

func newStatements(t *testing.T, version string) *rig {
	r := newRig(t, cmftest.Options{Version: version})
	r.env("dev-env")
	r.ok("env", "use", "dev-env")
	r.ok("apply", "-f", r.file("pools.yaml", kept+"---"+strings.TrimSuffix(strings.Replace(pool1, "{team: a}", "{}", 1), "\n")+"\n"))
	return r
}

func TestStatementExceptionsTellTheRootCauseFirst(t *testing.T) {
	r := newStatements(t, "2.4.0")
	r.now = func() time.Time { return time.Date(2026, 5, 1, 10, 7, 0, 0, time.UTC) }
	r.ok("statement", "create", "thrower", "--pool", "kept", "--sql", "INSERT INTO t SELECT 'throws'")
	got := r.ok("statement", "exceptions", "thrower")
	want(t, got, `2026-05-01T10:05:00.000Z (2m ago)  org.apache.flink.runtime.JobException
  IOException: Access denied to s3://bucket/x
    in JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy

2026-05-01T10:00:00.000Z (7m ago)  org.apache.flink.runtime.JobException
  FlinkException: older
`)
	contains(t, r.ok("statement", "exceptions", "thrower", "--trace"), "at c.D.e(D.java:2)")
	want(t, r.ok("statement", "exceptions", "thrower", "-o", "jsonpath={.items[*].rootCause}"), "IOException: Access denied to s3://bucket/x FlinkException: older")
	r.ok("statement", "create", "quiet", "--pool", "kept", "--sql", "INSERT INTO t SELECT 1")
	if got := r.run("statement", "exceptions", "quiet"); got.code != 0 || got.out != "" || !strings.Contains(got.err, "No exceptions") {
		t.Errorf("%+v", got)
	}
	want(t, r.ok("statement", "exceptions", "quiet", "-o", "jsonpath={.items}"), "[]")
}

func TestStatementResultsComeOnce(t *testing.T) {
	r := newStatements(t, "2.3.1")
	for _, name := range []string{"one", "two", "endless"} {
		r.ok("statement", "create", name, "--pool", "kept", "--sql", "SELECT * FROM t /* "+name+" */", "--set", "a.b=c")
	}
	r.server.Forget()
	want(t, r.ok("statement", "results", "one", "-o", "csv"), "id,name,tags\n10,it's 0,\"{k=[1, NULL]}\"\n20,,{}\n12,it's 2,\"{k=[1, NULL]}\"\n22,,{}\n")
	var tokens []string
	for _, q := range r.server.Requests() {
		if strings.HasSuffix(q.Path, "/results") {
			tokens = append(tokens, q.Query.Get("page-token"))
		}
		if q.Method != http.MethodGet {
			t.Errorf("%s %s: the statement isn't left as it is", q.Method, q.Path)
		}
	}
	want(t, strings.Join(tokens, " "), " page-1 page-2")
	r.fails(1, "the results are gone", "statement", "results", "one")
	if lines := strings.Split(strings.TrimSpace(r.ok("statement", "results", "two", "-o", "ndjson")), "\n"); len(lines) != 4 {
		t.Errorf("%q", lines)
	}
	// Ended early, it says where to go on.
	got := r.run("statement", "results", "endless", "-o", "csv", "--limit", "1")
	if got.code != 0 || strings.Count(got.out, "\n") != 2 || !strings.Contains(got.err, "there is more: kubectl cmf statement results endless -e dev-env --page-token page-") {
		t.Errorf("%+v", got)
	}
	_, token, _ := strings.Cut(strings.TrimSpace(got.err), "--page-token ")
	if next := r.run("statement", "results", "endless", "-o", "csv", "--limit", "1", "--page-token", token); next.code != 0 || strings.Count(next.out, "\n") != 2 {
		t.Errorf("%+v", next)
	}
	r.ok("statement", "create", "writes", "--pool", "kept", "--sql", "INSERT INTO t SELECT 1")
	r.fails(1, "no results to read", "statement", "results", "writes")
	r.ok("statement", "create", "show", "--pool", "kept", "--sql", "SHOW CATALOGS")
	want(t, r.ok("statement", "results", "show", "-o", "csv"), "name\nkafka-1\nkafka-2\n")
	r.fails(2, "", "statement", "results", "show", "-o", "xml")
}

func TestStatementRescale(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0", Step: 10 * time.Millisecond})
	r.env("dev-env")
	r.ok("env", "use", "dev-env")
	r.ok("apply", "-f", r.file("pools.yaml", kept+"---"+pool1))
	r.ok("statement", "create", "clicks", "--pool", "kept", "--sql", "INSERT INTO t SELECT 1", "--wait")
	want(t, r.ok("statement", "rescale", "clicks", "--parallelism", "4", "--wait"), "statement.cmf.confluent.io/clicks rescaled: parallelism 4\n")
	want(t, r.ok("statement", "get", "clicks", "-o", "jsonpath={.spec.parallelism} {.spec.statement}"), "4 INSERT INTO t SELECT 1")
	contains(t, r.ok("statement", "rescale", "clicks", "--parallelism", "4"), "has parallelism 4 already")
	r.fails(2, "at least 1", "statement", "rescale", "clicks")
	// On a pool without directories CMF takes stateless.
	r.ok("statement", "create", "loses", "--pool", "pool1", "--sql", "INSERT INTO t SELECT 1", "--wait")
	r.fails(1, "is stateless (status.traits.upgradeMode: stateless)", "statement", "rescale", "loses", "--parallelism", "2")
	r.ok("statement", "rescale", "loses", "--parallelism", "2", "--lose-state")
	r.ok("statement", "create", "done", "--pool", "pool1", "--sql", "SHOW TABLES", "--wait")
	r.fails(1, "is COMPLETED, in which CMF takes no other parallelism", "statement", "rescale", "done", "--parallelism", "2")
}

func TestStatementStartsFromSavepoint(t *testing.T) {
	r := newStatements(t, "2.4.0")
	r.ok("statement", "create", "clicks", "--pool", "kept", "--sql", "INSERT INTO t SELECT 1")
	contains(t, r.ok("statement", "savepoint", "clicks", "--name", "before", "--format", "native", "--backoff-limit", "2"), "savepoint.cmf.confluent.io/before created: s3://")
	want(t, r.ok("savepoint", "get", "before", "--statement", "clicks", "-o", "jsonpath={.spec.backoffLimit} {.spec.formatType}"), "2 NATIVE")
	r.fails(2, "--backoff-limit", "statement", "savepoint", "clicks", "--backoff-limit", "x")
	r.fails(1, "is not stopped", "statement", "resume", "clicks", "--from", "before")
	r.ok("statement", "stop", "clicks", "--wait")
	r.fails(1, `no savepoint "other"`, "statement", "resume", "clicks", "--from", "other")
	r.fails(2, "is for --from", "statement", "resume", "clicks", "--allow-non-restored-state")
	r.ok("statement", "resume", "clicks", "--from", "before", "--allow-non-restored-state", "--wait")
	want(t, r.ok("statement", "get", "clicks", "-o", "jsonpath={.spec.startFromSavepoint.savepointName} {.spec.startFromSavepoint.allowNonRestoredState} {.spec.stopped}"), "before true false")
	r.ok("statement", "stop", "clicks", "--wait")
	r.ok("statement", "resume", "clicks", "--from", "s3://b/s/savepoint-1")
	want(t, r.ok("statement", "get", "clicks", "-o", "jsonpath={.spec.startFromSavepoint.initialSavepointPath}"), "s3://b/s/savepoint-1")
	r.ok("statement", "stop", "clicks", "--wait")
	r.ok("detached-savepoint", "create", "old", "--path", "s3://b/s/savepoint-2")
	r.ok("statement", "resume", "clicks", "--from", "old")
	want(t, r.ok("statement", "get", "clicks", "-o", "jsonpath={.spec.startFromSavepoint.uid}"), r.ok("detached-savepoint", "get", "old", "-o", "jsonpath={.metadata.uid}"))
	r.fails(1, "works only with update", "apply", "-f", r.file("s.yaml", "apiVersion: cmf.confluent.io/v1\nkind: Statement\nmetadata: {name: fresh}\nspec: {statement: \"INSERT INTO t SELECT 1\", computePoolName: kept, startFromSavepoint: {initialSavepointPath: \"s3://x\"}}\n"))
}

func TestStatementListSelects(t *testing.T) {
	r := newStatements(t, "2.2.3")
	r.ok("statement", "create", "a-runs", "--pool", "kept", "--sql", "INSERT INTO t SELECT 1")
	r.run("statement", "create", "b-fails", "--pool", "pool1", "--sql", "SELECT * FROM no_such_table")
	r.ok("statement", "create", "c-runs", "--pool", "pool1", "--sql", "INSERT INTO t SELECT 1")
	for args, names := range map[string]string{"--status running": "a-runs c-runs", "--status FAILED": "b-fails", "--pool pool1": "b-fails c-runs", "--pool pool1 --status running": "c-runs"} {
		want(t, r.ok(append([]string{"statement", "list", "-o", "jsonpath={.items[*].metadata.name}"}, strings.Fields(args)...)...), names)
	}
	r.fails(2, `"lost" is none of`, "statement", "list", "--status", "lost")
	// A server that doesn't select changes nothing.
	faulty := newFaultyRig(t, cmftest.Options{})
	faulty.server.Inject(cmftest.Fault{Path: "/statements", Status: 200, ContentType: "application/json", Body: `{"items":[{"metadata":{"name":"x"},"status":{"phase":"RUNNING"}},{"metadata":{"name":"y"},"status":{"phase":"FAILED"}}],"pageable":{"size":100}}`})
	want(t, faulty.ok("statement", "list", "-e", "dev-env", "--status", "failed", "-o", "jsonpath={.items[*].metadata.name}"), "y")
}

func TestNamesAreMade(t *testing.T) {
	r := newStatements(t, "2.4.0")
	got := r.ok("statement", "create", "--pool", "kept", "--sql", "INSERT INTO t SELECT 1", "-o", "name")
	if !strings.HasPrefix(got, "statement.cmf.confluent.io/sql-") {
		t.Error(got)
	}
	name := strings.TrimPrefix(strings.TrimSpace(got), "statement.cmf.confluent.io/")
	if got := r.ok("savepoint", "create", "--statement", name, "--format", "NATIVE", "-o", "name"); !strings.HasPrefix(got, "savepoint.cmf.confluent.io/sql-") {
		t.Error(got)
	}
	r.fails(2, "the name is missing", "detached-savepoint", "create", "--path", "s3://x")
	file := r.file("flink.yaml", "taskmanager.numberOfTaskSlots: 2\nexecution.checkpointing.interval: 60 s\nx.enabled: false\n")
	r.ok("statement", "create", "configured", "--pool", "kept", "--sql", "SELECT 1", "--flink-configuration", file, "--set", "x.enabled=true", "--upgrade-mode", "savepoint")
	want(t, r.ok("statement", "get", "configured", "-o", `jsonpath={.spec.flinkConfiguration} {.spec.upgradeMode}`), `{"execution.checkpointing.interval":"60 s","taskmanager.numberOfTaskSlots":"2","x.enabled":"true"} savepoint`)
	r.fails(2, "a.b: must be a text", "statement", "create", "wrong", "--pool", "kept", "--sql", "SELECT 1", "--flink-configuration", r.file("wrong.yaml", "a.b: {c: 1}\n"))
}

func TestDescribeTellsWhatCMFMadeOfAStatement(t *testing.T) {
	r := newStatements(t, "2.4.0")
	r.ok("statement", "create", "clicks", "--pool", "kept", "--sql", "INSERT INTO t SELECT 1")
	r.ok("statement", "create", "loses", "--pool", "pool1", "--sql", "INSERT INTO t SELECT 1")
	r.ok("statement", "create", "asks", "--pool", "pool1", "--sql", "INSERT INTO t SELECT 1", "--upgrade-mode", "last-state")
	r.run("statement", "create", "fails", "--pool", "pool1", "--sql", "SELECT 'throws' FROM no_such_table")
	contains(t, r.ok("statement", "describe", "clicks"), "Upgrade mode: savepoint (CMF's choice", "Bounded:      no", "Append only:  yes")
	contains(t, r.ok("statement", "describe", "loses"), "Upgrade mode: stateless: its state is lost over a stop (CMF's choice")
	contains(t, r.ok("statement", "describe", "asks"), "Upgrade mode: last-state (as the spec asks)")
	contains(t, r.ok("statement", "describe", "fails"), "Exceptions (newest first):", "IOException: Access denied to s3://bucket/x")
	contains(t, r.ok("statement", "template", "--for-version", "2.4.0"), "upgradeMode: savepoint", "savepointSchedule:")
	if got := r.ok("statement", "template", "--for-version", "2.3.0"); strings.Contains(got, "upgradeMode") {
		t.Error(got)
	}
}

// Before 2.4 CMF doesn't say whether a statement keeps its state: that is said.
func TestStoppingWhereCMFIsSilentOnState(t *testing.T) {
	r := newStatements(t, "2.3.1")
	r.ok("statement", "create", "clicks", "--pool", "kept", "--sql", "INSERT INTO t SELECT 1")
	got := r.run("statement", "stop", "clicks")
	if got.code != 0 || !strings.Contains(got.err, "warning: this CMF doesn't say whether statement \"clicks\"") {
		t.Errorf("%+v", got)
	}
	r.ok("statement", "create", "show", "--pool", "kept", "--sql", "SHOW TABLES")
	if got := r.run("statement", "stop", "show"); strings.Contains(got.err, "warning") {
		t.Errorf("%+v", got)
	}
	r = newStatements(t, "2.4.0")
	r.ok("statement", "create", "clicks", "--pool", "kept", "--sql", "INSERT INTO t SELECT 1")
	if got := r.run("statement", "stop", "clicks"); got.code != 0 || strings.Contains(got.err, "warning") {
		t.Errorf("%+v", got)
	}
}
