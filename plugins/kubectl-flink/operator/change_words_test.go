package operator

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// A session job is canceled before the operator calls the new spec accepted.
func TestAChangeInProgressIsThisOneUnlessItWasBefore(t *testing.T) {
	at := func(lifecycle, state string) Job {
		return changedJob(2, map[string]any{"observedGeneration": int64(1), "lifecycleState": lifecycle, "jobStatus": map[string]any{"state": state}})
	}
	for _, c := range []struct {
		before, now Job
		want        string
	}{
		{at("STABLE", "RUNNING"), at("UPGRADING", "CANCELLING"), "the operator carries it out: lifecycle UPGRADING, the job is CANCELLING"},
		{at("UPGRADING", "RUNNING"), at("UPGRADING", "CANCELLING"), "the operator has not taken it up yet: the job is CANCELLING, an earlier change is in progress (lifecycle UPGRADING)"},
		{at("STABLE", "RUNNING"), at("STABLE", "RUNNING"), "waiting for the operator to take it up"},
	} {
		ch := Change{Job: c.before, Spec: map[string]any{"restartNonce": int64(1)}}
		if got := ch.judge(c.now, 2); got.stage != notTaken || got.what != c.want {
			t.Errorf("%q, want %q", got.what, c.want)
		}
	}
	moving := Change{Job: jobOf(t, BlueGreen, `{"metadata":{"name":"a"},"spec":{"template":{"spec":{}}},"status":{"blueGreenState":"ACTIVE_BLUE"}}`), Spec: map[string]any{"restartNonce": int64(1)}}
	now := jobOf(t, BlueGreen, `{"metadata":{"name":"a"},"spec":{"template":{"spec":{}}},"status":{"blueGreenState":"TRANSITIONING_TO_GREEN","lastReconciledSpec":"{}"}}`)
	if got := moving.judge(now, 2); got.what != "the operator carries it out: TRANSITIONING_TO_GREEN" {
		t.Errorf("%q", got.what)
	}
}

func TestATimeOutSaysWhetherSomethingWasChanged(t *testing.T) {
	job := changedJob(2, map[string]any{"lifecycleState": "DEPLOYED", "jobStatus": map[string]any{"state": "RECONCILING"}})
	for name, c := range map[string]struct {
		applied, changed bool
		want, not        string
	}{
		"before the change": {false, true, "nothing was changed", "stays in the spec"},
		"after it":          {true, true, "The change stays in the spec", "othing was changed"},
		"it was so already": {true, false, "Nothing was changed by this command", "stays in the spec"},
	} {
		f := &changeFollower{client: ClientOf(nil, fake.NewClientset()), change: Change{Job: job, Did: "resumed"}, job: job, now: time.Now, applied: c.applied}
		f.report.Changed = c.changed
		err := f.cutOff(context.Background(), exit.Timeoutf("timed out after 10s"))
		if err == nil || exit.Code(err) != exit.TimedOut || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), c.not) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What keeps a job from its first run is said at once; a restart would only meet
// it again.
func TestRestartOfAJobThatHasNeverRun(t *testing.T) {
	job := jobOf(t, Deployment, `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"a","namespace":"n","uid":"u"},
		"spec":{"image":"flink:9.99","flinkConfiguration":{"execution.checkpointing.dir":"s3://b/c","execution.checkpointing.savepoint-dir":"s3://b/s"},"job":{"upgradeMode":"savepoint"}},
		"status":{"observedGeneration":1,"lifecycleState":"DEPLOYED","jobManagerDeploymentStatus":"ERROR","jobStatus":{"state":"RECONCILING","jobId":"x"}}}`)
	asked := false
	pulling := flinkPod("a-1", "a", func(p *corev1.Pod) {
		p.Status.ContainerStatuses = []corev1.ContainerStatus{waitingIn("ImagePullBackOff")}
		p.Status.ContainerStatuses[0].State.Waiting.Message = `Back-off pulling image "flink:9.99"`
	})
	for name, c := range map[string]struct {
		pods []runtime.Object
		want []string
	}{
		"a bad image":    {[]runtime.Object{pulling}, []string{"nothing was changed", "has never run", `pod/a-1: ImagePullBackOff: Back-off pulling image "flink:9.99"`, "kubectl flink upgrade flinkdeployment/a -n n"}},
		"still starting": {nil, []string{"nothing was changed", "has never run", "RECONCILING", "kubectl flink status flinkdeployment/a -n n --for running"}},
	} {
		client := ClientOf(fakeDynamic(job.Object.DeepCopy()), fake.NewClientset(c.pods...), Deployment, StateSnap)
		client.AskFlink = func(context.Context, Ref) (FlinkState, error) { asked = true; return FlinkState{}, nil }
		_, err := client.Restart(t.Context(), job.Ref(), RestartRequest{}, Reporter{})
		if err == nil || exit.Code(err) != exit.Failed {
			t.Fatalf("%s: %v", name, err)
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: no %q in: %v", name, want, err)
			}
		}
		now, getErr := client.Get(t.Context(), job.Ref())
		if getErr != nil || asked || text(now.Object, "spec", "restartNonce") != "" || section(now.Object, "spec")["restartNonce"] != nil {
			t.Errorf("%s: %v, asked %v, spec %v", name, getErr, asked, now.Object["spec"])
		}
	}
}

func fakeDynamic(objects ...runtime.Object) *dynamicfake.FakeDynamicClient {
	lists := map[schema.GroupVersionResource]string{StateSnap.GVR(): StateSnap.Name + "List", hpaResource: "HorizontalPodAutoscalerList", podsResource: "PodList", corev1.SchemeGroupVersion.WithResource("events"): "EventList"}
	for _, kind := range JobKinds {
		lists[kind.GVR()] = kind.Name + "List"
	}
	return dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, objects...)
}
