//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// get is one answer of the page that `kubectl flink ui` serves: its code, or
// what went wrong.
func get(address string) (code int, body string) {
	response, err := once.Get(address)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(data)
}

func (c *cluster) field(t *testing.T, namespace, object, path string) string {
	t.Helper()
	return strings.TrimSpace(c.run(t, "get", object, "-n", namespace, "-o", "jsonpath={"+path+"}").out)
}

func uiOfASessionJob(t *testing.T, ns string) {
	id := main.field(t, ns, "flinksessionjob/session-job-example", ".status.jobStatus.jobId")
	address := main.ui(t, "-n", ns, "sessionjob/session-job-example")
	base, page, _ := strings.Cut(address, "#")
	if want := "/job/running/" + id + "/overview"; id == "" || page != want {
		t.Errorf("the page is %s, want %s", page, want)
	}
	if code, body := get(base + "jobs/" + id); code != http.StatusOK || !strings.Contains(body, id) {
		t.Errorf("%d: %s", code, body)
	}
	r := main.run(t, "flink", "rest", "-n", ns, "sessionjob/session-job-example", "/jobs/:jobid").wants(t, 0)
	if !strings.Contains(r.out, `"jid":"`+id+`"`) {
		t.Error(r)
	}
}

// After a savepoint the operator keeps the JobManager for a day; here it goes.
func uiThroughSuspendAndResume(t *testing.T, ns string) {
	const name = "flinkdeployment/basic-example"
	base, _, _ := strings.Cut(main.ui(t, "-n", ns, name, "--reconnect-timeout", "3s"), "#")
	if code, body := get(base + "config"); code != http.StatusOK {
		t.Fatalf("%d: %s", code, body)
	}
	state := func(want string) {
		main.kubectl(t, "patch", name, "-n", ns, "--type=merge", "-p", `{"spec":{"job":{"state":"`+want+`"}}}`)
	}
	state("suspended")
	eventually(t, "the job is suspended", "SUSPENDED", func() string { return main.field(t, ns, name, ".status.lifecycleState") })
	var code int
	var body string
	eventually(t, "the page says why", "true", func() string {
		started := time.Now()
		code, body = get(base + "config")
		if took := time.Since(started); took > 30*time.Second {
			t.Errorf("the answer took %s", took)
		}
		if strings.Contains(body, "basic-example is suspended") {
			return "true"
		}
		return fmt.Sprint(code, " ", body)
	})
	if code != http.StatusGatewayTimeout && code != http.StatusBadGateway {
		t.Errorf("%d: %s", code, body)
	}
	main.run(t, "flink", "rest", "-n", ns, name, "/config").wants(t, 1, "basic-example is suspended")
	state("running")
	eventually(t, "the same address answers", "200", func() string {
		if code, body := get(base + "config"); code != http.StatusOK {
			return fmt.Sprint(code, " ", body)
		}
		return "200"
	})
}

// blueGreen is a FlinkBlueGreenDeployment of basic-example's job, whose color of
// before goes soon.
func blueGreen(t *testing.T, namespace, name string, changes ...string) string {
	t.Helper()
	_, spec, ok := strings.Cut(exampleIn(t, namespace, "basic-example.yaml", changes...), "\nspec:\n")
	if !ok {
		t.Fatal("the example has no spec")
	}
	return "apiVersion: flink.apache.org/v1beta1\nkind: FlinkBlueGreenDeployment\nmetadata:\n  name: " + name +
		"\nspec:\n  configuration:\n    kubernetes.operator.bluegreen.deployment-deletion.delay: 2 s\n    kubernetes.operator.bluegreen.reconciliation.reschedule-interval: 3 s" +
		"\n  template:\n    spec:\n    " + strings.ReplaceAll(strings.TrimRight(spec, "\n"), "\n", "\n    ") + "\n"
}

func TestBlueGreenDeployment(t *testing.T) {
	t.Parallel()
	const name = "flinkbluegreendeployment/places-bg"
	ns := main.flinkNamespace(t, "places-bg")
	main.apply(t, ns, blueGreen(t, ns, "places-bg"))
	eventually(t, name, "ACTIVE_BLUE", func() string { return main.field(t, ns, name, ".status.blueGreenState") })
	id := main.field(t, ns, "flinkdeployment/places-bg-blue", ".status.jobStatus.jobId")
	r := main.run(t, "flink", "-n", ns, "rest", "bluegreen/places-bg", "/jobs/:jobid").wants(t, 0)
	if id == "" || !strings.Contains(r.out, `"jid":"`+id+`"`) {
		t.Errorf("want the job %s of the active child\n%s", id, r)
	}

	main.run(t, "flink", "-n", ns, "suspend", "flinkdeployment/places-bg-blue").wants(t, 1, "belongs to a blue/green deployment", "flinkbluegreendeployment/places-bg")
	left := main.run(t, "flink", "-n", ns, "suspend", "bluegreen/places-bg", "-o", pathOnly).wants(t, 0).out
	main.hasMetadata(t, left)
	r = main.run(t, "flink", "-n", ns, "resume", "bluegreen/places-bg", "-o", "jsonpath={.status.path} {.status.restoredFrom.proven}").wants(t, 0)
	if r.out != left+" true" {
		t.Errorf("resumed from %q, left %q", r.out, left)
	}

	// One local port goes on through the switch to the other color.
	f := main.forward(t, 1, "-n", ns, "bluegreen/places-bg", ":rest")
	runs := func(child string) {
		t.Helper()
		eventually(t, "the port leads to "+child, "true", func() string {
			id := main.field(t, ns, "flinkdeployment/"+child, ".status.jobStatus.jobId")
			code, body := get(f.address(0) + "/jobs/" + id)
			if id != "" && code == http.StatusOK && strings.Contains(body, id) {
				return "true"
			}
			return fmt.Sprint(code, " ", body)
		})
	}
	runs("places-bg-blue")
	r = main.run(t, "flink", "-n", ns, "upgrade", "bluegreen/places-bg", "--parallelism", "1", "--stable-for", "2s").wants(t, 0)
	if state := main.field(t, ns, name, ".status.blueGreenState"); state != "ACTIVE_GREEN" {
		t.Errorf("upgraded, and %s\n%s", state, r)
	}
	runs("places-bg-green")
	if !strings.Contains(f.stderr(), "places-bg-green") {
		t.Errorf("the switch wasn't told: %s", f.stderr())
	}
}

const overTLS = `
apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: places-tls}
spec:
  image: flink:1.20
  flinkVersion: v1_20
  serviceAccount: flink
  flinkConfiguration:
    security.ssl.rest.enabled: "true"
    security.ssl.rest.keystore: /tls/rest.p12
    security.ssl.rest.keystore-password: secret
    security.ssl.rest.key-password: secret
    security.ssl.rest.truststore: /tls/rest.p12
    security.ssl.rest.truststore-password: secret
  jobManager: {resource: {memory: 1024m, cpu: 0.05}}
  taskManager: {resource: {memory: 1024m, cpu: 0.05}}
  podTemplate:
    spec:
      containers:
      - name: flink-main-container
        volumeMounts: [{name: tls, mountPath: /tls}]
      volumes: [{name: tls, secret: {secretName: places-tls}}]
`

// A session cluster is enough, and all that can be: the operator has no
// truststore, so that it can't talk to the JobManager.
func TestRESTOverTLS(t *testing.T) {
	t.Parallel()
	ns := main.flinkNamespace(t, "places-tls")
	dir := t.TempDir()
	for _, command := range []string{
		"req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority",
		"req -x509 -CA ca.pem -CAkey ca.key -newkey rsa:2048 -nodes -keyout rest.key -out rest.pem -days 2 -subj /CN=rest -addext subjectAltName=DNS:places-tls-rest." + ns,
		"pkcs12 -export -in rest.pem -inkey rest.key -out rest.p12 -passout pass:secret",
	} {
		openssl := exec.Command(program(t, "openssl", "openssl"), strings.Fields(command)...)
		openssl.Dir = dir
		if out, err := openssl.CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", command, err, out)
		}
	}
	ca := filepath.Join(dir, "ca.pem")
	main.kubectl(t, "-n", ns, "create", "secret", "generic", "places-tls", "--from-file="+filepath.Join(dir, "rest.p12"))
	main.apply(t, ns, overTLS)
	ask := []string{"flink", "rest", "-n", ns, "places-tls", "/config", "--reconnect-timeout", "2s"}
	eventually(t, "the REST API answers over TLS", "0", func() string {
		r := main.run(t, append(ask, "--rest-ca", ca)...)
		if r.code == 0 && strings.Contains(r.out, "flink-version") {
			return "0"
		}
		return r.String()
	})
	main.run(t, ask...).wants(t, 1, "certificate signed by unknown authority", "--rest-ca FILE")
	main.run(t, append(ask, "--rest-insecure")...).wants(t, 0)
	main.run(t, append(ask, "--via", "apiserver")...).wants(t, 0)
	text := filepath.Join(dir, "text")
	must(t, os.WriteFile(text, []byte("x"), 0o600))
	main.run(t, append(ask, "--rest-ca", text)...).wants(t, 2, "holds no PEM certificate")

	// The operator, which doesn't get through either, wouldn't carry out a
	// change: another cluster. The kubelet's probe has no certificate to show.
	main.kubectl(t, "-n", ns, "delete", "flinkdeployment/places-tls", "--wait")
	main.apply(t, ns, strings.Replace(overTLS, "flinkConfiguration:\n",
		"flinkConfiguration:\n    security.ssl.rest.authentication-enabled: \"true\"\n    kubernetes.operator.jm-deployment.startup.probe.enabled: \"false\"\n", 1))
	pair := []string{"--rest-ca", ca, "--rest-cert", filepath.Join(dir, "rest.pem"), "--rest-key", filepath.Join(dir, "rest.key")}
	eventually(t, "the REST API answers over mutual TLS", "0", func() string {
		r := main.run(t, append(ask, pair...)...)
		if r.code == 0 && strings.Contains(r.out, "flink-version") {
			return "0"
		}
		return r.String()
	})
	main.run(t, append(ask, "--rest-ca", ca)...).wants(t, 2, "give --rest-cert and --rest-key")
	stranger := filepath.Join(dir, "ca.pem")
	r := main.run(t, append(ask, "--rest-ca", ca, "--rest-cert", stranger, "--rest-key", filepath.Join(dir, "ca.key"))...)
	r.wants(t, 1, "certificate")
}
