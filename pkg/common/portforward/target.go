package portforward

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// Kind is what a Target is.
type Kind string

// The kinds of targets.
const (
	// Service is a Service; its ports are those of the Service.
	Service Kind = "service"
	// Deployment is any ready pod of a Deployment.
	Deployment Kind = "deployment"
	// StatefulSet is any ready pod of a StatefulSet.
	StatefulSet Kind = "statefulset"
	// ReplicaSet is any ready pod of a ReplicaSet.
	ReplicaSet Kind = "replicaset"
	// PodKind is one pod by name; it need not be ready, only running.
	PodKind Kind = "pod"
	// Selector is any ready pod that a label selector finds.
	Selector Kind = "selector"
)

// Target is where connections go. It can be compared and used as a key.
type Target struct {
	Namespace string
	Kind      Kind
	// Name is the object's; the label selector for Selector.
	Name string
	// Port is a number or a name: of the Service's ports for a Service, of
	// the containers' ports otherwise.
	Port intstr.IntOrString
}

// String is TYPE/NAME, as kubectl writes it.
func (t Target) String() string {
	if t.Kind == Selector {
		return fmt.Sprintf("pods with %s in namespace %q", t.Name, t.Namespace)
	}
	return fmt.Sprintf("%s/%s in namespace %q", t.Kind, t.Name, t.Namespace)
}

// endpoint is a port of a pod.
type endpoint struct {
	pod  Pod
	port int32
}
