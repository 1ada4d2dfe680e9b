package portforward

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Port is the number that the target's port is known by: a Service's own port,
// otherwise that of the containers. It waits for a pod only where a name has
// no number without one. Its error is an object or a port that doesn't exist,
// or a missing permission.
func (t *Tunnel) Port(ctx context.Context, target Target) (int32, error) {
	f, err := t.lookup(ctx, target)
	if err != nil {
		return 0, err
	}
	t.worked.Store(true)
	if target.Port.Type == intstr.Int {
		return target.Port.IntVal, nil
	}
	if target.Kind == Service {
		service, err := t.clients.CoreV1().Services(target.Namespace).Get(ctx, target.Name, metav1.GetOptions{})
		if err != nil {
			return 0, err
		}
		for _, p := range service.Spec.Ports {
			if p.Name == target.Port.StrVal {
				return p.Port, nil
			}
		}
	}
	if len(f.ends) > 0 {
		return f.ends[0].port, nil
	}
	end, err := t.ready(ctx, target, time.Now().Add(max(t.options.ReconnectTimeout, 0)), true)
	return end.port, err
}

func (t *Tunnel) workload(ctx context.Context, target Target) (string, error) {
	apps := t.clients.AppsV1()
	var selector *metav1.LabelSelector
	switch target.Kind {
	case Deployment:
		o, err := apps.Deployments(target.Namespace).Get(ctx, target.Name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		selector = o.Spec.Selector
	case StatefulSet:
		o, err := apps.StatefulSets(target.Namespace).Get(ctx, target.Name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		selector = o.Spec.Selector
	default:
		o, err := apps.ReplicaSets(target.Namespace).Get(ctx, target.Name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		selector = o.Spec.Selector
	}
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return "", err
	}
	return s.String(), nil
}

// targetPort is the port of the pods behind a Service's port.
func targetPort(service *corev1.Service, port intstr.IntOrString) (intstr.IntOrString, error) {
	var have []string
	for _, p := range service.Spec.Ports {
		if port.Type == intstr.String && p.Name == port.StrVal || port.Type == intstr.Int && p.Port == port.IntVal {
			switch {
			case p.Protocol != "" && p.Protocol != corev1.ProtocolTCP:
				return port, fmt.Errorf("port %s of service %q is %s: only TCP can be forwarded", port.String(), service.Name, p.Protocol)
			case p.TargetPort.Type == intstr.Int && p.TargetPort.IntVal == 0:
				return intstr.FromInt32(p.Port), nil
			}
			return p.TargetPort, nil
		}
		if p.Name != "" {
			have = append(have, fmt.Sprintf("%s (%d)", p.Name, p.Port))
		} else {
			have = append(have, fmt.Sprint(p.Port))
		}
	}
	return port, fmt.Errorf("service %q has no port %s; it has: %s", service.Name, port.String(), strings.Join(have, ", "))
}

// slices finds the endpoints of a Service without a selector.
func (t *Tunnel) slices(ctx context.Context, service *corev1.Service, port intstr.IntOrString) ([]endpoint, error) {
	list, err := t.clients.DiscoveryV1().EndpointSlices(service.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: labels.Set{discoveryv1.LabelServiceName: service.Name}.String(),
	})
	if err != nil {
		return nil, err
	}
	name := port.StrVal
	for _, p := range service.Spec.Ports {
		if port.Type == intstr.Int && p.Port == port.IntVal {
			name = p.Name
		}
	}
	var ends []endpoint
	for _, slice := range list.Items {
		for _, p := range slice.Ports {
			if p.Port == nil || p.Name != nil && *p.Name != name {
				continue
			}
			for _, e := range slice.Endpoints {
				if ref := e.TargetRef; ref != nil && ref.Kind == "Pod" && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
					ends = append(ends, endpoint{Pod{Namespace: service.Namespace, Name: ref.Name, UID: string(ref.UID)}, *p.Port})
				}
			}
		}
	}
	return ends, nil
}

// ServiceHost is the DNS name of a Service, which its certificate is checked
// against.
func ServiceHost(namespace, name string) string {
	return strings.Join([]string{name, namespace, "svc"}, ".")
}

// serviceNames are the names that a Service has in the cluster.
func serviceNames(namespace, name string) []string {
	full := ServiceHost(namespace, name)
	return []string{name, name + "." + namespace, full + ".cluster.local", full}
}
