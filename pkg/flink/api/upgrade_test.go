package api

import (
	"encoding/json"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func jobOf(t *testing.T, kind Kind, manifest string) Job {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(manifest), &object.Object); err != nil {
		t.Fatal(err)
	}
	return Job{kind, object}
}

func TestFresh(t *testing.T) {
	job := jobOf(t, Deployment, `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment",
		"metadata":{"name":"a","namespace":"n","uid":"u","resourceVersion":"1","finalizers":["f"],"ownerReferences":[{"name":"x"}],
			"labels":{"team":"t","app.kubernetes.io/managed-by":"Helm","argocd.argoproj.io/instance":"i","kustomize.toolkit.fluxcd.io/name":"k"},
			"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","note":"n"}},
		"spec":{"restartNonce":3,"flinkConfiguration":{"kubernetes.cluster-id":"a","high-availability":{"type":"kubernetes","cluster-id":"a"}},
			"job":{"state":"suspended","initialSavepointPath":"x","savepointTriggerNonce":1,"savepointRedeployNonce":1,"parallelism":2}},
		"status":{"lifecycleState":"STABLE"}}`)
	got, _ := json.Marshal(job.Fresh().Object.Object)
	want := `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"annotations":{"note":"n"},"labels":{"team":"t"},"name":"a","namespace":"n"},` +
		`"spec":{"flinkConfiguration":{"high-availability":{"type":"kubernetes"}},"job":{"parallelism":2,"state":"running"}}}`
	if string(got) != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if Text(job.Object.Object, "spec", "job", "initialSavepointPath") != "x" {
		t.Error("the job itself was changed")
	}
}
