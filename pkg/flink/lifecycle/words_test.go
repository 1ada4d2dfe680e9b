package lifecycle

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// What keeps a job from its first run is said at once; a restart would only meet
// it again.
func TestRestartOfAJobThatHasNeverRun(t *testing.T) {
	job := flinktest.JobOf(t, api.Deployment, `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"a","namespace":"n","uid":"u"},
		"spec":{"image":"flink:9.99","flinkConfiguration":{"execution.checkpointing.dir":"s3://b/c","execution.checkpointing.savepoint-dir":"s3://b/s"},"job":{"upgradeMode":"savepoint"}},
		"status":{"observedGeneration":1,"lifecycleState":"DEPLOYED","jobManagerDeploymentStatus":"ERROR","jobStatus":{"state":"RECONCILING","jobId":"x"}}}`)
	asked := false
	pulling := flinktest.Pod("a-1", "a", func(p *corev1.Pod) {
		p.Status.ContainerStatuses = []corev1.ContainerStatus{flinktest.WaitingIn("ImagePullBackOff")}
		p.Status.ContainerStatuses[0].State.Waiting.Message = `Back-off pulling image "flink:9.99"`
	})
	for name, c := range map[string]struct {
		pods []runtime.Object
		want []string
	}{
		"a bad image":    {[]runtime.Object{pulling}, []string{"nothing was changed", "has never run", `pod/a-1: ImagePullBackOff: Back-off pulling image "flink:9.99"`, "kubectl flink upgrade flinkdeployment/a -n n"}},
		"still starting": {nil, []string{"nothing was changed", "has never run", "RECONCILING", "kubectl flink status flinkdeployment/a -n n --for running"}},
	} {
		client := operator.ClientOf(fakeDynamic(job.Object.DeepCopy()), fake.NewClientset(c.pods...), api.Deployment, api.StateSnap)
		client = client.Asking(flinktest.Flink{OnState: func(context.Context, api.Ref) (api.FlinkState, error) {
			asked = true
			return api.FlinkState{}, nil
		}})
		_, err := Restart(t.Context(), client, job.Ref(), RestartRequest{}, operator.Reporter{})
		if err == nil || exit.Code(err) != exit.Failed {
			t.Fatalf("%s: %v", name, err)
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: no %q in: %v", name, want, err)
			}
		}
		now, getErr := client.Get(t.Context(), job.Ref())
		if getErr != nil || asked || api.Text(now.Object, "spec", "restartNonce") != "" || api.Section(now.Object, "spec")["restartNonce"] != nil {
			t.Errorf("%s: %v, asked %v, spec %v", name, getErr, asked, now.Object["spec"])
		}
	}
}

func fakeDynamic(objects ...runtime.Object) *dynamicfake.FakeDynamicClient {
	lists := map[schema.GroupVersionResource]string{api.StateSnap.GVR(): api.StateSnap.Name + "List", change.HPAResource: "HorizontalPodAutoscalerList", operator.PodsResource: "PodList", corev1.SchemeGroupVersion.WithResource("events"): "EventList"}
	for _, kind := range api.JobKinds {
		lists[kind.GVR()] = kind.Name + "List"
	}
	return dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, objects...)
}

// What is copied from an error goes through a shell: a path may have a space or a
// quote in it. Operators that know only --recreate are told so.
func TestTheWayBackCanBePasted(t *testing.T) {
	ref := api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "a"}
	report := RestoreReport{Guard: &savepoint.Report{Path: "s3://b/it's one/savepoint-1"}}
	for recreate, want := range map[bool]string{
		false: "no\nGo back to the job as it was before: kubectl flink restore flinkdeployment/a --from 's3://b/it'\\''s one/savepoint-1' --no-savepoint -n ns",
		true:  "no\nGo back to the job as it was before: kubectl flink restore flinkdeployment/a --from 's3://b/it'\\''s one/savepoint-1' --no-savepoint --recreate -n ns",
	} {
		if err := wayBack(errors.New("no"), ref, report, recreate); err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}
