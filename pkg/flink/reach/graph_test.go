package reach

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/podexec"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/foretell"
)

// graphSays is what the program in the pod prints.
func graphSays(lines ...[]string) string {
	text := "INFO something of the job's own\n"
	for _, parts := range lines {
		text += "kubectl-flink-graph"
		for _, part := range parts {
			text += "\t" + base64.StdEncoding.EncodeToString([]byte(part))
		}
		text += "\n"
	}
	return text
}

// The graph is made in a pod with what the job will have, which is gone afterwards,
// whatever came of it.
func TestGraphOfWhatIsGoingToRun(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("a", 32)
	operator := func(more ...string) []string { return append([]string{"operator", id, ""}, more...) }
	whole := graphSays(operator("", "", "Map", "4", "-1"), operator("Sink", "sink", "Map -> Sink", "4", "64"), []string{"end"})
	waiting := func(reason string) corev1.PodStatus {
		return corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "no such image"}}}}}
	}
	for name, c := range map[string]struct {
		kind   api.Kind
		spec   string
		jar    string // a session job's
		says   string
		prints string
		fails  error
		status *corev1.PodStatus
		// want is the graph or the error, kind that of the trouble.
		want    string
		trouble foretell.Trouble
		image   string
		pods    int
	}{
		"an application":            {spec: `"image":"job:2",`, says: whole, want: "[{" + id + "  Map  4 0} {" + id + "  Sink sink 4 64}]", image: "job:2", pods: 1},
		"the operator's image":      {says: whole, want: "[{" + id, image: "job:1", pods: 1},
		"a session job":             {kind: api.SessionJob, says: whole, want: "[{" + id, image: "session:1", pods: 1},
		"a session job's own file":  {kind: api.SessionJob, jar: "file:///b.jar", want: "is a file in the operator's container", pods: 0},
		"its main method fails":     {spec: `"image":"job:2",`, says: graphSays([]string{"failed", "run the main method", "java.lang.IllegalArgumentException: --topic is missing"}), want: "IllegalArgumentException: --topic is missing", trouble: foretell.TroubleMain, pods: 1},
		"its jar isn't there":       {spec: `"image":"job:2",`, says: graphSays([]string{"failed", "find the jar", "java.io.IOException: /b.jar isn't in the image or a volume"}), want: "/b.jar isn't in", trouble: foretell.TroubleJar, pods: 1},
		"its class isn't there":     {spec: `"image":"job:2",`, says: graphSays([]string{"failed", "load the class", "java.lang.ClassNotFoundException: com.acme.Job"}), want: "com.acme.Job", trouble: foretell.TroubleClass, pods: 1},
		"its jar can't be fetched":  {spec: `"image":"job:2",`, says: graphSays([]string{"failed", "fetch the jar", "java.net.SocketTimeoutException: Connect timed out"}), want: "can't fetch the jar: a service that the job uses isn't reached: SocketTimeoutException: Connect timed out (FLINK-JOB-UNREACHED)", pods: 1},
		"its main method hangs":     {spec: `"image":"job:2",`, says: graphSays([]string{"timeout", "run the main method", "\tat com.acme.Job.main(Job.java:7)\n"}), want: "it took longer than 2m0s to run the main method, which is at com.acme.Job.main(Job.java:7)", pods: 1},
		"Java doesn't run":          {spec: `"image":"job:2",`, prints: "sh: java: not found\n", fails: errors.New("exit code 127"), want: "exit code 127: sh: java: not found", pods: 1},
		"it says nothing":           {spec: `"image":"job:2",`, says: "bye\n", want: "the program ended without a graph", pods: 1},
		"its image isn't there":     {spec: `"image":"job:2",`, status: new(waiting("ErrImagePull")), want: "ErrImagePull: no such image", trouble: foretell.TroubleImage, pods: 1},
		"the pod can't run":         {spec: `"image":"job:2",`, status: new(waiting("CreateContainerConfigError")), want: "CreateContainerConfigError: no such image", pods: 1},
		"an id that leads anywhere": {spec: `"image":"job:2",`, says: graphSays([]string{"operator", "../../x", "", "", "", "Map", "1", "-1"}, []string{"end"}), want: "no operator's id", pods: 1},
		"no image is named":         {kind: api.BlueGreen, want: "names no image", pods: 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind := c.kind
			if kind.Name == "" {
				kind = api.Deployment
			}
			jar := "local:///b.jar"
			if kind == api.SessionJob {
				jar = cmp.Or(c.jar, "https://jars/b.jar")
			}
			spec := `{` + c.spec + `"flinkVersion":"v1_20","serviceAccount":"flink","flinkConfiguration":{"s3.secret-key":"hush"},"job":{"jarURI":"` + jar + `","args":["--password","hush"],"parallelism":4}}`
			if kind == api.BlueGreen {
				spec = `{"template":{"spec":` + spec + `}}`
			}
			job := flinktest.Object(kind, "orders", spec, "{}")
			session := flinktest.Object(api.Deployment, "session", `{"image":"session:1","flinkVersion":"v1_20"}`, "{}")
			// The JobManager that runs now.
			front := &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: "orders-1", Namespace: flinktest.Namespace, Labels: map[string]string{"app": "orders", "component": "jobmanager"}},
				Spec:       corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{Name: api.MainContainer, Image: "job:1"}}}, Status: corev1.PodStatus{Phase: corev1.PodRunning},
			}
			objects := []runtime.Object{job, session}
			if kind == api.Deployment {
				objects = append(objects, front)
			}
			cluster := flinktest.New(objects...)
			var made []*corev1.Pod
			cluster.Core.PrependReactor("create", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
				pod := action.(clienttesting.CreateAction).GetObject().(*corev1.Pod)
				pod.Name = fmt.Sprint(pod.GenerateName, len(made))
				pod.Status = corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}}
				if c.status != nil {
					pod.Status = *c.status
				}
				made = append(made, pod.DeepCopy())
				return false, nil, nil
			})
			facts := foretell.Facts{After: api.Job{Kind: kind, Object: job}, Cluster: api.Job{Kind: kind, Object: job}, Config: api.Config{"s3.secret-key": "hush"}}
			if kind == api.SessionJob {
				facts.Cluster = api.Job{Kind: api.Deployment, Object: session}
			}
			compiler := Compiler{Client: cluster.Client, Run: func(_ context.Context, command podexec.Command) error {
				if strings.Contains(strings.Join(command.Args, " "), "hush") {
					t.Error("the list of processes shows a secret")
				}
				input, _ := io.ReadAll(command.In)
				if !strings.Contains(string(input), "s3.secret-key=hush\n") || !strings.Contains(string(input), base64.StdEncoding.EncodeToString([]byte("--password"))) {
					t.Errorf("input:\n%s", input)
				}
				_, _ = io.WriteString(command.Out, c.says)
				_, _ = io.WriteString(command.ErrOut, c.prints)
				return c.fails
			}}
			got, err := compiler.Graph(t.Context(), facts)
			said := fmt.Sprint(got)
			if err != nil {
				said = err.Error()
			}
			if !strings.Contains(said, c.want) {
				t.Errorf("got %s, want %s", said, c.want)
			}
			var trouble *GraphError
			errors.As(err, &trouble)
			if (trouble != nil) != (c.trouble != "") || trouble != nil && trouble.Kind != c.trouble {
				t.Errorf("%+v, want trouble %q", trouble, c.trouble)
			}
			if len(made) != c.pods || c.image != "" && made[0].Spec.Containers[0].Image != c.image {
				t.Errorf("pods: %+v", made)
			}
			left, err := cluster.Core.CoreV1().Pods(flinktest.Namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=graph-probe"})
			if err != nil || len(left.Items) > 0 {
				t.Errorf("%d pods are left, %v", len(left.Items), err)
			}
		})
	}
}

// A ConfigMap that the change brings along, and that isn't there yet, is written into
// the pod.
func TestGraphWithAConfigMapThatIsntThereYet(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{Spec: corev1.PodSpec{
		Containers: []corev1.Container{{VolumeMounts: []corev1.VolumeMount{{Name: "sql", MountPath: "/etc/sql", ReadOnly: true}, {Name: "data", MountPath: "/data", ReadOnly: true}}}},
		Volumes: []corev1.Volume{
			{Name: "data", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "other"}}}},
			{Name: "sql", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "coming"}}}},
		},
	}}
	files := Compiler{Coming: &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "coming"}, Data: map[string]string{"script.sql": "SELECT 1"}}}.bring(pod)
	mounts := pod.Spec.Containers[0].VolumeMounts
	if len(files) != 1 || files["/etc/sql/script.sql"] != "SELECT 1" || mounts[0].ReadOnly || !mounts[1].ReadOnly || pod.Spec.Volumes[1].EmptyDir == nil || pod.Spec.Volumes[0].ConfigMap == nil {
		t.Errorf("%v %+v", files, pod.Spec)
	}
}
