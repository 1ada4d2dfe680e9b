package cmd

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

// One environment that can't be listed doesn't take the others' rows away.
func TestListOfAllEnvironmentsWithoutOne(t *testing.T) {
	for name, fault := range map[string]cmftest.Fault{
		"not allowed (HTTP 403): denied":       {Status: http.StatusForbidden, Body: `{"errors":[{"message":"denied"}]}`},
		"not found (HTTP 404): it was deleted": {Status: http.StatusNotFound, Body: `{"errors":[{"message":"it was deleted"}]}`},
		"not available now (HTTP 503)":         {Status: http.StatusServiceUnavailable},
	} {
		r := newFaultyRig(t, cmftest.Options{})
		for _, environment := range []string{"dev-env", "prod-env", "test-env"} {
			r.env(environment)
			r.ok("apply", "-e", environment, "-f", r.file("a.yaml", app("app1", "")))
		}
		fault.Method, fault.Path = http.MethodGet, "/prod-env/applications"
		r.server.Inject(fault)
		got := r.fails(1, `list apps in environment "prod-env": `+name, "app", "list", "-A")
		contains(t, got.out, "ENVIRONMENT", "dev-env ", "test-env ")
		if strings.Contains(got.err, "No applications") || strings.Contains(got.out, "prod-env") {
			t.Errorf("%+v", got)
		}
		got = r.fails(1, `"prod-env"`, "app", "list", "-A", "-o", "name")
		want(t, got.out, "flinkapplication.cmf.confluent.io/app1\nflinkapplication.cmf.confluent.io/app1\n")
		r.fails(1, `"prod-env"`, "app", "list", "-e", "prod-env")
	}
}

func TestListOfAllEnvironmentsWithoutAny(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{})
	r.env("dev-env")
	r.env("prod-env")
	r.server.Inject(cmftest.Fault{Path: "/statements", Status: http.StatusForbidden})
	got := r.fails(1, `list statements in environment "dev-env": not allowed`, "statement", "list", "-A")
	contains(t, got.err, `list statements in environment "prod-env": not allowed`)
	if got.out != "" || strings.Contains(got.err, "No SQL statements") {
		t.Errorf("%+v", got)
	}
}

// What a watch can't see any more isn't deleted.
func TestWatchOfAllEnvironmentsWithoutOne(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{})
	for _, environment := range []string{"dev-env", "prod-env"} {
		r.env(environment)
		r.ok("apply", "-e", environment, "-f", r.file("a.yaml", app("app1", "")))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errOut buffer
	ended := make(chan int, 1)
	go func() { ended <- r.start(ctx, &out, &errOut, "app", "list", "-A", "-w", "-o", "name") }()
	until := func(what string, n int, text func() string) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); strings.Count(text(), what) < n; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%q does not come:\n%s%s", what, out.text(), errOut.text())
			}
		}
	}
	until("app1", 2, out.text)
	r.server.Inject(cmftest.Fault{Path: "/prod-env/applications", Status: http.StatusForbidden})
	until(`list apps in environment "prod-env": not allowed`, 1, errOut.text)
	send(t, r, http.MethodDelete, "/cmf/api/v1/environments/dev-env/applications/app1", "")
	until("dev-env/app1 deleted", 1, errOut.text)
	cancel()
	<-ended
	if text := errOut.text(); strings.Contains(text, "prod-env/app1 deleted") || strings.Count(text, `"prod-env"`) != 1 {
		t.Error(text)
	}
}

// An empty column would say that the catalog has no database.
func TestCatalogWhoseDatabasesCannotBeListed(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{})
	for _, name := range []string{"cat-a", "cat-b"} {
		r.ok("catalog", "create", name, "--schema-registry", "http://sr:8081")
		r.ok("database", "create", "kafka", "--catalog", name, "--bootstrap-servers", "kafka:9092")
	}
	r.server.Inject(cmftest.Fault{Path: "/cat-a/databases", Status: http.StatusForbidden})
	out := r.ok("catalog", "list")
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); fields[0] == "cat-a" && fields[1] != "<unknown>" || fields[0] == "cat-b" && fields[1] != "kafka" {
			t.Error(out)
		}
	}
}
