package diagnosis

import (
	"slices"
	"testing"
)

// strangers are specs as many have them: without high availability, with
// checkpoints on each pod's own disk or in memory, and with remarks to make.
func strangers() map[string]change {
	own := all(conf("high-availability.type", nil), conf("high-availability.storageDir", nil),
		conf("execution.checkpointing.dir", "file:///tmp/checkpoints"), conf("execution.checkpointing.savepoint-dir", "file:///tmp/savepoints"))
	return map[string]change{
		"each pod's own disk":    own,
		"last-state without HA":  all(own, mode("last-state")),
		"checkpoints in memory":  all(conf("high-availability.type", nil), conf("high-availability.storageDir", nil), conf("execution.checkpointing.dir", nil), mode("stateless")),
		"a key in clear text":    all(conf("s3.access-key", "AKIAIOSFODNN7EXAMPLE"), conf("s3.secret-key", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY")),
		"a misspelt key":         conf("taskmanager.numberOfTaskSlot", "2"),
		"JobManagers without HA": all(own, spec("jobManager.replicas", int64(2))),
	}
}

// What may go wrong is never said to be why something is wrong.
func TestRisksExplainNothing(t *testing.T) {
	for _, id := range risks {
		if _, ok := Explain(id); !ok {
			t.Errorf("%s isn't a rule", id)
		}
	}
	// Without high availability there are none of these.
	ofHA := []string{"FLINK-HA-SHARED", "FLINK-JM-HA-RIGHTS", "FLINK-SPEC-HA-DIR"}
	compared := 0
	for name, stranger := range strangers() {
		t.Run(name, func(t *testing.T) {
			risky := map[string]bool{}
			for _, f := range Job(with(stranger)) {
				risky[f.Rule] = true
				if f.Severity != Info && !f.Risk {
					t.Errorf("%s isn't a risk: %s", f.Rule, f.Means)
				}
			}
			for _, tr := range trials() {
				root, ok := Root(Job(with(tr.yes)))
				if !ok || root.Severity != Error || risky[root.Rule] || name != "a key in clear text" && name != "a misspelt key" && slices.Contains(ofHA, root.Rule) {
					continue
				}
				compared++
				now, _ := Root(Job(with(all(stranger, tr.yes))))
				first := Job(with(all(stranger, tr.yes)))[0]
				if now.Rule != root.Rule || first.Rule != root.Rule {
					t.Errorf("%s is %s here, and %s is first: %s", root.Rule, now.Rule, first.Rule, first.Means)
				}
			}
		})
	}
	if compared < 300 {
		t.Errorf("%d compared", compared)
	}
}
