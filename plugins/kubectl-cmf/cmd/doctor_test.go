package cmd

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/view"
)

func TestDoctorFindsNothing(t *testing.T) {
	for _, version := range all {
		r := newRig(t, cmftest.Options{Version: version})
		r.ok("apply", "-f", r.file("all.yaml", "name: env-a\nkubernetesNamespace: flink\n---"+app("basic", "")+"---"+pool1), "-e", "env-a")
		got := r.run("doctor")
		if got.code != 0 {
			t.Errorf("%s: %+v", version, got)
		}
		contains(t, got.out, "ok       find        http://127.0.0.1:", "(by --cmf-url)", "ok       connection", "ok       identity", "ok       version     CMF "+strings.TrimSuffix(version, ".0")[:3], "Nothing wrong was found.", "Not looked at: Kubernetes")
	}
}

func TestDoctorGroupsByCause(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0"})
	r.env("dev-env")
	r.ok("env", "use", "dev-env")
	r.ok("apply", "-f", r.file("pools.yaml", pool1))
	for _, name := range []string{"one", "two", "three"} {
		r.run("statement", "create", name, "--pool", "pool1", "--sql", "SELECT * FROM no_such_table")
	}
	r.run("apply", "-f", r.file("broken.yaml", strings.Replace(app("broken-app", ""), "image: confluentinc/cp-flink:2.1.1", "image: broken/x", 1)))
	r.ok("secret", "create", "kafka-secret", "--from-literal", "k="+hidden)
	r.ok("secret-mapping", "create", "kafka-id", "--secret", "kafka-secret")
	r.ok("secret", "delete", "kafka-secret")
	r.ok("catalog", "create", "main", "--schema-registry", "http://sr", "--secret-id", "nobody-maps")
	got := r.fails(3, "errors found: 3", "doctor", "-o", "json")
	var report view.DoctorReport
	if err := json.Unmarshal([]byte(got.out), &report); err != nil {
		t.Fatal(err)
	}
	titles := map[string]view.DoctorFinding{}
	for _, f := range report.Findings {
		titles[f.Title] = f
	}
	if f := titles["Statement is FAILED"]; len(f.Subjects) != 3 || !strings.Contains(f.Cause, "no_such_table") || f.Severity != diagnosis.Error {
		t.Errorf("%+v", f)
	}
	if f := titles["App is ERROR"]; len(f.Subjects) != 1 || f.Subjects[0] != "dev-env/app/broken-app" || !strings.Contains(f.Cause, "Back-off pulling image") {
		t.Errorf("%+v", f)
	}
	if f := titles["Secret of a secret mapping is not there"]; len(f.Subjects) != 1 || f.Subjects[0] != "dev-env/secret-mapping/kafka-id" {
		t.Errorf("%+v", f)
	}
	if f := titles["connectionSecretId has no secret mapping in any environment"]; f.Severity != diagnosis.Warning || len(f.Subjects) != 1 {
		t.Errorf("%+v", f)
	}
	text := r.fails(3, "", "doctor", "-e", "dev-env")
	contains(t, text.out, "error    Statement is FAILED (3)", "of: dev-env/statement/", "do: kubectl cmf statement exceptions NAME -e dev-env")
}

func TestDoctorGoesTheWayStepByStep(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{Version: "2.4.0", Token: "right"})
	got := r.fails(3, "errors found: 1", "doctor")
	contains(t, got.out, "ok       connection", "error    identity")
	r = newFaultyRig(t, cmftest.Options{Version: "2.4.0"})
	r.server.Inject(cmftest.Fault{Path: "c3/license", Status: 200, Body: `{"kind":"L","status":{"status":"EXPIRED","licenseType":"TRIAL","expiration":1}}`})
	contains(t, r.fails(3, "", "doctor").out, "error    license     EXPIRED TRIAL, expires 1970")
	r.server.Heal()
	r.now = func() time.Time { return time.Date(2099, 12, 30, 0, 0, 0, 0, time.UTC) }
	contains(t, r.ok("doctor"), "warning  license     VALID TRIAL")
	r.fails(3, "warnings found: 1", "doctor", "--strict")
	// What couldn't be read isn't known to be well.
	r.now = time.Now
	r.env("dev-env")
	r.server.Inject(cmftest.Fault{Method: http.MethodGet, Path: "/statements", Status: 403})
	contains(t, r.fails(1, "not everything could be read", "doctor").out, "Not read: list statements")
	r.server.Heal()
	r.url = "http://127.0.0.1:1"
	contains(t, r.fails(3, "errors found: 1", "doctor").out, "error    connection")
	r.url = ""
	contains(t, r.fails(3, "errors found: 1", "doctor").out, "error    find")
}

func TestUnwatchedNamespaces(t *testing.T) {
	some := diagnosis.OperatorFacts{Namespace: "ops", Name: "fko", Watched: []string{"a", "b"}, WatchedMark: diagnosis.Read}
	everything := diagnosis.OperatorFacts{WatchedMark: diagnosis.Read}
	unknown := diagnosis.OperatorFacts{WatchedMark: diagnosis.NoAnswer}
	for namespace, want := range map[string]string{"a": "", "c": "ops/fko"} {
		if got := unwatched([]diagnosis.OperatorFacts{some}, namespace); got != want {
			t.Errorf("%s: %q", namespace, got)
		}
	}
	for _, other := range []diagnosis.OperatorFacts{everything, unknown} {
		if got := unwatched([]diagnosis.OperatorFacts{some, other}, "c"); got != "" {
			t.Errorf("%+v: %q", other, got)
		}
	}
}
