package operator

import (
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

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
	ending := flinkPod("a-1", "a", func(p *corev1.Pod) {
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
		"somebody's finalizer":        {manifest("", "example.com/backup", ""), []runtime.Object{operatorOf(1, 1)}, "whoever put the finalizer example.com/backup on it", false},
		"what the operator says":      {manifest("", own, "no way"), []runtime.Object{operatorOf(1, 1)}, "the operator says: no way", false},
		"a savepoint first":           {manifest(`"kubernetes.operator.job.savepoint-on-deletion":"true"`, own, ""), []runtime.Object{operatorOf(1, 1)}, "the operator takes a savepoint first", false},
		"a pod that doesn't end":      {manifest("", own, ""), []runtime.Object{operatorOf(1, 1), ending}, "pod/a-1 is still ending on node node-1", false},
		"nothing that can be seen":    {manifest("", own, ""), []runtime.Object{operatorOf(1, 1)}, "the operator has not let it go yet: its finalizer is on it, and the job is RUNNING, lifecycle DELETING. The operator runs", false},
	} {
		job := jobOf(t, Deployment, c.job)
		client := ClientOf(fakeDynamic(job.Object.DeepCopy()), fake.NewClientset(c.objects...))
		out, final := client.blockers(t.Context(), job, time.Now())
		if !slices.ContainsFunc(out, func(line string) bool { return strings.Contains(line, c.want) }) || (final != "") != c.final {
			t.Errorf("%s: %q, final %q; want %q", name, out, final, c.want)
		}
	}
}
