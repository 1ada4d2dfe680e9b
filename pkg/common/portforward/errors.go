package portforward

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/permission"
)

// Pod is the pod at the far end of a connection.
type Pod struct {
	Namespace, Name, UID string
}

func (p Pod) String() string { return p.Name }

type podAddr struct {
	pod  Pod
	port int32
}

func (podAddr) Network() string { return "pod" }

func (a podAddr) String() string {
	return net.JoinHostPort(a.pod.Name+"."+a.pod.Namespace, strconv.Itoa(int(a.port)))
}

// LostError says that the connection broke before its end: the pod, its node
// or the API server went away.
type LostError struct {
	Pod   Pod
	Cause error
}

func (e *LostError) Error() string {
	if e.Pod.Name == "" {
		return "lost the connection to the cluster: " + e.Cause.Error()
	}
	return fmt.Sprintf("lost the connection to pod %s: %v", e.Pod, e.Cause)
}

// Unwrap gives the cause.
func (e *LostError) Unwrap() error { return e.Cause }

// PodError is what the kubelet said about a connection into a pod.
type PodError struct {
	Pod  Pod
	Port int32
	Text string
	// Refused says that nothing listens on the port; nothing was sent.
	Refused bool
}

func newPodError(pod Pod, port int32, text string) *PodError {
	text = strings.TrimSpace(text)
	refused := strings.Contains(text, "connection refused") || strings.Contains(text, "Connection refused")
	return &PodError{Pod: pod, Port: port, Text: text, Refused: refused}
}

func (e *PodError) Error() string {
	if e.Refused {
		return fmt.Sprintf("nothing listens on port %d of pod %s (connection refused)", e.Port, e.Pod)
	}
	return fmt.Sprintf("port %d of pod %s: %s", e.Port, e.Pod, e.Text)
}

// PermissionError says which permission the way into the pods needs and the
// user lacks.
type PermissionError struct {
	Namespace string
	// Missing are "VERB RESOURCE" pairs; one of them is enough.
	Missing []string
	// Said is the API server's own message.
	Said string
}

func (e *PermissionError) Error() string {
	var checks []string
	for _, m := range e.Missing {
		verb, resource, _ := strings.Cut(m, " ")
		checks = append(checks, "  "+permission.Permission{Verb: verb, Resource: resource, Namespace: e.Namespace}.Check())
	}
	need := strings.Join(e.Missing, "") + " is needed"
	if len(e.Missing) > 1 {
		need = "one of these is needed: " + strings.Join(e.Missing, ", ")
	}
	return fmt.Sprintf("not allowed to reach pods in namespace %q; %s.\nThe API server said: %s\nAsk for it; check with:\n%s",
		e.Namespace, need, e.Said, strings.Join(checks, "\n"))
}

// NotReadyError says that no pod could take the connection in time, and what
// each of them was waiting for.
type NotReadyError struct {
	Target  Target
	Why     string
	Waited  string
	timeout bool
}

func (e *NotReadyError) Error() string {
	if e.Waited == "" {
		return fmt.Sprintf("%s has no ready pod: %s", e.Target, e.Why)
	}
	return fmt.Sprintf("%s had no ready pod within %s: %s", e.Target, e.Waited, e.Why)
}

// Timeout reports that a wait ended it.
func (e *NotReadyError) Timeout() bool { return e.timeout }

// Temporary is true: a pod may become ready later.
func (e *NotReadyError) Temporary() bool { return true }

// upgradeError is an answer other than 101 to an upgrade request.
type upgradeError struct {
	code  int
	cause error
}

func (e *upgradeError) Error() string { return e.cause.Error() }
func (e *upgradeError) Unwrap() error { return e.cause }

// statusCode is the HTTP code in err, or 0.
func statusCode(err error) int {
	var upgrade *upgradeError
	if errors.As(err, &upgrade) {
		return upgrade.code
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return int(status.Status().Code)
	}
	return 0
}

// said is the server's message without Go's wrapping.
func said(err error) string {
	var missing *PermissionError
	if errors.As(err, &missing) {
		return missing.Said
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Message != "" {
		return status.Status().Message
	}
	return err.Error()
}
