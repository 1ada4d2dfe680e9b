package operator

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func operatorDeployment(name string, labels map[string]string, ready int32, c corev1.Container) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "ops", Name: name, Labels: labels}}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"pods-of": name}}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "proxy", Image: "envoy:1"}, c}
	d.Spec.Replicas = new(int32)
	*d.Spec.Replicas = 1
	d.Status.ReadyReplicas = ready
	return d
}

func TestTheOperatorIsFoundUnderAnyName(t *testing.T) {
	env := func(pairs ...string) (out []corev1.EnvVar) {
		for _, p := range pairs {
			name, value, _ := strings.Cut(p, "=")
			out = append(out, corev1.EnvVar{Name: name, Value: value})
		}
		return out
	}
	for name, c := range map[string]struct {
		d    *appsv1.Deployment
		want bool
	}{
		"by the chart's label": {operatorDeployment("a", map[string]string{"app.kubernetes.io/name": "flink-kubernetes-operator"}, 1, corev1.Container{Image: "x"}), true},
		"by image":             {operatorDeployment("b", nil, 1, corev1.Container{Image: "registry:5000/mirror/cp-flink-kubernetes-operator:1.130.0-cp1@sha256:0"}), true},
		"by class":             {operatorDeployment("c", nil, 1, corev1.Container{Image: "ours:1", Command: []string{"java", "-cp", "/x", "org.apache.flink.kubernetes.operator.FlinkOperator"}}), true},
		"by entry":             {operatorDeployment("d", nil, 1, corev1.Container{Image: "ours:1", Command: []string{"/docker-entrypoint.sh", "operator"}, Env: env("OPERATOR_NAMESPACE=ops", "FLINK_CONF_DIR=/opt/flink/conf")}), true},
		"by its logging":       {operatorDeployment("e", nil, 1, corev1.Container{Image: "ours:1", Args: []string{"operator"}, Env: env("LOG_CONFIG=-Dlog4j.configurationFile=/opt/flink/conf/log4j-operator.properties")}), true},
		"another operator":     {operatorDeployment("f", nil, 1, corev1.Container{Image: "ghcr.io/spotify/flink-operator:0.5", Command: []string{"/flink-operator"}}), false},
		"an older one":         {operatorDeployment("g", nil, 1, corev1.Container{Image: "lyft/flinkk8soperator:1", Args: []string{"operator"}, Env: env("OPERATOR_NAMESPACE=x")}), false},
		"a JobManager":         {operatorDeployment("h", nil, 1, corev1.Container{Image: "flink:1.20", Args: []string{"bash", "-c", "kubernetes-jobmanager.sh"}, Env: env("FLINK_CONF_DIR=/opt/flink/conf")}), false},
	} {
		state := fakeClient(c.d).OperatorHealth(t.Context())
		if state.Err != nil || state.Known() != c.want {
			t.Errorf("%s: %+v", name, state)
		}
		if c.want && state.Deployments[0].Pods != "pods-of="+c.d.Name {
			t.Errorf("%s: pods %q", name, state.Deployments[0].Pods)
		}
	}
	// One that is scaled to 0 doesn't mean that none runs.
	off := operatorDeployment("a", map[string]string{"app.kubernetes.io/name": "flink-kubernetes-operator"}, 0, corev1.Container{Image: "x"})
	*off.Spec.Replicas = 0
	on := operatorDeployment("b", nil, 1, corev1.Container{Image: "x/flink-kubernetes-operator:1.16"})
	if state := fakeClient(off, on).OperatorHealth(t.Context()); state.Stopped() || !state.Ready() || len(state.Deployments) != 2 {
		t.Errorf("%+v", state)
	}
	if state := fakeClient(off).OperatorHealth(t.Context()); !state.Stopped() {
		t.Errorf("%+v", state)
	}
}
