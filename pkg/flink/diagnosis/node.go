package diagnosis

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

var (
	// ownLimit are evictions of pods that used more disk than they may, nodeLow
	// those of pods that were in the way.
	ownLimit  = pattern(`(?i)ephemeral (?:local )?storage usage exceeds|emptyDir|exceeds its local ephemeral|exceeded its local ephemeral`)
	diskLow   = pattern(`(?i)ephemeral.storage|DiskPressure|inode|imagefs|nodefs`)
	memoryLow = pattern(`(?i)memory`)
	pidsLow   = pattern(`(?i)\bpids\b|PIDPressure`)
)

// nodeReasons are why a kubelet ends or refuses a pod for good.
var nodeReasons = []string{
	"Evicted", "NodeShutdown", "Terminated", "Shutdown", "Preempting", "NodeLost", "NodeAffinity", "NodePorts", "UnexpectedAdmissionError",
	"TopologyAffinityError", "OutOfcpu", "OutOfmemory", "OutOfpods", "OutOfephemeral-storage", "DeadlineExceeded",
}

func endedByNode(p *pod) bool {
	return p.Status.Reason == "Evicted" || p.Status.Phase == corev1.PodFailed && slices.Contains(nodeReasons, p.Status.Reason)
}

// replacedLongAgo reports whether another pod of its role was made after one
// that ended more than some minutes ago: what is wrong now is that one's.
func (j *job) replacedLongAgo(name string) bool {
	at := slices.IndexFunc(j.pods, func(p pod) bool { return p.name == name })
	if at < 0 {
		return false
	}
	gone := &j.pods[at]
	return j.age(gone.readySince) > slowStart && slices.ContainsFunc(j.pods, func(p pod) bool {
		return p.role == gone.role && p.created.After(gone.created) && !endedByNode(&p)
	})
}

// nodeCure is what became of a pod that its node ended or refused, and what to
// do about it.
func nodeCure(reason, message string) (what string, cure Cure) {
	look := Cure{Text: "see the nodes, and why they let it go", Command: "kubectl describe nodes", Safe: true}
	switch reason {
	case "NodeShutdown", "Terminated", "Shutdown", "NodeLost":
		look.Text = "nothing is wrong with the pod: its node went; with high availability and checkpoints the job goes on elsewhere"
		return "ended because its node was shut down or lost", look
	case "Preempting", "Preempted":
		look.Text = "give the job's pods a higher priorityClassName in the pod template, or add nodes"
		return "had to go for a pod of a higher priority", look
	case "TaintManagerEviction":
		look.Text = "see who set the taint, and whether the node has trouble; pods that may stay need a toleration in the pod template"
		return "was evicted because of a taint of its node", look
	case "DeadlineExceeded":
		return "ended because it ran for longer than its activeDeadlineSeconds", Cure{Text: "take activeDeadlineSeconds out of the pod template"}
	case "Evicted":
	default:
		return "was not admitted by its node (" + reason + ")", look
	}
	cure = look
	switch {
	case strings.HasPrefix(message, "Evicted pod"): // Karpenter's word
		cure.Text = "nothing is wrong with the pod: an autoscaler emptied its node; with high availability and checkpoints the job goes on elsewhere (annotation karpenter.sh/do-not-disrupt in the pod template keeps a pod)"
	case ownLimit.MatchString(message):
		cure = Cure{Text: "raise the emptyDir's sizeLimit or the ephemeral-storage of the pod template, or give io.tmp.dirs a volume of its own"}
	case diskLow.MatchString(message):
		cure.Text = "the node's disk was full: see what fills it, have the pod template ask for the ephemeral-storage that the pod uses, or give io.tmp.dirs a volume of its own"
	case pidsLow.MatchString(message):
		cure.Text = "the node had too many processes: look for threads that grow in number, there or in another pod of the node"
	case memoryLow.MatchString(message):
		cure = Cure{Text: "ask for the memory that it uses, so that the node isn't overbooked"}
	}
	return "was evicted", cure
}

// diskOfOthers reports whether a full disk is that of a server, of which an
// exception only tells.
func diskOfOthers(e Exception) bool {
	thrown, found := e.fitting(diskFull)
	return found != nil && (!diskOwn.MatchString(thrown.Name()) || e.match(remoteSays) != nil)
}
