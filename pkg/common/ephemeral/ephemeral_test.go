package ephemeral

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func tool(pod *corev1.Pod, objects ...runtime.Object) (Tool, *fake.Clientset) {
	core := fake.NewClientset(objects...)
	return Tool{Core: core, Pod: pod, Target: "main", Image: "jdk:17", Prefix: "jdk-", UID: 9999, GID: 9998, Life: time.Hour}, core
}

func pod(statuses ...corev1.ContainerStatus) *corev1.Pod {
	profile := &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "1"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "other"}, {Name: "main", SecurityContext: &corev1.SecurityContext{SeccompProfile: profile}}}},
		Status:     corev1.PodStatus{EphemeralContainerStatuses: statuses},
	}
}

func TestContainerHasTheProcessRightsAlone(t *testing.T) {
	one, _ := tool(pod())
	c := one.Container("jdk-a")
	s := c.SecurityContext
	if c.TargetContainerName != "main" || c.Image != "jdk:17" || *s.RunAsUser != 9999 || *s.RunAsGroup != 9998 || *s.Privileged || *s.AllowPrivilegeEscalation ||
		!*s.RunAsNonRoot || s.Capabilities.Drop[0] != "ALL" || s.SeccompProfile == nil || c.Command[len(c.Command)-1] != "3600" {
		t.Errorf("%+v, %+v", c, s)
	}
	if !strings.HasPrefix(c.Command[2], "echo $$$$ >") {
		t.Errorf("the kubelet makes a $ of each $$ in %q", c.Command[2])
	}
	one.UID = 0
	if s := one.Container("jdk-a").SecurityContext; *s.Privileged || s.Capabilities != nil || s.RunAsNonRoot != nil {
		t.Errorf("as root: %+v", s)
	}
	var patch struct {
		Spec struct {
			Ephemeral []corev1.EphemeralContainer `json:"ephemeralContainers"`
		} `json:"spec"`
	}
	data, err := one.Patch("jdk-b")
	if err == nil {
		err = json.Unmarshal(data, &patch)
	}
	if err != nil || len(patch.Spec.Ephemeral) != 1 || patch.Spec.Ephemeral[0].Name != "jdk-b" {
		t.Errorf("%s, %v", data, err)
	}
}

func TestRunningIsUsedAgain(t *testing.T) {
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	for name, tc := range map[string]struct {
		change func(*Tool, *corev1.EphemeralContainer)
		state  corev1.ContainerState
		want   string
	}{
		"it runs":       {func(*Tool, *corev1.EphemeralContainer) {}, running, "jdk-a"},
		"it has ended":  {func(*Tool, *corev1.EphemeralContainer) {}, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}, ""},
		"another image": {func(_ *Tool, c *corev1.EphemeralContainer) { c.Image = "x" }, running, ""},
		"another user":  {func(one *Tool, _ *corev1.EphemeralContainer) { one.UID = 1 }, running, ""},
		"another's":     {func(one *Tool, _ *corev1.EphemeralContainer) { one.Prefix = "tool-" }, running, ""},
		"elsewhere":     {func(_ *Tool, c *corev1.EphemeralContainer) { c.TargetContainerName = "other" }, running, ""},
	} {
		p := pod(corev1.ContainerStatus{Name: "jdk-a", State: tc.state})
		one, _ := tool(p)
		c := one.Container("jdk-a")
		tc.change(&one, &c)
		p.Spec.EphemeralContainers = []corev1.EphemeralContainer{c}
		if got := one.Running(); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestAdd(t *testing.T) {
	for _, check := range []bool{false, true} {
		one, core := tool(pod(), pod())
		if err := one.Add(t.Context(), "jdk-a", check); err != nil {
			t.Fatal(err)
		}
		patched := core.Actions()[0].(clienttesting.PatchActionImpl)
		if patched.Subresource != Subresource || patched.Name != "p" || (len(patched.PatchOptions.DryRun) == 1) != check {
			t.Errorf("%+v", patched)
		}
	}
}

func TestAddSaysWhichRightIsMissing(t *testing.T) {
	for said, want := range map[string]string{
		`User "u" cannot patch resource "pods/ephemeralcontainers" in API group "" in the namespace "ns"`: "Ask for the verb \"patch\" on pods/ephemeralcontainers; check with: kubectl auth can-i patch pods --subresource=ephemeralcontainers -n ns",
		`violates PodSecurity "restricted:latest"`:                                                        "add an ephemeral container to pod p: ",
	} {
		one, core := tool(pod(), pod())
		core.PrependReactor("patch", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "p", errors.New(said))
		})
		if err := one.Add(t.Context(), "jdk-a", false); err == nil || !strings.Contains(err.Error(), want) || !apierrors.IsForbidden(err) {
			t.Error(err)
		}
	}
}

func TestWait(t *testing.T) {
	state := func(s corev1.ContainerState) []corev1.ContainerStatus {
		return []corev1.ContainerStatus{{Name: "other", State: corev1.ContainerState{}}, {Name: "jdk-a", State: s}}
	}
	waiting := func(reason, message string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	}
	for name, tc := range map[string]struct {
		statuses []corev1.ContainerStatus
		want     string
	}{
		"it runs":          {state(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}), ""},
		"no such image":    {state(waiting("ErrImagePull", "not found")), "container jdk-a of pod p can't run the image jdk:17: ErrImagePull: not found"},
		"no shell":         {state(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "StartError", ExitCode: 128, Message: "sh: not found"}}), "ended at once: StartError, exit code 128: sh: not found"},
		"it never does":    {state(waiting("ContainerCreating", "")), "too long: container jdk-a of pod p doesn't run yet: ContainerCreating"},
		"it isn't started": {nil, "too long: container jdk-a of pod p doesn't run yet"},
	} {
		p := pod(tc.statuses...)
		one, _ := tool(p, p)
		ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("too long"))
		err := one.Wait(ctx, "jdk-a", func(string) {})
		cancel()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := pod(state(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})...)
	one, _ := tool(p, pod())
	other := *p
	other.UID = "2"
	one.Pod = &other
	if err := one.Wait(t.Context(), "jdk-a", func(string) {}); err == nil || !strings.Contains(err.Error(), "was replaced") {
		t.Error(err)
	}
}

// The container goes with its last user. The directory of the commands is that of the
// test here.
func TestEndsWithItsLastUse(t *testing.T) {
	dir := t.TempDir()
	run := func(args []string) string {
		t.Helper()
		args[2] = strings.ReplaceAll(args[2], "/tmp/", dir+"/")
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	keep := strings.ReplaceAll(strings.ReplaceAll(keepScript, "$$$$", "$$"), "/tmp/", dir+"/") // as the kubelet makes it
	process := exec.Command("sh", "-c", keep, "keep", "60")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = process.Process.Kill() }()
	for begun := time.Now(); ; {
		if time.Since(begun) > time.Minute {
			t.Fatal("the container's program doesn't say its process")
		}
		if pid, err := os.ReadFile(dir + "/kubectl-flink.pid"); err == nil && strings.TrimSpace(string(pid)) == strconv.Itoa(process.Process.Pid) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	run(UseCommand("a"))
	run(UseCommand("b"))
	if said := run(EndCommand("a")); said != "" {
		t.Errorf("ended under another's feet: %q", said)
	}
	if said := run(EndCommand("b")); said != Ended {
		t.Errorf("it runs on: %q", said)
	}
	if err := process.Wait(); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Error(err)
	}
}
