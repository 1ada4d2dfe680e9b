package reach

import (
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/foretell"
)

// Facts are gathered also where the state can't be read, and why is reported. No pod
// is started to read it.
func TestFactsWithoutState(t *testing.T) {
	cluster := flinktest.New(flinktest.Object(api.Deployment, "a",
		`{"image":"x","flinkVersion":"v1_20","flinkConfiguration":{"state":{"backend":{"type":"rocksdb"}},"gone":"1"},"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","volumeMounts":[{"name":"d","mountPath":"/data"}]}],"volumes":[{"name":"d","nfs":{"server":"s","path":"/"}}]}},"job":{"parallelism":2}}`,
		`{"lifecycleState":"SUSPENDED","jobStatus":{"state":"FINISHED"}}`))
	job := cluster.Job(api.Deployment, "a")
	to := job.Patched(map[string]any{"flinkConfiguration": map[string]any{"gone": nil, "new": "2"}})
	gather := Foreseer{Store: StateStore{Client: cluster.Client, NoReader: true}}
	for path, want := range map[string]string{"gs://b/x": "Google Cloud Storage can't be read from here", "/data/x": "no pod of flinkdeployment/a runs that could read /data/x"} {
		facts, err := gather.Facts(t.Context(), change.Prospect{Before: job, After: to, Path: path})
		if err == nil || !strings.Contains(err.Error(), want) || facts.State != nil {
			t.Errorf("%s: %v, %+v", path, err, facts.State)
		}
		if facts.Config["state.backend.type"] != "rocksdb" || facts.Config["new"] != "2" || facts.Config["gone"] != "" || facts.Was["gone"] != "1" || facts.Cluster.FlinkVersion() != "v1_20" {
			t.Errorf("%s: config %v, was %v", path, facts.Config, facts.Was)
		}
		if foretell.WouldFail(foretell.Judge(facts)) {
			t.Errorf("%s: what can't be seen doesn't fail", path)
		}
	}
	if _, err := gather.Facts(t.Context(), change.Prospect{Before: job, After: to, Unknown: "nobody says where"}); err == nil || err.Error() != "nobody says where" {
		t.Error(err)
	}
	if _, err := gather.Facts(t.Context(), change.Prospect{Before: job, After: to}); err != nil {
		t.Errorf("a start without state: %v", err)
	}
	if writes := cluster.Writes(); len(writes) > 0 {
		t.Errorf("it wrote %v", writes)
	}
	if pods := cluster.Core.Actions(); len(pods) > 0 {
		for _, action := range pods {
			if action.GetVerb() == "create" && action.GetResource().Resource == "pods" {
				t.Error("it started a pod")
			}
		}
	}
}
