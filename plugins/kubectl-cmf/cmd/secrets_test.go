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
