package lifecycle

import (
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

func TestAnHPAsSizeIsNotChangedWithoutAWord(t *testing.T) {
	job := flinktest.JobOf(t, api.Deployment, `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"a","namespace":"n"},
		"spec":{"mode":"standalone","taskManager":{"replicas":2},"job":{"upgradeMode":"savepoint","parallelism":2}},
		"status":{"lifecycleState":"STABLE","jobManagerDeploymentStatus":"READY","jobStatus":{"state":"RUNNING","startTime":"1","jobId":"x"}}}`)
	hpa := func(target string) *unstructured.Unstructured {
		var object map[string]any
		if err := json.Unmarshal([]byte(`{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"sizer","namespace":"n"},
			"spec":{"minReplicas":2,"maxReplicas":9,"scaleTargetRef":{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","name":"`+target+`"}}}`), &object); err != nil {
			t.Fatal(err)
		}
		return &unstructured.Unstructured{Object: object}
	}
	const refused = "flinkdeployment/a is sized by horizontalpodautoscaler/sizer (2 to 9 TaskManagers)"
	for name, c := range map[string]struct {
		target  string
		force   bool
		refuses bool
		noted   bool
	}{
		"its own":         {"a", false, true, false},
		"its own, forced": {"a", true, false, true},
		"another job's":   {"b", false, false, false},
	} {
		client := operator.ClientOf(fakeDynamic(job.Object.DeepCopy(), hpa(c.target)), fake.NewClientset())
		var notes []string
		reporter := operator.Reporter{Note: func(text string) { notes = append(notes, text) }}
		options := change.Options{DryRun: "client", Force: c.force}
		_, scaled := Scale(t.Context(), client, job.Ref(), ScaleRequest{TaskManagers: 4, Options: options}, reporter)
		wanted := job.Object.DeepCopy()
		_ = unstructured.SetNestedField(wanted.Object, int64(4), "spec", "taskManager", "replicas")
		_, upgraded := Upgrade(t.Context(), client, job.Ref(), UpgradeRequest{UpgradeFields: UpgradeFields{Manifest: api.Job{Kind: api.Deployment, Object: wanted}}, Options: options}, reporter)
		for verb, err := range map[string]error{"scale": scaled, "upgrade": upgraded} {
			if (err != nil) != c.refuses || err != nil && !strings.Contains(err.Error(), refused) {
				t.Errorf("%s, %s: %v", name, verb, err)
			}
		}
		if got := strings.Count(strings.Join(notes, "\n"), "warning: "+refused); (got == 2) != c.noted {
			t.Errorf("%s: %q", name, notes)
		}
	}
	client := operator.ClientOf(fakeDynamic(job.Object.DeepCopy(), hpa("a")), fake.NewClientset())
	if _, err := Upgrade(t.Context(), client, job.Ref(), UpgradeRequest{UpgradeFields: UpgradeFields{Image: "flink:1.20"}, Options: change.Options{DryRun: "client"}}, operator.Reporter{}); err != nil {
		t.Errorf("another image: %v", err)
	}
}
