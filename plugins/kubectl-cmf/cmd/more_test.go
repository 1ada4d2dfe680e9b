package cmd

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

func TestWatchPrintsChanges(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("p.yaml", pool1))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errOut buffer
	ended := make(chan int, 1)
	go func() { ended <- r.start(ctx, &out, &errOut, "pool", "list", "-w") }()
	until := func(what string, text func() string) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); !strings.Contains(text(), what); {
			if time.Now().After(deadline) {
				t.Fatalf("%q does not come:\n%s%s", what, out.text(), errOut.text())
			}
			time.Sleep(time.Millisecond)
		}
	}
	until("pool1", out.text)
	send(t, r, http.MethodPost, "/cmf/api/v1/environments/dev-env/compute-pools", `{"apiVersion":"cmf.confluent.io/v1","kind":"ComputePool","metadata":{"name":"pool2"},"spec":{"type":"DEDICATED","clusterSpec":{}}}`)
	until("pool2", out.text)
	send(t, r, http.MethodDelete, "/cmf/api/v1/environments/dev-env/compute-pools/pool2", "")
	until("dev-env/pool2 deleted", errOut.text)
	cancel()
	if code := <-ended; code != 130 {
		t.Errorf("exit code %d", code)
	}
	if n := strings.Count(out.text(), "NAME "); n != 1 {
		t.Errorf("%d headings:\n%s", n, out.text())
	}
}

func send(t *testing.T, r *rig, method, path, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode >= 300 {
		t.Fatalf("%s %s: %s", method, path, response.Status)
	}
}

func TestEdit(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("catalog", "create", "-f", r.file("c.yaml", `
apiVersion: cmf.confluent.io/v1
kind: KafkaCatalog
metadata: {name: cat1}
spec: {srInstance: {connectionConfig: {schema.registry.url: "http://old", basic.auth.user.info: "me:`+hidden+`"}}}
`))
	script := func(text string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "editor.sh")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("KUBE_EDITOR", path)
	}
	script(`grep -q '` + hidden + `' "$1" && exit 9; sed -i 's#http://old#http://new#' "$1"`)
	want(t, r.ok("catalog", "edit", "cat1"), "kafkacatalog.cmf.confluent.io/cat1 configured\n")
	contains(t, r.ok("catalog", "get", "cat1", "-o", "yaml", "--show-secrets"), "http://new", "me:"+hidden)
	script(`true`)
	if got := r.run("catalog", "edit", "cat1"); got.code != 0 || !strings.Contains(got.err, "no changes made") {
		t.Errorf("%+v", got)
	}
	script(`echo 'kafkaClusters: []' >> "$1"`)
	r.fails(1, "kafkaClusters: is in the wrong place; it belongs to spec", "catalog", "edit", "cat1")
	// What is taken out of the text goes.
	r.ok("catalog", "update", "-f", r.file("c2.yaml", `
apiVersion: cmf.confluent.io/v1
kind: KafkaCatalog
metadata: {name: cat1, labels: {team: a}, annotations: {note: x, other: z}}
spec: {srInstance: {connectionConfig: {schema.registry.url: "http://new", basic.auth.user.info: "me:`+hidden+`"}}}
`))
	script(`sed -i -e '/labels:/d' -e '/team:/d' -e '/note:/d' "$1"`)
	want(t, r.ok("catalog", "edit", "cat1"), "kafkacatalog.cmf.confluent.io/cat1 configured\n")
	want(t, r.ok("catalog", "get", "cat1", "-o", "jsonpath={.metadata.labels}{.metadata.annotations}"), `{}{"other":"z"}`)
	r.ok("apply", "-f", r.file("e.yaml", "name: dev-env\nmetadata: {labels: {a: b}}\nstatementDefaults: {detached: {flinkConfiguration: {k: v}}}\n"))
	script(`sed -i -e '/labels:/d' -e '/ a: b/d' -e '/statementDefaults:/,$d' "$1"`)
	want(t, r.ok("env", "edit", "dev-env"), "environment.cmf.confluent.io/dev-env configured\n")
	if got := r.ok("env", "get", "dev-env", "-o", "yaml"); strings.Contains(got, "k: v") || strings.Contains(got, "a: b") || !strings.Contains(got, "kubernetesNamespace: flink") {
		t.Errorf("the environment after it was edited:\n%s", got)
	}
	script(`sed -i 's#name: cat1#name: cat2#' "$1"`)
	r.fails(1, "your changes are kept in", "catalog", "edit", "cat1")
	script(`echo 'a: [' > "$1"`)
	r.fails(2, "not valid YAML", "catalog", "edit", "cat1")
	// Someone else is faster.
	script(`sed -i 's#http://new#http://mine#' "$1"; : > "$1.ready"; while [ ! -e "$1.go" ]; do :; done`)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	done := make(chan result, 1)
	go func() { done <- r.run("catalog", "edit", "cat1") }()
	var ready []string
	for deadline := time.Now().Add(10 * time.Second); len(ready) == 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		ready, _ = filepath.Glob(filepath.Join(dir, "kubectl-cmf-edit-*", "*.ready"))
	}
	if len(ready) == 0 {
		t.Fatal("the editor does not start")
	}
	send(t, r, http.MethodPut, "/cmf/api/v1/catalogs/kafka/cat1", `{"apiVersion":"cmf.confluent.io/v1","kind":"KafkaCatalog","metadata":{"name":"cat1"},"spec":{"srInstance":{"connectionConfig":{"schema.registry.url":"http://theirs"}}}}`)
	if err := os.WriteFile(strings.TrimSuffix(ready[0], ".ready")+".go", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got := <-done
	if got.code != 1 || !strings.Contains(got.err, "changed by someone else meanwhile") {
		t.Errorf("%+v", got)
	}
	contains(t, r.ok("catalog", "get", "cat1", "-o", "yaml"), "http://theirs")
	r.ok("secret", "create", "secret1", "--from-literal", "a=b")
	r.fails(1, "can't be edited", "secret", "edit", "secret1")
}

func TestCompletion(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.env("staging")
	r.ok("apply", "-f", r.file("p.yaml", pool1), "-e", "dev-env")
	for _, tc := range []struct {
		args  []string
		parts []string
	}{
		{[]string{"env", "use", ""}, []string{"dev-env", "staging"}},
		{[]string{"pool", "get", "-e", ""}, []string{"dev-env", "staging"}},
		{[]string{"pool", "get", "-e", "dev-env", ""}, []string{"pool1\tDEDICATED"}},
		{[]string{"pool", "l"}, []string{"list"}},
		{[]string{"comp"}, []string{"compute"}},
	} {
		// The address has to come before the word that is completed.
		args := append([]string{"__complete", "--cmf-url", r.url}, tc.args...)
		bare := *r
		bare.url = ""
		got := bare.run(args...)
		if got.code != 0 {
			t.Errorf("%v: %+v", tc.args, got)
		}
		if tc.args[0] != "comp" {
			contains(t, got.out, tc.parts...)
		}
	}
}

// kubectl leaves the completion of its own flags to its plugins.
func TestKubectlsOwnFlagsComplete(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	bare := *r
	bare.url = ""
	kubeconfig := r.file("kubeconfig", `{"apiVersion": "v1", "kind": "Config", "current-context": "here",
"clusters": [{"name": "west", "cluster": {"server": "https://127.0.0.1:1"}}], "users": [{"name": "me", "user": {"token": "t"}}],
"contexts": [{"name": "here", "context": {"cluster": "west", "user": "me"}}, {"name": "arn:aws:eks:eu-west-1:1:cluster/there", "context": {"cluster": "west", "user": "me"}}]}`)
	for flag, want := range map[string]string{
		"--context": "arn:aws:eks:eu-west-1:1:cluster/there\nhere\n:4\n", "--cluster": "west\n:4\n", "--user": "me\n:4\n", "--namespace": ":4\n",
	} {
		if got := bare.run("__complete", "env", "list", "--kubeconfig", kubeconfig, flag, ""); got.out != want {
			t.Errorf("%s: %+v, want %q", flag, got, want)
		}
	}
}

func TestShortForms(t *testing.T) {
	for _, version := range all {
		r := newRig(t, cmftest.Options{Version: version})
		r.ok("environment", "create", "dev-env", "--kubernetes-namespace", "flink", "--defaults", r.file("d.yaml", "spec: {flinkConfiguration: {a: b}}\n"))
		r.ok("env", "use", "dev-env")
		r.ok("secret", "create", "kafka-secret", "--from-file", "sasl.jaas.config="+r.file("jaas", "x"))
		r.ok("secret-mapping", "create", "kafka-secret-id", "--secret", "kafka-secret")
		if version > "2.1" {
			r.ok("catalog", "create", "main", "--schema-registry", "http://sr:8081", "--secret-id", "kafka-secret-id")
			r.ok("database", "create", "kafka", "--catalog", "main", "--bootstrap-servers", "k:9092", "--ddl-environments", "dev-env")
			contains(t, r.ok("database", "list", "--catalog", "main"), "k:9092", "dev-env")
			r.fails(1, "contains 1 databases", "catalog", "delete", "main")
		}
		r.ok("pool", "create", "pool1", "--image", "confluentinc/cp-flink-sql:2.1", "--flink-version", "v2_1")
		r.ok("statement", "create", "stmt-1", "--sql", "SELECT 1", "--pool", "pool1", "--set", "a=b")
		r.fails(2, "--pool is missing", "statement", "create", "stmt-2", "--sql", "SELECT 1")
		r.fails(2, "the name is missing", "pool", "create", "--image", "x")
		r.fails(2, "say what to read", "pool", "create")
		r.fails(2, "either -f or a name", "pool", "create", "x", "-f", "y")
		contains(t, r.ok("env", "get", "dev-env", "-o", "json"), `"a": "b"`, `"kafka-secret-id": "kafka-secret"`)
		contains(t, r.ok("env", "list", "--no-headers", "--sort-by", ".name"), "dev-env")
	}
}

func TestUsageErrors(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	for words, args := range map[string][]string{
		"which catalog?":           {"database", "list"},
		"which application?":       {"event", "list"},
		"whose savepoint?":         {"savepoint", "list"},
		"exclude each other":       {"savepoint", "list", "--application", "a", "--statement", "b"},
		"unknown format":           {"env", "list", "-o", "xml"},
		"--selector":               {"env", "list", "-l", "a b"},
		"unknown command":          {"envv", "list"},
		"unknown flag":             {"env", "list", "--nope"},
		"say what to delete":       {"pool", "delete"},
		"--parallel":               {"apply", "-f", "x", "--parallel", "0"},
		"--lose-state and --with-": {"app", "delete", "a", "--lose-state", "--with-savepoint"},
		"--color":                  {"env", "list", "--color", "sometimes"},
	} {
		r.fails(2, words, args...)
	}
	old := newRig(t, cmftest.Options{Version: "2.2.0"})
	old.env("dev-env")
	old.fails(1, "--metadata-only needs CMF 2.3", "env", "delete", "dev-env", "--metadata-only")
}

// What Confluent for Kubernetes manages is shown as such.
func TestWideListsNameTheManager(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.ok("apply", "-f", r.file("env.yaml", "name: managed\nkubernetesNamespace: flink\nmetadata: {name: managed, annotations: {cmf.platform.confluent.io/managed-by: confluent/prod}}\n"))
	r.env("free-env")
	lines := strings.Split(r.ok("env", "list", "-o", "wide"), "\n")
	contains(t, lines[0], "MANAGED BY")
	for _, line := range lines[1:] {
		if strings.Contains(line, "confluent/prod") != strings.HasPrefix(line, "managed") {
			t.Error(line)
		}
	}
	if strings.Contains(r.ok("env", "list"), "MANAGED BY") {
		t.Error("it is shown where nobody asked for more")
	}
}
