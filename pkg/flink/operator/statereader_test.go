package operator

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// deploymentOf reads a FlinkDeployment.
func deploymentOf(t *testing.T, text string) api.Job {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
		t.Fatal(err)
	}
	return api.Job{Kind: api.Deployment, Object: object}
}

const onVolume = `
apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: shop, namespace: ns}
spec:
  image: flink:1.20
  serviceAccount: flink
  flinkVersion: v1_20
  flinkConfiguration: {state.savepoints.dir: "file:///data/savepoints"}
  job: {parallelism: 4}
  podTemplate:
    spec:
      securityContext: {runAsUser: 9999}
      containers:
      - name: flink-main-container
        env:
        - {name: AWS_REGION, value: eu-central-1}
        - {name: AWS_ACCESS_KEY_ID, valueFrom: {secretKeyRef: {name: store, key: id}}}
        - {name: AWS_SECRET_ACCESS_KEY, valueFrom: {secretKeyRef: {name: store, key: key}}}
        - {name: DATABASE_PASSWORD, value: other}
        volumeMounts:
        - {name: data, mountPath: /data, subPath: flink}
        - {name: scratch, mountPath: /tmp/scratch}
      - name: sidecar
        volumeMounts:
        - {name: secrets, mountPath: /secrets}
      volumes:
      - name: data
        persistentVolumeClaim: {claimName: state}
      - name: scratch
        emptyDir: {}
      - name: secrets
        secret: {secretName: store}
`

// The reader has the volume of the path read-only, and nothing else of the
// job's pods that could be used.
func TestReaderPod(t *testing.T) {
	shop := deploymentOf(t, onVolume)
	pod, err := api.ReaderPod(shop, "file:/data/savepoints/savepoint-1", false)
	if err != nil {
		t.Fatal(err)
	}
	c := pod.Spec.Containers
	if len(c) != 1 || c[0].Image != "flink:1.20" || len(c[0].VolumeMounts) != 1 || !c[0].VolumeMounts[0].ReadOnly || c[0].VolumeMounts[0].SubPath != "flink" || len(c[0].Env) != 0 {
		t.Errorf("containers %+v", c)
	}
	if len(pod.Spec.Volumes) != 1 || pod.Spec.Volumes[0].PersistentVolumeClaim.ClaimName != "state" {
		t.Errorf("volumes %+v", pod.Spec.Volumes)
	}
	if pod.Namespace != "ns" || pod.Spec.ServiceAccountName != "flink" || *pod.Spec.SecurityContext.RunAsUser != 9999 || *pod.Spec.AutomountServiceAccountToken || pod.Spec.ActiveDeadlineSeconds == nil || pod.Spec.RestartPolicy != corev1.RestartPolicyNever {
		t.Errorf("pod %+v", pod)
	}
	for path, want := range map[string]string{
		"/elsewhere/x":    "in no volume",
		"/tmp/scratch/x":  "emptyDir, which went with the pods",
		"/secrets/x":      "in no volume",
		"relative":        "relative path",
		"file://host/x/y": "has a host",
	} {
		if _, err := api.ReaderPod(shop, path, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func seeingPod(name, component, mount string, running bool) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns", Labels: map[string]string{"app": "shop", "component": component}},
		Spec: corev1.PodSpec{
			Volumes:    []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
			Containers: []corev1.Container{{Name: api.MainContainer, VolumeMounts: []corev1.VolumeMount{{Name: "v", MountPath: mount}}}},
		},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: api.MainContainer}}},
	}
	if running {
		pod.Status.ContainerStatuses[0].State.Running = &corev1.ContainerStateRunning{}
	}
	return pod
}

func TestPodThatSees(t *testing.T) {
	client := ClientOf(nil, fake.NewClientset(
		seeingPod("a-task", "taskmanager", "/data", true), seeingPod("b-front", "jobmanager", "/data", true),
		seeingPod("c-starting", "jobmanager", "/other", false), seeingPod("d-task", "taskmanager", "/tasks", true),
	))
	shop := deploymentOf(t, onVolume)
	for path, want := range map[string]string{"file:///data/x": "b-front", "/tasks/x": "d-task", "/other/x": "", "/datax": ""} {
		pod, ok, err := client.PodThatSees(t.Context(), shop, path)
		if err != nil || pod.Pod != want || ok != (want != "") {
			t.Errorf("%s: %q %v %v, want %q", path, pod.Pod, ok, err, want)
		}
	}
}

// A reader is removed whether it ran, couldn't run, or nobody waits any more.
func TestReaderIsRemoved(t *testing.T) {
	for name, c := range map[string]struct {
		status corev1.PodStatus
		cancel bool
		want   string
	}{
		"runs":        {status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}}},
		"no image":    {status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no such image"}}}}}, want: "ErrImagePull: no such image"},
		"no room":     {status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/1 nodes are available"}}}, want: "0/1 nodes"},
		"interrupted": {cancel: true, want: "pressed"},
	} {
		core := fake.NewClientset()
		core.PrependReactor("create", "pods", func(action kubetesting.Action) (bool, runtime.Object, error) {
			pod := action.(kubetesting.CreateAction).GetObject().(*corev1.Pod)
			pod.Name, pod.Status = "reader", c.status
			return false, nil, nil
		})
		client := ClientOf(nil, core)
		ctx, cancel := context.WithCancelCause(t.Context())
		if c.cancel {
			cancel(errors.New("pressed"))
		}
		pod, err := api.ReaderPod(deploymentOf(t, onVolume), "/data/x", false)
		if err != nil {
			t.Fatal(err)
		}
		at, remove, err := client.StartReader(ctx, pod)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if remove == nil || at.Pod != "reader" {
			t.Fatalf("%s: nothing removes %+v", name, at)
		}
		cancel(nil)
		if err := remove(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := core.CoreV1().Pods("ns").Get(t.Context(), "reader", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("%s: the pod is still there: %v", name, err)
		}
	}
}

func TestStorageEnv(t *testing.T) {
	store := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "store", Namespace: "ns"}, Data: map[string][]byte{"id": []byte("reader"), "key": []byte("hush")}}
	env, from, err := ClientOf(nil, fake.NewClientset(store)).StorageEnv(t.Context(), deploymentOf(t, onVolume))
	if err != nil || from != "store" || len(env) != 3 || env["AWS_ACCESS_KEY_ID"] != "reader" || env["AWS_SECRET_ACCESS_KEY"] != "hush" || env["AWS_REGION"] != "eu-central-1" {
		t.Errorf("%v from %q, %v", env, from, err)
	}
	if _, _, err := ClientOf(nil, fake.NewClientset()).StorageEnv(t.Context(), deploymentOf(t, onVolume)); err == nil || !strings.Contains(err.Error(), "read Secret store") {
		t.Errorf("%v", err)
	}
}

func TestNearness(t *testing.T) {
	for _, c := range []struct {
		dir, path string
		fits      bool
	}{
		{"s3://flink/savepoints", "s3://flink/elsewhere/savepoint-1", true},
		{"s3://flink/savepoints", "s3://other/savepoints/savepoint-1", false},
		{"file:///data/savepoints", "/data/x", true},
		{"file:///data/savepoints", "/other/x", false},
		{"s3://data/savepoints", "/data/savepoints", false},
	} {
		if got := api.Nearness(api.NormalPath(c.dir), api.NormalPath(c.path)) > 0; got != c.fits {
			t.Errorf("%s and %s: %v", c.dir, c.path, got)
		}
	}
}
