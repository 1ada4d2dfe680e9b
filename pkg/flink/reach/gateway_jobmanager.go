package reach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/podexec"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
)

// InJobManager starts a gateway in the JobManager's container, whose memory it
// shares. It ends when the client says so, or soon after it is gone.
func (g *GatewayStarter) InJobManager(ctx context.Context, p Place) (*StartedGateway, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, exit.Timeoutf("the SQL gateway in the JobManager did not answer within %s", startLimit))
	defer cancel()
	pod, container, err := JobManagerPod(ctx, g.Core, p)
	if err != nil {
		return nil, err
	}
	port := 20000 + rand.IntN(10000) //nolint:gosec // any free port will do
	settings, hidden := splitSettings(g.Settings)
	command := append([]string{
		"bash", "-c", "export JAVA_TOOL_OPTIONS=\"$JAVA_TOOL_OPTIONS " + inJobManagerMemory + javaOptions + "\"\n" + gatewayScript,
		gatewayName, fmt.Sprint(port), fmt.Sprint(gatewayIdle), fmt.Sprint(gatewayStart), "stdin", fmt.Sprint(len(hidden)),
	}, gatewayArguments(p, port, g.Wide, settings)...)
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	input, hold := io.Pipe()
	output := &tail{}
	done := make(chan error, 1)
	go func() {
		done <- podexec.Run(running, g.Config, g.Core, podexec.Command{
			Namespace: pod.Namespace, Pod: pod.Name, Container: container, Args: command,
			Transport: g.Transport, In: input, Out: output, ErrOut: output,
		})
		_ = input.Close() // its reader has ended
	}()
	go func() { _, _ = io.WriteString(hold, HiddenArguments(hidden)) }()
	var once sync.Once
	stop := func(ctx context.Context) error { //nolint:unparam // as every started gateway's
		once.Do(func() {
			// An input that ends without this is a client that was killed: its
			// sessions have to expire first.
			go func() {
				_, _ = io.WriteString(hold, "end\n")
				_ = hold.Close()
			}()
			select {
			case <-done: //nolint:errcheck // how it ended was reported by those who used it
			case <-ctx.Done():
			}
			end()
		})
		return nil
	}
	started := &StartedGateway{Where: "the JobManager's pod " + pod.Name, stop: stop, ended: func(ctx context.Context) error {
		select {
		case err := <-done:
			done <- err
			var exited *podexec.ExitError
			if err == nil || errors.As(err, &exited) {
				code := 0
				if exited != nil {
					code = exited.Code
				}
				return errors.New(notEmpty(saidAtEnd(output.String()), fmt.Sprintf("exit code %d", code)))
			}
		default:
		}
		// The stream alone may have broken: the gateway goes on without it.
		return containerEnded(ctx, g.Core, pod, container)
	}}
	fail := func(err error) (*StartedGateway, error) {
		away, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return nil, errors.Join(err, stop(away))
	}
	transport := g.Connect(portforward.Target{Namespace: pod.Namespace, Kind: portforward.PodKind, Name: pod.Name, Port: intstr.FromInt(port)})
	why := "the SQL gateway in pod " + pod.Name + " to listen"
	for {
		select {
		case err := <-done:
			done <- err
			var exited *podexec.ExitError
			if reason := saidWhy(output.String()); errors.As(err, &exited) && reason != "" {
				err = fmt.Errorf("the SQL gateway ended right after its start: %s", reason)
			} else if err == nil {
				err = errors.New("the SQL gateway ended right after its start")
			}
			return fail(err)
		default:
		}
		if started.Client, err = g.tryConnect(ctx, transport); err == nil {
			return started, nil
		}
		if !stillStarting(err) && ctx.Err() == nil {
			return fail(err)
		}
		g.tell(why)
		if err := pause(ctx); err != nil {
			return fail(waited(ctx, why))
		}
	}
}

// containerEnded says that a container of a pod doesn't run any more, or is
// another one than that in pod.
func containerEnded(ctx context.Context, core clientset.Interface, pod *corev1.Pod, container string) error {
	id := func(pod *corev1.Pod) string {
		for _, s := range pod.Status.ContainerStatuses {
			if s.Name == container {
				return s.ContainerID
			}
		}
		return ""
	}
	found, err := core.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) || err == nil && found.UID != pod.UID:
		return fmt.Errorf("the JobManager's pod %s, in which it ran, is gone", pod.Name)
	case err == nil && (found.Status.Phase == corev1.PodFailed || found.Status.Phase == corev1.PodSucceeded || id(found) != id(pod)):
		return fmt.Errorf("the JobManager in pod %s, in which it ran, ended", pod.Name)
	}
	return nil
}

// JobManagerPod is a running JobManager pod of a place, and the container that
// Flink runs in.
func JobManagerPod(ctx context.Context, core clientset.Interface, p Place) (*corev1.Pod, string, error) {
	cluster := p.Cluster.Ref()
	list, err := core.CoreV1().Pods(cluster.Namespace).List(ctx, metav1.ListOptions{LabelSelector: JobManager(cluster, intstr.IntOrString{}).Name})
	if err != nil {
		return nil, "", err
	}
	for i := range list.Items {
		pod := &list.Items[i]
		if pod.Status.Phase != corev1.PodRunning || pod.DeletionTimestamp != nil || len(pod.Spec.Containers) == 0 {
			continue
		}
		for _, c := range pod.Spec.Containers {
			if c.Name == mainContainer {
				return pod, c.Name, nil
			}
		}
		return pod, pod.Spec.Containers[0].Name, nil
	}
	return nil, "", fmt.Errorf("no JobManager of %s runs: %s", cluster, notEmpty(p.WhyNot(), "see kubectl flink status "+cluster.Name+" -n "+cluster.Namespace))
}

// tail keeps the last part of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 64 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
