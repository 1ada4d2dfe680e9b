package reach

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/sqlgateway"
)

// NoGatewayError says that no SQL gateway was found.
type NoGatewayError struct{ Cluster operator.Ref }

func (e *NoGatewayError) Error() string {
	return fmt.Sprintf("no SQL gateway found for %s: no Service in namespace %s has a gateway's port (%d), and its JobManager's pods run none\n"+
		"Start one for this session with --start-gateway, or name one with --gateway svc/NAME:PORT",
		e.Cluster, e.Cluster.Namespace, sqlgateway.Port)
}

// SQLPlace is where the SQL of what the user named runs: a session cluster.
// Other clusters take no more jobs, and its error says what to do.
func SQLPlace(p Place) error {
	named := p.Job.Ref()
	switch {
	case named.Kind.Name == operator.BlueGreen.Name:
		return fmt.Errorf("%s runs one job of its own, and its clusters take no other\n%s", named, useSession(named.Namespace))
	case !p.Cluster.IsSessionCluster():
		return fmt.Errorf("%s is an application cluster: it runs its own job and takes no other\n%s", p.Cluster.Ref(), useSession(named.Namespace))
	}
	switch state := p.Cluster.JobManager(); {
	case p.Cluster.Object.GetDeletionTimestamp() != nil:
		return fmt.Errorf("%s is being deleted", p.Cluster.Ref())
	case state == "MISSING" || state == "ERROR":
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

// FindGateway looks for a SQL gateway of a session cluster: a Service that
// leads to one, or one that runs in its JobManager's pods. The error is a
// *NoGatewayError where there is none, and lists those among which can't be
// chosen.
func FindGateway(ctx context.Context, core clientset.Interface, cluster operator.Ref) (portforward.Target, error) {
	services, err := clientset.Services(ctx, core, cluster.Namespace)
	if err != nil && !apierrors.IsForbidden(err) { // the pods may do
		return portforward.Target{}, fmt.Errorf("look for a SQL gateway: %w", err)
	}
	var own, others []portforward.Target
	for i := range services {
		s := &services[i]
		port, sure := gatewayPort(s)
		if port == "" {
			continue
		}
		target := portforward.Target{Namespace: s.Namespace, Kind: portforward.Service, Name: s.Name, Port: intstr.Parse(port)}
		switch {
		case belongs(s, cluster.Name):
			own = append(own, target)
		case sure:
			others = append(others, target)
		}
	}
	if len(own) > 0 {
		return own[0], nil
	}
	pods, err := core.CoreV1().Pods(cluster.Namespace).List(ctx, metav1.ListOptions{LabelSelector: JobManager(cluster, intstr.IntOrString{}).Name})
	if err != nil {
		return portforward.Target{}, fmt.Errorf("look for a SQL gateway: %w", err)
	}
	for i := range pods.Items {
		if port := gatewayBeside(&pods.Items[i]); port > 0 {
			return JobManager(cluster, intstr.FromInt32(port)), nil
		}
	}
	switch len(others) {
	case 0:
		return portforward.Target{}, &NoGatewayError{cluster}
	case 1:
		return others[0], nil
	}
	names := make([]string, len(others))
	for i, t := range others {
		names[i] = fmt.Sprintf("--gateway svc/%s:%s", t.Name, t.Port.String())
	}
	return portforward.Target{}, exit.Usagef("namespace %s has %d SQL gateways, none of which is %s's own: choose with %s",
		cluster.Namespace, len(others), cluster.Name, strings.Join(names, " or "))
}

// gatewayPort is the port of a Service that is a gateway's by its number or
// name; "" if none is. 8083 is also that of others, such as Kafka Connect:
// sure says that a name tells of a gateway.
func gatewayPort(s *corev1.Service) (port string, sure bool) {
	for _, p := range s.Spec.Ports {
		named := aboutGateway(p.Name) || p.Port == sqlgateway.Port && (aboutGateway(s.Name) || aboutGateway(s.Labels["app"]) ||
			aboutGateway(s.Labels["app.kubernetes.io/name"]) || aboutGateway(s.Labels["app.kubernetes.io/component"]))
		if named || p.Port == sqlgateway.Port {
			return fmt.Sprint(p.Port), named
		}
	}
	return "", false
}

func aboutGateway(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "sql") && strings.Contains(name, "gateway") || name == "sqlgw" || name == "flink-gateway"
}

// belongs reports whether a Service is a cluster's: it leads to its
// JobManager, or is called after it.
func belongs(s *corev1.Service, cluster string) bool {
	return s.Spec.Selector["app"] == cluster || s.Labels["app"] == cluster || strings.HasPrefix(s.Name, cluster+"-")
}

// gatewayBeside is the port of a gateway in a container of a pod; 0 if there
// is none.
func gatewayBeside(pod *corev1.Pod) int32 {
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, p := range c.Ports {
			if p.ContainerPort == sqlgateway.Port || aboutGateway(p.Name) {
				return p.ContainerPort
			}
		}
		if strings.Contains(strings.Join(slices.Concat(c.Command, c.Args), " "), "sql-gateway.sh") {
			return sqlgateway.Port
		}
	}
	return 0
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
