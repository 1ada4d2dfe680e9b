package cmd

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/view"
)

func TestEndpointsAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"http://sr:8081":                     "sr:8081",
		"https://sr.example.com":             "sr.example.com:443",
		"http://sr.example.com/path":         "sr.example.com:80",
		"kafka:9092, other.ns.svc:9093":      "kafka:9092 other.ns.svc:9093",
		"SASL_SSL://kafka:9092":              "kafka:9092",
		"10.0.0.1:9092,[fd00::1]:9092":       "10.0.0.1:9092 [fd00::1]:9092",
		"http://user:hidden@sr:8081":         "sr:8081",
		"kafka":                              "?",
		"-o:9092":                            "?",
		"a b:9092":                           "?",
		"$(id):9092":                         "?",
		"kafka:99999":                        "?",
		"http://" + strings.Repeat("a", 300): "?",
		"":                                   "",
	} {
		var got []string
		for _, e := range endpoints("x", map[string]any{"bootstrap.servers": text, "other": "http://elsewhere:1"}) {
			if e.why != "" {
				got = append(got, "?")
			} else {
				got = append(got, e.address())
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestJudgeInside(t *testing.T) {
	at := endpoint{subject: "catalog/main", host: "sr", port: 8081}
	for words, want := range map[string]string{
		"yes yes":         "",
		"yes untried":     "", // no bash: its name is known, that is all that can be
		"untried untried": "untried",
		"rubbish x":       "untried",
		"no untried":      "error: no such host: sr",
		"slow untried":    "warning: DNS gives no answer for sr within 5s",
		"yes refused":     "error: sr:8081 refuses connections",
		"yes unreachable": "error: there is no route to sr:8081",
		"untried slow":    "warning: no answer from sr:8081 within 5s",
	} {
		resolves, connects, _ := strings.Cut(words, " ")
		found, untried := judgeInside(at, seenInside{resolves, connects}, "flink/jm")
		got := ""
		switch {
		case found != nil:
			got = string(found.Severity) + ": " + found.Cause
			if !slices.Contains(found.Evidence, "tried in pod flink/jm") {
				t.Errorf("%s: %q", words, found.Evidence)
			}
		case untried:
			got = "untried"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", words, got, want)
		}
	}
}

func TestReadInside(t *testing.T) {
	got := readInside("1 yes yes\nnoise\n0 no untried\n7 yes yes\n-1 yes yes\nx yes yes\n", 3)
	if want := []seenInside{{"no", "untried"}, {"yes", "yes"}, {"untried", "untried"}}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

// The script itself, in a shell of this computer: a port that answers, one that
// refuses, and a name that nobody has.
func TestInsideScript(t *testing.T) {
	for _, program := range []string{"sh", "bash", "timeout", "getent"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	open := listener.Addr().(*net.TCPAddr).Port
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refuses := closed.Addr().(*net.TCPAddr).Port
	closed.Close()
	args := []string{"-c", insideScript, "sh", "name", "localhost", strconv.Itoa(open), "ip", "127.0.0.1", strconv.Itoa(refuses), "name", "$(touch x).invalid", "1", "name", "no-such-host.invalid", "1"}
	out, err := exec.CommandContext(t.Context(), "sh", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	got := readInside(string(out), 4)
	if got[0] != (seenInside{"yes", "yes"}) || got[1] != (seenInside{"yes", "refused"}) {
		t.Errorf("%v\n%s", got, out)
	}
	for _, none := range got[2:] {
		if none.resolves == "yes" || none.connects != "untried" {
			t.Errorf("a name that nobody has: %v", none)
		}
	}
}

// Addresses are tried in the first pod that can; what isn't tried is said.
func TestTryInside(t *testing.T) {
	all := []endpoint{{subject: "catalog/main", host: "sr", port: 8081}, {subject: "database/main/a", host: "kafka", port: 9092}, {subject: "database/main/b", why: "its address can't be read"}}
	pods := []container{{"flink", "jm", "flink-main-container"}, {"cmf", "cmf-0", "cmf"}}
	for name, c := range map[string]struct {
		in              []container
		outputs         map[string]string
		err             error
		findings, words []string
	}{
		"all well":          {in: pods, outputs: map[string]string{"jm": "0 yes yes\n1 yes yes\n"}, words: []string{"database/main/b: its address can't be read"}},
		"one doesn't":       {in: pods, outputs: map[string]string{"jm": "0 no untried\n1 yes yes\n"}, findings: []string{"no such host: sr"}},
		"one isn't told of": {in: pods, outputs: map[string]string{"jm": "1 yes yes\n"}, words: []string{"not tried: sr:8081 of catalog/main, in pod flink/jm"}},
		"no programs there": {in: pods, outputs: map[string]string{"jm": "0 untried untried\n", "cmf-0": "0 yes refused\n1 yes yes\n"}, findings: []string{"sr:8081 refuses connections"}},
		"nowhere":           {in: pods, words: []string{"not tried: pod cmf/cmf-0 has no getent or bash"}},
		"forbidden":         {in: pods, err: errors.New("pods/exec is forbidden"), words: []string{"not tried: pod cmf/cmf-0: pods/exec is forbidden"}},
		"no pod":            {words: []string{"not tried: there is no running pod"}},
	} {
		report := &view.DoctorReport{}
		e := examination{report: report, endpoints: all}
		e.tryInside(t.Context(), c.in, func(_ context.Context, in container, args []string) (string, error) {
			if want := []string{"sh", "-c", insideScript, "sh", "name", "sr", "8081", "name", "kafka", "9092"}; !slices.Equal(args, want) {
				t.Errorf("%s: %q", name, args[3:])
			}
			return c.outputs[in.pod], c.err
		})
		var findings []string
		for _, f := range report.Findings {
			findings = append(findings, f.Cause)
		}
		if !slices.Equal(findings, c.findings) {
			t.Errorf("%s: %q", name, findings)
		}
		contains(t, strings.Join(report.Skipped, "\n"), c.words...)
	}
}

// What is more than the limit isn't taken for well.
func TestTryInsideIsBounded(t *testing.T) {
	report := &view.DoctorReport{}
	e := examination{report: report}
	for range maxEndpoints + 3 {
		e.endpoints = append(e.endpoints, endpoint{subject: "catalog/main", host: "sr", port: 1})
	}
	e.tryInside(t.Context(), []container{{"a", "b", "c"}}, func(_ context.Context, _ container, args []string) (string, error) {
		if len(args) != 4+3*maxEndpoints {
			t.Errorf("%d arguments", len(args))
		}
		return "0 yes yes\n", nil
	})
	contains(t, strings.Join(report.Skipped, "\n"), "not tried: 3 more of them")
}

func TestContainers(t *testing.T) {
	pod := func(namespace, name, container string, labels map[string]string, running bool) *corev1.Pod {
		status := corev1.ContainerStatus{Name: container}
		if running {
			status.State.Running = &corev1.ContainerStateRunning{}
		}
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: container}}},
			Status:     corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{status}},
		}
	}
	manager := map[string]string{"component": "jobmanager", "type": "flink-native-kubernetes"}
	cluster := flinktest.New(
		pod("flink", "jm-starts", "flink-main-container", manager, false), pod("flink", "jm", "flink-main-container", manager, true),
		pod("flink", "tm", "flink-main-container", map[string]string{"component": "taskmanager", "type": "flink-native-kubernetes"}, true),
		pod("cmf", "cmf-0", "cmf", map[string]string{"app": "cmf"}, true),
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "cmf", Name: "cmf-service"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "cmf"}}})
	e := examination{client: &connect.Connection{Service: &connect.Service{Namespace: "cmf", Name: "cmf-service"}}, namespaces: []string{"flink", "empty"}}
	got, err := e.containers(t.Context(), cluster.Core)
	if want := []container{{"flink", "jm", "flink-main-container"}, {"cmf", "cmf-0", "cmf"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	e.client.Service.Name, e.namespaces = "other", nil
	if got, err := e.containers(t.Context(), cluster.Core); err == nil || got != nil {
		t.Errorf("a Service that isn't there: %v, %v", got, err)
	}
	e.client.Service = nil
	if got, err := e.containers(t.Context(), cluster.Core); err != nil || got != nil {
		t.Errorf("nothing to look at: %v, %v", got, err)
	}
}

func TestImageMismatch(t *testing.T) {
	for _, c := range []struct{ image, version, words string }{
		{"confluentinc/cp-flink-sql:1.19-cp5", "v1_19", ""},
		{"confluentinc/cp-flink-sql:2.3-cmf2.5-cp1", "v2_3", ""},
		{"registry:5000/cp-flink:1.19.3-cp2", "v1_19", ""},
		{"confluentinc/cp-flink-sql:2.1-cp1", "v1_20", "has Flink 2.1 by its tag, and flinkVersion is v1_20"},
		{"flink:1.20-scala_2.12", "v1_19", "has Flink 1.20"},
		{"flink:1.2", "v1_20", "has Flink 1.2"},
		{"my/job:1.4.2", "v1_20", ""},
		{"cp-flink-sql:latest", "v1_20", ""},
		{"cp-flink-sql", "v1_20", ""},
		{"cp-flink:1.19@sha256:00", "v1_20", ""},
		{"cp-flink:1.19", "", ""},
		{"cp-flink:1.19", "newest", ""},
		{"", "v1_20", ""},
	} {
		if got := imageMismatch(c.image, c.version); (got == "") != (c.words == "") || !strings.Contains(got, c.words) {
			t.Errorf("%s, %s: %q", c.image, c.version, got)
		}
	}
}

// The doctor says which image doesn't fit, which environment lacks a mapping, and
// that addresses weren't tried where Kubernetes can't be asked.
func TestDoctorOnPoolsAndConnections(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0"})
	r.ok("env", "create", "prod", "--kubernetes-namespace", "flink", "--compute-pool-defaults", `{"clusterSpec":{"flinkVersion":"v2_1"}}`)
	r.ok("env", "create", "test", "--kubernetes-namespace", "flink")
	r.ok("pool", "create", "old", "-e", "prod", "--image", "confluentinc/cp-flink-sql:1.19-cp5", "--flink-version", "v2_1")
	r.ok("pool", "create", "fine", "-e", "prod", "--image", "confluentinc/cp-flink-sql:2.1-cp1", "--flink-version", "v2_1")
	r.ok("secret", "create", "kafka-secret", "--from-literal", "k="+hidden)
	r.ok("secret-mapping", "create", "kafka-id", "--secret", "kafka-secret", "-e", "prod")
	r.ok("apply", "-f", r.file("c.yaml", `
apiVersion: cmf.confluent.io/v1
kind: KafkaCatalog
metadata: {name: main}
spec: {srInstance: {connectionConfig: {schema.registry.url: "http://sr:8081"}}}
---
apiVersion: cmf.confluent.io/v1
kind: KafkaDatabase
metadata: {name: kafka, annotations: {kubectl-cmf/catalog: main}}
spec: {kafkaCluster: {connectionConfig: {bootstrap.servers: "kafka:9092"}, connectionSecretId: kafka-id}, ddlEnvironments: [prod, test]}
`))
	got := r.run("doctor", "-o", "json")
	contains(t, got.out,
		`has Flink 1.19 by its tag, and flinkVersion is v2_1`, "prod/pool/old", `environment \"test\" has no mapping kafka-id`,
		"addresses of catalogs and databases, from inside the cluster: not tried")
	for _, none := range []string{"pool/fine", `environment \"prod\" has no mapping`} {
		if strings.Contains(got.out, none) {
			t.Errorf("%s is in:\n%s", none, got.out)
		}
	}
	if got.code != 0 || !strings.Contains(got.out, string(diagnosis.Warning)) {
		t.Errorf("exit code %d", got.code)
	}
	contains(t, r.fails(3, "warnings found: 2", "doctor", "--strict").out, "Not looked at: addresses of catalogs and databases")
	// Of another environment nothing is told.
	if got := r.ok("doctor", "-e", "prod"); strings.Contains(got, "no mapping") {
		t.Error(got)
	}
}
