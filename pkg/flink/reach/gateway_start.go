package reach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/podexec"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlgateway"
)

const (
	// startLimit bounds the start of a gateway: pulling the image, and the
	// JVM's start.
	startLimit = 3 * time.Minute
	// lookEvery is how often a starting gateway is looked at.
	lookEvery = 200 * time.Millisecond
	// connectLimit bounds one try to reach a starting gateway.
	connectLimit = 3 * time.Second
	// outOfMemory is how a JVM with -XX:+ExitOnOutOfMemoryError exits.
	outOfMemory = 3
	// noGateway is how gatewayScript exits where the image has no gateway.
	noGateway = 69
	// inJobManagerMemory bounds the heap of a gateway beside the JobManager.
	inJobManagerMemory = "-Xmx256m -XX:MaxMetaspaceSize=192m -XX:ReservedCodeCacheSize=48m "
)

// GatewayStarter starts SQL gateways for the length of a session.
type GatewayStarter struct {
	Core   clientset.Interface
	Config *rest.Config
	// Connect makes a transport to a gateway.
	Connect func(portforward.Target) http.RoundTripper
	// Wide has the gateway listen to others than its own pod, as the API
	// server's proxy needs.
	Wide bool
	// Transport is podexec's.
	Transport string
	// Settings are the gateway's further configuration.
	Settings map[string]string
	// Waiting is called with what is being waited for.
	Waiting func(text string)
}

// StartedGateway is a gateway that Stop ends.
type StartedGateway struct {
	Client *sqlgateway.Client
	// Where names it for the user.
	Where string
	stop  func(context.Context) error
	ended func(context.Context) error
	// upload is nil where files can't be brought to the gateway.
	upload func(ctx context.Context, name string, in io.Reader) (string, error)
	// read reads a file of the gateway and removes it; nil as upload is.
	read func(ctx context.Context, path string, most int) ([]byte, error)
}

// ErrNoUpload says that no file can be brought to where a gateway runs.
var ErrNoUpload = errors.New("files of this computer go into the pod of a gateway that this command starts (--start-gateway, without --in-jobmanager)")

// uploadDir is where files of the client are in a gateway's pod; they go with it.
const uploadDir = "/tmp/kubectl-flink"

// Upload brings a file to where the gateway runs, and gives its path there. name
// is its name, of letters that no shell minds.
func (g *StartedGateway) Upload(ctx context.Context, name string, in io.Reader) (path string, err error) {
	if g == nil || g.upload == nil {
		return "", ErrNoUpload
	}
	return g.upload(ctx, name, in)
}

// Ended says why the gateway is no more: nothing replaces it. Its error is nil
// as long as that isn't known.
func (g *StartedGateway) Ended(ctx context.Context) error { return g.ended(ctx) }

// Stop ends the gateway; it returns when nothing of it is left to be done.
func (g *StartedGateway) Stop(ctx context.Context) error { return g.stop(ctx) }

// InPod starts a gateway in a pod of its own.
func (g *GatewayStarter) InPod(ctx context.Context, p Place) (*StartedGateway, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, exit.Timeoutf("the SQL gateway's pod did not answer within %s", startLimit))
	defer cancel()
	cluster := p.Cluster.Ref()
	deployment, err := g.Core.AppsV1().Deployments(cluster.Namespace).Get(ctx, cluster.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("%s has no JobManager yet: %s", cluster, p.WhyNot())
	}
	if err != nil {
		return nil, err
	}
	if len(deployment.Spec.Template.Spec.Containers) == 0 {
		return nil, fmt.Errorf("deployment %s has no containers", deployment.Name)
	}
	return g.inPod(ctx, p, deployment)
}

// inPod starts a gateway in a pod like those of a Deployment.
func (g *GatewayStarter) inPod(ctx context.Context, p Place, deployment *appsv1.Deployment) (*StartedGateway, error) {
	cluster := p.Cluster.Ref()
	g.clearGateways(ctx, cluster)
	pods := g.Core.CoreV1().Pods(cluster.Namespace)
	settings, hidden := splitSettings(g.Settings)
	keptIn := secretName(cluster, hidden)
	made, remove, err := g.create(ctx, gatewayPod(p, deployment, g.Wide, settings, keptIn))
	if err != nil {
		return nil, err
	}
	started := &StartedGateway{Where: "pod " + made.Name, stop: func(ctx context.Context) error {
		err := remove(ctx)
		g.deleteSecret(ctx, made.Namespace, keptIn)
		return err
	}}
	started.ended = func(ctx context.Context) error { return g.podEnded(ctx, made) }
	started.upload = func(ctx context.Context, name string, in io.Reader) (string, error) {
		path := uploadDir + "/" + name
		err := podexec.Run(ctx, g.Config, g.Core, podexec.Command{
			Namespace: made.Namespace, Pod: made.Name, Container: made.Spec.Containers[0].Name, Transport: g.Transport,
			Args: []string{"bash", "-c", `mkdir -p "$1" && cat >"$2"`, "upload", uploadDir, path}, In: in, Out: io.Discard, ErrOut: io.Discard,
		})
		return path, err
	}
	started.read = func(ctx context.Context, path string, most int) ([]byte, error) {
		return g.readFile(ctx, podexec.Command{Namespace: made.Namespace, Pod: made.Name, Container: made.Spec.Containers[0].Name}, path, most)
	}
	fail := func(err error) (*StartedGateway, error) {
		away, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return nil, errors.Join(err, started.Stop(away))
	}
	// The pod waits for its Secret, which can be the pod's only once that is.
	if err := g.createSecret(ctx, made, keptIn, hidden); err != nil {
		return fail(err)
	}
	transport := g.Connect(portforward.Target{Namespace: cluster.Namespace, Kind: portforward.PodKind, Name: made.Name, Port: intstr.FromInt(sqlgateway.Port)})
	why := ""
	for {
		pod, err := pods.Get(ctx, made.Name, metav1.GetOptions{})
		if err != nil {
			if ctx.Err() != nil {
				err = waited(ctx, why)
			}
			return fail(err)
		}
		var final error
		if why, final = g.podState(ctx, pod); final != nil {
			return fail(final)
		}
		if why == "" {
			if started.Client, err = g.tryConnect(ctx, transport); err == nil {
				return started, nil
			}
			why = "the SQL gateway in pod " + pod.Name + " to listen"
			if !stillStarting(err) {
				return fail(err)
			}
		}
		g.tell(why)
		if err := pause(ctx); err != nil {
			return fail(waited(ctx, why))
		}
	}
}

// tryConnect tries to connect for a moment: a connection that was opened just
// before somebody listens may stay unanswered.
func (g *GatewayStarter) tryConnect(ctx context.Context, transport http.RoundTripper) (*sqlgateway.Client, error) {
	short, cancel := context.WithTimeoutCause(ctx, connectLimit, errUnanswered)
	defer cancel()
	client, err := sqlgateway.Connect(short, transport)
	if err != nil && ctx.Err() == nil && short.Err() != nil {
		return nil, errUnanswered
	}
	return client, err
}

var errUnanswered = errors.New("no answer yet")

func (g *GatewayStarter) tell(text string) {
	if g.Waiting != nil {
		g.Waiting(text)
	}
}

func pause(ctx context.Context) error {
	timer := time.NewTimer(lookEvery)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// waited adds to the end of a wait what was waited for.
func waited(ctx context.Context, why string) error {
	cause := context.Cause(ctx)
	if exit.Code(cause) != exit.TimedOut || why == "" {
		return cause
	}
	return exit.With(exit.TimedOut, fmt.Errorf("%w; last waited for %s", cause, why))
}

// stillStarting reports whether nobody listens yet: that is how a port of a
// JVM looks that is on its way.
func stillStarting(err error) bool {
	var refused *portforward.PodError
	var unready *portforward.NotReadyError
	var lost *portforward.LostError
	return errors.Is(err, errUnanswered) || errors.As(err, &refused) || errors.As(err, &unready) || errors.As(err, &lost) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// podState is what a pod that isn't running waits for, and why it never will.
func (g *GatewayStarter) podState(ctx context.Context, pod *corev1.Pod) (waiting string, final error) {
	for _, s := range pod.Status.ContainerStatuses {
		if w := s.State.Waiting; w != nil {
			switch w.Reason {
			case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError":
				return "", fmt.Errorf("the SQL gateway's pod can't start: %s (%s)", w.Reason, strings.TrimSpace(w.Message))
			}
		}
	}
	switch pod.Status.Phase {
	case corev1.PodRunning:
		return "", nil
	case corev1.PodFailed, corev1.PodSucceeded:
		return "", fmt.Errorf("the SQL gateway ended right after its start: %s%s", g.endOf(ctx, pod, saidWhy), imageHint(pod))
	default: // it is on its way
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return fmt.Sprintf("room for pod %s: %s", pod.Name, c.Message), nil
		}
	}
	return fmt.Sprintf("pod %s to start", pod.Name), nil
}

// endOf is why the gateway in a pod that has ended did so, with what said finds
// in its log.
func (g *GatewayStarter) endOf(ctx context.Context, pod *corev1.Pod, said func(log string) string) string {
	if pod.Status.Reason != "" { // evicted, or at the end of its life
		return strings.TrimSpace(pod.Status.Reason + " " + pod.Status.Message)
	}
	lines := int64(200)
	log, _ := g.Core.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{TailLines: &lines}).DoRaw(ctx)
	reason := said(string(log))
	for _, s := range pod.Status.ContainerStatuses {
		switch e := s.State.Terminated; {
		case e == nil:
		case e.ExitCode == 0:
			reason = fmt.Sprintf("no client was connected to it for %d seconds", gatewayIdle)
		case reason == "" || e.Reason == "OOMKilled":
			reason = fmt.Sprintf("%s, exit code %d", e.Reason, e.ExitCode)
		}
	}
	return notEmpty(reason, "without a word")
}

// podEnded is why the gateway in a pod of its own is no more.
func (g *GatewayStarter) podEnded(ctx context.Context, pod *corev1.Pod) error {
	found, err := g.Core.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) || err == nil && found.UID != pod.UID:
		return fmt.Errorf("its pod %s was deleted", pod.Name)
	case err == nil && (found.Status.Phase == corev1.PodFailed || found.Status.Phase == corev1.PodSucceeded):
		return fmt.Errorf("%s%s", g.endOf(ctx, found, saidAtEnd), memoryHint(found))
	}
	return nil
}

// imageHint says what to do where the image has no gateway.
func imageHint(pod *corev1.Pod) string {
	for _, s := range pod.Status.ContainerStatuses {
		if e := s.State.Terminated; e != nil && e.ExitCode == noGateway {
			return "\nA gateway of another image of the same Flink does as well: name it with --gateway svc/NAME:PORT"
		}
	}
	return ""
}

// memoryHint says what makes a gateway need much memory, where that was its end.
func memoryHint(pod *corev1.Pod) string {
	for _, s := range pod.Status.ContainerStatuses {
		if e := s.State.Terminated; e != nil && (e.Reason == "OOMKilled" || e.ExitCode == outOfMemory) {
			return "\nIt keeps the rows of a query until the job's next checkpoint, " +
				"except with SET 'execution.checkpointing.mode' = 'AT_LEAST_ONCE'"
		}
	}
	return ""
}

func notEmpty(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
