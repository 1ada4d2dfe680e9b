package health

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Next is what to look at or do next, most pressing first; empty where nothing
// is wrong.
func Next(s api.Summary, v Verdict, around operator.Surroundings) []string {
	var out []string
	name := s.Name
	if s.Kind.Name != api.Deployment.Name {
		name = s.Ref().String()
	}
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if !v.Word.OK() && (around.Operator.Stopped() || around.Operator.Known() && !around.Operator.Ready()) {
		add("%s", around.Operator)
	}
	for _, pod := range around.Pods {
		if next := nextOf(s, pod, name); next != "" {
			add("%s", next)
		}
	}
	if killed := outOfMemory(around); len(killed) > 0 {
		add("%s: %s", operator.EndedLine(killed), MoreMemory(killed[0].Role))
	}
	if r, ok := operator.StillRefused(around.Refused, around.Pods); ok && s.State != "RUNNING" {
		add("%s", refused(r, s))
	}
	if ends := around.Ends; len(ends) > 0 && ends[0].Container != "" && (s.State == "CREATED" || s.State == "RESTARTING" || s.State == "RECONCILING") {
		add("what it writes, pod after pod: kubectl flink logs %s -n %s -c %s -f", name, s.Namespace, ends[0].Container)
	}
	switch v.Word {
	case Rejected:
		if s.State == "" {
			add("correct the spec and apply it again; nothing is deployed until then")
		} else {
			add("correct the spec and apply it again; what ran before still runs")
		}
	case Ignored:
		add("%s", around.Operator)
	case Failed, Stalled, Degraded, RolledBack:
		if api.FetchFails(s.Kind, s.JarHost, s.Error) {
			add("the operator can't fetch spec.job.jarURI: it can't resolve %s; check the name, and that the operator's pods reach it", s.JarHost)
			break
		}
		memory := strings.Contains(strings.Join(out, "\n"), "out of memory") // said above
		if advice := Advice(Running, v.Why); advice != "" && !memory {
			add("%s", advice)
		}
		away, _ := operator.JobManagerAway(around.Pods)
		switch {
		case around.PodsKnown && away != "" && jobManagerEnded(around.Pods):
			add("what the JobManager wrote before it ended: kubectl flink logs %s -n %s --jm --previous", name, s.Namespace)
		case around.PodsKnown && away != "":
		case s.JobManager == "READY" || s.JobManager == "":
			add("the job's own failures: kubectl flink exceptions %s -n %s", name, s.Namespace)
		}
		if strings.Contains(v.Why, "HA metadata") || strings.Contains(v.Why, "Manual restore required") {
			add("the way back to its state is lost: start from the last savepoint or retained checkpoint with spec.job.initialSavepointPath and a new savepointRedeployNonce")
		}
	case Canceled:
		add("start it again: change spec.restartNonce")
	default: // nothing has to be done
	}
	return out
}

func jobManagerEnded(pods []operator.Pod) bool {
	return slices.ContainsFunc(pods, func(p operator.Pod) bool {
		return p.Role == "jobmanager" && p.LastEnd != "" && p.Status != "Terminating" && p.Status != "CrashLoopBackOff" // which is told above
	})
}

// nextOf is what to do about a pod; "" where nothing is wrong with it.
func nextOf(s api.Summary, pod operator.Pod, name string) string {
	t, ok := pod.Trouble()
	if !ok {
		return ""
	}
	c := pod.Failing
	flink := c.Name == "" || c.Main()
	switch t.Kind {
	case operator.OutOfMemory:
		return fmt.Sprintf("%s was OOMKilled (out of memory): %s", pod.Name, MoreMemory(pod.Role))
	case operator.NoImage:
		if flink {
			return fmt.Sprintf("%s can't get its image: check spec.image %q and imagePullSecrets", pod.Name, s.Image)
		}
		return fmt.Sprintf("%s can't get the image of its %s: check %q in the pod template, and imagePullSecrets", pod.Name, c.Called(), c.Image)
	case operator.Crashes:
		flags := ""
		if !flink {
			flags = " -c " + c.Name
		}
		if flink && pod.Restarts > 0 || c.Restarts > 0 || c.Name == "" {
			flags += " --previous"
		}
		what := "ends again and again"
		if c.Ended && c.Restarts == 0 {
			what = "ended"
		}
		if !flink {
			what = "has a " + c.Called() + " that fails"
		}
		return fmt.Sprintf("%s %s; what it wrote: kubectl flink logs %s -n %s%s", pod.Name, what, name, s.Namespace, flags)
	case operator.NoNode:
		return noNode(pod)
	case operator.NoConfig, operator.NoVolume:
		if kind, object := operator.MissingObject(t.Text); object != "" {
			return fmt.Sprintf("%s waits for %s %s in namespace %s: create it, or correct its name in the spec", pod.Name, kind, object, s.Namespace)
		}
	}
	return ""
}

// noNode is what to do about a pod that finds no node, by the scheduler's
// reason.
func noNode(pod operator.Pod) string {
	kind, object := operator.MissingObject(pod.Message)
	switch {
	case object != "":
		return fmt.Sprintf("%s waits for %s %s, which isn't there: create it, or correct its name in the pod template", pod.Name, kind, object)
	case strings.Contains(pod.Message, "Insufficient"):
		return fmt.Sprintf("%s finds no node (%s): ask for less in spec.%s.resource, or add nodes", pod.Name, pod.Message, specOf(pod.Role))
	case !operator.FitsNoNode(pod.Message):
		return ""
	case strings.Contains(pod.Message, "taint"):
		return fmt.Sprintf("%s tolerates no node's taints: add the toleration to the pod template, or take the taint from a node (kubectl describe nodes)", pod.Name)
	}
	return fmt.Sprintf("no node has what %s asks for: correct nodeSelector and affinity in the pod template, or label a node (kubectl get nodes --show-labels)", pod.Name)
}

// refused is what to do about pods that the JobManager can't create.
func refused(r operator.Refusal, s api.Summary) string {
	switch {
	case strings.Contains(r.Why, "quota"):
		return fmt.Sprintf("the namespace's quota keeps TaskManagers away: raise it or free what it counts; see it with: kubectl describe resourcequota -n %s", s.Namespace)
	case strings.Contains(r.Why, "cannot create resource"):
		return "the job's service account may not create pods: bind it a role with the rights that the operator's chart gives the account flink (pods, configmaps, services, deployments)"
	}
	return "the API server refuses the TaskManagers' pods: correct spec.taskManager and the pod template as it says"
}

// outOfMemory are the pods that were OOMKilled (out of memory) and are gone,
// newest first. Those that are still there tell for themselves.
func outOfMemory(around operator.Surroundings) []operator.Ended {
	var out []operator.Ended
	for _, end := range around.Ends {
		if end.OutOfMemory() && !slices.ContainsFunc(around.Pods, func(p operator.Pod) bool { return p.Name == end.Name }) {
			out = append(out, end)
		}
	}
	return out
}

// MoreMemory is what to do about pods of a role that are OOMKilled (out of
// memory). The limit is that of the container: Java's own heap is bounded, so
// that mostly what lies outside of it has grown.
func MoreMemory(role string) string {
	prefix := "taskmanager"
	if role == "jobmanager" {
		prefix = role
	}
	extra := "…jvm-metaspace.size"
	if prefix == "taskmanager" {
		extra = "…task.off-heap.size"
	}
	return fmt.Sprintf("raise spec.%s.resource.memory, or give off-heap memory more room (%s.memory.jvm-overhead.*, %s)", specOf(role), prefix, extra)
}

func specOf(role string) string {
	if role == "jobmanager" {
		return "jobManager"
	}
	return "taskManager"
}
