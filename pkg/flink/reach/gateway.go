package reach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlgateway"
)

// NoGatewayError says that no SQL gateway was found.
type NoGatewayError struct{ Cluster api.Ref }

func (e *NoGatewayError) Error() string {
	return fmt.Sprintf("no SQL gateway found for %s: behind no Service in namespace %s with a gateway's port (%d) or name, and in none of its JobManager's pods, does one answer\n"+
		"Start one for this session with --start-gateway, or name one with --gateway svc/NAME:PORT",
		e.Cluster, e.Cluster.Namespace, sqlgateway.Port)
}

// SQLPlace is where the SQL of what the user named runs: a session cluster.
// Other clusters take no more jobs, and its error says what to do.
func SQLPlace(p Place) error {
	named := p.Job.Ref()
	switch {
	case named.Kind.Name == api.BlueGreen.Name:
		return fmt.Errorf("%s runs one job of its own, and its clusters take no other\n%s", named, useSession(named.Namespace))
	case !p.Cluster.IsSessionCluster():
		return fmt.Errorf("%s is an application cluster: it runs its own job and takes no other\n%s", p.Cluster.Ref(), useSession(named.Namespace))
	}
	switch state := p.Cluster.JobManager(); {
	case p.Cluster.Object.GetDeletionTimestamp() != nil:
		return fmt.Errorf("%s is being deleted", p.Cluster.Ref())
	case state == api.JobManagerMissing || state == api.JobManagerError:
		return fmt.Errorf("%s can't run SQL now: %s", p.Cluster.Ref(), p.WhyNot())
	}
	return nil
}

func useSession(namespace string) string {
	return fmt.Sprintf("SQL runs in a session cluster: a FlinkDeployment without spec.job, such as examples/session-example.yaml.\n"+
		"Then: kubectl flink sql SESSION-CLUSTER --start-gateway -n %s", namespace)
}

// ParseGateway reads [TYPE/]NAME:PORT; without a type it is a Service.
func ParseGateway(arg, namespace string) (portforward.Target, error) {
	name, port, found := strings.Cut(arg, ":")
	if !strings.Contains(name, "/") {
		name = "svc/" + name
	}
	target, ok := KubernetesTarget(name, namespace)
	if !ok {
		return target, exit.Usagef("--gateway %q: want [TYPE/]NAME[:PORT], where TYPE is service, pod, deployment or statefulset", arg)
	}
	if !found {
		port = fmt.Sprint(sqlgateway.Port)
	}
	pair, err := ParsePort(port)
	if err != nil || strings.Contains(port, ":") {
		return target, exit.Usagef("--gateway %q: the port must be a number between 1 and 65535 or a name", arg)
	}
	target.Port = pair.Remote
	return target, nil
}

// probeLimit bounds the question whether a port is a gateway's.
const probeLimit = 10 * time.Second

// candidate is a port that may be a gateway's.
type candidate struct {
	target portforward.Target
	// own says that it is the session cluster's, named that it is called a
	// gateway.
	own, named bool
}

// FindGateway looks for a SQL gateway of a session cluster: a Service that
// leads to one, or one that runs in its JobManager's pods. The port says
// nothing by itself, it is Kafka Connect's too: answers asks what listens
// there, and returns sqlgateway.ErrOther where it isn't a gateway. The error
// is a *NoGatewayError where there is none, and lists those among which can't
// be chosen.
func FindGateway(ctx context.Context, core clientset.Interface, cluster api.Ref, answers func(context.Context, portforward.Target) error) (portforward.Target, error) {
	found, err := candidates(ctx, core, cluster)
	if err != nil {
		return portforward.Target{}, err
	}
	ask := func(target portforward.Target) error {
		ctx, cancel := context.WithTimeoutCause(ctx, probeLimit, fmt.Errorf("no answer within %s", probeLimit))
		defer cancel()
		err := answers(ctx, target)
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return err
	}
	var others []portforward.Target
	var silent error
	for _, c := range found {
		err := ask(c.target)
		switch {
		case ctx.Err() != nil:
			return portforward.Target{}, context.Cause(ctx)
		case err == nil && c.own:
			return c.target, nil
		case err == nil:
			others = append(others, c.target)
		case errors.Is(err, sqlgateway.ErrOther):
		case c.named && silent == nil:
			silent = fmt.Errorf("the SQL gateway at %s, port %s: %w", c.target, c.target.Port.String(), err)
		}
	}
	switch {
	case len(others) == 1:
		return others[0], nil
	case len(others) == 0 && silent != nil:
		return portforward.Target{}, silent
	case len(others) == 0:
		return portforward.Target{}, &NoGatewayError{cluster}
	}
	names := make([]string, len(others))
	for i, t := range others {
		names[i] = fmt.Sprintf("--gateway svc/%s:%s", t.Name, t.Port.String())
	}
	return portforward.Target{}, exit.Usagef("namespace %s has %d SQL gateways, none of which is %s's own: choose with %s",
		cluster.Namespace, len(others), cluster.Name, strings.Join(names, " or "))
}

// candidates are the ports that may be a gateway's, the likeliest first.
func candidates(ctx context.Context, core clientset.Interface, cluster api.Ref) ([]candidate, error) {
	services, err := clientset.Services(ctx, core, cluster.Namespace)
	if err != nil && !apierrors.IsForbidden(err) { // the pods may do
		return nil, fmt.Errorf("look for a SQL gateway: %w", err)
	}
	var found []candidate
	for i := range services {
		s := &services[i]
		if port, named := gatewayPort(s); port != "" {
			found = append(found, candidate{portforward.Target{Namespace: s.Namespace, Kind: portforward.Service, Name: s.Name, Port: intstr.Parse(port)}, belongs(s, cluster.Name), named})
		}
	}
	pods, err := core.CoreV1().Pods(cluster.Namespace).List(ctx, metav1.ListOptions{LabelSelector: JobManager(cluster, intstr.IntOrString{}).Name})
	if err != nil {
		return nil, fmt.Errorf("look for a SQL gateway: %w", err)
	}
	beside := map[int32]bool{}
	for i := range pods.Items {
		if port, named := gatewayBeside(&pods.Items[i]); port > 0 && !beside[port] {
			beside[port] = true
			found = append(found, candidate{JobManager(cluster, intstr.FromInt32(port)), true, named})
		}
	}
	likely := func(c candidate) int {
		rank := 0
		if !c.own {
			rank += 2
		}
		if !c.named {
			rank++
		}
		return rank
	}
	sorting.By(found, func(a, b candidate) int { return likely(a) - likely(b) })
	return found[:min(len(found), mostProbed)], nil
}

// mostProbed bounds how many ports are asked.
const mostProbed = 8

// gatewayPort is the port of a Service that may be a gateway's by its number or
// name; "" if none is. named says that a name is that of a gateway.
func gatewayPort(s *corev1.Service) (port string, named bool) {
	whole := aboutGateway(s.Name) || aboutGateway(s.Labels["app"]) ||
		aboutGateway(s.Labels["app.kubernetes.io/name"]) || aboutGateway(s.Labels["app.kubernetes.io/component"])
	for _, p := range s.Spec.Ports {
		byName := aboutGateway(p.Name)
		if byName || p.Port == sqlgateway.Port || whole && len(s.Spec.Ports) == 1 {
			return fmt.Sprint(p.Port), byName || whole
		}
	}
	return "", false
}

func aboutGateway(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "sql") && strings.Contains(name, "gateway") || name == "sqlgw" || name == "flink-gateway"
}

// belongs reports whether a Service is a cluster's: it leads to its pods, or
// says whose it is by label or by a gateway's name after the cluster's.
func belongs(s *corev1.Service, cluster string) bool {
	tail, after := strings.CutPrefix(s.Name, cluster+"-")
	return s.Spec.Selector["app"] == cluster || s.Labels["app"] == cluster ||
		after && slices.Contains([]string{"gateway", "sql", "sqlgw", "sql-gateway", "sqlgateway", "flink-sql-gateway"}, tail)
}

// gatewayBeside is the port that may be a gateway's in a container of a pod; 0
// if there is none. named says that the container says so.
func gatewayBeside(pod *corev1.Pod) (port int32, named bool) {
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		runs := strings.Contains(strings.Join(slices.Concat(c.Command, c.Args), " "), "sql-gateway.sh") || aboutGateway(c.Name)
		for _, p := range c.Ports {
			if p.ContainerPort == sqlgateway.Port || aboutGateway(p.Name) {
				return p.ContainerPort, runs || aboutGateway(p.Name)
			}
		}
		if runs {
			return sqlgateway.Port, true
		}
	}
	return 0, false
}

// GatewayProperties point a session of any gateway at a session cluster, past
// what the gateway itself is configured for. High availability is left out,
// because with it a client asks Kubernetes for the leader, which a pod's
// service account may not; any JobManager passes requests on to the leader.
func GatewayProperties(p Place) map[string]string {
	cluster := p.Cluster.Ref()
	port := p.Config["rest.port"]
	if port == "" {
		port = "8081"
	}
	return map[string]string{
		"execution.target":       "remote",
		"rest.address":           cluster.Name + "-rest." + cluster.Namespace,
		"rest.port":              port,
		"high-availability.type": "NONE",
	}
}
