package cmd

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

// One of several that isn't there doesn't take the others away.
func TestGetOfSeveralWithoutOne(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("a.yaml", app("app1", "")+"---"+app("app2", "")))
	got := r.fails(1, `app "nope" in environment "dev-env" not found`, "app", "get", "app1", "nope", "app2")
	contains(t, got.out, "NAME", "app1 ", "app2 ")
	got = r.fails(1, `app "nope"`, "app", "get", "app1", "nope", "-o", "jsonpath={.items[*].metadata.name}")
	want(t, got.out, "app1")
	got = r.fails(1, `app "nope"`, "app", "describe", "nope", "app2")
	contains(t, got.out, "app2")
	got = r.fails(1, `app "no"`, "app", "get", "no", "nope")
	if got.out != "" || !strings.Contains(got.err, `app "nope"`) {
		t.Errorf("%+v", got)
	}
	r.server.Inject(cmftest.Fault{Path: "/applications/app1", Status: http.StatusForbidden})
	got = r.fails(1, "not allowed (HTTP 403)", "app", "get", "app1", "app2")
	contains(t, got.out, "app2 ")
}

// What answers everything with 200 isn't CMF, and nothing was found or changed there.
func TestAServerThatAnswersEverything(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{})
	r.env("dev-env")
	r.server.Inject(cmftest.Fault{Path: "/applications/", Status: http.StatusOK, Body: `{"status":"ok"}`})
	for _, args := range [][]string{{"get", "app1"}, {"delete", "app1", "--lose-state", "--wait=false"}, {"suspend", "app1", "--wait=false", "--lose-state"}, {"wait", "app1"}} {
		if got := r.fails(1, "it has no name, so that it is no app", append([]string{"app"}, args...)...); got.out != "" {
			t.Errorf("%q: %s", args, got.out)
		}
	}
}

// A deletion needs a name and no more of a file.
func TestDeleteReadsNamesOnly(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0"})
	r.env("dev-env")
	r.ok("secret", "create", "s", "--from-literal", "password="+hidden)
	r.ok("catalog", "create", "-f", r.file("c.yaml", "apiVersion: cmf.confluent.io/v1\nkind: KafkaCatalog\nmetadata: {name: cat1}\nspec: {srInstance: {connectionConfig: {schema.registry.url: \"http://sr\", basic.auth.user.info: \"me:"+hidden+"\"}}}\n"))
	file := r.file("out.yaml", r.ok("catalog", "get", "cat1", "-o", "yaml"))
	r.fails(2, "hides secrets", "apply", "-f", file)
	contains(t, r.ok("delete", "-f", file), "cat1 deleted")
}
