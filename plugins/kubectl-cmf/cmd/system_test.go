package cmd

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

func TestSystem(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0"})
	r.now = func() time.Time { return time.Date(2099, 12, 30, 0, 0, 0, 0, time.UTC) }
	r.env("dev-env")
	want(t, r.ok("system", "license"), "Status:               VALID\nType:                 TRIAL\nExpires:              2100-01-01T00:00:00Z (in 2d)\n")
	contains(t, r.ok("system", "resources"), "environments:         1")
	contains(t, r.ok("system", "auth-config"), "Authentication:       no")
	contains(t, r.ok("system", "service-accounts"), "flink", "SEED")
	want(t, r.ok("system", "service-accounts", "-o", "jsonpath={.items[*].metadata.name}"), "flink")
	for _, args := range [][]string{{}, {"-o", "json"}, {"-o", "yaml"}} {
		got := r.ok(append([]string{"system", "configuration"}, args...)...)
		contains(t, got, "cmf.sql.production", "CONFIG_FILE", "<redacted>")
		if strings.Contains(got, "inner-value") {
			t.Errorf("%v prints a sensitive value:\n%s", args, got)
		}
	}

	// What a property's name tells is hidden where CMF doesn't call it sensitive.
	faulty := newFaultyRig(t, cmftest.Options{})
	faulty.server.Inject(cmftest.Fault{Path: "c3/configuration", Status: 200, Body: `{"kind":"C","status":{"configurationProperties":[{"key":"spring.datasource.password","value":"` + hidden + `","sensitive":false},{"key":"other","value":null}]}}`})
	if got := faulty.ok("system", "configuration", "-o", "json"); strings.Contains(got, hidden) {
		t.Error(got)
	}
	faulty.server.Heal()
	faulty.server.Inject(cmftest.Fault{Path: "c3/license", Status: 200, Body: `{"kind":"L","status":{"status":"EXPIRED","licenseType":"TRIAL","expiration":1}}`})
	got := faulty.fails(3, "the license is EXPIRED", "system", "license")
	contains(t, got.out, "expired")
	faulty.server.Heal()
	faulty.server.Inject(cmftest.Fault{Path: "c3/configuration", Status: 404, Body: `{"errors":[{"message":"Effective-configuration view is disabled"}]}`})
	faulty.fails(1, "Effective-configuration view is disabled", "system", "configuration")

	old := newRig(t, cmftest.Options{Version: "2.2.3"})
	old.fails(1, "kubectl cmf system license needs CMF 2.3 or newer; this server is CMF 2.2.3", "system", "license")
	old.ok("system", "resources")
	ancient := newRig(t, cmftest.Options{Version: "2.0.1"})
	ancient.fails(1, "needs CMF 2.2 or newer", "system", "resources")
}

func TestDefaultsOfAnEnvironment(t *testing.T) {
	for _, version := range all {
		r := newRig(t, cmftest.Options{Version: version})
		r.ok("env", "create", "dev-env", "--kubernetes-namespace", "flink", "--defaults", `{"spec": {"flinkConfiguration": {"a": "1"}}}`)
		file := r.file("pools.yaml", "clusterSpec: {flinkConfiguration: {b: \"2\"}}\n")
		want(t, r.ok("env", "update", "dev-env", "--statement-defaults", `{"detached": {"flinkConfiguration": {"c": "3"}}}`, "--compute-pool-defaults", file), "environment.cmf.confluent.io/dev-env configured\n")
		want(t, r.ok("env", "get", "dev-env", "-o", "jsonpath={.kubernetesNamespace} {.flinkApplicationDefaults.spec.flinkConfiguration.a} {.computePoolDefaults.clusterSpec.flinkConfiguration.b} {.statementDefaults.detached.flinkConfiguration.c}"), "flink 1 2 3")
		r.ok("env", "update", "dev-env", "--defaults", `{"spec": {"flinkConfiguration": {"a": "4"}}}`)
		want(t, r.ok("env", "get", "dev-env", "-o", "jsonpath={.flinkApplicationDefaults.spec.flinkConfiguration.a} {.statementDefaults.detached.flinkConfiguration.c}"), "4 3")
		r.fails(1, "would be emptied", "env", "update", "dev-env", "--statement-defaults", "{}")
		r.fails(2, "say what to change", "env", "update", "dev-env")
		r.fails(1, "does not exist", "env", "update", "other", "--defaults", "{\"spec\": {\"image\": \"x\"}}")
		r.fails(2, "the name is missing: kubectl cmf env update ENV", "env", "update", "--defaults", "{}")
		if got := r.fails(2, "not valid JSON", "env", "update", "dev-env", "--defaults", `{"password": "`+hidden); strings.Contains(got.err, hidden) {
			t.Error(got.err)
		}
	}
}

func TestCatalogsShowTheirDatabases(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.3.1"})
	r.ok("catalog", "create", "main", "--schema-registry", "http://sr")
	r.ok("catalog", "create", "empty", "--schema-registry", "http://sr")
	for _, name := range []string{"kafka", "other"} {
		r.ok("database", "create", name, "--catalog", "main", "--bootstrap-servers", "kafka:9092")
	}
	contains(t, r.ok("catalog", "list"), "DATABASES", "kafka,other")
	contains(t, r.ok("catalog", "get", "main"), "kafka,other")
	if got := r.ok("catalog", "get", "main", "-o", "json"); strings.Contains(got, "databases") {
		t.Errorf("a field that CMF hasn't: %s", got)
	}
	old := newRig(t, cmftest.Options{Version: "2.0.1"})
	old.ok("catalog", "apply", "-f", old.file("c.yaml", "apiVersion: cmf.confluent.io/v1\nkind: KafkaCatalog\nmetadata: {name: main}\nspec: {srInstance: {connectionConfig: {schema.registry.url: \"http://sr\"}}, kafkaClusters: [{databaseName: inside, connectionConfig: {bootstrap.servers: \"k:1\"}}]}\n"))
	contains(t, old.ok("catalog", "list"), "inside")
	// Who may not list databases sees the catalogs all the same.
	faulty := newFaultyRig(t, cmftest.Options{})
	faulty.ok("catalog", "create", "main", "--schema-registry", "http://sr")
	faulty.server.Inject(cmftest.Fault{Path: "/databases", Status: 403})
	contains(t, faulty.ok("catalog", "list"), "main", "http://sr")
}

func TestArtifactVersions(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0"})
	r.env("dev-env")
	r.ok("env", "use", "dev-env")
	r.ok("artifact", "create", "my-functions", "--file", r.file("a.jar", "PK1"))
	r.ok("artifact", "update", "my-functions", "--file", r.file("b.jar", "PK22"))
	want(t, r.ok("artifact", "versions", "my-functions", "-o", "jsonpath={.items[*].status.version} {.items[*].status.size}"), "1 2 3 4")
	contains(t, r.ok("artifact", "versions", "my-functions"), "VERSION", "READY")
	want(t, r.ok("artifact", "delete", "my-functions", "--version", "1", "--dry-run=client"), "artifact.cmf.confluent.io/my-functions version 1 deleted (dry run)\n")
	want(t, r.ok("artifact", "delete", "my-functions", "--version", "1"), "artifact.cmf.confluent.io/my-functions version 1 deleted\n")
	want(t, r.ok("artifact", "versions", "my-functions", "-o", "jsonpath={.items[*].status.size}"), "4")
	r.fails(2, "a number from 1", "artifact", "delete", "my-functions", "--version=-1")
}

func TestSavepointPrune(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0"})
	r.env("dev-env")
	r.ok("env", "use", "dev-env")
	r.ok("apply", "-f", r.file("app.yaml", app("basic", "")))
	for _, name := range []string{"one", "two", "three"} {
		r.ok("app", "savepoint", "basic", "--name", name)
	}
	r.ok("savepoint", "update", "-f", r.file("pin.yaml", "apiVersion: cmf.confluent.io/v1\nkind: Savepoint\nmetadata: {name: three}\nspec: {pinned: true}\n"), "--application", "basic")
	for _, args := range []string{"", "--all --source manual", "--older-than 3", "--older-than x", "--source me", "--older-than -1d"} {
		r.fails(2, "", append([]string{"savepoint", "prune", "--application", "basic", "--yes"}, strings.Fields(args)...)...)
	}
	dry := r.ok("savepoint", "prune", "--application", "basic", "--all", "--dry-run=client")
	contains(t, dry, "3 savepoints will be deleted with their data:", "three s3://", "(pinned)")
	if got := r.run("savepoint", "prune", "--application", "basic", "--older-than", "1h", "--yes"); got.code != 0 || !strings.Contains(got.err, "No savepoints match") {
		t.Errorf("%+v", got)
	}
	r.fails(2, "", "savepoint", "prune", "--application", "basic", "--all") // nobody can be asked
	r.server.Forget()
	got := r.fails(1, "1 savepoints were not deleted:\n  three: Savepoint is pinned.", "savepoint", "prune", "--application", "basic", "--source", "manual", "--older-than", "0d", "--yes")
	want(t, got.out, "2 savepoints deleted\n")
	want(t, r.ok("savepoint", "list", "--application", "basic", "-o", "jsonpath={.items[*].metadata.name}"), "three")
	for _, q := range r.server.Requests() {
		if q.Method == http.MethodDelete && (q.Query.Get("olderThanDays") != "0" || q.Query.Get("source") != "MANUAL" || q.Query.Has("olderThanHours")) {
			t.Error(q.Query)
		}
	}
	old := newRig(t, cmftest.Options{Version: "2.3.1"})
	old.env("dev-env")
	old.fails(1, "needs CMF 2.4 or newer", "savepoint", "prune", "--application", "basic", "-e", "dev-env", "--all", "--yes")
}

func TestWaitsForPools(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0", Step: 20 * time.Millisecond})
	r.env("dev-env")
	r.ok("env", "use", "dev-env")
	r.ok("pool", "create", "shared", "--image", "x/cp-flink-sql:2", "--flink-version", "v2_1", "--type", "SHARED")
	want(t, r.ok("pool", "wait", "shared"), "computepool.cmf.confluent.io/shared condition met\n")
	r.ok("pool", "create", "own", "--image", "x/cp-flink-sql:2", "--flink-version", "v2_1", "--wait")
	table := r.ok("pool", "list", "--no-headers")
	for name, words := range map[string]string{"shared": "SHARED RUNNING", "own": "DEDICATED DEDICATED"} {
		found := false
		for line := range strings.Lines(table) {
			found = found || strings.HasPrefix(strings.Join(strings.Fields(line), " "), name+" "+words)
		}
		if !found {
			t.Errorf("%s %s isn't in:\n%s", name, words, table)
		}
	}
	// A statement made with its pool waits for it.
	r.ok("apply", "--wait", "-f", r.file("both.yaml", strings.Replace(strings.Replace(kept, "name: kept", "name: other", 1), "DEDICATED", "SHARED", 1)+"---\napiVersion: cmf.confluent.io/v1\nkind: Statement\nmetadata: {name: s1}\nspec: {statement: \"INSERT INTO t SELECT 1\", computePoolName: other}\n"))
}
