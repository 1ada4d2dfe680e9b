package operator

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// TroubleKind is what is wrong with a pod.
type TroubleKind string

// The kinds.
const (
	// NoImage: an image can't be had.
	NoImage TroubleKind = "image"
	// NoConfig: a Secret, ConfigMap or their key is missing, or the container
	// can't be made for another reason.
	NoConfig TroubleKind = "config"
	// Crashes: a container ends with an error.
	Crashes TroubleKind = "crash"
	// OutOfMemory: Flink's container was killed for its memory.
	OutOfMemory TroubleKind = "memory"
	// NoNode: no node takes the pod.
	NoNode TroubleKind = "node"
	// NoVolume: a volume can't be mounted.
	NoVolume TroubleKind = "volume"
)

// Trouble is what keeps a pod from working.
type Trouble struct {
	Kind TroubleKind
	// Text is one line without the pod's name; it may hold foreign text.
	Text   string
	Weight Weight
	// Key tells it from others where its text changes.
	Key string
	// Patience is how long a Stubborn one may stay; zero is the usual time.
	Patience time.Duration
}

// schedulerPatience is longer: an autoscaler may bring a node that fits, but
// says so before that.
const schedulerPatience = 45 * time.Second

// Trouble is what keeps the pod from working; ok is false where nothing that
// is known of does.
func (p Pod) Trouble() (t Trouble, ok bool) {
	if p.Status == "Terminating" {
		return t, false
	}
	if p.LastEnd == reasonOutOfMemory {
		return Trouble{Kind: OutOfMemory, Text: "OOMKilled (out of memory)", Weight: Final, Key: p.Status}, true
	}
	c, prefix := p.Failing, ""
	if c.Name == "" { // the pod's own words
		c = Container{Name: api.MainContainer, Reason: p.Status, Message: p.Message, Restarts: p.Restarts, End: p.LastEnd, Exit: p.LastExit}
	} else if !c.Main() {
		prefix = c.Called() + ": "
	}
	if !p.Ready && NeverPasses(p.Cause) {
		// Also while it is started once more.
		return Trouble{Kind: Crashes, Weight: Final, Key: "state", Text: fmt.Sprintf("ended with %s (exit code %d): %s", cmp.Or(p.LastEnd, cmp.Or(c.End, "an error")), max(p.LastExit, c.Exit), p.Cause)}, true
	}
	t.Key = c.Name + " " + c.Reason
	t.Text = prefix + strings.TrimSuffix(c.Reason+": "+api.FirstLine(c.Message), ": ")
	switch c.Reason {
	case "ErrImageNeverPull", "InvalidImageName", "ImageInspectError", "ImagePullBackOff":
		t.Kind, t.Weight = NoImage, Final
		return t, true
	case "ErrImagePull":
		t.Kind, t.Weight = NoImage, Stubborn
		return t, true
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
		t.Kind, t.Weight = NoConfig, Stubborn
		return t, true
	}
	switch {
	case c.Reason == "CrashLoopBackOff" || c.Ended || c.Reason == "Error":
		t.Kind, t.Weight = Crashes, Stubborn
		if c.Restarts >= 2 {
			t.Weight = Final
		}
		t.Text = fmt.Sprintf("%s%s: ended with %s (exit code %d)", prefix, c.Reason, cmp.Or(c.End, "an error"), c.Exit)
		if c.Ended && c.Reason == c.End {
			t.Text = fmt.Sprintf("%sended with %s (exit code %d)", prefix, c.End, c.Exit)
		}
		if p.Cause != "" {
			t.Text += ": " + p.Cause
		}
		return t, true
	case p.Unscheduled || p.Status == "Pending" && p.Message != "":
		t = Trouble{Kind: NoNode, Text: "finds no node: " + api.FirstLine(p.Message), Weight: Soft, Key: "node"}
		if !p.NodeComing && FitsNoNode(p.Message) {
			t.Weight, t.Patience = Stubborn, schedulerPatience
			if claimMissing.MatchString(p.Message) {
				t.Patience = 0
			}
		}
		return t, true
	case p.Mount != "":
		t = Trouble{Kind: NoVolume, Text: "can't mount a volume: " + api.FirstLine(p.Mount), Weight: Soft, Key: "volume"}
		if p.Missing || stuckMount.MatchString(p.Mount) {
			t.Weight = Stubborn
		}
		return t, true
	}
	return Trouble{}, false
}

var (
	claimMissing = regexp.MustCompile(`persistentvolumeclaim "[^"]*" not found`)
	// missingObject is what the kubelet and the scheduler say of an object that
	// isn't there.
	missingObject = regexp.MustCompile(`(?i)\b(secret|configmap|persistentvolumeclaim)s? "?(?:[a-z0-9.-]+/)?([a-z0-9]([-a-z0-9.]*[a-z0-9])?)"? not found`)
	// stuckMount are complaints that don't go away by waiting.
	stuckMount = regexp.MustCompile(`references non-existent|type check failed|not found in the list of registered CSI drivers`)
	// nodesOf is the beginning of what the scheduler says.
	nodesOf = regexp.MustCompile(`^\d+/(\d+) nodes are available: `)
	// noNodeReason is one of its reasons, with the number of nodes.
	noNodeReason = regexp.MustCompile(`(\d+) (?:node\(s\) )?([^,]+)`)
)

// FitsNoNode reports whether all that the scheduler says against the nodes is
// of a kind that doesn't pass by itself: selectors, affinity, taints that
// somebody has set, and claims that aren't there. Nodes that are full become
// free, and nodes that aren't ready become ready.
func FitsNoNode(message string) bool {
	reasons, _, _ := strings.Cut(message, " preemption: ")
	reasons = nodesOf.ReplaceAllString(reasons, "")
	if claimMissing.MatchString(reasons) {
		return true
	}
	found := false
	for _, reason := range noNodeReason.FindAllStringSubmatch(strings.TrimSuffix(reasons, "."), -1) {
		text := reason[2]
		switch {
		case strings.Contains(text, "node.kubernetes.io/"), strings.Contains(text, "node.cloudprovider.kubernetes.io/"), strings.Contains(text, "unschedulable"):
			return false
		case strings.Contains(text, "untolerated taint"), strings.Contains(text, "had taint"), strings.Contains(text, "node affinity"), strings.Contains(text, "node selector"),
			strings.Contains(text, "affinity rules"), strings.Contains(text, "volume node affinity conflict"), strings.Contains(text, "topology spread"):
			found = true
		case strings.Contains(text, "no new claims to deallocate"):
		default:
			return false
		}
	}
	return found
}

// MissingObject is the kind and name of an object that a message says isn't
// there; "" where it names none.
func MissingObject(message string) (kind, name string) {
	if m := missingObject.FindStringSubmatch(message); m != nil {
		return strings.ToLower(m[1]), m[2]
	}
	return "", ""
}

// IsMissing reports whether an object that a message says isn't there really
// isn't; the kubelet's complaint stays after it has come. Who may not ask
// believes the message.
func (c *Client) IsMissing(ctx context.Context, namespace, message string) bool {
	kind, name := MissingObject(message)
	if name == "" {
		return false
	}
	var err error
	switch core := c.core.CoreV1(); kind {
	case "secret":
		_, err = core.Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	case "configmap":
		_, err = core.ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	default:
		_, err = core.PersistentVolumeClaims(namespace).Get(ctx, name, metav1.GetOptions{})
	}
	return apierrors.IsNotFound(err) || apierrors.IsForbidden(err)
}

// WithEvents adds to pods what only events say of them.
func WithEvents(pods []Pod, events []Event) []Pod {
	out := make([]Pod, len(pods))
	for i, pod := range pods {
		for _, e := range events { // newest first
			if e.Object != "pod/"+pod.Name || e.UID != "" && pod.UID != "" && e.UID != pod.UID {
				continue
			}
			switch e.Reason {
			case "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox":
				if pod.Mount == "" && pod.Waits() {
					pod.Mount = e.Message
				}
			case "TriggeredScaleUp", "Nominated":
				pod.NodeComing = pod.NodeComing || pod.Unscheduled
			}
		}
		out[i] = pod
	}
	return out
}

// Waits reports whether no container has begun.
func (p Pod) Waits() bool {
	return !p.Ready && !p.Unscheduled && p.Failing.Name == "" &&
		(p.Status == "ContainerCreating" || p.Status == "Pending" || p.Status == "PodInitializing" || strings.HasPrefix(p.Status, "Init:0/"))
}

// Weight is how sure it is that an obstacle doesn't go away by itself.
type Weight int

// The weights, lightest first.
const (
	// Soft obstacles may go away: a pod that finds no node waits for one.
	Soft Weight = iota
	// Stubborn obstacles are tried again, and mostly for nothing: they count
	// as Final when they stay for some seconds.
	Stubborn
	// Final obstacles stay until somebody does something.
	Final
)
