package apply

import (
	"testing"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

func decoded(t *testing.T, text string) cmf.Object {
	t.Helper()
	o, err := cmf.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// A job that has run has state to lose, also while its JobManager is away; one
// that never came up hasn't.
func TestHolds(t *testing.T) {
	for status, want := range map[string]bool{
		`{"jobStatus":{"state":"RUNNING"}}`:                                                    true,
		`{"jobStatus":{"state":"RESTARTING"},"lifecycleState":"DEPLOYED"}`:                     true,
		`{"jobStatus":{"state":"RECONCILING"},"lifecycleState":"STABLE"}`:                      true,
		`{"jobStatus":{"state":"RECONCILING"},"reconciliationStatus":{"lastStableSpec":"{}"}}`: true,
		`{"jobStatus":{"state":"RECONCILING"},"lifecycleState":"DEPLOYED"}`:                    false,
		`{"jobStatus":{"state":"FAILED"}}`:                                                     false,
		`{"jobStatus":{"state":"FINISHED"}}`:                                                   false,
		`{}`:                                                                                   false,
	} {
		if got := holds(decoded(t, `{"status":`+status+`}`)); got != want {
			t.Errorf("%s: %v, want %v", status, got, want)
		}
	}
}

func TestStops(t *testing.T) {
	app, statement := cmf.Must("app"), cmf.Must("statement")
	for field, want := range map[string]bool{
		"spec.image": true, "spec.job.parallelism": true, "spec.flinkConfiguration.state.backend.type": true, "spec.job": true, "spec.job.upgradeModes": true,
		"spec.job.upgradeMode": false, "spec.job.savepointTriggerNonce": false, "spec.flinkConfiguration.kubernetes.operator.savepoint.history.max.age": false,
		"spec.flinkConfiguration.job.autoscaler.enabled": false, "spec.flinkConfiguration.parallelism.default": false, "metadata.labels.a": false, "specs": false,
	} {
		if got := app.Stops(field); got != want {
			t.Errorf("%s of an application: %v, want %v", field, got, want)
		}
	}
	for field, want := range map[string]bool{"spec.parallelism": true, "spec.stopped": true, "spec.startFromSavepoint.path": true, "spec.upgradeMode": false, "metadata.labels.a": false} {
		if got := statement.Stops(field); got != want {
			t.Errorf("%s of a statement: %v, want %v", field, got, want)
		}
	}
}

// What deleting an object loses is said in words; what can't be told apart keeps
// state.
func TestLoses(t *testing.T) {
	for name, c := range map[string]struct {
		kind, object string
		want         string
	}{
		"a job":                         {"app", `{"status":{"jobStatus":{"state":"RUNNING"}}}`, "it is RUNNING; the state of its job and its attached savepoints go with it"},
		"one that has finished":         {"app", `{"status":{"jobStatus":{"state":"FINISHED"}}}`, ""},
		"one of which nothing is known": {"app", `{}`, "the state of its job and its attached savepoints go with it"},
		"a statement that writes":       {"statement", `{"spec":{"statement":" insert into t select 1"},"status":{"phase":"STOPPED"}}`, "it is STOPPED; the state of its job goes with it"},
		"a query":                       {"statement", `{"spec":{"statement":"SELECT 1"},"status":{"phase":"RUNNING"}}`, ""},
		"a comment before it":           {"statement", `{"spec":{"statement":"-- x\nINSERT INTO t SELECT 1"},"status":{"phase":"RUNNING"}}`, "it is RUNNING; the state of its job goes with it"},
		"one that failed":               {"statement", `{"spec":{"statement":"INSERT INTO t SELECT 1"},"status":{"phase":"FAILED"}}`, ""},
		"a pool":                        {"pool", `{"status":{"phase":"RUNNING"}}`, ""},
	} {
		item := Item{Ref: cmf.Ref{Kind: cmf.Must(c.kind), Name: "x"}, Object: decoded(t, c.object)}
		if got := item.Loses(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// What is being deleted has nothing to lose any more.
func TestNoRiskInWhatIsBeingDeleted(t *testing.T) {
	item := func(phase string) Item {
		o := decode(t, `{"metadata":{"name":"s"},"spec":{"statement":"INSERT INTO t SELECT 1"},"status":{"phase":"`+phase+`"}}`)
		return Item{Ref: cmf.Ref{Kind: cmf.Must("statement"), Name: "s"}, Object: o}
	}
	if item(cmf.PhaseRunning).Loses() == "" || item(cmf.PhaseDeleting).Loses() != "" {
		t.Error(item(cmf.PhaseRunning).Loses(), item(cmf.PhaseDeleting).Loses())
	}
}
