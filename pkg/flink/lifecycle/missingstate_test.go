package lifecycle

import (
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// startsInVain is a cluster whose JobManager ended because the job's savepoint
// isn't there, and is about to be started once more.
func startsInVain(t *testing.T) (*operator.Client, api.Job, func() int) {
	t.Helper()
	job := flinktest.JobOf(t, api.Deployment, `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"a","namespace":"n","uid":"u","generation":1},
		"spec":{"image":"flink:1.20","flinkConfiguration":{"execution.checkpointing.dir":"s3://b/c","execution.checkpointing.savepoint-dir":"s3://b/s"},"job":{"state":"running","upgradeMode":"savepoint","initialSavepointPath":"s3a://b/nope"}},
		"status":{"observedGeneration":1,"lifecycleState":"DEPLOYED","jobManagerDeploymentStatus":"DEPLOYING","jobStatus":{"state":"RECONCILING","jobId":"x"}}}`)
	pod := flinktest.Pod("a-1", "a", func(p *corev1.Pod) {
		ended := &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 2, Message: noState}
		p.Status.ContainerStatuses[0] = corev1.ContainerStatus{Name: api.MainContainer, RestartCount: 1, State: corev1.ContainerState{Terminated: ended}, LastTerminationState: corev1.ContainerState{Terminated: ended}}
	})
	core := fake.NewClientset(pod)
	core.PrependReactor("create", "selfsubjectaccessreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &authorizationv1.SelfSubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: true}}, nil
	})
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pod)
	if err != nil {
		t.Fatal(err)
	}
	watched := &unstructured.Unstructured{Object: content}
	watched.SetAPIVersion("v1")
	watched.SetKind("Pod")
	objects := fakeDynamic(job.Object.DeepCopy(), watched)
	client := operator.ClientOf(objects, core, api.Deployment, api.StateSnap)
	return client, job, func() int {
		patches := 0
		for _, action := range objects.Actions() {
			if action.GetVerb() == "patch" {
				patches++
			}
		}
		return patches
	}
}

// The operator says "Job Not Found" or "back-off" of it, and carries out nothing.
func TestAChangeOfAJobWhoseStateIsntThereIsRefused(t *testing.T) {
	client, job, patches := startsInVain(t)
	for verb, run := range map[string]func(api.StateChoice) error{
		"restart": func(choice api.StateChoice) error {
			_, err := Restart(t.Context(), client, job.Ref(), RestartRequest{StateChoice: choice, Options: change.Options{DryRun: "client"}}, operator.Reporter{})
			return err
		},
		"upgrade": func(choice api.StateChoice) error {
			_, err := Upgrade(t.Context(), client, job.Ref(), UpgradeRequest{UpgradeFields: UpgradeFields{Set: map[string]string{"a.b": "1"}}, StateChoice: choice, Options: change.Options{DryRun: "client"}}, operator.Reporter{})
			return err
		},
	} {
		err := run(api.StateChoice{})
		if err == nil || exit.Code(err) != exit.Failed || !strings.Contains(err.Error(), "was not changed: it can't start: "+noState) || !strings.Contains(err.Error(), "kubectl flink restore flinkdeployment/a --from PATH --no-savepoint -n n") {
			t.Errorf("%s: %v", verb, err)
		}
		if err := run(api.StateChoice{LoseState: true}); err != nil {
			t.Errorf("%s --lose-state: %v", verb, err)
		}
	}
	if n := patches(); n != 0 {
		t.Errorf("%d patches", n)
	}
}

// A job that was told to run before, by whatever command, is waited for by
// resume: its pods are those of that command.
func TestResumeSaysThatTheStateIsntThere(t *testing.T) {
	client, job, _ := startsInVain(t)
	began := time.Now()
	_, err := Resume(t.Context(), client, job.Ref(), ResumeRequest{}, operator.Reporter{})
	if err == nil || exit.Code(err) != exit.Failed || !strings.Contains(err.Error(), "pod/a-1: ended with Error (exit code 2): "+noState) {
		t.Error(err)
	}
	if took := time.Since(began); took > stubbornFor {
		t.Errorf("after %s", took)
	}
}
