package health

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/operator"
)

// Next is what to look at or do next, most pressing first; empty where nothing
// is wrong.
func Next(s operator.Summary, v Verdict, around operator.Surroundings) []string {
	var out []string
	name := s.Name
	if s.Kind.Name != operator.Deployment.Name {
		name = s.Ref().String()
	}
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if !v.Word.OK() && (around.Operator.Stopped() || around.Operator.Known() && !around.Operator.Ready()) {
		add("%s", around.Operator)
	}
	for _, pod := range around.Pods {
		switch {
		case pod.LastEnd == "OOMKilled":
			add("%s was killed for want of memory: %s", pod.Name, MoreMemory(pod.Role))
		case pod.Status == "ImagePullBackOff" || pod.Status == "ErrImagePull" || pod.Status == "ErrImageNeverPull" || pod.Status == "InvalidImageName":
			add("%s can't get its image: check spec.image %q and imagePullSecrets", pod.Name, s.Image)
		case pod.Status == "CrashLoopBackOff":
			add("%s ends again and again; what it wrote: kubectl flink logs %s -n %s --previous", pod.Name, name, s.Namespace)
		case pod.Status == "Pending" && pod.Message != "":
			add("%s finds no node (%s): ask for less in spec.%s.resource, or add nodes", pod.Name, pod.Message, specOf(pod.Role))
		}
	}
	if killed := outOfMemory(around); len(killed) > 0 {
		add("%s: %s", Ended(killed), MoreMemory(killed[0].Role))
	}
	if len(around.Ends) == 0 && starting(around.Pods) != "" && (s.State == "CREATED" || s.State == "RESTARTING") {
		add("why TaskManagers end: kubectl flink logs %s -n %s --jm --grep 'is terminated'", name, s.Namespace)
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
		memory := strings.Contains(strings.Join(out, "\n"), "for want of memory") // said above
		if advice := Advice(Running, v.Why); advice != "" && !memory {
			add("%s", advice)
		}
		if s.JobManager == "READY" || s.JobManager == "" {
			add("the job's own failures: kubectl flink exceptions %s -n %s", name, s.Namespace)
		}
		if strings.Contains(v.Why, "HA metadata") || strings.Contains(v.Why, "Manual restore required") {
			add("the way back to its state is lost: start from the last savepoint or retained checkpoint with spec.job.initialSavepointPath and a new savepointRedeployNonce")
		}
	case Canceled:
		add("start it again: change spec.restartNonce")
	}
	return out
}

// outOfMemory are the pods that were killed for want of memory and are gone,
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

// MoreMemory is what to do about pods of a role that are killed for want of
// memory. The limit is that of the container: Java's own heap is bounded, so
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
