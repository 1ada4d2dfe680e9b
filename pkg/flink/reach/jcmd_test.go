package reach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/podexec"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/jvm"
)

// inside is a JVM whose pod answers every program with text and err.
func inside(text string, err error) *InsideJVM {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "tm", Namespace: "ns"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main"}}}}
	return &InsideJVM{Pod: pod, Container: "main", Process: jvm.Found{PID: 7, UID: 9999}, Exec: func(_ context.Context, c podexec.Command) error {
		_, _ = io.WriteString(c.Out, text)
		return err
	}}
}

func TestFindJVM(t *testing.T) {
	const one = "jvm 1 9999 9999 org.apache.flink.runtime.taskexecutor.TaskManagerRunner yes 17.0.15\n"
	for text, want := range map[string]string{
		one + "room 1024 ext4\n":                 "",
		"room 1024 ext4\n":                       "runs no Java process of Flink's",
		one + one:                                "runs 2 Java processes of Flink",
		strings.ReplaceAll(one, " yes ", " no "): "-XX:+DisableAttachMechanism",
		"jvm x 1 1 a yes -\n":                    "look for Flink's process in pod tm",
	} {
		j := inside(text, nil)
		err := j.Find(t.Context())
		if want == "" && (err != nil || j.Process.PID != 1 || j.Process.Version != "17.0.15" || j.Room.Free != 1<<20) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, %+v", text, err, j)
		}
	}
	if err := inside("", errors.New("forbidden")).Find(t.Context()); err == nil || !strings.Contains(err.Error(), "forbidden") {
		t.Error(err)
	}
}

func TestJcmdSaysWhyItFails(t *testing.T) {
	for _, tc := range []struct {
		code       int
		said, want string
	}{
		{noJcmd, "", "its image has no jcmd"},
		{noProcess, "", "doesn't see process 7 of container main"},
		{noEntry, "", "may not look into process 7, which runs as user 9999"},
		{1, "7:\nAttachNotSupportedException: Unable to open socket file", "DisableAttachMechanism"},
		{1, "7:\njava.io.IOException: Operation not permitted", "another user"},
		{1, "7:\njava.lang.IllegalArgumentException: Unknown diagnostic command", "exit code 1: 7:\njava.lang.IllegalArgumentException: Unknown"},
	} {
		if _, err := inside(tc.said, &podexec.ExitError{Code: tc.code}).Jcmd(t.Context(), "jdk", "GC.x"); err == nil || !strings.Contains(err.Error(), "container jdk of pod tm: ") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%d: %v", tc.code, err)
		}
	}
	if out, err := inside("text", nil).Jcmd(t.Context(), "jdk", "GC.x"); err != nil || out != "text" {
		t.Error(out, err)
	}
}

func TestCheckRoom(t *testing.T) {
	gib := resource.MustParse("1Gi")
	for name, tc := range map[string]struct {
		change func(*InsideJVM)
		want   string
	}{
		"it fits":   {func(*InsideJVM) {}, ""},
		"in memory": {func(j *InsideJVM) { j.Room.Memory = true }, "is in memory"},
		"full":      {func(j *InsideJVM) { j.Room.Free = 1 << 30 }, "has 1.0 GiB free, and a dump takes up to 1.3 GiB"},
		"a limit": {func(j *InsideJVM) {
			j.Pod.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceEphemeralStorage: gib}
		}, "may write 1.0 GiB (ephemeral-storage)"},
		"a small /tmp": {func(j *InsideJVM) {
			j.Pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "tmp", MountPath: "/tmp/"}}
			j.Pod.Spec.Volumes = []corev1.Volume{{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &gib}}}}
		}, "is the volume tmp of 1.0 GiB"},
	} {
		j := inside("", nil)
		j.Room.Free = 1 << 40
		tc.change(j)
		if err := j.CheckRoom(1 << 30); tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDump(t *testing.T) {
	j := inside("", nil)
	var ran [][]string
	answers := []string{"7:\nDumping heap to x ...\nHeap dump file created [20 bytes]\n", "20\n"}
	j.Exec = func(_ context.Context, c podexec.Command) error {
		_, _ = io.WriteString(c.Out, answers[len(ran)])
		ran = append(ran, c.Args)
		return nil
	}
	file, size, err := j.Dump(t.Context(), "jdk", "/tmp/kubectl-flink-abcd1234")
	if err != nil || size != 20 || file != "/proc/7/root/tmp/kubectl-flink-abcd1234/heap.hprof" || ran[0][len(ran[0])-1] != "/tmp/kubectl-flink-abcd1234/heap.hprof" {
		t.Error(file, size, err, ran)
	}
	for _, directory := range []string{"/tmp/other", "", "/tmp/kubectl-flink-../../etc"} {
		if _, _, err := inside("", nil).Dump(t.Context(), "jdk", directory); err == nil || !strings.Contains(err.Error(), "for a directory") {
			t.Error(directory, err)
		}
	}
	if _, _, err := inside("7:\nNo space left on device\n", nil).Dump(t.Context(), "jdk", "/tmp/kubectl-flink-abcd1234"); err == nil || !strings.Contains(err.Error(), "wrote no dump: No space left on device") {
		t.Error(err)
	}
}

func TestFetch(t *testing.T) {
	const dump = "JAVA PROFILE 1.0.2\x00and more"
	var out bytes.Buffer
	if err := inside(dump, nil).Fetch(t.Context(), "jdk", "/f", int64(len(dump)), &out); err != nil || out.String() != dump {
		t.Error(err)
	}
	full := errors.New("no space left")
	for name, tc := range map[string]struct {
		text string
		size int64
		err  error
		to   io.Writer
		want string
	}{
		"cut":      {dump[:20], int64(len(dump)), nil, io.Discard, fmt.Sprintf("20 of the dump's %d bytes came", len(dump))},
		"no dump":  {"something else, longer", 22, nil, io.Discard, "isn't a dump of a heap"},
		"the pod":  {dump, int64(len(dump)), errors.New("gone"), io.Discard, "read the dump in pod tm: gone"},
		"the disk": {dump, int64(len(dump)), errors.New("broken pipe"), failing{full}, "no space left"},
		"nothing":  {"", 0, nil, io.Discard, "isn't a dump of a heap"},
	} {
		if err := inside(tc.text, tc.err).Fetch(t.Context(), "jdk", "/f", tc.size, tc.to); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestFlinkPods(t *testing.T) {
	pod := func(name, component string, phase corev1.PodPhase) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns", Labels: map[string]string{"app": "job", "component": component}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "proxy"}, {Name: mainContainer}}}, Status: corev1.PodStatus{Phase: phase},
		}
	}
	core := fake.NewClientset(pod("jm", "jobmanager", corev1.PodRunning), pod("tm-1", "taskmanager", corev1.PodRunning), pod("tm-2", "taskmanager", corev1.PodPending))
	pods, err := FlinkPods(t.Context(), core, api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "job"}, "taskmanager")
	if err != nil || len(pods) != 1 || pods[0].Name != "tm-1" || FlinkContainer(&pods[0]) != mainContainer {
		t.Errorf("%+v, %v", pods, err)
	}
	pods[0].Spec.Containers = pods[0].Spec.Containers[:1]
	if got := FlinkContainer(&pods[0]); got != "proxy" {
		t.Error(got)
	}
}
