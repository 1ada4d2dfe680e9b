package lifecycle

import (
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// The operator has the job delete a savepoint's data, and lets the snapshot go
// only then.
func TestSnapshotsThatDontGoWithTheirJobAreNamed(t *testing.T) {
	snapshot := func(name, more, spec string) *unstructured.Unstructured {
		return flinktest.JobOf(t, api.StateSnap, `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkStateSnapshot","metadata":{"name":"`+name+`","namespace":"n","uid":"`+name+`"`+more+`},
			"spec":{"jobReference":{"kind":"FlinkDeployment","name":"a"},"savepoint":{`+spec+`}},"status":{"state":"COMPLETED","path":"s3://b/`+name+`"}}`).Object
	}
	const (
		deleting = `,"deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["flinkstatesnapshots.flink.apache.org/finalizer"]`
		backup   = `,"deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["example.com/backup"]`
		owned    = `,"ownerReferences":[{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","name":"a","uid":"u","blockOwnerDeletion":true}]`
	)
	job := flinktest.JobOf(t, api.Deployment, `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"a","namespace":"n","uid":"u","deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["foregroundDeletion"]},
		"spec":{"job":{}},"status":{"lifecycleState":"DELETING","jobStatus":{"state":"CANCELED","startTime":"1"}}}`)
	gone := job.Object.DeepCopy()
	gone.SetName("other")
	for name, c := range map[string]struct {
		job, snapshot *unstructured.Unstructured
		want          []string
	}{
		"its data can't go":    {job.Object, snapshot("s", deleting, `"disposeOnDelete":true`), []string{"flinkstatesnapshot/s is marked for deletion but doesn't go", "flinkdeployment/a is not RUNNING (CANCELED)", "kubectl flink snapshot delete s --keep-data -n n"}},
		"the job is gone":      {gone, snapshot("s", deleting, `"disposeOnDelete":true`), []string{"flinkdeployment/a doesn't exist any more", "kubectl flink snapshot delete s --keep-data -n n"}},
		"somebody's finalizer": {job.Object, snapshot("s", backup, `"disposeOnDelete":false`), []string{"flinkstatesnapshot/s isn't gone: it waits for example.com/backup"}},
		"one that is owned":    {job.Object, snapshot("s", owned+deleting, `"disposeOnDelete":true`), []string{"flinkdeployment/a waits for it: flinkstatesnapshot/s is marked for deletion but doesn't go", "--keep-data"}},
		"one that stays":       {job.Object, snapshot("s", "", `"disposeOnDelete":true`), nil},
		"another job's": {job.Object, func() *unstructured.Unstructured {
			s := snapshot("s", deleting, `"disposeOnDelete":true`)
			_ = unstructured.SetNestedField(s.Object, "b", "spec", "jobReference", "name")
			return s
		}(), nil},
	} {
		client := operator.ClientOf(fakeDynamic(c.job.DeepCopy(), c.snapshot), fake.NewClientset(), api.Deployment, api.StateSnap)
		got := strings.Join(heldSnapshots(t.Context(), client, job), "\n")
		if c.want == nil && got != "" {
			t.Errorf("%s: %s", name, got)
		}
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in: %s", name, want, got)
			}
		}
		if c.want != nil && c.job == job.Object && !strings.Contains(strings.Join(HeldUp(t.Context(), client, job), "\n"), c.want[0]) {
			t.Errorf("%s: HeldUp says %q", name, HeldUp(t.Context(), client, job))
		}
	}
}

func TestWhatHoldsADeletionUp(t *testing.T) {
	manifest := func(config, finalizer, failure string) string {
		return `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"a","namespace":"n","finalizers":["` + finalizer + `"]},
			"spec":{"flinkConfiguration":{` + config + `},"job":{}},"status":{"lifecycleState":"DELETING","jobManagerDeploymentStatus":"READY","error":"` + failure + `","jobStatus":{"state":"RUNNING","startTime":"1"}}}`
	}
	const own = "flinkdeployments.flink.apache.org/finalizer"
	operatorOf := func(wanted, ready int32) *appsv1.Deployment {
		return &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "flink-kubernetes-operator", Namespace: "flink-operator", Labels: map[string]string{"app.kubernetes.io/name": "flink-kubernetes-operator"}},
			Spec:       appsv1.DeploymentSpec{Replicas: &wanted}, Status: appsv1.DeploymentStatus{ReadyReplicas: ready},
		}
	}
	ending := flinktest.Pod("a-1", "a", func(p *corev1.Pod) {
		p.DeletionTimestamp, p.Finalizers, p.Spec.NodeName = &metav1.Time{Time: time.Now()}, []string{"example.com/hold"}, "node-1"
	})
	for name, c := range map[string]struct {
		job     string
		objects []runtime.Object
		want    string
		final   bool
	}{
		"the operator is scaled to 0": {manifest("", own, ""), []runtime.Object{operatorOf(0, 0)}, "the operator is not running", true},
		"the operator is down":        {manifest("", own, ""), []runtime.Object{operatorOf(1, 0)}, "The operator is not ready", false},
		"somebody's finalizer":        {manifest("", "example.com/backup", ""), []runtime.Object{operatorOf(1, 1)}, "the controller of the finalizer example.com/backup on it", false},
		"what the operator says":      {manifest("", own, "no way"), []runtime.Object{operatorOf(1, 1)}, "the operator says: no way", false},
		"a savepoint first":           {manifest(`"kubernetes.operator.job.savepoint-on-deletion":"true"`, own, ""), []runtime.Object{operatorOf(1, 1)}, "the operator takes a savepoint first", false},
		"a pod that doesn't end":      {manifest("", own, ""), []runtime.Object{operatorOf(1, 1), ending}, "pod/a-1 is still ending on node node-1", false},
		"nothing that can be seen":    {manifest("", own, ""), []runtime.Object{operatorOf(1, 1)}, "the operator has not let it go yet: its finalizer is on it, and the job is RUNNING, lifecycle DELETING. The operator runs", false},
	} {
		job := flinktest.JobOf(t, api.Deployment, c.job)
		client := operator.ClientOf(fakeDynamic(job.Object.DeepCopy()), fake.NewClientset(c.objects...))
		out, final := deletionBlockers(t.Context(), client, job, time.Now())
		if !slices.ContainsFunc(out, func(line string) bool { return strings.Contains(line, c.want) }) || (final != "") != c.final {
			t.Errorf("%s: %q, final %q; want %q", name, out, final, c.want)
		}
	}
}
