package reach

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// noWay is a transport that nothing comes through.
type noWay struct{}

func (noWay) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no way") }

// podless is a cluster in which the gateway's pod fails, so that its start ends.
func podless() (*fake.Clientset, Place) {
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "session", UID: "u"}}
	deployment.Spec.Template.Spec.Containers = []corev1.Container{{Name: "flink-main-container", Image: "flink:1.20"}}
	core := fake.NewClientset(deployment)
	// Nothing makes a Job's pod here; without the right to make one, a pod is made.
	core.PrependReactor("create", "jobs", func(k8stesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Group: "batch", Resource: "jobs"}, "", errors.New("no"))
	})
	core.PrependReactor("create", "pods", func(action k8stesting.Action) (bool, runtime.Object, error) {
		pod := action.(k8stesting.CreateAction).GetObject().(*corev1.Pod)
		pod.Name, pod.UID = pod.GenerateName+"x", "pod-uid"
		pod.Status.Phase = corev1.PodFailed
		return false, nil, nil
	})
	object := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "session", "namespace": "ns"}}}
	return core, Place{Cluster: api.Job{Kind: api.Deployment, Object: object}, Config: api.Config{}}
}

var secretSettings = map[string]string{"s3.secret-key": "hunter2\nx", "proxy": "http://me:hunter2@proxy", "parallelism.default": "2"}

func TestSecretSettingsOfAGatewayAreNotInItsPod(t *testing.T) {
	core, place := podless()
	starter := &GatewayStarter{Core: core, Settings: secretSettings, Connect: func(portforward.Target) http.RoundTripper { return noWay{} }}
	if _, err := starter.InPod(t.Context(), place); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Fatal(err)
	}
	var pod *corev1.Pod
	var kept *corev1.Secret
	for _, action := range core.Actions() {
		create, ok := action.(k8stesting.CreateAction)
		if !ok {
			continue
		}
		switch o := create.GetObject().(type) {
		case *corev1.Pod:
			pod = o
		case *corev1.Secret:
			kept = o
		}
	}
	if pod == nil || kept == nil {
		t.Fatalf("created %v and %v", pod, kept)
	}
	spec, _ := json.Marshal(pod)
	if strings.Contains(string(spec), "hunter2") || !strings.Contains(string(spec), "-Dparallelism.default=2") || !strings.Contains(string(spec), kept.Name) {
		t.Errorf("the pod: %s", spec)
	}
	if got := string(kept.Data[hiddenKey]); got != "-Dproxy=http://me:hunter2@proxy\x00-Ds3.secret-key=hunter2\nx\x00" {
		t.Errorf("the Secret: %q", got)
	}
	if owners := kept.OwnerReferences; len(owners) != 1 || owners[0].Kind != "Pod" || owners[0].UID != "pod-uid" || owners[0].Name != "session-sql-gateway-x" {
		t.Errorf("the Secret's owners: %v", owners)
	}
	left, err := core.CoreV1().Secrets("ns").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(left.Items) != 0 {
		t.Errorf("left behind: %v %v", left.Items, err)
	}
}

func TestAGatewayWithoutSecretsNeedsNoSecret(t *testing.T) {
	core, place := podless()
	starter := &GatewayStarter{Core: core, Settings: map[string]string{"a": "b"}, Connect: func(portforward.Target) http.RoundTripper { return noWay{} }}
	if _, err := starter.InPod(t.Context(), place); err == nil {
		t.Fatal("it started")
	}
	for _, action := range core.Actions() {
		if action.GetResource().Resource == "secrets" {
			t.Errorf("%s of secrets", action.GetVerb())
		}
	}
}

func TestWhereNoSecretMayBeMade(t *testing.T) {
	core, place := podless()
	core.PrependReactor("create", "secrets", func(k8stesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", errors.New("no"))
	})
	starter := &GatewayStarter{Core: core, Settings: secretSettings, Connect: func(portforward.Target) http.RoundTripper { return noWay{} }}
	_, err := starter.InPod(t.Context(), place)
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "proxy, s3.secret-key") || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
	if left, _ := core.CoreV1().Pods("ns").List(t.Context(), metav1.ListOptions{}); len(left.Items) != 0 {
		t.Errorf("left behind: %v", left.Items)
	}
}
