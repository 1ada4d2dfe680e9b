package sqljob

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Of the ConfigMaps of a job's scripts those stay that its spec, or a spec that
// the operator would roll back to, refers to.
func TestPruneKeepsWhatIsReferredTo(t *testing.T) {
	job, err := App{Name: "orders", Namespace: "ns", FlinkVersion: "2.3", Script: insert(t)}.Job()
	if err != nil {
		t.Fatal(err)
	}
	job.Object.SetUID("uid")
	stable := job.Object.DeepCopy()
	older := script(t, "INSERT INTO t SELECT 0;")
	Mount(api.Section(stable.Object, "spec"), ConfigMapName("orders", older))
	noted, err := json.Marshal(map[string]any{"spec": api.Section(stable.Object, "spec")})
	if err != nil {
		t.Fatal(err)
	}
	job.Object.Object["status"] = map[string]any{"reconciliationStatus": map[string]any{"lastStableSpec": string(noted)}}
	var objects []runtime.Object
	add := func(s Script, owner string) {
		configMap := ConfigMap(job.Ref(), s)
		if owner != "" {
			configMap.OwnerReferences = []metav1.OwnerReference{{UID: "uid", Name: "orders", Kind: owner, APIVersion: "x"}}
		}
		objects = append(objects, configMap)
	}
	oldest := script(t, "INSERT INTO t SELECT -1;")
	foreign := script(t, "INSERT INTO t SELECT -2;")
	for _, s := range []Script{insert(t), older, oldest} {
		add(s, "FlinkDeployment")
	}
	add(foreign, "")
	core := fake.NewClientset(objects...)
	scheme := runtime.NewScheme()
	dyn := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(scheme, nil, job.Object)
	client := operator.ClientOf(dyn, core, api.Deployment)
	gone, err := Prune(context.Background(), client, job.Ref())
	if err != nil || strings.Join(gone, " ") != ConfigMapName("orders", oldest) {
		t.Errorf("%v %v", gone, err)
	}
}

// A script's ConfigMap that is there is used, unless it holds another
// script into it.
func TestStoreOfWhatIsThere(t *testing.T) {
	s := insert(t)
	ref := api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "orders"}
	core := fake.NewClientset()
	client := operator.ClientOf(nil, core, api.Deployment)
	if created, err := Store(context.Background(), client, ConfigMap(ref, s), ""); err != nil || !created {
		t.Fatal(created, err)
	}
	if created, err := Store(context.Background(), client, ConfigMap(ref, s), ""); err != nil || created {
		t.Fatal(created, err)
	}
	other := ConfigMap(ref, s)
	other.Data = map[string]string{file: "DROP TABLE t"}
	if _, err := core.CoreV1().ConfigMaps("ns").Update(context.Background(), other, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := Store(context.Background(), client, ConfigMap(ref, s), ""); err == nil || !strings.Contains(err.Error(), "holds another script") {
		t.Error(err)
	}
}
