package cmd

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

// What deletes state, or stops a job that loses it, wants a word, whichever verb
// does it.
func TestApplyLosesNoStateUnasked(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	stateless := strings.Replace(app("app1", ""), "upgradeMode: savepoint", "upgradeMode: stateless", 1)
	scaled := func(file string) string { return strings.Replace(file, "parallelism: 2", "parallelism: 4", 1) }
	running := func() { r.ok("app", "wait", "app1", "--timeout", "30s") }

	r.ok("apply", "-f", r.file("a.yaml", stateless), "--wait")
	got := r.fails(1, "spec.job.parallelism would change, which stops the job", "apply", "-f", r.file("b.yaml", scaled(stateless)))
	contains(t, got.err, `"app1"`, "is stateless (spec.job.upgradeMode: stateless)", "use --lose-state")
	contains(t, r.run("diff", "-f", r.file("b.yaml", scaled(stateless))).out, "parallelism: 4")
	contains(t, r.ok("apply", "-f", r.file("b.yaml", scaled(stateless)), "--lose-state", "--wait"), "configured")
	// What doesn't stop the job needs no word, nor does a mode that keeps the state.
	contains(t, r.ok("apply", "-f", r.file("c.yaml", strings.Replace(scaled(stateless), "upgradeMode: stateless", "upgradeMode: last-state", 1))), "configured")
	running()
	contains(t, r.ok("apply", "-f", r.file("d.yaml", strings.Replace(stateless, "upgradeMode: stateless", "upgradeMode: savepoint", 1)), "--wait"), "configured")
	// Flink's operator goes by the mode of the new spec.
	r.fails(1, "is stateless", "apply", "-f", r.file("e.yaml", scaled(stateless)))
	r.Setenv("KUBE_EDITOR", "sed -i -e 's/parallelism: 2/parallelism: 3/' -e 's/upgradeMode: savepoint/upgradeMode: stateless/'")
	r.fails(1, "is stateless", "app", "edit", "app1")
	r.ok("app", "edit", "app1", "--lose-state")
	running()

	// The environment's defaults are laid over the spec.
	contains(t, r.ok("apply", "-f", r.file("env.yaml", "name: dev-env\nkubernetesNamespace: flink\nflinkApplicationDefaults: {spec: {job: {upgradeMode: savepoint}}}\n")), "configured")
	contains(t, r.ok("apply", "-f", r.file("f.yaml", scaled(stateless)), "--wait"), "configured")
	r.ok("app", "suspend", "app1")
	r.ok("apply", "-f", r.file("env.yaml", "name: dev-env\nkubernetesNamespace: flink\nflinkApplicationDefaults: {spec: {job: {upgradeMode: stateless}}}\n"))
	r.ok("app", "start", "app1")
	running()
	r.fails(1, `is stateless (flinkApplicationDefaults.spec.job.upgradeMode of environment "dev-env": stateless)`, "app", "suspend", "app1")
}

// Where the environment's defaults can't be read, that is said and not passed over.
func TestUnreadDefaultsAreSaid(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("a.yaml", strings.Replace(app("app1", ""), ", upgradeMode: savepoint", "", 1)), "-e", "dev-env", "--wait")
	r.server.Inject(cmftest.Fault{Method: http.MethodGet, Path: "environments/dev-env", Times: 1, Skip: 1, Status: http.StatusForbidden, Body: `{"errors":[{"message":"not yours"}]}`})
	contains(t, r.fails(1, "upgradeMode is stateless (no spec.job.upgradeMode", "app", "suspend", "app1", "-e", "dev-env").err, "the environment's defaults, which may have one, can't be read", "not yours")
}

// A job that was suspended with its state isn't started without it.
func TestApplyStartsNoSuspendedJobWithoutItsState(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("a.yaml", app("app1", "")), "--wait")
	r.ok("app", "suspend", "app1")
	empty := r.file("b.yaml", strings.Replace(app("app1", ""), "upgradeMode: savepoint", "upgradeMode: stateless", 1))
	r.fails(1, "is suspended and would start without its state (spec.job.upgradeMode: stateless)", "apply", "-f", empty)
	contains(t, r.ok("apply", "-f", empty, "--lose-state"), "configured")
}

func TestForceDeletesNoStateUnasked(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.2.3"})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("p.yaml", pool1), "-e", "dev-env", "--wait")
	stmt := func(sql string) string {
		return r.file("s.yaml", "apiVersion: cmf.confluent.io/v1\nkind: Statement\nmetadata: {name: s}\nspec: {statement: "+`"`+sql+`"`+", computePoolName: pool1}\n")
	}
	r.ok("apply", "-f", stmt("INSERT INTO a SELECT 1"), "-e", "dev-env", "--wait")
	got := r.fails(1, "spec.statement can't be changed; deleting it and creating it again loses state:", "apply", "-f", stmt("INSERT INTO a SELECT 2"), "-e", "dev-env", "--force")
	contains(t, got.err, "it is RUNNING; the state of its job goes with it", "use --lose-state with --force")
	contains(t, r.ok("statement", "get", "s", "-e", "dev-env", "-o", "yaml"), "SELECT 1")
	contains(t, r.ok("apply", "-f", stmt("INSERT INTO a SELECT 2"), "-e", "dev-env", "--force", "--lose-state", "--wait"), "replaced")

	// With an environment goes what is in it.
	moved := r.file("e.yaml", "name: dev-env\nkubernetesNamespace: elsewhere\n")
	contains(t, r.fails(1, "kubernetesNamespace can't be changed", "apply", "-f", moved, "--force").err, `statement "s" in environment "dev-env": it is RUNNING`)

	// A pool has no state of its own.
	r.ok("statement", "delete", "s", "-e", "dev-env", "--lose-state")
	contains(t, r.ok("apply", "-f", r.file("p.yaml", strings.Replace(pool1, `"4"`, `"8"`, 1)), "-e", "dev-env", "--force"), "replaced")
}

// What pruning loses stands in the question.
func TestPruneSaysWhatIsLost(t *testing.T) {
	r := newRig(t, cmftest.Options{})
	r.env("dev-env")
	both := app("app1", "") + "---\n" + app("app2", "")
	r.ok("apply", "-f", r.file("a.yaml", both), "--inventory", "set", "--prune", "--yes", "--wait")
	contains(t, r.fails(2, "", "apply", "-f", r.file("a.yaml", app("app1", "")), "--inventory", "set", "--prune").err,
		"flinkapplication.cmf.confluent.io/app2 in environment dev-env (it is RUNNING; the state of its job and its attached savepoints go with it)")
	contains(t, r.ok("apply", "-f", r.file("a.yaml", app("app1", "")), "--inventory", "set", "--prune", "--yes"), "app2 pruned")
}
