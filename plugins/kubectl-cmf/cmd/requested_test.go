package cmd

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

// Without a wait nobody knows more than that CMF has taken the wish.
func TestWithoutAWaitThingsAreRequested(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0", Step: 5 * time.Millisecond})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("a.yaml", kept+"---"+app("app1", "")), "--wait")
	want(t, r.ok("app", "suspend", "app1", "--wait=false"), "flinkapplication.cmf.confluent.io/app1 suspension requested\n")
	r.ok("app", "wait", "app1")
	want(t, r.ok("app", "start", "app1", "--wait=false"), "flinkapplication.cmf.confluent.io/app1 start requested\n")
	r.ok("statement", "create", "clicks", "--pool", "kept", "--sql", "INSERT INTO t SELECT 1", "--wait")
	want(t, r.ok("statement", "stop", "clicks"), "statement.cmf.confluent.io/clicks stop requested\n")
	r.ok("statement", "wait", "clicks")
	want(t, r.ok("statement", "resume", "clicks"), "statement.cmf.confluent.io/clicks resume requested\n")
	want(t, r.ok("statement", "rescale", "clicks", "--parallelism", "2"), "statement.cmf.confluent.io/clicks rescaling requested: parallelism 2\n")
	// CMF answers 202 for a statement, and goes on deleting.
	want(t, r.ok("statement", "delete", "clicks", "--lose-state", "--wait=false"), "statement.cmf.confluent.io/clicks deletion requested\n")
	r.ok("app", "delete", "app1", "--lose-state", "--wait=false")
}

// 304 is in CMF's documents for a deletion.
func TestADeletionThatChangesNothing(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("a.yaml", app("app1", "")))
	r.server.Inject(cmftest.Fault{Method: http.MethodDelete, Status: http.StatusNotModified})
	if out := r.ok("app", "delete", "app1", "--lose-state", "--wait=false"); strings.Contains(out, "deleted") {
		t.Error(out)
	}
	r.fails(124, "the deletion was requested", "app", "delete", "app1", "--lose-state", "--timeout", "20ms")
}

// A wait that ends early doesn't take back what was asked for.
func TestAWaitThatEndsSaysWhatGoesOn(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{Step: time.Millisecond})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("a.yaml", app("app1", "")), "--wait")
	r.server.Inject(cmftest.Fault{Method: http.MethodGet, Path: "/applications/app1", Skip: 1, Times: 1, Status: http.StatusUnauthorized})
	got := r.fails(1, "not authenticated (HTTP 401)", "app", "suspend", "app1")
	contains(t, got.err, "; the suspension was requested, and CMF goes on with it")
	if strings.Contains(got.out, "suspended") {
		t.Error(got.out)
	}
}

// The status is the old spec's until CMF has the new one.
func TestStopWaitsForTheSpec(t *testing.T) {
	for _, verb := range []string{"stop", "resume"} {
		r := newFaultyRig(t, cmftest.Options{Version: "2.4.0"})
		r.env("dev-env")
		r.ok("apply", "-f", r.file("pools.yaml", kept))
		r.ok("statement", "create", "clicks", "--pool", "kept", "--sql", "INSERT INTO t SELECT 1", "--wait")
		if verb == "resume" {
			r.ok("statement", "stop", "clicks", "--wait")
		}
		old := r.ok("statement", "get", "clicks", "-o", "json")
		r.server.Inject(cmftest.Fault{Method: http.MethodGet, Path: "/statements/clicks", Skip: 1, Times: 3, Status: 200, Body: old})
		from := len(r.server.Requests())
		r.ok("statement", verb, "clicks", "--wait")
		if n := len(r.server.Requests()) - from; n < 6 {
			t.Errorf("%s: %d requests: it believed the status of before", verb, n)
		}
	}
}

// What can't be done isn't reported as done.
func TestStopAndResumeOfWhatHasEnded(t *testing.T) {
	r := newStatements(t, "2.4.0")
	r.ok("statement", "create", "done", "--pool", "kept", "--sql", "SHOW TABLES", "--wait")
	r.fails(1, "is COMPLETED and was not stopped", "statement", "resume", "done", "--wait")
	contains(t, r.ok("statement", "stop", "done", "--wait"), "done is COMPLETED already")
	r.run("statement", "create", "wrong", "--pool", "kept", "--sql", "SELECT * FROM no_such_table")
	r.fails(1, "is FAILED and was not stopped", "statement", "resume", "wrong")
	r.ok("statement", "create", "clicks", "--pool", "kept", "--sql", "INSERT INTO t SELECT 1", "--wait")
	contains(t, r.ok("statement", "resume", "clicks", "--wait"), "clicks is RUNNING already")
	r.ok("statement", "stop", "clicks", "--wait")
	contains(t, r.ok("statement", "stop", "clicks"), "clicks is STOPPED already")
}

// Another user, or a controller, makes one of that name as soon as it is gone.
func TestDeletionOfWhatIsCreatedAgain(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("a.yaml", app("app1", "")))
	again := func() {
		send(t, r, http.MethodPost, "/cmf/api/v1/environments/dev-env/applications", `{"apiVersion":"cmf.confluent.io/v1","kind":"FlinkApplication","metadata":{"name":"app1"},"spec":{"image":"i","flinkVersion":"v2_1"}}`)
	}
	hooked := false
	r.server.Inject(cmftest.Fault{Method: http.MethodGet, Path: "/applications/app1", Skip: 1, Times: 1, Hook: func() {
		if !hooked {
			hooked = true
			again()
		}
	}})
	want(t, r.ok("app", "delete", "app1", "--lose-state", "--timeout", "10s"), "flinkapplication.cmf.confluent.io/app1 deleted\n")
	if !hooked {
		t.Error("nobody created it again")
	}
}
