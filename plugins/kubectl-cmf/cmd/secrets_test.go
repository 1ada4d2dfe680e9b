package cmd

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

const hidden = "h1dden-Pa55word"

func TestSecretsAreNeverPrinted(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	file := r.file("all.yaml", `
apiVersion: cmf.confluent.io/v1
kind: Secret
metadata: {name: kafka}
spec: {data: {sasl.jaas.config: "`+hidden+`", plain: `+hidden+`}}
---
apiVersion: cmf.confluent.io/v1
kind: KafkaCatalog
metadata: {name: cat1}
spec: {srInstance: {connectionConfig: {schema.registry.url: "http://s", basic.auth.user.info: "me:`+hidden+`"}}}
---
apiVersion: cmf.confluent.io/v1
kind: FlinkApplication
metadata: {name: app1}
spec:
  image: x
  flinkConfiguration: {s3.secret-key: `+hidden+`, s3.access-key: "${S3_ACCESS_KEY}"}
  podTemplate: {spec: {containers: [{name: c, env: [{name: DB_PASSWORD, value: `+hidden+`}]}]}}
  job: {jarURI: x}
`)
	changed := r.file("changed.yaml", `
apiVersion: cmf.confluent.io/v1
kind: KafkaCatalog
metadata: {name: cat1}
spec: {srInstance: {connectionConfig: {schema.registry.url: "http://s", basic.auth.user.info: "me:other-`+hidden+`"}}}
`)
	t.Setenv("JAAS", hidden)
	r.stdin = hidden + "\n"
	for _, args := range [][]string{
		{"apply", "-f", file, "--dry-run=client", "-o", "yaml"},
		{"diff", "-f", file},
		{"apply", "-f", file, "-o", "json", "-v=9"},
		{"diff", "-f", changed},
		{"catalog", "get", "cat1", "-o", "yaml"},
		{"catalog", "list", "-o", "json"},
		{"catalog", "describe", "cat1"},
		{"app", "get", "app1", "-o", "yaml"},
		{"secret", "get", "kafka", "-o", "yaml"},
		{"secret", "create", "one", "--from-env", "sasl.jaas.config=JAAS", "-o", "yaml"},
		{"secret", "create", "two", "--from-stdin", "k", "-o", "yaml", "-v=9"},
		{"secret", "create", "three", "--from-literal", hidden},
	} {
		got := r.run(args...)
		if strings.Contains(got.out+got.err, hidden) {
			t.Errorf("%v prints the secret:\n%s%s", args, got.out, got.err)
		}
	}
	contains(t, r.run("diff", "-f", changed).out, "<redacted> (another value)")
	contains(t, r.ok("app", "get", "app1", "-o", "yaml"), "${S3_ACCESS_KEY}", "<redacted>")
	contains(t, r.ok("catalog", "get", "cat1", "-o", "yaml", "--show-secrets"), hidden)
	var sent string
	for _, q := range r.server.Requests() {
		sent += string(q.Body)
	}
	if n := strings.Count(sent, hidden); n != 7 {
		t.Errorf("the secret reached CMF %d times, want 7", n)
	}
}

func TestServersErrorsDoNotRepeatSecrets(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{})
	r.server.Inject(cmftest.Fault{Method: http.MethodPost, Status: 400, Body: `{"errors":[{"message":"cannot parse '` + hidden + `'"}]}`})
	got := r.fails(1, "cannot parse '<redacted>'", "secret", "create", "abcd", "--from-literal", "k="+hidden)
	if strings.Contains(got.err, hidden) {
		t.Error(got.err)
	}
}

// manySecrets are objects with secrets in every form that people write them in.
func manySecrets(secret string) string {
	return strings.ReplaceAll(`
apiVersion: cmf.confluent.io/v1
kind: KafkaCatalog
metadata: {name: cat1}
spec: {srInstance: {connectionConfig: {schema.registry.url: "http://me:SECRET@s", ssl.keystore.key: SECRET, bearer.auth.token: SECRET}}}
---
apiVersion: cmf.confluent.io/v1
kind: FlinkApplication
metadata: {name: app1, annotations: {note: "see https://x/?sig=SECRET", api-token: SECRET}}
spec:
  image: x
  flinkConfiguration:
    fs.azure.account.key.a.blob.core.windows.net: SECRET
    fs.azure.sas-key: SECRET
    metrics.reporter.x.auth-params: SECRET
    user.artifacts.http-headers: "X:SECRET"
    env.java.opts.all: -Ddb.password=SECRET -Dc=AccountKey=SECRET==
    my.url: jdbc:mysql://me:SECRET@db/x
  podTemplate:
    spec:
      containers:
        - name: c
          env:
            - {name: DB_PASS, value: SECRET}
            - {name: PWD_FILE, value: /etc/x}
            - {name: STORAGE, value: "Endpoint=sb://ns/;SharedAccessKey=SECRET="}
            - {name: REF, valueFrom: {secretKeyRef: {name: db, key: password}}}
          args: [--token, SECRET]
  job:
    jarURI: https://b/job.jar?X-Amz-Signature=SECRET
    args: ["--conf", '{"db":{"password":"SECRET"}}', "--db-password", "SECRET", "--eventhub", "SharedAccessKey=SECRET="]
---
apiVersion: cmf.confluent.io/v1
kind: Statement
metadata: {name: s1}
spec: {statement: "CREATE TABLE t (a INT) WITH ('connector'='jdbc', 'password'='SECRET', 'url'='jdbc:mysql://u:SECRET@h/d')", computePoolName: pool1, properties: {sasl.password: SECRET}}
`, "SECRET", secret)
}

func TestEveryFormOfASecretIsHidden(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("pool", "create", "-f", r.file("pool.yaml", "apiVersion: cmf.confluent.io/v1\nkind: ComputePool\nmetadata: {name: pool1}\nspec: {type: DEDICATED, clusterSpec: {flinkVersion: v1_19, image: confluentinc/cp-flink-sql:1.19-cp1}}\n"))
	file, changed := r.file("all.yaml", manySecrets(hidden)), r.file("changed.yaml", manySecrets("n3w-"+hidden))
	for _, args := range [][]string{
		{"apply", "-f", file, "--dry-run=client", "-o", "yaml"},
		{"diff", "-f", file},
		{"apply", "-f", file, "-o", "json", "-v=9"},
		{"diff", "-f", changed},
		{"diff", "-f", changed, "-v=0"},
		{"apply", "-f", changed, "--dry-run=client", "-o", "json"},
		{"app", "list"},
		{"app", "list", "-o", "wide"},
		{"app", "list", "-o", "json"},
		{"app", "list", "-o", "jsonpath={.items[*]}"},
		{"app", "list", "-o", "custom-columns=X:.spec"},
		{"app", "get", "app1", "-o", "yaml"},
		{"app", "describe", "app1"},
		{"app", "status", "app1"},
		{"statement", "list"},
		{"statement", "list", "-o", "wide"},
		{"statement", "get", "s1", "-o", "yaml"},
		{"statement", "describe", "s1"},
		{"catalog", "list", "-o", "wide"},
		{"catalog", "get", "cat1", "-o", "json"},
		{"catalog", "describe", "cat1"},
	} {
		got := r.run(args...)
		if got.code == 2 {
			t.Errorf("%v isn't understood: %s", args, got.err)
		}
		if at := strings.Index(got.out+got.err, hidden); at >= 0 {
			t.Errorf("%v prints a secret: …%s", args, (got.out + got.err)[max(0, at-100):at])
		}
	}
	contains(t, r.run("diff", "-f", changed).out, "DB_PASS", "<redacted> (another value)", "jdbc:mysql://me:<redacted>@db/x (another value)")
	contains(t, r.ok("app", "get", "app1", "-o", "yaml"), "key: password", "/etc/x", "jdbc:mysql://me:<redacted>@db/x")
	got := r.run("app", "get", "app1", "-o", "yaml", "--show-secrets")
	contains(t, got.out, "jdbc:mysql://me:"+hidden+"@db/x")
	contains(t, got.err, "--show-secrets: passwords and keys are printed")

	// What output shows can't be sent back as it is, and what a server says of
	// what it was sent shows none.
	shown := r.file("shown.yaml", r.ok("app", "get", "app1", "-o", "yaml"))
	if got := r.run("apply", "-f", shown); got.code == 0 || !strings.Contains(got.err, "hides secrets") {
		t.Errorf("redacted text was applied: %+v", got)
	}
	r.server.Inject(cmftest.Fault{Method: http.MethodPost, Status: 400, Body: `{"errors":[{"message":"no login with ` + hidden + ` at https://x:other@y, password=another"}]}`})
	refused := r.run("apply", "-f", file, "--force")
	if strings.Contains(refused.err, hidden) || strings.Contains(refused.err, "x:other@") || strings.Contains(refused.err, "another") {
		t.Errorf("an error prints a secret: %s", refused.err)
	}
}
