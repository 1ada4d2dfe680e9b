// Package podexec runs a program in a container of a pod, as kubectl exec
// does, with or without a terminal.
package podexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/permission"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// The transports. WebSocket can say that standard input has ended; SPDY is for
// API servers before Kubernetes 1.30 and for what can't carry WebSocket.
const (
	Auto      = "auto"
	SPDY      = "spdy"
	WebSocket = "websocket"
)

// Command is a program to run.
type Command struct {
	Namespace, Pod, Container string
	Args                      []string
	// Transport is Auto, SPDY or WebSocket; "" is Auto.
	Transport string
	// In, Out and ErrOut are the program's streams; nil ones are not
	// connected. With TTY, In must be a terminal for raw mode and resizing to
	// work, and what the program writes to its error stream comes in Out.
	In          io.Reader
	Out, ErrOut io.Writer
	TTY         bool
	// LineFeed sends the Enter key as a line feed, for programs that ignore carriage
	// returns: JLine does on a terminal of type dumb.
	LineFeed bool
}

// ExitError says that the program ran and ended with another code than 0.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("the program ended with exit code %d", e.Code) }

// Run runs the program to its end. Its error is an *ExitError, what the API
// server said, or the cause of ctx.
func Run(ctx context.Context, config *rest.Config, core clientset.Interface, c Command) error {
	// The address is all that the executor is given; it checks no names.
	if _, err := untrusted.Path(c.Namespace, c.Pod); err != nil {
		return fmt.Errorf("no program runs in pod %q: %w", c.Pod, err)
	}
	address := core.CoreV1().RESTClient().Post().Resource("pods").Namespace(c.Namespace).Name(c.Pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: c.Container, Command: c.Args, TTY: c.TTY,
			Stdin: c.In != nil, Stdout: c.Out != nil, Stderr: c.ErrOut != nil && !c.TTY,
		}, scheme.ParameterCodec).URL()
	executor, err := newExecutor(config, address, c.Transport)
	if err != nil {
		return err
	}
	options := remotecommand.StreamOptions{Stdin: c.In, Stdout: c.Out, Stderr: c.ErrOut, Tty: c.TTY}
	if c.TTY {
		options.Stderr = nil
		restore, sizes, err := raw(ctx, c.In)
		if err != nil {
			return err
		}
		defer restore()
		options.TerminalSizeQueue = sizes
		// The program in the pod draws on the terminal itself, as with kubectl exec.
		options.Stdout = term.Raw(c.Out)
		if c.LineFeed {
			options.Stdin = lineFeeds{c.In}
		}
	}
	err = executor.StreamWithContext(ctx, options)
	var exited exec.CodeExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exited):
		return &ExitError{Code: exited.Code}
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return explain(err, c)
}

// explain gives an upgrade that was refused the API server's own words.
func explain(err error, c Command) error {
	if apierrors.ReasonForError(err) != "" {
		return err
	}
	if text := err.Error(); strings.Contains(strings.ToLower(text), "forbidden") {
		return fmt.Errorf("%s\nAsk for the verb \"create\" on pods/exec; check with: %s", strings.TrimSpace(text), permission.Permission{Verb: "create", Resource: "pods/exec", Namespace: c.Namespace}.Check())
	}
	return fmt.Errorf("run %s in pod %s: %w", c.Args[0], c.Pod, err)
}

func newExecutor(config *rest.Config, address *url.URL, transport string) (remotecommand.Executor, error) {
	spdy := func() (remotecommand.Executor, error) { return remotecommand.NewSPDYExecutor(config, "POST", address) }
	websocket := func() (remotecommand.Executor, error) {
		// The WebSocket handshake is a GET.
		return remotecommand.NewWebSocketExecutor(config, "GET", address.String())
	}
	switch transport {
	case SPDY:
		return spdy()
	case WebSocket:
		return websocket()
	}
	first, err := websocket()
	if err != nil {
		return nil, err
	}
	second, err := spdy()
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(first, second, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
}
