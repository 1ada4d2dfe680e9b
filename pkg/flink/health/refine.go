package health

import (
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Refine says more exactly why, with what surrounds the job: the object alone
// says that a job waits or restarts, its pods and events say for what. The
// word stays, so that it is the same in a list.
func Refine(s api.Summary, v Verdict, around operator.Surroundings) Verdict {
	if v.Word.OK() || v.Word == Deleting || v.Word == Rejected {
		return v
	}
	if cause := crashed(s, around); cause != "" {
		// The operator passes on the kubelet's "back-off", which says nothing.
		v.Why = cause
		return v
	}
	if !s.Error.IsZero() && s.Error.Root() != jobNotFound {
		return v // the operator knows best
	}
	v.Why = strings.TrimSuffix(v.Why, also(jobNotFound)) + also(seen(s, v, around))
	return v
}

// jobNotFound is the operator's error while a JobManager that has just come
// up doesn't know the job yet; it tells nobody anything.
const jobNotFound = "Job Not Found"

// seen is the most telling of what can be seen around the job.
func seen(s api.Summary, v Verdict, around operator.Surroundings) string {
	if around.Operator.Stopped() && (v.Word == Pending || v.Word == Ignored || v.Word.Moving()) {
		return "the operator is not running"
	}
	for _, pod := range around.Pods {
		if s.Error.Root() == jobNotFound && pod.Lost() && pod.Cause != "" {
			return "it ended while it started, and its JobManager doesn't know it any more: " + pod.Cause
		}
		if cause := troubleOf(pod); cause != "" {
			return cause
		}
	}
	if s.State == "RESTARTING" || s.State == "FAILING" || s.State == "CREATED" {
		if cause := latest(around); cause != "" {
			return cause
		}
	}
	if s.State == "CREATED" || s.State == "RESTARTING" {
		r, isRefused := operator.StillRefused(around.Refused, around.Pods)
		switch {
		case isRefused:
			return "the JobManager can't create TaskManagers: " + r.Why
		case !hasTaskManager(around.Pods):
			return "it has no TaskManager yet"
		}
	}
	return ""
}

// troubleOf says in a line what keeps a pod from working; "" where nothing does.
func troubleOf(pod operator.Pod) string {
	t, ok := pod.Trouble()
	switch {
	case !ok:
		return ""
	case t.Kind == operator.OutOfMemory:
		return pod.Name + " was OOMKilled (out of memory)"
	case t.Kind == operator.NoNode:
		first, _, _ := strings.Cut(t.Text, ". ")
		return pod.Name + " " + first
	case t.Kind == operator.NoVolume:
		return pod.Name + " " + t.Text
	case t.Kind == operator.Crashes && pod.Cause != "" && (pod.Failing.Name == "" || pod.Failing.Main()):
		if pod.Failing.Ended && pod.Restarts == 0 {
			return pod.Name + " ended: " + pod.Cause
		}
		return pod.Name + " ends again and again: " + pod.Cause
	case t.Kind == operator.Crashes && pod.Failing.Name != "" && !pod.Failing.Main():
		return pod.Name + ": " + t.Text
	}
	return strings.TrimSuffix(pod.Name+" is in "+pod.Status+": "+pod.Message, ": ")
}

// crashed says why a container doesn't start or ends again and again, as its
// status and log do.
func crashed(s api.Summary, around operator.Surroundings) string {
	told := !s.Error.IsZero() // the operator passes something on of it
	for _, pod := range around.Pods {
		if pod.Ready && pod.StartsInVain() && s.State != "RUNNING" && s.Error.Root() != jobNotFound {
			return pod.Name + " ended: " + pod.Cause // and is about to once more
		}
		if t, ok := pod.Trouble(); ok && (t.Kind == operator.Crashes && pod.Cause != "" || told && (t.Kind == operator.Crashes && !pod.Failing.Main() && pod.Failing.Name != "" || t.Kind == operator.NoImage || t.Kind == operator.NoConfig)) {
			return troubleOf(pod)
		}
	}
	return ""
}

// latest is the newest of what brought tasks down: an exception that the
// operator saw, or a TaskManager that ended before it could throw one.
func latest(around operator.Surroundings) string {
	if e := around.Exception; e.Message != "" && (len(around.Ends) == 0 || !around.Ends[0].At.After(e.Time)) {
		if end, ok := operator.EndOf(e.Message); ok && len(around.Ends) == 0 {
			return "a TaskManager " + end.How()
		} else if !ok {
			return api.Telling(api.CauseChain(e.Message))
		}
	}
	for _, event := range around.Events { // newest first; older ones may be of another trouble
		if event.Reason != "JobException" {
			continue
		}
		if len(around.Ends) > 0 && around.Ends[0].At.After(event.Time) {
			break
		}
		end, ok := operator.EndOf(event.Message)
		switch {
		case !ok:
			return event.Root()
		case len(around.Ends) > 0:
			return operator.EndedLine(around.Ends)
		}
		return "a TaskManager " + end.How()
	}
	return operator.EndedLine(around.Ends)
}

func hasTaskManager(pods []operator.Pod) bool {
	return slices.ContainsFunc(pods, func(p operator.Pod) bool { return p.Role == "taskmanager" })
}
