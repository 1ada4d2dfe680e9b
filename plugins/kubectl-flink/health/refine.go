package health

import (
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/operator"
)

// Refine says more exactly why, with what surrounds the job: the object alone
// says that a job waits or restarts, its pods and events say for what. The
// word stays, so that it is the same in a list.
func Refine(s operator.Summary, v Verdict, around operator.Surroundings) Verdict {
	if v.Word.OK() || v.Word == Deleting || v.Word == Rejected {
		return v
	}
	if cause := crashed(around); cause != "" {
		// The operator passes on the kubelet's "back-off", which says nothing.
		v.Why = cause
		return v
	}
	if !s.Error.IsZero() && s.Error.Root() != jobNotFound {
		return v // the operator knows best
	}
	if cause := seen(s, v, around); cause != "" {
		v.Why = strings.TrimSuffix(v.Why, also(jobNotFound)) + also(cause)
	}
	return v
}

// jobNotFound is the operator's error while a JobManager that has just come
// up doesn't know the job yet; it tells nobody anything.
const jobNotFound = "Job Not Found"

// seen is the most telling of what can be seen around the job.
func seen(s operator.Summary, v Verdict, around operator.Surroundings) string {
	if around.Operator.Stopped() && (v.Word == Pending || v.Word == Ignored || v.Word.Moving()) {
		return "the operator is not running"
	}
	for _, pod := range around.Pods {
		switch {
		case s.Error.Root() == jobNotFound && pod.Lost() && pod.Cause != "":
			return "it ended while it started, and its JobManager doesn't know it any more: " + pod.Cause
		case pod.LastEnd == "OOMKilled":
			return pod.Name + " was killed for want of memory"
		case pod.Status == "Pending" && pod.Message != "":
			first, _, _ := strings.Cut(pod.Message, ". ")
			return pod.Name + " finds no node: " + first
		case badWait(pod.Status):
			return strings.TrimSuffix(pod.Name+" is in "+pod.Status+": "+pod.Message, ": ")
		}
	}
	if s.State == "RESTARTING" || s.State == "FAILING" || s.State == "CREATED" {
		if cause := latest(around); cause != "" {
			return cause
		}
	}
	if s.State == "CREATED" || s.State == "RESTARTING" {
		if n := taskManagers(around.Pods); n == 0 {
			return "it has no TaskManager yet"
		}
		return starting(around.Pods)
	}
	return ""
}

// crashed says why a container ends again and again, as its log does.
func crashed(around operator.Surroundings) string {
	for _, pod := range around.Pods {
		if pod.Status == "CrashLoopBackOff" && pod.Cause != "" {
			return pod.Name + " ends again and again: " + pod.Cause
		}
	}
	return ""
}

// latest is the newest of what brought tasks down: an exception that the
// operator saw, or a TaskManager that ended before it could throw one.
func latest(around operator.Surroundings) string {
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
			return Ended(around.Ends)
		}
		return "a TaskManager " + end.How()
	}
	return Ended(around.Ends)
}

// Ended says how the last of the pods that ended, newest first, came to its
// end, and how many did before it; "" where none did.
func Ended(ends []operator.Ended) string {
	if len(ends) == 0 {
		return ""
	}
	text := ends[0].Name + " " + ends[0].How()
	same := 0
	for _, end := range ends[1:] {
		if end.Reason == ends[0].Reason && end.ExitCode == ends[0].ExitCode {
			same++
		}
	}
	if same > 0 {
		text += fmt.Sprintf(", like %d before it in the last hour", same)
	}
	return text
}

func badWait(status string) bool {
	return strings.HasSuffix(status, "BackOff") || strings.HasPrefix(status, "ErrImage") || status == "InvalidImageName" || status == "CreateContainerConfigError"
}

func taskManagers(pods []operator.Pod) int {
	n := 0
	for _, pod := range pods {
		if pod.Role == "taskmanager" {
			n++
		}
	}
	return n
}

// starting tells of TaskManagers that came and went: Flink numbers them, and
// the ones before are gone with their logs.
func starting(pods []operator.Pod) string {
	for _, pod := range pods {
		number := pod.Name[strings.LastIndex(pod.Name, "-")+1:]
		var n int
		if _, err := fmt.Sscan(number, &n); pod.Role == "taskmanager" && err == nil && n > taskManagers(pods) {
			return fmt.Sprintf("%s is starting; TaskManagers before it have ended (%d), and the JobManager's log says why", pod.Name, n-taskManagers(pods))
		}
	}
	return ""
}
