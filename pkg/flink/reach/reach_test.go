package reach

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

func TestParsePort(t *testing.T) {
	for _, test := range []struct {
		arg  string
		want PortPair
		ok   bool
	}{
		{"8081", PortPair{-1, intstr.FromInt(8081)}, true},
		{"rest", PortPair{-1, intstr.FromString("rest")}, true},
		{"5000:8081", PortPair{5000, intstr.FromInt(8081)}, true},
		{"5000:rest", PortPair{5000, intstr.FromString("rest")}, true},
		{":8081", PortPair{0, intstr.FromInt(8081)}, true},
		{"0:8081", PortPair{0, intstr.FromInt(8081)}, true},
		{"", PortPair{}, false},
		{"a:8081", PortPair{}, false},
		{"1:2:3", PortPair{}, false},
		{"0", PortPair{}, false},
		{"70000", PortPair{}, false},
		{"70000:1", PortPair{}, false},
		{"5000:", PortPair{}, false},
	} {
		got, err := ParsePort(test.arg)
		if test.ok && (err != nil || got != test.want) || !test.ok && exit.Code(err) != exit.Usage {
			t.Errorf("%q: got %+v, %v", test.arg, got, err)
		}
	}
}

func TestKubernetesTarget(t *testing.T) {
	for arg, want := range map[string]portforward.Kind{
		"pod/a": portforward.PodKind, "po/a": portforward.PodKind, "svc/a": portforward.Service,
		"deployment.apps/a": portforward.Deployment, "sts/a": portforward.StatefulSet, "rs/a": portforward.ReplicaSet,
		"a": "", "flinkdeployment/a": "", "sessionjob/a": "", "pod/": "",
	} {
		got, ok := KubernetesTarget(arg, "ns")
		if ok != (want != "") || got.Kind != want {
			t.Errorf("%q: got %+v, %v", arg, got, ok)
		}
	}
}

func TestFlinkPort(t *testing.T) {
	cluster := api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "job"}
	config := api.Config{"metrics.reporter.prom.port": "9249-9260", "metrics.reporter.prom.factory.class": "x"}
	for name, want := range map[string]string{
		"rest": "service/job-rest rest", "rpc": "selector/app=job,component=jobmanager jobmanager-rpc",
		"blob": "selector/app=job,component=jobmanager blobserver", "metrics": "selector/app=job,component=jobmanager 9249",
		"mine": "selector/app=job,component=jobmanager mine",
	} {
		got, err := FlinkPort(cluster, config, intstr.FromString(name))
		if text := string(got.Kind) + "/" + got.Name + " " + got.Port.String(); err != nil || text != want {
			t.Errorf("%s: got %q, %v; want %q", name, text, err, want)
		}
	}
	if _, err := FlinkPort(cluster, nil, intstr.FromString("metrics")); err == nil || !strings.Contains(err.Error(), "metrics.reporter.prom.port") {
		t.Errorf("got %v", err)
	}
}

func service(namespace, name string, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: corev1.ServiceSpec{Ports: ports}}
}

func TestPresets(t *testing.T) {
	headless := service("default", "minio-hl", corev1.ServicePort{Name: "http-minio", Port: 9000})
	headless.Spec.ClusterIP = corev1.ClusterIPNone
	core := fake.NewClientset(
		headless,
		service("default", "minio", corev1.ServicePort{Name: "http-minio", Port: 80}),
		service("default", "minio-console", corev1.ServicePort{Name: "http-console", Port: 9090}),
		service("confluent", "controlcenter", corev1.ServicePort{Name: "external", Port: 9021}),
		service("default", "other", corev1.ServicePort{Port: 9000}),
	)
	got, err := MinIO(t.Context(), core, "default")
	if err != nil || len(got) != 2 || got[0].Target.Name != "minio-hl" || got[1].Target.Name != "minio-console" {
		t.Errorf("MinIO: %+v, %v", got, err)
	}
	if got, err = ControlCenter(t.Context(), core, "default"); err != nil || len(got) != 1 || got[0].Target.Namespace != "confluent" {
		t.Errorf("Control Center: %+v, %v", got, err)
	}
	if _, err = MinIO(t.Context(), fake.NewClientset(), "default"); err == nil || !strings.Contains(err.Error(), "no Service of MinIO") {
		t.Errorf("got %v", err)
	}
}

func deployment(name string, status map[string]any) api.Job {
	return api.Job{Kind: api.Deployment, Object: &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": name, "namespace": "ns"}, "spec": map[string]any{"job": map[string]any{}}, "status": status,
	}}}
}

func TestPage(t *testing.T) {
	running := deployment("job", map[string]any{"jobStatus": map[string]any{"jobId": "a1", "state": "RUNNING"}})
	ended := deployment("job", map[string]any{"jobStatus": map[string]any{"jobId": "a1", "state": "FINISHED"}})
	for _, test := range []struct {
		place Place
		want  string
	}{
		{Place{Job: running}, "/"},
		{Place{Job: running, JobID: "a1"}, "/#/job/running/a1/overview"},
		{Place{Job: ended, JobID: "a1"}, "/#/job/completed/a1/overview"},
		{Place{Job: running, JobID: "a1", Prefix: "/flink"}, "/flink/#/job/running/a1/overview"},
		{Place{Job: running, JobID: "a\x1b[2J\n\" x"}, "/#/job/running/a%1B%5B2J%0A%22%20x/overview"},
	} {
		if got := test.place.Page(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestWhyNot(t *testing.T) {
	for _, test := range []struct {
		status map[string]any
		want   string
	}{
		{map[string]any{"jobManagerDeploymentStatus": "READY"}, ""},
		{map[string]any{"jobManagerDeploymentStatus": "DEPLOYING"}, "JobManager DEPLOYING"},
		{map[string]any{"lifecycleState": "SUSPENDED"}, "is suspended"},
		{map[string]any{"jobManagerDeploymentStatus": "ERROR", "error": `{"type":"x.DeploymentFailedException","message":"ImagePullBackOff"}`}, "ImagePullBackOff"},
	} {
		if got := (Place{Cluster: deployment("job", test.status)}).WhyNot(); test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%v: got %q, want %q", test.status, got, test.want)
		}
	}
}

func TestServingColor(t *testing.T) {
	for state, want := range map[string]string{"ACTIVE_BLUE": "blue", "ACTIVE_GREEN": "green", "TRANSITIONING_TO_GREEN": "blue", "TRANSITIONING_TO_BLUE": "green", "": "blue"} {
		if got := servingColor(state); got != want {
			t.Errorf("%s: got %s", state, got)
		}
	}
}

func TestTLSConfig(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t, dir)
	on := api.Config{"security.ssl.rest.enabled": "true"}
	both := api.Config{"security.ssl.rest.enabled": "true", "security.ssl.rest.authentication-enabled": "true"}
	for _, test := range []struct {
		name    string
		config  api.Config
		unknown bool
		files   TLSFiles
		secure  bool
		usage   bool
	}{
		{name: "plain"},
		{name: "plain, flags", files: TLSFiles{CA: cert}, usage: true},
		{name: "unknown", unknown: true},
		{name: "unknown, flags", unknown: true, files: TLSFiles{CA: cert}, secure: true},
		{name: "secure", config: on, secure: true},
		{name: "secure, old key", config: api.Config{"security.ssl.enabled": "true"}, secure: true},
		{name: "secure, CA", config: on, files: TLSFiles{CA: cert}, secure: true},
		{name: "secure, no such CA", config: on, files: TLSFiles{CA: filepath.Join(dir, "nope")}, usage: true},
		{name: "secure, CA isn't one", config: on, files: TLSFiles{CA: key}, usage: true},
		{name: "mutual without certificate", config: both, usage: true},
		{name: "mutual", config: both, files: TLSFiles{Cert: cert, Key: key}, secure: true},
		{name: "certificate without key", config: both, files: TLSFiles{Cert: cert}, usage: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			place := Place{Cluster: deployment("job", nil), Known: !test.unknown}
			place.Secure, place.Mutual = restTLS(test.config)
			got, err := test.files.Config(place)
			if test.usage != (exit.Code(err) == exit.Usage) || test.secure != (got != nil) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func certificate(t *testing.T, dir string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, data []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "EC PRIVATE KEY", raw)
}

func TestIndexPageEscapes(t *testing.T) {
	job := deployment(`<script>"x"`, map[string]any{"jobStatus": map[string]any{"jobId": `"><b>`, "state": "RUN<NING"}})
	page := indexPage("n<s", []api.Job{job}, time.Now())
	for _, bad := range []string{"<script>", "<b>", "RUN<NING", "n<s"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q isn't escaped in %s", bad, page)
		}
	}
}

func TestBrowserAndSSH(t *testing.T) {
	env := func(values map[string]string) func(string) string { return func(k string) string { return values[k] } }
	over := env(map[string]string{"SSH_CONNECTION": "10.0.0.1 5000 10.0.0.2 2222", "USER": "jane", "DISPLAY": ":0"})
	if err := OpenBrowser(t.Context(), "http://x", over); err != ErrNoBrowser { //nolint:errorlint // the very value
		t.Errorf("opened a browser over ssh: %v", err)
	}
	if got, want := SSHHint(8081, over), "ssh -N -L 8081:localhost:8081 -p 2222 jane@10.0.0.2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := SSHHint(8081, env(nil)); got != "" {
		t.Errorf("got %q without ssh", got)
	}
}
