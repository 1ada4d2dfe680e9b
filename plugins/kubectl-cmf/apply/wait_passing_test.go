package apply

import (
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
