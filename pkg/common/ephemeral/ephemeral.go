// Package ephemeral adds an ephemeral container to a pod that runs: one with
// programs that the pod's own image lacks, beside the processes of one of its
// containers. Kubernetes can't remove it again; it ends, and stays listed until the
// pod is gone.
package ephemeral

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/permission"
)

// Subresource is what is patched.
const Subresource = "ephemeralcontainers"

// Tool is a container to be added.
type Tool struct {
	Core clientset.Interface
	Pod  *corev1.Pod
	// Target is the container whose processes it sees.
	Target string
	Image  string
	// Prefix begins its name.
	Prefix string
	// UID and GID are those of the process that it is for: the kernel lets no
	// other user look into it.
	UID, GID int64
	// Life is after how long it ends by itself.
	Life time.Duration
}

// keepScript runs for $1 seconds, or until EndCommand; its process is in a file. The
// kubelet makes $ of each $$ in a container's command.
const keepScript = `echo $$$$ >/tmp/kubectl-flink.pid; exec sleep "$1"`

// Container is the container, with the rights of the process that it is for and no
// more.
func (t Tool) Container(name string) corev1.EphemeralContainer {
	uid, gid, no := t.UID, t.GID, false
	security := &corev1.SecurityContext{RunAsUser: &uid, RunAsGroup: &gid, Privileged: &no}
	for _, c := range t.Pod.Spec.Containers {
		if s := c.SecurityContext; c.Name == t.Target && s != nil {
			security.SeccompProfile, security.SELinuxOptions, security.AppArmorProfile = s.SeccompProfile, s.SELinuxOptions, s.AppArmorProfile
		}
	}
	if uid != 0 {
		// Root's processes have capabilities, without which none looks into them.
		yes := true
		security.RunAsNonRoot, security.AllowPrivilegeEscalation = &yes, &no
		security.Capabilities = &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
	}
	return corev1.EphemeralContainer{
		TargetContainerName: t.Target,
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: name, Image: t.Image, SecurityContext: security,
			Command: []string{"sh", "-c", keepScript, "kubectl-flink", strconv.Itoa(int(t.Life.Seconds()))},
		},
	}
}

// Running is a container as this one that runs in the pod already; "" where none
// does.
func (t Tool) Running() string {
	for _, c := range t.Pod.Spec.EphemeralContainers {
		if !strings.HasPrefix(c.Name, t.Prefix) || c.Image != t.Image || c.TargetContainerName != t.Target ||
			c.SecurityContext == nil || c.SecurityContext.RunAsUser == nil || *c.SecurityContext.RunAsUser != t.UID {
			continue
		}
		if slices.ContainsFunc(t.Pod.Status.EphemeralContainerStatuses, func(s corev1.ContainerStatus) bool { return s.Name == c.Name && s.State.Running != nil }) {
			return c.Name
		}
	}
	return ""
}

// Patch is what adds the container.
func (t Tool) Patch(name string) ([]byte, error) {
	return json.Marshal(map[string]any{"spec": map[string]any{"ephemeralContainers": []corev1.EphemeralContainer{t.Container(name)}}})
}

// Add adds the container, or with check only has the API server look at it. The
// error says which right is missing.
func (t Tool) Add(ctx context.Context, name string, check bool) error {
	patch, err := t.Patch(name)
	if err != nil {
		return err
	}
	options := metav1.PatchOptions{}
	if check {
		options.DryRun = []string{metav1.DryRunAll}
	}
	_, err = t.Core.CoreV1().Pods(t.Pod.Namespace).Patch(ctx, t.Pod.Name, types.StrategicMergePatchType, patch, options, Subresource)
	missing, known := permission.Permission{}, false
	if apierrors.IsForbidden(err) {
		missing, known = permission.Parse(err.Error())
	}
	switch {
	case err == nil:
		return nil
	case known:
		return fmt.Errorf("%w\nAsk for the verb %q on %s; check with: %s", err, missing.Verb, missing.Qualified(), missing.Check())
	}
	return fmt.Errorf("add an ephemeral container to pod %s: %w", t.Pod.Name, err)
}

// starting are the reasons of a container that is about to run.
var starting = []string{"", "ContainerCreating", "PodInitializing"}

// Wait waits until the container runs; note gets what it waits for. The error is the
// container's own reason, or the cause of ctx with it.
func (t Tool) Wait(ctx context.Context, name string, note func(string)) error {
	last := ""
	for {
		pod, err := t.Core.CoreV1().Pods(t.Pod.Namespace).Get(ctx, t.Pod.Name, metav1.GetOptions{})
		if ctx.Err() != nil {
			return fmt.Errorf("%w: container %s of pod %s doesn't run yet%s", context.Cause(ctx), name, t.Pod.Name, last)
		}
		if err != nil {
			return fmt.Errorf("wait for container %s of pod %s: %w", name, t.Pod.Name, err)
		}
		if pod.UID != t.Pod.UID {
			return fmt.Errorf("pod %s was replaced meanwhile", t.Pod.Name)
		}
		for _, s := range pod.Status.EphemeralContainerStatuses {
			if s.Name != name {
				continue
			}
			if s.State.Running != nil {
				return nil
			}
			if err := t.stopped(s); err != nil {
				return err
			}
			if w := s.State.Waiting; w != nil && w.Reason != "" {
				last = ": " + w.Reason
				note(w.Reason)
			}
		}
		timer := time.NewTimer(300 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// stopped is why a container won't run; nil as long as it may.
func (t Tool) stopped(s corev1.ContainerStatus) error {
	if end := s.State.Terminated; end != nil {
		return fmt.Errorf("container %s (%s) of pod %s ended at once: %s, exit code %d%s", s.Name, t.Image, t.Pod.Name, end.Reason, end.ExitCode, more(end.Message))
	}
	if w := s.State.Waiting; w != nil && !slices.Contains(starting, w.Reason) {
		return fmt.Errorf("container %s of pod %s can't run the image %s: %s%s", s.Name, t.Pod.Name, t.Image, w.Reason, more(w.Message))
	}
	return nil
}

func more(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}

// UseCommand says in the container that a command uses it; use is a name of its
// own.
func UseCommand(use string) []string {
	return []string{"sh", "-c", `mkdir -p /tmp/kubectl-flink.users && : >"/tmp/kubectl-flink.users/$1"`, "use", use}
}

// EndCommand takes the use back, and ends the container where no other command
// uses it: then it prints Ended.
func EndCommand(use string) []string {
	return []string{"sh", "-c", `rm -f "/tmp/kubectl-flink.users/$1"; rmdir /tmp/kubectl-flink.users 2>/dev/null || [ ! -d /tmp/kubectl-flink.users ] || exit 0; echo ` + Ended + `; kill "$(cat /tmp/kubectl-flink.pid)"`, "end", use}
}

// Ended is what EndCommand prints before the container's process is ended, which may
// end the command itself, too.
const Ended = "ended"
