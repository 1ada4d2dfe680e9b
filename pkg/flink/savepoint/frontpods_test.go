package savepoint

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

func TestNoSavepointWhileTheJobManagerIsAway(t *testing.T) {
	job := flinktest.JobOf(t, api.SessionJob, `{"metadata":{"name":"a","namespace":"n"},"spec":{"deploymentName":"c","job":{}},"status":{"jobStatus":{"state":"RUNNING"}}}`)
	p := &plan{job: job, target: job, now: time.Now}
	away := flinktest.Pod("jm", "c", func(p *corev1.Pod) { p.Status.ContainerStatuses[0] = flinktest.WaitingIn("CrashLoopBackOff") })
	if err := checkRunning(t.Context(), operator.ClientOf(nil, fake.NewClientset(away)), p); err == nil || !strings.Contains(err.Error(), "no savepoint of flinksessionjob/a can be taken: its JobManager's pod jm isn't ready: Flink's container is in CrashLoopBackOff") {
		t.Error(err)
	}
	there := flinktest.Pod("jm", "c", func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionTrue })
	for name, client := range map[string]*operator.Client{"ready": operator.ClientOf(nil, fake.NewClientset(there)), "no pods known": operator.ClientOf(nil, fake.NewClientset())} {
		if err := checkRunning(t.Context(), client, p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	ought := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "c", Namespace: "n", Labels: map[string]string{"component": "jobmanager"}}}
	if err := checkRunning(t.Context(), operator.ClientOf(nil, fake.NewClientset(ought)), p); err == nil || !strings.Contains(err.Error(), "its JobManager has no pod") {
		t.Error(err)
	}
}
