package operator

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// operatorLabel marks the operator's Deployment, as its Helm chart does.
const operatorLabel = "app.kubernetes.io/name=flink-kubernetes-operator"

// OperatorPods selects the pods of operators.
const OperatorPods = operatorLabel

// OperatorState is what can be seen of the operator itself.
type OperatorState struct {
	// Deployments are the operators found; there may be several, for
	// different namespaces.
	Deployments []OperatorDeployment
	// Err is why they can't be read: mostly a missing permission.
	Err error
}

// OperatorDeployment is one operator.
type OperatorDeployment struct {
	Namespace string
	Name      string
	// Version as its label or its image's tag says; "" if neither does.
	Version string
	Image   string
	Wanted  int32
	Ready   int32
	// ConfigMaps are those that its pods mount.
	ConfigMaps []string
}

// OperatorHealth looks for the operator in all namespaces, for at most 5 s.
func (c *Client) OperatorHealth(ctx context.Context) OperatorState {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	list, err := c.core.AppsV1().Deployments("").List(ctx, metav1.ListOptions{LabelSelector: operatorLabel})
	if err != nil {
		return OperatorState{Err: err}
	}
	var state OperatorState
	for i := range list.Items {
		d := &list.Items[i]
		o := OperatorDeployment{Namespace: d.Namespace, Name: d.Name, Ready: d.Status.ReadyReplicas, Wanted: 1}
		if d.Spec.Replicas != nil {
			o.Wanted = *d.Spec.Replicas
		}
		o.ConfigMaps = configMapsOf(&d.Spec.Template.Spec)
		if containers := d.Spec.Template.Spec.Containers; len(containers) > 0 {
			o.Image = containers[0].Image
		}
		o.Version = operatorVersion(d.Labels["app.kubernetes.io/version"], o.Image)
		state.Deployments = append(state.Deployments, o)
	}
	return state
}

// operatorVersion prefers the image's tag: the label is the chart's and may be
// older than the image that a values file names.
func operatorVersion(label, image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		if tag := image[i+1:]; strings.Contains(tag, ".") {
			return tag
		}
	}
	return label
}

// Known reports whether an operator was found.
func (s OperatorState) Known() bool { return len(s.Deployments) > 0 }

// Ready reports whether at least one operator runs.
func (s OperatorState) Ready() bool {
	for _, d := range s.Deployments {
		if d.Ready > 0 {
			return true
		}
	}
	return false
}

// Stopped reports whether every operator found is scaled to 0, so that waiting
// is of no use.
func (s OperatorState) Stopped() bool {
	for _, d := range s.Deployments {
		if d.Wanted > 0 || d.Ready > 0 {
			return false
		}
	}
	return s.Known()
}

// stopped says that the operator is not running; "" where it may be.
func (c *Client) stopped(ctx context.Context) string {
	if health := c.OperatorHealth(ctx); health.Stopped() {
		return health.String()
	}
	return ""
}

// String says in a sentence or two what is known.
func (s OperatorState) String() string {
	switch {
	case s.Err != nil:
		return "Whether the operator runs can't be seen with your permissions (list deployments.apps in all namespaces)."
	case !s.Known():
		return "No Deployment with the label " + operatorLabel + " was found in this cluster."
	}
	var parts []string
	for _, d := range s.Deployments {
		parts = append(parts, fmt.Sprintf("deployment %s/%s has %d of %d replicas ready", d.Namespace, d.Name, d.Ready, d.Wanted))
	}
	what := strings.Join(parts, ", ")
	switch {
	case s.Stopped():
		return "the operator is not running: " + what
	case !s.Ready():
		return "The operator is not ready: " + what + "."
	}
	return "The operator runs: " + what + "."
}
