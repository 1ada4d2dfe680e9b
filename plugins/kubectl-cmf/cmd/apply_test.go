package cmd

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

const pool1 = `
apiVersion: cmf.confluent.io/v1
kind: ComputePool
metadata:
  name: pool1
  labels: {team: a}
spec:
  type: DEDICATED
  clusterSpec:
    image: confluentinc/cp-flink-sql:1.19-cp5
    flinkConfiguration: {taskmanager.numberOfTaskSlots: "4"}
`

func app(name string, extra string) string {
	return `
apiVersion: cmf.confluent.io/v1
kind: FlinkApplication
metadata: {name: ` + name + `}
spec:
  image: confluentinc/cp-flink:2.1.1
  flinkVersion: v2_1
  unknownField: {kept: [1, 2.50, 12345678901234567890]}
  job: {jarURI: "local:///x.jar", parallelism: 2, state: running, upgradeMode: savepoint` + extra + `}
`
}

func TestWhichEnvironment(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.fails(2, "there is no environment yet", "app", "list")
	r.env("dev-env")
	r.ok("app", "list") // the only one
	r.env("staging")
	r.fails(2, "There are: dev-env, staging", "app", "list")
	r.fails(2, "There are: dev-env, staging", "apply", "-f", r.file("pool.yaml", pool1))
	r.fails(1, `no environment "nope"; there are: dev-env, staging`, "env", "use", "nope")
	r.ok("env", "use", "staging")
	want(t, r.ok("env", "use"), "staging\n")
	r.ok("pool", "create", "-f", r.file("pool.yaml", pool1))
	r.ok("pool", "get", "pool1", "-e", "staging", "-o", "name")
	r.fails(1, `pool "pool1" in environment "dev-env" not found`, "pool", "get", "pool1", "-e", "dev-env")
	contains(t, r.ok("pool", "list", "-A"), "ENVIRONMENT", "staging")
	r.ok("env", "use", "--unset")
	r.fails(2, "There are", "app", "list")
}

func TestWhereAFilesObjectsGo(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	files := r.file("all.yaml", `
name: only-env
kubernetesNamespace: flink
---`+pool1+`---
apiVersion: cmf.confluent.io/v1
kind: KafkaDatabase
metadata: {name: db1}
spec: {kafkaCluster: {connectionConfig: {bootstrap.servers: "k:9092"}}}
---
apiVersion: cmf.confluent.io/v1
kind: KafkaCatalog
metadata: {name: cat1}
spec: {srInstance: {connectionConfig: {schema.registry.url: "http://s"}}}
`)
	want(t, r.ok("apply", "-f", files), `environment.cmf.confluent.io/only-env created
kafkacatalog.cmf.confluent.io/cat1 created
kafkadatabase.cmf.confluent.io/db1 created
computepool.cmf.confluent.io/pool1 created
`)
	r.ok("pool", "get", "pool1", "-e", "only-env")
	stated := r.file("stated.yaml", strings.Replace(pool1, "labels: {team: a}", "annotations: {kubectl-cmf/environment: only-env}", 1))
	r.fails(2, `says "only-env", the command line "other"`, "apply", "-f", stated, "-e", "other")
	r.ok("apply", "-f", stated)
}

func TestBadFilesAreRefusedBeforeAnythingIsChanged(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.server.Forget()
	for name, tc := range map[string]struct {
		text  string
		code  int
		words string
	}{
		"no name":              {strings.Replace(pool1, "name: pool1", "nome: pool1", 1), 2, "bad.yaml: metadata.name: is missing"},
		"number as a name":     {strings.Replace(pool1, "name: pool1", "name: 12", 1), 2, "metadata.name: must be a string, is a number; quote it"},
		"number as a label":    {strings.Replace(pool1, "{team: a}", "{version: 1.20}", 1), 2, "metadata.labels.version: must be a string"},
		"spec is a list":       {"apiVersion: cmf.confluent.io/v1\nkind: ComputePool\nmetadata: {name: p}\nspec: []\n", 2, "spec: must be an object, is a list"},
		"kubernetes' secret":   {"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n", 1, "not a CMF resource: v1 Secret"},
		"unknown kind":         {"apiVersion: cmf.confluent.io/v1\nkind: Pool\nmetadata: {name: s}\n", 1, "has no kind Pool"},
		"second document":      {pool1 + "---\n" + pool1, 2, "bad.yaml:13 (document 2): pool \"pool1\" in environment \"dev-env\" is there already, at bad.yaml:1 (document 1)"},
		"double key":           {"a: 1\na: 2\n", 2, `bad.yaml:1: not valid YAML: line 2: key "a" already set`},
		"broken yaml":          {"ok: 1\n---\na: [\n", 2, "bad.yaml:3: not valid YAML"},
		"broken json":          {"{\n\"a\": ]", 2, "bad.yaml:"},
		"a number as a secret": {"apiVersion: cmf.confluent.io/v1\nkind: Secret\nmetadata: {name: s}\nspec: {data: {sasl.password: 0123}}\n", 2, "bad.yaml: spec.data.sasl.password: must be a string, is a number; quote it"},
		"another environment":  {strings.Replace(pool1, "type: DEDICATED", "type: DEDICATED\n  flinkEnvironment: prod", 1), 2, `bad.yaml: its field spec.flinkEnvironment says "prod", but it would go to environment "dev-env"`},
		"a path as a name":     {strings.Replace(pool1, "pool1", "a/b", 1), 2, "bad.yaml: metadata.name: that can't be the name of the pool"},
		"two names":            {"name: dev-env\nkubernetesNamespace: flink\nmetadata: {name: other}\n", 2, `bad.yaml: metadata.name: says "other", but name "dev-env"`},
		"empty":                {"# nothing\n", 1, "no objects there"},
		"own output":           {strings.Replace(pool1, `"4"`, `"<redacted>"`, 1), 2, "output that hides secrets"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Chdir(dir)
			r := *r
			r.T = t
			r.fails(tc.code, tc.words, "apply", "-f", "bad.yaml", "-e", "dev-env")
		})
	}
	for _, q := range r.server.Requests() {
		if q.Method != http.MethodGet {
			t.Errorf("%s %s was sent", q.Method, q.Path)
		}
	}
	// What a creation lacks is known before the first request that changes.
	r.fails(2, "", "apply", "-f", "-", "-f", "x", "--dry-run=bad")
	r.fails(1, "spec.type: is missing", "apply", "-e", "dev-env", "-f", r.file("x.yaml", app("fine", "")+"---\n"+strings.Replace(pool1, "type: DEDICATED", "", 1)))
	r.fails(1, `app "fine" in environment "dev-env" not found`, "app", "get", "fine", "-e", "dev-env")
}

// The published documents have texts only in a statement's properties and
// configuration, and a catalog's; YAML has numbers there.
func TestNumbersInConfigurationsAreSentAsTexts(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.env("prod")
	file := r.file("all.yaml", catalogAndDatabase+"---"+pool1+`---
apiVersion: cmf.confluent.io/v1
kind: Statement
metadata: {name: s1}
spec:
  flinkEnvironment: dev-env
  statement: SELECT 1
  computePoolName: pool1
  properties: {sql.local-time-zone: UTC, a: 1}
  flinkConfiguration: {parallelism.default: 2, pipeline.object-reuse: true}
`)
	r.ok("apply", "-f", file, "-e", "dev-env")
	contains(t, r.ok("statement", "get", "s1", "-e", "dev-env", "-o", "yaml"), `parallelism.default: "2"`, `pipeline.object-reuse: "true"`, `a: "1"`)
	contains(t, r.ok("apply", "-f", file, "-e", "dev-env"), "s1 unchanged")
	r.fails(2, `says "dev-env", but it would go to environment "prod"`, "apply", "-f", file, "-e", "prod")
}

// CMF would say so of the second object, when the first is made.
func TestAPlaceThatIsNotThereIsFoundBeforeAnythingIsChanged(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	secret := "apiVersion: cmf.confluent.io/v1\nkind: Secret\nmetadata: {name: s1}\nspec: {data: {a: b}}\n---"
	r.fails(1, `pool "pool1" in environment "typo" can't be created: env "typo" not found`, "apply", "-f", r.file("a.yaml", secret+pool1), "-e", "typo")
	r.fails(1, `can't be created: env "typo" not found`, "apply", "-f", r.file("a.yaml", pool1), "-e", "typo", "--dry-run=client")
	r.fails(1, `database "db1" in catalog "nope" can't be created: catalog "nope" not found`, "apply", "-f", r.file("d.yaml", secret+strings.Split(catalogAndDatabase, "---")[1]), "--catalog", "nope")
	r.fails(1, `pool "pool1" in environment "typo" does not exist`, "pool", "update", "-f", r.file("p.yaml", pool1), "-e", "typo")
	want(t, r.ok("secret", "list", "-o", "name"), "")
	// What comes along with the objects is there in time.
	contains(t, r.ok("apply", "-f", r.file("b.yaml", "name: typo\nkubernetesNamespace: flink\n---"+pool1+"---"+catalogAndDatabase)), "pool1 created", "db1 created")
	// What one may not look at may be there.
	f := newFaultyRig(t, cmftest.Options{})
	f.env("dev-env")
	f.server.Inject(cmftest.Fault{Method: http.MethodGet, Path: "/environments/dev-env", Times: 2, Skip: 1, Status: http.StatusForbidden})
	contains(t, f.ok("apply", "-f", f.file("p.yaml", pool1), "-e", "dev-env"), "pool1 created")
}

// Of labels that aren't sent CMF keeps what it has.
func TestNoLabelsTakesThemAway(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("p.yaml", pool1))
	none := r.file("none.yaml", strings.Replace(pool1, "labels: {team: a}", "labels: {}", 1))
	contains(t, r.ok("apply", "-f", none), "pool1 configured")
	want(t, r.ok("pool", "list", "-l", "team", "-o", "name"), "")
	contains(t, r.ok("apply", "-f", none), "pool1 unchanged")
}

func TestUnknownFieldsPassThrough(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("a.yaml", app("app1", "")))
	contains(t, r.ok("app", "get", "app1", "-o", "jsonpath={.spec.unknownField}"), `{"kept":[1,2.5,12345678901234567`)
	contains(t, r.ok("app", "get", "app1", "-o", "json"), "12345678901234567890")
	contains(t, r.ok("apply", "-f", r.file("b.yaml", app("app1", ""))), "unchanged")
}

func TestEnvironmentKeepsWhatAFileDoesNotName(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.2.0"})
	r.ok("apply", "-f", r.file("e.yaml", "name: prod\nkubernetesNamespace: flink\nflinkApplicationDefaults: {spec: {image: x}}\nstatementDefaults: {detached: {flinkConfiguration: {a: b}}}\n"))
	contains(t, r.ok("apply", "-f", r.file("e2.yaml", "name: prod\ncomputePoolDefaults: {clusterSpec: {image: yy}}\n")), "configured")
	got := r.ok("env", "get", "prod", "-o", "yaml")
	contains(t, got, "image: x", "image: yy", "a: b", "kubernetesNamespace: flink")
	r.fails(1, "kubernetesNamespace can't be changed", "apply", "-f", r.file("e3.yaml", "name: prod\nkubernetesNamespace: other\n"))
	e4 := r.file("e4.yaml", "name: prod\nkubernetesNamespace: flink\nflinkApplicationDefaults: null\n")
	r.fails(1, `flinkApplicationDefaults would be emptied in env "prod"`, "apply", "-f", e4)
	contains(t, r.ok("env", "get", "prod", "-o", "yaml"), "image: x")
	contains(t, r.ok("apply", "-f", e4, "--clear"), "configured")
	if got := r.ok("env", "get", "prod", "-o", "yaml"); strings.Contains(got, "image: x") {
		t.Errorf("null did not clear the defaults:\n%s", got)
	}
}

func TestImmutableNeedsForce(t *testing.T) {
	changed := strings.Replace(pool1, `"4"`, `"8"`, 1)
	for version, updates := range map[string]bool{"2.0.1": false, "2.2.3": false, "2.3.1": true, "2.4.0": true} {
		r := newRig(t, cmftest.Options{Version: version})
		r.env("dev-env")
		r.ok("apply", "-f", r.file("p.yaml", pool1))
		file := r.file("p2.yaml", changed)
		if updates {
			contains(t, r.ok("apply", "-f", file), "pool1 configured")
			continue
		}
		r.fails(1, "can't update a pool (2.3 can); --force deletes it and creates it again", "apply", "-f", file)
		got := r.run("apply", "-f", file, "--force")
		if got.code != 0 || !strings.Contains(got.out, "pool1 replaced") || !strings.Contains(got.err, "deleted and created again") {
			t.Errorf("%s: %+v", version, got)
		}
		contains(t, r.ok("pool", "get", "pool1", "-o", "yaml"), `"8"`)
	}
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("p.yaml", pool1))
	r.fails(1, "spec.type can't be changed", "apply", "-f", r.file("p3.yaml", strings.Replace(pool1, "DEDICATED", "SHARED", 1)))
}

func TestManagedByCFKIsRefused(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	managed := strings.Replace(app("app1", ""), "{name: app1}", `{name: app1, annotations: {cmf.platform.confluent.io/managed-by: confluent/app1}}`, 1)
	r.ok("apply", "-f", r.file("a.yaml", managed))
	changed := r.file("b.yaml", strings.Replace(app("app1", ""), "parallelism: 2", "parallelism: 3", 1))
	r.fails(1, "managed by Confluent for Kubernetes (confluent/app1)", "apply", "-f", changed)
	r.fails(1, "managed by Confluent for Kubernetes", "app", "delete", "app1", "--lose-state")
	r.fails(1, "managed by Confluent for Kubernetes", "app", "suspend", "app1")
	r.ok("apply", "-f", changed, "--force")
	contains(t, r.ok("app", "get", "app1", "-o", "yaml"), "managed-by: confluent/app1", "parallelism: 3")
}

func manyPools(n int) string {
	var out strings.Builder
	for i := range n {
		out.WriteString("---" + strings.Replace(pool1, "name: pool1", fmt.Sprintf("name: pool-%03d", i), 1))
	}
	return out.String()
}

func TestInterruptedApplyIsFinishedByASecondRun(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{})
	r.env("dev-env")
	file := r.file("pools.yaml", manyPools(40)+"---"+app("app1", ""))
	ctx, cancel := context.WithCancelCause(t.Context())
	r.server.Inject(cmftest.Fault{Method: http.MethodPost, Skip: 15, Times: 1, Delay: time.Millisecond, Hook: func() { cancel(context.Canceled) }})
	got := r.runContext(ctx, "apply", "-f", file, "--parallel", "4")
	if got.code != 130 {
		t.Fatalf("exit code %d\n%s", got.code, got.err)
	}
	contains(t, got.err, "not done:", "flinkapplication.cmf.confluent.io/app1", "run the same command again to finish")
	done := strings.Count(got.out, " created\n")
	if there := strings.Count(r.ok("pool", "list", "-o", "name"), "\n"); there != done {
		t.Errorf("%d pools are there, but %d were reported", there, done)
	}
	again := r.ok("apply", "-f", file)
	if n := strings.Count(again, " unchanged\n"); n != done {
		t.Errorf("%d unchanged in the second run, want %d", n, done)
	}
	if third := r.ok("apply", "-f", file); strings.Count(third, " unchanged\n") != 41 {
		t.Errorf("the third run:\n%s", third)
	}
}

func TestFailureHalfWay(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{})
	r.env("dev-env")
	r.server.Inject(cmftest.Fault{Method: http.MethodPost, Path: "/compute-pools", Times: 1, Status: 500, Body: `{"errors":[{"message":"database is locked"}]}`})
	file := r.file("all.yaml", pool1+"---"+app("app1", ""))
	got := r.fails(1, "database is locked", "apply", "-f", file)
	contains(t, got.err, "not done:\n  flinkapplication.cmf.confluent.io/app1")
	want(t, got.out, "")
	want(t, r.ok("apply", "-f", file), "computepool.cmf.confluent.io/pool1 created\nflinkapplication.cmf.confluent.io/app1 created\n")
}

func sortedLines(text string) string {
	return strings.Join(slices.Sorted(strings.Lines(text)), "")
}

func TestPruneByLabelAndInventory(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("two.yaml", pool1+"---"+strings.Replace(pool1, "pool1", "pool2", 1)+"---"+strings.Replace(strings.Replace(pool1, "pool1", "other", 1), "team: a", "team: b", 1)))
	r.fails(2, "--prune needs either", "apply", "-f", r.file("one.yaml", pool1), "--prune")
	r.fails(2, "computepool.cmf.confluent.io/pool2 in environment dev-env", "apply", "-f", r.file("one.yaml", pool1), "--prune", "-l", "team=a")
	r.ok("pool", "get", "pool2")
	contains(t, r.ok("apply", "-f", r.file("one.yaml", pool1), "--prune", "-l", "team=a", "--dry-run=client"), "pool2 pruned (dry run)")
	// What is done at the same time is printed as it ends.
	want(t, sortedLines(r.ok("apply", "-f", r.file("one.yaml", pool1), "--prune", "-l", "team=a", "--yes")), "computepool.cmf.confluent.io/pool1 unchanged\ncomputepool.cmf.confluent.io/pool2 pruned\n")
	r.ok("pool", "get", "other")
	r.ok("apply", "-f", r.file("two.yaml", manyPools(2)), "--inventory", "set-a")
	want(t, sortedLines(r.ok("apply", "-f", r.file("one.yaml", manyPools(1)), "--inventory", "set-a", "--prune", "--yes")), "computepool.cmf.confluent.io/pool-000 unchanged\ncomputepool.cmf.confluent.io/pool-001 pruned\n")
}

// CMF before 2.3 takes no metadata of an environment.
func TestAnOldEnvironmentHasNoLabels(t *testing.T) {
	for _, version := range all {
		r := newRig(t, cmftest.Options{Version: version})
		old := version < "2.3"
		plain := "name: prod\nkubernetesNamespace: flink\n"
		file := r.file("all.yaml", plain+"metadata: {name: prod, annotations: {kubectl-cmf/environment: prod}}\n---"+pool1)
		r.ok("apply", "-f", file, "--inventory", "set-a")
		contains(t, r.ok("apply", "-f", file, "--inventory", "set-a"), "prod unchanged", "pool1 unchanged")
		labeled := r.file("labels.yaml", app("app1", "")+"---\n"+plain+"metadata: {labels: {team: a}}\n")
		if !old {
			contains(t, r.ok("apply", "-f", labeled), "prod configured")
			continue
		}
		r.fails(1, `labels.yaml:11 (document 2): metadata.labels of env "prod" needs CMF 2.3 or newer`, "apply", "-f", labeled)
		r.fails(1, `app "app1" in environment "prod" not found`, "app", "get", "app1")
	}
}

const catalogAndDatabase = `
apiVersion: cmf.confluent.io/v1
kind: KafkaCatalog
metadata: {name: cat1}
spec: {srInstance: {connectionConfig: {schema.registry.url: "http://s"}}}
---
apiVersion: cmf.confluent.io/v1
kind: KafkaDatabase
metadata: {name: db1}
spec: {kafkaCluster: {connectionConfig: {bootstrap.servers: "k:9092"}}}
`

// CMF deletes no catalog with databases in it.
func TestPruneOfACatalogWithItsDatabases(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("all.yaml", catalogAndDatabase+"---"+pool1), "--inventory", "set-a")
	r.ok("apply", "-f", r.file("other.yaml", strings.ReplaceAll(catalogAndDatabase, "1}", "2}")))
	one := r.file("one.yaml", pool1)
	want(t, r.ok("apply", "-f", one, "--inventory", "set-a", "--prune", "--yes"), `computepool.cmf.confluent.io/pool1 unchanged
kafkadatabase.cmf.confluent.io/db1 pruned
kafkacatalog.cmf.confluent.io/cat1 pruned
`)
	// What is somebody else's keeps its catalog.
	want(t, r.ok("database", "list", "--catalog", "cat2", "-o", "name"), "kafkadatabase.cmf.confluent.io/db2\n")
	r.ok("apply", "-f", r.file("cat2.yaml", strings.ReplaceAll(catalogAndDatabase, "1}", "2}")), "--inventory", "set-b")
	r.ok("apply", "-f", r.file("db3.yaml", strings.Split(strings.ReplaceAll(catalogAndDatabase, "1}", "3}"), "---")[1]), "--catalog", "cat2")
	r.fails(1, "contains 1 databases", "apply", "-f", one, "--inventory", "set-b", "--prune", "--yes")
	want(t, r.ok("database", "list", "--catalog", "cat2", "-o", "name"), "kafkadatabase.cmf.confluent.io/db3\n")
}

func TestDiff(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	file := r.file("p.yaml", pool1)
	got := r.run("diff", "-f", file)
	if got.code != 3 {
		t.Errorf("exit code %d for an object that isn't there", got.code)
	}
	r.ok("apply", "-f", file)
	if got := r.run("diff", "-f", file); got.code != 0 || got.out != "" {
		t.Errorf("%+v", got)
	}
	got = r.run("diff", "-f", r.file("p2.yaml", strings.Replace(pool1, `"4"`, `"8"`, 1)))
	if got.code != 3 {
		t.Errorf("exit code %d", got.code)
	}
	contains(t, got.out, "--- live/computepool.cmf.confluent.io/pool1", `-      taskmanager.numberOfTaskSlots: "4"`, `+      taskmanager.numberOfTaskSlots: "8"`)
}

func TestDryRunChangesNothing(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.server.Forget()
	want(t, r.ok("apply", "-f", r.file("p.yaml", pool1), "--dry-run=client"), "computepool.cmf.confluent.io/pool1 created (dry run)\n")
	contains(t, r.ok("apply", "-f", r.file("p.yaml", pool1), "--dry-run=client", "-o", "yaml"), "kind: ComputePool")
	r.fails(2, "no version of CMF can check a change", "apply", "-f", r.file("p.yaml", pool1), "--dry-run=server")
	for _, q := range r.server.Requests() {
		if q.Method != http.MethodGet {
			t.Errorf("%s %s was sent", q.Method, q.Path)
		}
	}
}

func TestFilesFromEverywhere(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.stdin = pool1
	contains(t, r.ok("apply", "-f", "-"), "pool1 created")
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"a.json":     `[{"apiVersion":"cmf.confluent.io/v1","kind":"Secret","metadata":{"name":"from-list"},"spec":{"data":{"k":"v"}}}]`,
		"b.yml":      app("app1", ""),
		"notes.txt":  "not read",
		"sub/c.yaml": app("app2", ""),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want(t, r.ok("apply", "-f", dir), "secret.cmf.confluent.io/from-list created\nflinkapplication.cmf.confluent.io/app1 created\n")
	contains(t, r.ok("apply", "-f", dir, "-R"), "app2 created")
	// Our own list output can be applied again.
	r.stdin = r.ok("app", "list", "-o", "json")
	if got := r.ok("apply", "-f", "-"); strings.Count(got, "unchanged") != 2 {
		t.Errorf("own output applied:\n%s", got)
	}
}
