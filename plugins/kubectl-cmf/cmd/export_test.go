package cmd

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

// everything is one of each kind that files describe, in two environments.
const everything = `
apiVersion: cmf.confluent.io/v1
kind: Secret
metadata: {name: kafka-secret, labels: {team: a}}
spec: {data: {sasl.jaas.config: ` + hidden + `}}
---
name: env-a
kubernetesNamespace: flink-a
flinkApplicationDefaults: {spec: {flinkConfiguration: {s3.secret-key: ` + hidden + `}}}
---
name: env-b
kubernetesNamespace: flink-b
---
apiVersion: cmf.confluent.io/v1
kind: EnvironmentSecretMapping
metadata: {name: kafka-secret-id, annotations: {kubectl-cmf/environment: env-a}}
spec: {secretName: kafka-secret}
---
apiVersion: cmf.confluent.io/v1
kind: KafkaCatalog
metadata: {name: main}
spec: {srInstance: {connectionConfig: {schema.registry.url: "http://sr", basic.auth.user.info: "me:` + hidden + `"}}}
---
apiVersion: cmf.confluent.io/v1
kind: KafkaDatabase
metadata: {name: kafka, annotations: {kubectl-cmf/catalog: main}}
spec: {kafkaCluster: {connectionConfig: {bootstrap.servers: "kafka:9092"}}}
---
apiVersion: cmf.confluent.io/v1
kind: ComputePool
metadata: {name: pool1, annotations: {kubectl-cmf/environment: env-a}}
spec: {type: DEDICATED, clusterSpec: {flinkVersion: v2_1, image: "x/cp-flink-sql:2"}}
---
apiVersion: cmf.confluent.io/v1
kind: FlinkApplication
metadata: {name: app1, annotations: {kubectl-cmf/environment: env-a, team: mine}}
spec:
  image: x
  flinkConfiguration: {s3.secret-key: ` + hidden + `, taskmanager.numberOfTaskSlots: "1"}
  podTemplate: {spec: {volumes: [{name: v, emptyDir: {}}], containers: [{name: c, env: [{name: DB_PASSWORD, value: ` + hidden + `}]}]}}
  job: {jarURI: x, parallelism: 12345678901234567}
---
apiVersion: cmf.confluent.io/v1
kind: FlinkApplication
metadata: {name: app1, annotations: {kubectl-cmf/environment: env-b}}
spec: {image: z2, job: {jarURI: x}}
---
apiVersion: cmf.confluent.io/v1
kind: Statement
metadata: {name: z-table, annotations: {kubectl-cmf/environment: env-a}}
spec: {statement: "CREATE TABLE orders (id INT) WITH ('password' = '` + hidden + `')", computePoolName: pool1}
---
apiVersion: cmf.confluent.io/v1
kind: Statement
metadata: {name: insert, annotations: {kubectl-cmf/environment: env-a}}
spec: {statement: "INSERT INTO orders SELECT 1", computePoolName: pool1}
---
apiVersion: cmf.confluent.io/v1
kind: Savepoint
metadata: {name: old}
spec: {path: "s3://x/savepoint-1"}
`

// names are the files of a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func text(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestExportIsAppliedUnchanged(t *testing.T) {
	for _, version := range []string{"2.1.0", "2.3.1", "2.4.0"} {
		t.Run(version, func(t *testing.T) {
			r := newRig(t, cmftest.Options{Version: version})
			r.ok("apply", "-f", r.file("all.yaml", everything), "--wait")
			dir := filepath.Join(t.TempDir(), "new", "dir")
			got := r.run("export", "--all", "-o", dir)
			if got.code != 0 {
				t.Fatal(got)
			}
			contains(t, got.err, "12 objects in 12 files")
			want(t, strings.Join(names(t, dir), "\n"), strings.Join([]string{
				"app_env-a_app1.yaml", "app_env-b_app1.yaml", "catalog_main.yaml", "database_main_kafka.yaml", "detached-savepoint_old.yaml",
				"env_env-a.yaml", "env_env-b.yaml", "pool_env-a_pool1.yaml", "secret-mapping_env-a_kafka-secret-id.yaml", "secret_kafka-secret.yaml",
				"statement_env-a.yaml", "statement_env-a_insert.yaml",
			}, "\n"))
			all := ""
			for _, name := range names(t, dir) {
				all += text(t, dir, name)
			}
			for _, word := range []string{hidden, "creationTimestamp", "updateTimestamp", "created_time", "uid", "status:", "null", "result:"} {
				if strings.Contains(all, word) {
					t.Errorf("%q is in the export:\n%s", word, all)
				}
			}
			contains(t, text(t, dir, "app_env-a_app1.yaml"), "emptyDir: {}", "team: mine", "parallelism: 12345678901234567", "kubectl-cmf/environment: env-a", "value: <as-on-the-server>", "s3.secret-key: <as-on-the-server>")
			contains(t, text(t, dir, "statement_env-a.yaml"), "'password' = '<as-on-the-server>'")

			r.server.Forget()
			again := r.ok("apply", "-f", dir)
			if lines := strings.Split(strings.TrimSpace(again), "\n"); len(lines) != 12 || strings.Count(again, " unchanged\n") != 12 {
				t.Errorf("applied right away:\n%s", again)
			}
			for _, q := range r.server.Requests() {
				if q.Method != http.MethodGet {
					t.Errorf("%s %s was sent", q.Method, q.Path)
				}
			}
			want(t, r.ok("diff", "-f", dir), "")

			// A change keeps what placeholders stand for.
			path := filepath.Join(dir, "app_env-a_app1.yaml")
			if err := os.WriteFile(path, []byte(strings.Replace(text(t, path), `numberOfTaskSlots: "1"`, `numberOfTaskSlots: "2"`, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			diff := r.fails(3, "", "diff", "-f", dir).out
			if strings.Contains(diff, hidden) || strings.Count(diff, "\n+") != 2 {
				t.Errorf("diff:\n%s", diff)
			}
			r.ok("apply", "-f", dir, "--lose-state") // it is stateless
			shown := r.ok("app", "get", "app1", "-e", "env-a", "-o", "json", "--show-secrets")
			if strings.Count(shown, hidden) != 2 || !strings.Contains(shown, `"taskmanager.numberOfTaskSlots": "2"`) {
				t.Errorf("after the change: %s", shown)
			}
			// A second export is the same, byte for byte.
			contains(t, r.run("export", "--all", "-o", dir).err, "12 of them as before")
		})
	}
}

// Where there is nothing to take a secret from, nothing is sent.
func TestPlaceholdersAreNeverSent(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.ok("apply", "-f", r.file("all.yaml", everything), "--wait")
	dir := t.TempDir()
	r.ok("export", "--all", "-o", dir)
	empty := newRig(t, cmftest.Options{})
	got := empty.fails(1, "stands for a secret", "apply", "-f", dir)
	contains(t, got.err, "put the value into spec.srInstance.connectionConfig.basic.auth.user.info", "spec.data: is missing", "env_env-a.yaml")
	// Elsewhere than where it was, it means nothing.
	moved := strings.Replace(text(t, dir, "app_env-a_app1.yaml"), "s3.secret-key", "s3.other.secret-key", 1)
	r.fails(1, "stands for a secret", "apply", "-f", r.file("moved.yaml", moved))
	for _, q := range append(empty.server.Requests(), r.server.Requests()...) {
		if strings.Contains(string(q.Body), "as-on-the-server") {
			t.Errorf("%s %s has a placeholder: %s", q.Method, q.Path, q.Body)
		}
	}
}

func TestExportOfOneEnvironment(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.ok("apply", "-f", r.file("all.yaml", everything), "--wait")
	dir := t.TempDir()
	r.ok("export", "-e", "env-a", "-o", dir)
	want(t, strings.Join(names(t, dir), " "), "app_env-a_app1.yaml env_env-a.yaml pool_env-a_pool1.yaml secret-mapping_env-a_kafka-secret-id.yaml statement_env-a.yaml statement_env-a_insert.yaml")
	if strings.Contains(text(t, dir, "app_env-a_app1.yaml"), "kubectl-cmf/environment") {
		t.Error("an export of one environment says of each object where it lives")
	}
	if again := r.ok("apply", "-f", dir); strings.Count(again, " unchanged\n") != 6 {
		t.Errorf("applied right away:\n%s", again)
	}
	r.stdin = r.ok("export", "-e", "env-a", "-o", "-")
	if again := r.ok("apply", "-f", "-"); strings.Count(again, " unchanged\n") != 6 {
		t.Errorf("applied from a stream:\n%s", again)
	}
	// What is gone on the server is reported, and removed on demand.
	r.ok("statement", "delete", "insert", "-e", "env-a", "--lose-state")
	contains(t, r.run("export", "-e", "env-a", "-o", dir).err, "statement_env-a_insert.yaml; --prune removes them")
	contains(t, r.ok("export", "-e", "env-a", "-o", dir, "--prune"), "statement_env-a_insert.yaml removed")
	if len(names(t, dir)) != 5 {
		t.Errorf("%v", names(t, dir))
	}
	r.fails(2, "exclude each other", "export", "-e", "env-a", "--all", "-o", dir)
	r.fails(2, "-o DIR", "export", "--all")
}

func TestExportOf500(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	var all strings.Builder
	for i := range 499 {
		fmt.Fprintf(&all, "---\napiVersion: cmf.confluent.io/v1\nkind: FlinkApplication\nmetadata: {name: app-%03d}\nspec: {image: x, flinkConfiguration: {db.password: p-%d}, job: {jarURI: x, parallelism: %d}}\n", i, i, i+1)
	}
	r.ok("apply", "-f", r.file("all.yaml", all.String()), "-e", "dev-env")
	dir := t.TempDir()
	r.ok("export", "-e", "dev-env", "-o", dir)
	if n := len(names(t, dir)); n != 500 {
		t.Errorf("%d files", n)
	}
	if again := r.ok("apply", "-f", dir); strings.Count(again, " unchanged\n") != 500 {
		t.Errorf("applied right away:\n%s", again)
	}
}

// A directory holds what others wrote, and links that lead elsewhere.
func TestExportWritesNothingElsewhere(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	dir, outside := t.TempDir(), t.TempDir()
	mine := filepath.Join(outside, "mine.yaml")
	for path, data := range map[string]string{filepath.Join(dir, "env_dev-env.yaml"): "mine: 1\n", filepath.Join(dir, "other.yaml"): "mine: 2\n", mine: "mine: 3\n"} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.fails(1, "would be overwritten: env_dev-env.yaml", "export", "-e", "dev-env", "-o", dir)
	want(t, text(t, dir, "env_dev-env.yaml"), "mine: 1\n")
	r.ok("export", "-e", "dev-env", "-o", dir, "--overwrite", "--prune")
	contains(t, text(t, dir, "env_dev-env.yaml"), "kubernetesNamespace: flink")
	want(t, text(t, dir, "other.yaml"), "mine: 2\n")

	link := filepath.Join(dir, "env_dev-env.yaml")
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(mine, link); err != nil {
		t.Fatal(err)
	}
	r.fails(1, "would be overwritten", "export", "-e", "dev-env", "-o", dir)
	r.ok("export", "-e", "dev-env", "-o", dir, "--overwrite")
	want(t, text(t, mine), "mine: 3\n")
	for _, name := range names(t, dir) {
		if strings.HasPrefix(name, ".kubectl-cmf") {
			t.Errorf("%s was left", name)
		}
	}
}

// What a server names may be meant to lead elsewhere.
func TestExportChecksNames(t *testing.T) {
	for _, name := range []string{"../../etc/x", "..", "a/b", `a\\b`, "a_b", ".hidden", "a\u0000b", "", "x:y", "nul."} {
		r := newFaultyRig(t, cmftest.Options{})
		r.env("dev-env")
		body := fmt.Sprintf(`{"items":[{"apiVersion":"cmf.confluent.io/v1","kind":"FlinkApplication","metadata":{"name":%q},"spec":{"image":"x"}}]}`, strings.ReplaceAll(name, `\\`, `\`))
		body = strings.ReplaceAll(body, `\x00`, `\u0000`)
		r.server.Inject(cmftest.Fault{Method: http.MethodGet, Path: "/dev-env/applications", Status: 200, Body: body, ContentType: "application/json"})
		parent := t.TempDir()
		dir := filepath.Join(parent, "a", "b")
		r.fails(1, "name", "export", "-e", "dev-env", "-o", dir)
		if len(names(t, parent)) != 0 {
			t.Errorf("%q: %v", name, names(t, parent))
		}
	}
}
