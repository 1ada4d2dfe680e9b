package reach

import (
	"context"
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlgateway"
)

func gatewayService(name, portName string, port int32, selector map[string]string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name},
		Spec:       corev1.ServiceSpec{Selector: selector, Ports: []corev1.ServicePort{{Name: portName, Port: port}}},
	}
}

func TestFindGateway(t *testing.T) {
	cluster := api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "session"}
	jobManager := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "jm", Labels: map[string]string{"app": "session", "component": "jobmanager"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "flink-main-container"}}},
	}
	beside := jobManager.DeepCopy()
	beside.Spec.Containers = append(beside.Spec.Containers, corev1.Container{Name: "sql", Args: []string{"bash", "-c", "bin/sql-gateway.sh start-foreground"}})
	rest := gatewayService("session-rest", "rest", 8081, map[string]string{"app": "session"})
	connect := gatewayService("connect", "rest", 8083, map[string]string{"app": "connect"})
	for name, c := range map[string]struct {
		objects []runtime.Object
		// others are the targets where something else answers.
		others string
		want   string
	}{
		"none, and Kafka Connect has the same port":  {[]runtime.Object{jobManager, rest, connect}, "connect", "error: no SQL gateway found for flinkdeployment/session"},
		"one that leads to the JobManager":           {[]runtime.Object{jobManager, rest, gatewayService("any", "", 8083, map[string]string{"app": "session"}), gatewayService("sql-gateway", "", 8083, nil)}, "", "service/any 8083"},
		"one called after the cluster":               {[]runtime.Object{rest, gatewayService("session-gateway", "", 8083, nil)}, "", "service/session-gateway 8083"},
		"beside the JobManager":                      {[]runtime.Object{beside, rest, gatewayService("sql-gateway", "", 8083, nil)}, "", "selector/app=session,component=jobmanager 8083"},
		"the namespace's only one":                   {[]runtime.Object{jobManager, connect, gatewayService("x", "sql-gateway", 9000, nil)}, "connect", "service/x 9000"},
		"the session's own Kafka Connect":            {[]runtime.Object{jobManager, gatewayService("session-connect", "", 8083, map[string]string{"app": "session"}), gatewayService("sql-gateway", "", 8083, nil)}, "session-connect", "service/sql-gateway 8083"},
		"another session's, whose name begins alike": {[]runtime.Object{jobManager, gatewayService("session-two-connect", "", 8083, nil)}, "session-two-connect", "error: no SQL gateway found"},
		"one with another name answers":              {[]runtime.Object{jobManager, gatewayService("queries", "http", 8083, nil)}, "", "service/queries 8083"},
		"one that doesn't answer":                    {[]runtime.Object{jobManager, gatewayService("sql-gateway", "", 8083, nil)}, "!sql-gateway", "error: the SQL gateway at service/sql-gateway"},
		"several":                                    {[]runtime.Object{gatewayService("sql-gateway", "", 8083, nil), gatewayService("flink-sql-gateway", "", 8083, nil)}, "", "--gateway svc/sql-gateway:8083"},
	} {
		target, err := FindGateway(t.Context(), fake.NewClientset(c.objects...), cluster, func(_ context.Context, target portforward.Target) error {
			switch c.others {
			case target.Name:
				return sqlgateway.ErrOther
			case "!" + target.Name:
				return errors.New("connection refused")
			}
			return nil
		})
		got := string(target.Kind) + "/" + target.Name + " " + target.Port.String()
		if err != nil {
			got = "error: " + err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		var none *NoGatewayError
		if strings.Contains(c.want, "no SQL gateway found") != errors.As(err, &none) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseGateway(t *testing.T) {
	for arg, want := range map[string]string{
		"gw": "service/gw 8083", "svc/gw:9000": "service/gw 9000", "deploy/gw:rest": "deployment/gw rest", "pod/p": "pod/p 8083",
		"job/x": "!", "gw:0": "!", "gw:1:2": "!", "": "!", "svc/": "!",
	} {
		target, err := ParseGateway(arg, "ns")
		got := string(target.Kind) + "/" + target.Name + " " + target.Port.String()
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%q: %s, want %s (%v)", arg, got, want, err)
		}
	}
}

func TestGatewayPod(t *testing.T) {
	mounts := []corev1.VolumeMount{{Name: "conf", MountPath: "/opt/flink/conf"}}
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "session", UID: "u"}}
	deployment.Spec.Template = corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "session", "component": "jobmanager"}},
		Spec: corev1.PodSpec{
			ServiceAccountName: "flink",
			Volumes:            []corev1.Volume{{Name: "conf"}, {Name: "sidecar-only"}},
			Containers: []corev1.Container{
				{Name: "sidecar", VolumeMounts: []corev1.VolumeMount{{Name: "sidecar-only"}}},
				{
					Name: "flink-main-container", Image: "flink:1.20", Command: []string{"/docker-entrypoint.sh"}, Args: []string{"bash", "-c", "kubernetes-jobmanager.sh"},
					VolumeMounts: mounts, Env: []corev1.EnvVar{{Name: "AWS_REGION", Value: "x"}, {Name: "JAVA_TOOL_OPTIONS", Value: "-Dmine"}},
					StartupProbe: &corev1.Probe{}, Ports: []corev1.ContainerPort{{ContainerPort: 8081}},
				},
			},
		},
	}
	object := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "session", "namespace": "ns"}}}
	place := Place{Cluster: api.Job{Kind: api.Deployment, Object: object}, Config: api.Config{"rest.port": "8082"}}
	pod := gatewayPod(place, deployment, false, map[string]string{"k": "v"}, "")
	c := pod.Spec.Containers[0]
	args := strings.Join(c.Args, "\n")
	switch {
	case len(pod.Spec.Containers) != 1 || c.Image != "flink:1.20" || c.Command[0] != "/docker-entrypoint.sh" || pod.Spec.ServiceAccountName != "flink":
		t.Errorf("%+v", pod.Spec)
	case len(pod.Spec.Volumes) != 1 || c.StartupProbe != nil || c.Ports != nil:
		t.Errorf("%+v", pod.Spec)
	case !strings.Contains(args, "-Drest.address=session-rest.ns\n-Drest.port=8082") || !strings.Contains(args, "\n-Dk=v\n") || !strings.Contains(args, "bind-address=127.0.0.1"):
		t.Error(args)
	case pod.OwnerReferences[0].UID != "u" || pod.Labels["app"] != "" || pod.Labels["component"] != "":
		t.Errorf("%+v", pod.ObjectMeta)
	case c.Resources.Limits.Memory().IsZero() || pod.Spec.ActiveDeadlineSeconds == nil || pod.Spec.RestartPolicy != corev1.RestartPolicyNever:
		t.Errorf("%+v", pod.Spec)
	case !strings.HasPrefix(c.Env[len(c.Env)-1].Value, "-Dmine "):
		t.Error(c.Env)
	}
	// The JobManager's own is left as it is.
	if len(deployment.Spec.Template.Spec.Containers[1].Args) != 3 {
		t.Error(deployment.Spec.Template.Spec.Containers[1].Args)
	}
}

func TestSaidWhy(t *testing.T) {
	for log, want := range map[string]string{
		"a\nkubectl-flink: this image has no x\n":                                                              "this image has no x",
		"2026 INFO x\njava.lang.IllegalStateException: a\n\tat b\nCaused by: java.net.BindException: in use\n": "java.net.BindException: in use",
		"2026-11-26 09:35:20,550 INFO  o.a.f.SqlGateway [] -     -XX:+ExitOnOutOfMemoryError":                  "",
		"2026-11-26 09:35:20,550 WARN  o.a.f.Rest [] - Exception occurred":                                     "",
		"2026-11-26 09:35:20,550 ERROR o.a.f.Rest [] - Exception occurred":                                     "2026-11-26 09:35:20,550 ERROR o.a.f.Rest [] - Exception occurred",
		"fine": "",
	} {
		if got := saidWhy(log); got != want {
			t.Errorf("%q: %q", log, got)
		}
	}
}

// What a statement threw is not why a gateway ended.
func TestSaidAtEnd(t *testing.T) {
	for log, want := range map[string]string{
		"java.lang.IllegalStateException: a\n\tat b\nCaused by: x.SqlParserException: c\n":           "",
		"a\nTerminating due to java.lang.OutOfMemoryError: Java heap space\n":                        "Terminating due to java.lang.OutOfMemoryError: Java heap space",
		"2026-11-26 09:35:20,550 INFO  o.a.f.SqlGateway [] -     -XX:+ExitOnOutOfMemoryError\nbye\n": "",
	} {
		if got := saidAtEnd(log); got != want {
			t.Errorf("%q: %q", log, got)
		}
	}
}
