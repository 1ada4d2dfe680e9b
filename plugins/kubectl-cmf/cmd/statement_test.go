package cmd

import (
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

func pool(name, more string) string {
	return "---\napiVersion: cmf.confluent.io/v1\nkind: ComputePool\nmetadata: {name: " + name + "}\nspec: {" + more + ", clusterSpec: {flinkVersion: v2_1, image: confluentinc/cp-flink-sql:2.1, flinkConfiguration: {a: b}}}\n"
}

func stmt(name, pool, sql, more string) string {
	return "---\napiVersion: cmf.confluent.io/v1\nkind: Statement\nmetadata: {name: " + name + "}\nspec: {computePoolName: " + pool + ", statement: \"" + sql + "\"" + more + "}\n"
}

func TestStatementsAreMadeInTheOrderOfTheFiles(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0", Step: 400 * time.Millisecond})
	files := r.file("all.yaml", "name: test\nkubernetesNamespace: flink\n"+pool("pool1", "type: DEDICATED")+
		stmt("b-insert-first", "pool1", "INSERT INTO other SELECT 1", "")+
		stmt("z-table", "pool1", "CREATE TABLE orders (id INT)", "")+
		stmt("a-insert", "pool1", "INSERT INTO orders SELECT 1", ""))
	out := r.ok("apply", "-f", files, "--timeout", "60s")
	if table, insert := strings.Index(out, "z-table created"), strings.Index(out, "a-insert created"); table < 0 || insert < table {
		t.Errorf("the table was not made before its statement:\n%s", out)
	}
	contains(t, r.ok("apply", "-f", files, "--wait", "--timeout", "60s"), "a-insert unchanged")
}

func TestFailedStatementIsNotUnchanged(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0"})
	r.ok("apply", "-f", r.file("e.yaml", "name: test\nkubernetesNamespace: flink\n"+pool("pool1", "type: DEDICATED")))
	bad := r.file("s.yaml", stmt("bad", "pool1", "SELECT * FROM no_such_table", ""))
	r.fails(1, "Object 'no_such_table' not found", "apply", "-f", bad, "-e", "test")
	r.fails(1, "--force deletes it and creates it again", "apply", "-f", bad, "-e", "test")
	r.fails(1, "it is deleted and created again", "apply", "-f", bad, "-e", "test", "--force")
	// What the files say behind a table that can't be made isn't begun.
	r.fails(1, "not done:", "apply", "-f", r.file("t.yaml", stmt("table", "pool1", "CREATE TABLE t LIKE no_such_table", "")+stmt("after", "pool1", "INSERT INTO t SELECT 1", "")), "-e", "test")
	r.fails(1, "not found", "statement", "get", "after", "-e", "test")
}

// What is on its way out isn't what files ask for.
func TestApplyOfAStatementThatIsBeingDeleted(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0", Step: 500 * time.Millisecond})
	r.ok("apply", "-f", r.file("e.yaml", "name: test\nkubernetesNamespace: flink\n"+pool("pool1", "type: DEDICATED")))
	file := r.file("s.yaml", stmt("s", "pool1", "INSERT INTO a SELECT 1", ""))
	r.ok("apply", "-f", file, "-e", "test")
	before := r.ok("statement", "get", "s", "-e", "test", "-o", "jsonpath={.metadata.uid}")
	r.ok("statement", "delete", "s", "-e", "test", "--lose-state", "--wait=false")
	r.fails(1, `statement "s" in environment "test" is being deleted`, "statement", "update", "-f", file, "-e", "test")
	got := r.run("apply", "-f", file, "-e", "test", "--timeout", "60s")
	want(t, got.out, "statement.cmf.confluent.io/s created\n")
	contains(t, got.err, "is being deleted; it is created again once it is gone")
	if after := r.ok("statement", "get", "s", "-e", "test", "-o", "jsonpath={.metadata.uid}"); got.code != 0 || after == before {
		t.Errorf("%d: %s was %s", got.code, after, before)
	}
}

func TestStatementWaitsForItsSharedPool(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0", Step: 700 * time.Millisecond})
	r.ok("apply", "-f", r.file("all.yaml", "name: test\nkubernetesNamespace: flink\n"+pool("shared", "type: SHARED")+stmt("s", "shared", "SELECT 1", "")), "--timeout", "60s")
	// A pool that doesn't get ready by itself is no reason to wait.
	r.ok("apply", "-f", r.file("p.yaml", pool("asleep", "type: SHARED, state: SUSPENDED")), "-e", "test", "--wait", "--timeout", "60s")
	r.fails(1, "Compute pool 'asleep' is not running", "apply", "-f", r.file("s.yaml", stmt("t", "asleep", "SELECT 1", "")), "-e", "test", "--timeout", "60s")
}

func TestStatelessStatementIsNotStoppedUnasked(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0"})
	kept := strings.Replace(pool("kept", "type: DEDICATED"), "{a: b}", "{execution.checkpointing.dir: s3://c, execution.checkpointing.savepoint-dir: s3://s}", 1)
	files := r.file("all.yaml", "name: test\nkubernetesNamespace: flink\n"+pool("bare", "type: DEDICATED")+kept+
		stmt("said", "kept", "INSERT INTO a SELECT 1", ", upgradeMode: stateless")+
		stmt("chosen", "bare", "INSERT INTO b SELECT 1", "")+
		stmt("safe", "kept", "INSERT INTO c SELECT 1", "")+
		stmt("query", "bare", "SELECT 1", ""))
	r.ok("apply", "-f", files, "--wait")
	for name, reason := range map[string]string{"said": "status.traits.upgradeMode: stateless", "chosen": "status.traits.upgradeMode: stateless"} {
		r.fails(1, reason, "statement", "stop", name, "-e", "test", "--wait")
		r.fails(1, "use --lose-state", "apply", "-f", r.file("p.yaml", stmt(name, map[string]string{"said": "kept", "chosen": "bare"}[name], map[string]string{"said": "INSERT INTO a SELECT 1", "chosen": "INSERT INTO b SELECT 1"}[name], ", parallelism: 3")), "-e", "test")
		contains(t, r.ok("statement", "get", name, "-e", "test", "-o", "jsonpath={.status.phase}"), "RUNNING")
		contains(t, r.ok("statement", "stop", name, "-e", "test", "--wait", "--lose-state"), "stopped")
	}
	for _, name := range []string{"safe", "query"} {
		contains(t, r.ok("statement", "stop", name, "-e", "test", "--wait"), "stopped")
	}
}

func TestFilesWhoseKindTheCommandSays(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0"})
	r.ok("apply", "-f", r.file("e.yaml", "name: test\nkubernetesNamespace: flink\n"))
	contains(t, r.ok("pool", "create", "-f", r.file("p.json", `{"metadata":{"name":"bare-pool"},"spec":{"type":"DEDICATED","clusterSpec":{"flinkVersion":"v2_1","image":"confluentinc/cp-flink-sql:2.1"}}}`), "-e", "test"), "created")
	r.fails(1, "apiVersion of a KafkaCatalog must be cmf.confluent.io/v1, not cmf/api/v1/catalog", "catalog", "create", "-f", r.file("c.json", `{"apiVersion":"cmf/api/v1/catalog","kind":"KafkaCatalog","metadata":{"name":"c"},"spec":{"srInstance":{"connectionConfig":{"schema.registry.url":"http://sr"}}}}`))
	r.fails(1, "apiVersion of a Secret must be cmf.confluent.io/v1, not cmf/v1", "secret", "create", "-f", r.file("s.yaml", "apiVersion: cmf/v1\nkind: Secret\nmetadata: {name: s}\nspec: {data: {a: b}}\n"))
}

func TestMisplacedFieldsAreRefusedBeforeAnythingIsChanged(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0"})
	r.ok("apply", "-f", r.file("e.yaml", "name: test\nkubernetesNamespace: flink\nflinkApplicationDefaults: {spec: {image: kept}}\n"))
	r.fails(2, "spec: is in the wrong place; it belongs to computePoolDefaults or flinkApplicationDefaults", "apply", "-f",
		r.file("e2.yaml", "name: test\nkubernetesNamespace: flink\nflinkApplicationDefaults:\nspec:\n  logConfiguration:\n  log4j-console.properties: x\n"))
	contains(t, r.ok("env", "get", "test", "-o", "yaml"), "image: kept")
}

func TestDeleteOfASetThatIsPartlyGone(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0"})
	r.ok("apply", "-f", r.file("e.yaml", "name: test\nkubernetesNamespace: flink\n"+pool("pool1", "type: DEDICATED")+stmt("outside", "pool1", "SELECT 1", "")), "--wait")
	set := r.file("set.yaml", pool("pool1", "type: DEDICATED")+stmt("inside", "pool1", "SELECT 2", ""))
	r.ok("apply", "-f", set, "-e", "test", "--wait")
	again := r.fails(1, "HTTP 409", "delete", "-f", set, "-e", "test", "--lose-state")
	if strings.Contains(again.err, "run the same command again") {
		t.Error(again)
	}
	r.ok("statement", "delete", "outside", "-e", "test", "--lose-state")
	contains(t, r.ok("delete", "-f", set, "-e", "test", "--lose-state", "--ignore-not-found"), "pool1 deleted")
}

func TestCatalogOfCMF20HasItsDatabases(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.0.1"})
	r.fails(2, "wants spec.kafkaClusters in a catalog", "catalog", "create", "c", "--schema-registry", "http://sr:8081")
	r.stdin = r.ok("catalog", "template")
	contains(t, r.ok("catalog", "create", "-f", "-"), "created")
	r = newRig(t, cmftest.Options{Version: "2.1.0"})
	r.ok("catalog", "create", "c", "--schema-registry", "http://sr:8081")
}

func TestNothingFoundNamesWhereItWasSought(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0"})
	r.ok("apply", "-f", r.file("e.yaml", "name: test\nkubernetesNamespace: flink\n"+pool("pool1", "type: DEDICATED")+stmt("s", "pool1", "SELECT 1", "")))
	got := r.run("savepoint", "list", "-e", "test", "--statement", "s")
	if got.code != 0 || !strings.Contains(got.err, "of statement s in environment test") {
		t.Errorf("%d %s", got.code, got.err)
	}
}
