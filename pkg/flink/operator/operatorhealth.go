package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// operatorLabel marks the operator's Deployment, as its Helm chart does under
// its own name.
const operatorLabel = "app.kubernetes.io/name=flink-kubernetes-operator"

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
	// Pods selects its pods, as a label selector.
	Pods string
}

// OperatorHealth looks for the operator in all namespaces, for at most 5 s. A
// chart may give it any name and labels; what doesn't carry the common one is
// known by what it runs.
func (c *Client) OperatorHealth(ctx context.Context) OperatorState {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var state OperatorState
	seen := map[string]bool{}
	add := func(list []appsv1.Deployment, sure bool) {
		for i := range list {
			if d := &list[i]; !seen[d.Namespace+"/"+d.Name] && (sure || isOperator(&d.Spec.Template.Spec)) {
				seen[d.Namespace+"/"+d.Name] = true
				state.Deployments = append(state.Deployments, operatorOf(d))
			}
		}
	}
	list, err := c.core.AppsV1().Deployments("").List(ctx, metav1.ListOptions{LabelSelector: operatorLabel})
	if err != nil {
		return OperatorState{Err: err}
	}
	add(list.Items, true)
	if state.Ready() {
		return state
	}
	options := metav1.ListOptions{Limit: chunk}
	for {
		list, err := c.core.AppsV1().Deployments("").List(ctx, options)
		if err != nil {
			if !state.Known() {
				state.Err = err
			}
			return state
		}
		add(list.Items, false)
		if options.Continue = list.Continue; options.Continue == "" {
			return state
		}
	}
}

func operatorOf(d *appsv1.Deployment) OperatorDeployment {
	o := OperatorDeployment{Namespace: d.Namespace, Name: d.Name, Ready: d.Status.ReadyReplicas, Wanted: 1}
	if d.Spec.Replicas != nil {
		o.Wanted = *d.Spec.Replicas
	}
	o.ConfigMaps = configMapsOf(&d.Spec.Template.Spec)
	if containers := d.Spec.Template.Spec.Containers; len(containers) > 0 {
		o.Image = containers[0].Image
		for i := range containers {
			if runsOperator(&containers[i]) {
				o.Image = containers[i].Image
				break
			}
		}
	}
	o.Version = operatorVersion(d.Labels["app.kubernetes.io/version"], o.Image)
	o.Pods = operatorLabel
	if selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector); err == nil && !selector.Empty() {
		o.Pods = selector.String()
	}
	return o
}

// isOperator reports whether a pod is the operator's by what runs in it.
func isOperator(spec *corev1.PodSpec) bool {
	return slices.ContainsFunc(spec.Containers, func(c corev1.Container) bool { return runsOperator(&c) })
}

// runsOperator goes by the image's own name, the main class, and the
// environment that the operator's entrypoint reads. Other operators for Flink
// have none of them.
func runsOperator(c *corev1.Container) bool {
	image, _, _ := strings.Cut(c.Image, "@")
	if strings.Contains(image[strings.LastIndex(image, "/")+1:], "flink-kubernetes-operator") {
		return true
	}
	command := strings.Join(slices.Concat(c.Command, c.Args), " ")
	if strings.Contains(command, "org.apache.flink.kubernetes.operator.") {
		return true
	}
	env := map[string]string{}
	for _, e := range c.Env {
		env[e.Name] = e.Value
	}
	_, namespace := env["OPERATOR_NAMESPACE"]
	_, conf := env["FLINK_CONF_DIR"]
	entry := slices.Contains(slices.Concat(c.Command, c.Args), "operator")
	return namespace && conf && (entry || strings.Contains(env["LOG_CONFIG"], "log4j-operator")) || entry && strings.Contains(env["LOG_CONFIG"], "log4j-operator")
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

// Stopped says that the operator is not running; "" where it may be.
func (c *Client) Stopped(ctx context.Context) string {
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
		return "No Deployment of the operator was found in this cluster, neither by the label " + operatorLabel + " nor by its image, command or environment."
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

// configMapsOf are the ConfigMaps that a pod mounts.
func configMapsOf(spec *corev1.PodSpec) []string {
	var out []string
	for _, volume := range spec.Volumes {
		if volume.ConfigMap != nil {
			out = append(out, volume.ConfigMap.Name)
		}
		if volume.Projected != nil {
			for _, source := range volume.Projected.Sources {
				if source.ConfigMap != nil {
					out = append(out, source.ConfigMap.Name)
				}
			}
		}
	}
	return out
}
