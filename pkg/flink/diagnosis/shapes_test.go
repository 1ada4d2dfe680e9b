package diagnosis

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// eachPod changes every pod of a job.
func eachPod(do func(p *corev1.Pod)) change {
	return func(f *JobFacts) {
		for i := range f.Pods {
			do(f.Pods[i].Pod)
		}
	}
}

func runs(name string) corev1.ContainerStatus {
	started := true
	return corev1.ContainerStatus{Name: name, Ready: true, Started: &started, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: stamp(3 * time.Hour)}}}
}

// mounting reports whether a pod's volumes aren't there yet: nothing of it runs.
func mounting(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool {
		return c.State.Waiting != nil && c.State.Waiting.Reason == "ContainerCreating"
	})
}

func awaits(name, reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
}

// beside is a container that comes before Flink's in the pod's lists.
func beside(p *corev1.Pod) {
	p.Spec.Containers = slices.Insert(p.Spec.Containers, 0, corev1.Container{Name: "agent", Image: "agent:1"})
	switch {
	case mounting(p):
		p.Status.ContainerStatuses = slices.Insert(p.Status.ContainerStatuses, 0, awaits("agent", "ContainerCreating"))
	case len(p.Status.ContainerStatuses) > 0:
		p.Status.ContainerStatuses = slices.Insert(p.Status.ContainerStatuses, 0, runs("agent"))
	}
}

// begins adds an init container that got as far as done says, before all others.
func begins(p *corev1.Pod, c corev1.Container, done corev1.ContainerStatus) {
	p.Spec.InitContainers = append([]corev1.Container{c}, p.Spec.InitContainers...)
	if mounting(p) {
		// With init containers, all wait for them.
		done = awaits(c.Name, "PodInitializing")
		for i := range p.Status.ContainerStatuses {
			p.Status.ContainerStatuses[i].State.Waiting.Reason = "PodInitializing"
		}
	}
	if len(p.Status.ContainerStatuses) > 0 {
		p.Status.InitContainerStatuses = append([]corev1.ContainerStatus{done}, p.Status.InitContainerStatuses...)
	}
}

// clusters are what a stranger's cluster adds to pods, none of which is a fault.
func clusters() map[string]change {
	always := corev1.ContainerRestartPolicyAlways
	return map[string]change{
		"a container beside Flink's": eachPod(beside),
		"a mesh's sidecar that is an init container": eachPod(func(p *corev1.Pod) {
			begins(p, corev1.Container{Name: "istio-proxy", Image: "proxy:1", RestartPolicy: &always}, runs("istio-proxy"))
		}),
		"an init container that has ended": eachPod(func(p *corev1.Pod) {
			end := &corev1.ContainerStateTerminated{Reason: "Completed", FinishedAt: stamp(3 * time.Hour)}
			begins(p, corev1.Container{Name: "fetch", Image: "fetch:1"}, corev1.ContainerStatus{Name: "fetch", Ready: true, State: corev1.ContainerState{Terminated: end}})
		}),
		"labels, annotations and gates of others": eachPod(func(p *corev1.Pod) {
			p.Labels["team"], p.Annotations = "a", map[string]string{"sidecar.istio.io/status": "{}"}
			p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "target-health.elbv2.k8s.aws/x"}}
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: "target-health.elbv2.k8s.aws/x", Status: corev1.ConditionTrue})
		}),
		"an image of a registry by digest": all(spec("image", "r.example/team/flink@sha256:"+strings.Repeat("0a", 32)), eachPod(func(p *corev1.Pod) {
			for i := range p.Spec.Containers {
				if p.Spec.Containers[i].Image == "flink:1.20" {
					p.Spec.Containers[i].Image = "r.example/team/flink@sha256:" + strings.Repeat("0a", 32)
				}
			}
		})),
	}
}

// A fault is what it is in whatever cluster, and none of these is one.
func TestFaultsInOtherClusters(t *testing.T) {
	// The image's name is what these are about.
	ofImage := []string{"FLINK-SPEC-IMAGE"}
	for name, cluster := range clusters() {
		t.Run(name, func(t *testing.T) {
			for _, f := range Job(with(cluster)) {
				if f.Severity != Info {
					t.Errorf("a healthy job: %s: %s", f.Rule, f.Means)
				}
			}
			for _, tr := range trials() {
				root, ok := Root(Job(with(tr.yes)))
				if !ok || slices.Contains(ofImage, root.Rule) {
					continue
				}
				if now, _ := Root(Job(with(all(tr.yes, cluster)))); now.Rule != root.Rule {
					t.Errorf("%s is %s here: %s", root.Rule, now.Rule, now.Means)
				}
			}
		})
	}
}
