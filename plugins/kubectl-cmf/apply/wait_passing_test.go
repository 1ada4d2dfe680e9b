package apply

import (
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Flink's operator says ERROR for a moment when it starts a cluster.
func TestReadyWaitsForAnErrorToPass(t *testing.T) {
	ref := cmf.Ref{Kind: cmf.Must("app"), Name: "a"}
	object := func(manager, job string) cmf.Object {
		return cmf.Object{"status": map[string]any{"jobManagerDeploymentStatus": manager, "jobStatus": map[string]any{"state": job}}}
	}
	ready := Ready(ref, nil)
	if done, err := ready(object("ERROR", "RECONCILING")); done || err != nil {
		t.Errorf("%v %v", done, err)
	}
	if done, err := ready(object("READY", "RUNNING")); !done || err != nil {
		t.Errorf("%v %v", done, err)
	}
	if _, err := ready(object("READY", "FAILED")); err == nil {
		t.Error("a failed job is final at once")
	}
}

// What a job can't leave by itself ends a wait; one that is canceled for an upgrade
// goes on.
func TestWaitsThatCanNotComeTrueEnd(t *testing.T) {
	app, statement := cmf.Ref{Kind: cmf.Must("app"), Name: "a"}, cmf.Ref{Kind: cmf.Must("statement"), Name: "s"}
	status := func(lifecycle, job string) cmf.Object {
		return cmf.Object{"status": map[string]any{"lifecycleState": lifecycle, "jobStatus": map[string]any{"state": job}}}
	}
	phase := func(word string) cmf.Object { return cmf.Object{"status": map[string]any{"phase": word}} }
	for name, c := range map[string]struct {
		condition Condition
		object    cmf.Object
		done      bool
		err       string
	}{
		"a change that was given up":       {Ready(app, nil), status("ROLLED_BACK", "RUNNING"), false, `app "a" is ROLLED_BACK: the operator gave up the last change`},
		"a job that was just canceled":     {Ready(app, nil), status("STABLE", "CANCELED"), false, ""},
		"canceled is what was wanted":      {State(app, "CANCELED"), status("STABLE", "CANCELED"), true, ""},
		"a statement that has ended":       {State(statement, "RUNNING"), phase("COMPLETED"), false, "is COMPLETED for good, and doesn't become RUNNING any more"},
		"the end is what was wanted":       {State(statement, "COMPLETED"), phase("COMPLETED"), true, ""},
		"a statement that is yet to start": {State(statement, "RUNNING"), phase("PENDING"), false, ""},
		"a job that may start again":       {State(app, "RUNNING"), status("STABLE", "FINISHED"), false, ""},
	} {
		done, err := c.condition(c.object)
		if done != c.done || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, %v", name, done, err)
		}
	}
}
