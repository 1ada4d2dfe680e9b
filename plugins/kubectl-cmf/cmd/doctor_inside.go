package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/podexec"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/view"
)

// endpoint is an address that a catalog or a database names.
type endpoint struct {
	subject, host string
	port          int
	// why says why it can't be tried; "" where it can.
	why string
}

// hostName is what may be given to a program in a pod as the name of a host.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?\.?$`)

// The options by which connectionConfig names addresses (examples of
// createKafkaCatalog and createKafkaDatabase in CMF's document).
const (
	registryKey  = "schema.registry.url"
	bootstrapKey = "bootstrap.servers"
)

// endpoints are the addresses of a connectionConfig.
func endpoints(subject string, config map[string]any) []endpoint {
	var out []endpoint
	for _, key := range []string{registryKey, bootstrapKey} {
		text, _ := config[key].(string)
		for address := range strings.SplitSeq(text, ",") {
			if address = strings.TrimSpace(address); address != "" {
				out = append(out, endpointOf(subject, address))
			}
		}
	}
	return out
}

func endpointOf(subject, address string) endpoint {
	e := endpoint{subject: subject}
	unreadable := endpoint{subject: subject, why: "its address can't be read"}
	scheme, rest, typed := strings.Cut(address, "://")
	if !typed {
		scheme, rest = "kafka", address
	}
	// Kafka's are like SASL_SSL, which has a sign that addresses don't.
	parsed, err := url.Parse(strings.ToLower(strings.ReplaceAll(scheme, "_", "-")) + "://" + rest)
	if err != nil {
		return unreadable
	}
	e.host = parsed.Hostname()
	switch text := parsed.Port(); {
	case text != "":
		if e.port, err = strconv.Atoi(text); err != nil || e.port < 1 || e.port > 65535 {
			return unreadable
		}
	case parsed.Scheme == "https":
		e.port = 443
	case parsed.Scheme == "http":
		e.port = 80
	default:
		return unreadable
	}
	if net.ParseIP(e.host) == nil && !hostName.MatchString(e.host) {
		return unreadable
	}
	return e
}

func (e endpoint) address() string { return net.JoinHostPort(e.host, strconv.Itoa(e.port)) }

// insideScript tries addresses, all at the same time: its arguments are, for each,
// name or ip, the host and the port. It prints a line for each: its number, whether
// the name resolves and whether a connection comes about. What it has no program
// for is untried.
const insideScript = `export LC_ALL=C
has() { command -v "$1" >/dev/null 2>&1; }
try() {
  resolves=untried connects=untried
  if [ "$2" = ip ]; then
    resolves=yes
  elif has getent && has timeout; then
    timeout 5 getent hosts "$3" >/dev/null 2>&1
    case $? in 0) resolves=yes ;; 2) resolves=no ;; 124 | 143) resolves=slow ;; esac
  fi
  if [ $resolves != no ] && [ $resolves != slow ] && has bash && has timeout; then
    why=$(timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$3" "$4" 2>&1 >/dev/null)
    code=$?
    case "$code $why" in
      0*) connects=yes resolves=yes ;;
      124* | 143*) connects=slow ;;
      *"onnection refused"*) connects=refused resolves=yes ;;
      *"o route to host"* | *"etwork is unreachable"*) connects=unreachable resolves=yes ;;
      *"ame or service not known"*) resolves=no ;;
    esac
  fi
  echo "$1 $resolves $connects"
}
n=0
while [ $# -ge 3 ]; do
  try $n "$1" "$2" "$3" &
  shift 3
  n=$((n + 1))
done
wait
`

// seenInside is what a pod says of an address, in the words of insideScript.
type seenInside struct{ resolves, connects string }

// Bounds of trying addresses from inside.
const (
	maxEndpoints = 20
	maxPodsTried = 3
	insideLimit  = 30 * time.Second
	maxInside    = 16 << 10
)

// readInside reads what insideScript printed about n addresses; those that it
// doesn't speak of are untried.
func readInside(text string, n int) []seenInside {
	out := make([]seenInside, n)
	for i := range out {
		out[i] = seenInside{"untried", "untried"}
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) != 3 {
			continue
		}
		if i, err := strconv.Atoi(words[0]); err == nil && i >= 0 && i < n {
			out[i] = seenInside{words[1], words[2]}
		}
	}
	return out
}

// judgeInside is what is wrong with an address as a pod sees it; nil for nothing.
// untried says that nothing is known of it.
func judgeInside(e endpoint, seen seenInside, pod string) (found *view.DoctorFinding, untried bool) {
	wrong := func(severity diagnosis.Severity, title, format string, args ...any) *view.DoctorFinding {
		return &view.DoctorFinding{
			Severity: severity, Title: title, Cause: fmt.Sprintf(format, args...),
			Evidence: []string{"tried in pod " + pod},
			Cure:     "correct its connectionConfig, or see to the Service, DNS and network policies of the cluster",
		}
	}
	const name, port = "Address of a catalog or database doesn't resolve inside the cluster", "Address of a catalog or database can't be connected to inside the cluster"
	switch {
	case seen.resolves == "no":
		return wrong(diagnosis.Error, name, "no such host: %s", e.host), false
	case seen.resolves == "slow":
		return wrong(diagnosis.Warning, name, "DNS gives no answer for %s within 5s", e.host), false
	case seen.connects == "refused":
		return wrong(diagnosis.Error, port, "%s refuses connections", e.address()), false
	case seen.connects == "unreachable":
		return wrong(diagnosis.Error, port, "there is no route to %s", e.address()), false
	case seen.connects == "slow":
		return wrong(diagnosis.Warning, port, "no answer from %s within 5s", e.address()), false
	}
	return nil, seen.resolves != "yes"
}

// container is one in which a program can be run.
type container struct{ namespace, pod, name string }

// runInside runs a program in a container and gives what it printed.
type runInside func(ctx context.Context, in container, args []string) (string, error)

// inside tries the addresses of catalogs and databases from within the cluster.
func (e *examination) inside(ctx context.Context) {
	if len(e.endpoints) == 0 {
		return
	}
	core, err := e.factory.Clientset()
	if err != nil {
		e.notTried(err)
		return
	}
	config, err := e.factory.Config()
	if err != nil {
		e.notTried(err)
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, insideLimit, exit.Timeoutf("no answer within %s", insideLimit))
	defer cancel()
	in, err := e.containers(ctx, core)
	if err != nil {
		e.notTried(err)
		return
	}
	e.tryInside(ctx, in, func(ctx context.Context, in container, args []string) (string, error) {
		out := &podexec.Bounded{Most: maxInside}
		err := podexec.Run(ctx, config, core, podexec.Command{Namespace: in.namespace, Pod: in.pod, Container: in.name, Args: args, Out: out, ErrOut: &podexec.Bounded{}})
		return string(out.Bytes()), err
	})
}

// notTried says why addresses weren't tried from inside, so that nobody takes
// them for well.
func (e *examination) notTried(err error) {
	e.report.Skipped = append(e.report.Skipped, "addresses of catalogs and databases, from inside the cluster: not tried: "+api.FirstLine(err.Error()))
}

// tryInside tries the addresses in the first of some containers that has the
// programs for it.
func (e *examination) tryInside(ctx context.Context, in []container, run runInside) {
	var tried []endpoint
	args := []string{"sh", "-c", insideScript, "sh"}
	for i, at := range e.endpoints {
		if at.why != "" {
			e.notTried(fmt.Errorf("%s: %s", at.subject, at.why))
			continue
		}
		if len(tried) == maxEndpoints {
			e.notTried(fmt.Errorf("%d more of them", len(e.endpoints)-i))
			break
		}
		sort := "name"
		if net.ParseIP(at.host) != nil {
			sort = "ip"
		}
		tried = append(tried, at)
		args = append(args, sort, at.host, strconv.Itoa(at.port))
	}
	if len(tried) == 0 {
		return
	}
	failed := errors.New("there is no running pod of CMF or of a JobManager to try them in")
	for _, c := range in[:min(len(in), maxPodsTried)] {
		out, err := run(ctx, c, args)
		pod := c.namespace + "/" + c.pod
		seen := readInside(out, len(tried))
		if !slices.ContainsFunc(seen, func(s seenInside) bool { return s.resolves != "untried" }) {
			failed = fmt.Errorf("pod %s has no getent or bash", pod)
			if err != nil {
				failed = fmt.Errorf("pod %s: %w", pod, err)
			}
			continue
		}
		for i, at := range tried {
			found, untried := judgeInside(at, seen[i], pod)
			switch {
			case found != nil:
				e.report.Add(*found, at.subject, "")
			case untried:
				e.notTried(fmt.Errorf("%s of %s, in pod %s", at.address(), at.subject, pod))
			}
		}
		return
	}
	e.notTried(failed)
}

// containers are those in which addresses can be tried: of JobManagers in the
// environments' namespaces, which read the topics, then of CMF itself.
func (e *examination) containers(ctx context.Context, core clientset.Interface) ([]container, error) {
	var out []container
	var failed error
	add := func(namespace, selector, name string) {
		pods, err := clientset.Pods(ctx, core, namespace, metav1.ListOptions{LabelSelector: selector, FieldSelector: "status.phase=Running"})
		if err != nil {
			failed = err
			return
		}
		for i := range pods {
			if c := readyContainer(&pods[i], name); c != "" {
				out = append(out, container{namespace, pods[i].Name, c})
				return
			}
		}
	}
	for _, namespace := range e.namespaces {
		add(namespace, "component=jobmanager,type=flink-native-kubernetes", "flink-main-container")
	}
	if s := e.client.Service; s != nil {
		service, err := core.CoreV1().Services(s.Namespace).Get(ctx, s.Name, metav1.GetOptions{})
		switch {
		case err != nil:
			failed = err
		case len(service.Spec.Selector) > 0:
			add(s.Namespace, labels.Set(service.Spec.Selector).String(), "")
		}
	}
	if len(out) == 0 {
		return nil, failed
	}
	return out, nil
}

// readyContainer is the pod's container called name, else its first; "" where it
// isn't ready.
func readyContainer(pod *corev1.Pod, name string) string {
	if pod.DeletionTimestamp != nil {
		return ""
	}
	for _, status := range pod.Status.ContainerStatuses {
		first := len(pod.Spec.Containers) > 0 && status.Name == pod.Spec.Containers[0].Name
		if status.State.Running != nil && (status.Name == name || name == "" && first) {
			return status.Name
		}
	}
	return ""
}

// connectionsOf notes the addresses that a catalog or a database names.
func (e *examination) connectionsOf(subject string, o cmf.Object) {
	for _, path := range []string{"spec.srInstance.connectionConfig", "spec.kafkaCluster.connectionConfig"} {
		e.endpoints = append(e.endpoints, endpoints(subject, o.Map(path))...)
	}
	inline, _ := o.At("spec.kafkaClusters")
	clusters, _ := inline.([]any)
	for _, cluster := range clusters {
		if fields, ok := cluster.(map[string]any); ok {
			e.endpoints = append(e.endpoints, endpoints(subject, cmf.Object(fields).Map("connectionConfig"))...)
		}
	}
}
