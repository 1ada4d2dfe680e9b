package lifecycle

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

// A cure is made of the job as it was looked at: a spec that somebody has changed
// since isn't overwritten, the operator's status doesn't matter.
func TestApplyFixOfAJob(t *testing.T) {
	const spec = `{"flinkVersion":"v1_20","job":{"upgradeMode":"stateless","state":"suspended"}}`
	fix := &diagnosis.Fix{Kind: "FlinkDeployment", Namespace: flinktest.Namespace, Name: "orders", Patch: map[string]any{
		"spec":     map[string]any{"job": map[string]any{"upgradeMode": "savepoint"}},
		"metadata": map[string]any{"labels": map[string]any{"team": "a"}},
	}}
	mode := func(c *flinktest.Cluster) string { return c.Job(api.Deployment, "orders").UpgradeMode() }

	cluster := flinktest.New(flinktest.Object(api.Deployment, "orders", spec, `{}`))
	seen := cluster.Get(api.Deployment, "orders")
	cluster.SetStatus(api.Deployment, "orders", `{"error":"x"}`)
	if err := ApplyFix(t.Context(), cluster.Client, fix, seen, "server"); err != nil || mode(cluster) != "stateless" {
		t.Errorf("a dry run: %v, %s", err, mode(cluster))
	}
	if err := ApplyFix(t.Context(), cluster.Client, fix, seen, ""); err != nil || mode(cluster) != "savepoint" || cluster.Get(api.Deployment, "orders").GetLabels()["team"] != "a" {
		t.Errorf("%v, %s", err, mode(cluster))
	}

	cluster = flinktest.New(flinktest.Object(api.Deployment, "orders", spec, `{}`))
	seen = cluster.Get(api.Deployment, "orders")
	cluster.SetSpec(api.Deployment, "orders", `{"job":{"parallelism":3}}`)
	if err := ApplyFix(t.Context(), cluster.Client, fix, seen, ""); err == nil || !strings.Contains(err.Error(), "was not changed") || mode(cluster) != "stateless" {
		t.Errorf("a spec that was changed since: %v, %s", err, mode(cluster))
	}
	if err := ApplyFix(t.Context(), cluster.Client, fix, nil, ""); err == nil {
		t.Error("a job that nobody looked at was changed")
	}
}

// Kubernetes' own objects are only touched as they were found, and none of other
// kinds.
func TestApplyFixOfKubernetes(t *testing.T) {
	deployment := func(replicas string) *unstructured.Unstructured {
		o := flinktest.Object(api.Deployment, "operator", `{"replicas":`+replicas+`}`, "")
		o.SetAPIVersion("apps/v1")
		o.SetKind("Deployment")
		return o
	}
	start := &diagnosis.Fix{Kind: "Deployment", Namespace: flinktest.Namespace, Name: "operator", Patch: map[string]any{"spec": map[string]any{"replicas": 1}}, Expect: map[string]any{"spec": map[string]any{"replicas": 0}}}
	replicas := func(c *flinktest.Cluster) any {
		o, err := c.Client.Dynamic().Resource(fixable["Deployment"]).Namespace(flinktest.Namespace).Get(t.Context(), "operator", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		n, _ := api.Number(o.Object, "spec", "replicas")
		return n
	}
	cluster := flinktest.New(deployment("0"))
	if err := ApplyFix(t.Context(), cluster.Client, start, nil, ""); err != nil || replicas(cluster) != int64(1) {
		t.Errorf("%v, %v", err, replicas(cluster))
	}
	cluster = flinktest.New(deployment("2"))
	if err := ApplyFix(t.Context(), cluster.Client, start, nil, ""); err == nil || replicas(cluster) != int64(2) {
		t.Errorf("one that runs: %v, %v", err, replicas(cluster))
	}

	account := map[string]any{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": map[string]any{"name": "flink", "namespace": flinktest.Namespace}}
	make := &diagnosis.Fix{Create: []map[string]any{account}}
	if err := ApplyFix(t.Context(), cluster.Client, make, nil, ""); err != nil {
		t.Error(err)
	}
	if err := ApplyFix(t.Context(), cluster.Client, make, nil, ""); err == nil || !strings.Contains(err.Error(), "left as it is") {
		t.Errorf("one that is there: %v", err)
	}
	for _, other := range []*diagnosis.Fix{
		{Create: []map[string]any{{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "x", "namespace": "y"}}}},
		{Kind: "Node", Name: "n1", Patch: map[string]any{"spec": map[string]any{}}},
	} {
		if err := ApplyFix(t.Context(), cluster.Client, other, nil, ""); err == nil {
			t.Errorf("%+v was carried out", other)
		}
	}
}
