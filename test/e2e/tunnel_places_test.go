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

func (c *cluster) field(t *testing.T, object, path string) string {
	t.Helper()
	return strings.TrimSpace(c.run(t, "get", object, "-o", "jsonpath={"+path+"}").out)
}

func TestUIOfASessionJob(t *testing.T) {
	main.apply(t, "default", example(t, "session-example.yaml", "session-example", "places-session"))
	main.apply(t, "default", example(t, "session-job-example.yaml", "session-job-example", "places-job", "session-example", "places-session"))
	t.Cleanup(func() {
		main.kubectl(t, "delete", "flinksessionjob", "places-job", "--wait")
		main.kubectl(t, "delete", "flinkdeployment", "places-session", "--wait")
	})
	main.running(t, "flinksessionjob", "places-job", "default")
	id := main.field(t, "flinksessionjob/places-job", ".status.jobStatus.jobId")
	address := main.ui(t, "sessionjob/places-job")
	base, page, _ := strings.Cut(address, "#")
	if want := "/job/running/" + id + "/overview"; id == "" || page != want {
		t.Errorf("the page is %s, want %s", page, want)
	}
	if code, body := get(base + "jobs/" + id); code != http.StatusOK || !strings.Contains(body, id) {
		t.Errorf("%d: %s", code, body)
	}
	r := main.run(t, "flink", "rest", "sessionjob/places-job", "/jobs/:jobid").wants(t, 0)
	if !strings.Contains(r.out, `"jid":"`+id+`"`) {
		t.Error(r)
	}
}

// After a savepoint the operator keeps the JobManager for a day; here it goes.
func TestUIThroughSuspendAndResume(t *testing.T) {
	const name = "flinkdeployment/places-suspend"
	main.apply(t, "default", example(t, "basic-example.yaml", "basic-example", "places-suspend", "upgradeMode: savepoint", "upgradeMode: last-state"))
	t.Cleanup(func() { main.kubectl(t, "delete", name, "--wait") })
	main.running(t, "flinkdeployment", "places-suspend", "default")
	base, _, _ := strings.Cut(main.ui(t, name, "--reconnect-timeout", "3s"), "#")
	if code, body := get(base + "config"); code != http.StatusOK {
		t.Fatalf("%d: %s", code, body)
	}
	state := func(want string) {
		main.kubectl(t, "patch", name, "--type=merge", "-p", `{"spec":{"job":{"state":"`+want+`"}}}`)
	}
	state("suspended")
	eventually(t, "the job is suspended", "SUSPENDED", func() string { return main.field(t, name, ".status.lifecycleState") })
	var code int
	var body string
	eventually(t, "the page says why", "true", func() string {
		started := time.Now()
		code, body = get(base + "config")
		if took := time.Since(started); took > 30*time.Second {
			t.Errorf("the answer took %s", took)
		}
		if strings.Contains(body, "places-suspend is suspended") {
			return "true"
		}
		return fmt.Sprint(code, " ", body)
	})
	if code != http.StatusGatewayTimeout && code != http.StatusBadGateway {
		t.Errorf("%d: %s", code, body)
	}
	main.run(t, "flink", "rest", name, "/config").wants(t, 1, "places-suspend is suspended")
	state("running")
	eventually(t, "the same address answers", "200", func() string {
		if code, body := get(base + "config"); code != http.StatusOK {
			return fmt.Sprint(code, " ", body)
		}
		return "200"
	})
}

// blueGreen wraps an example's spec.
func blueGreen(t *testing.T, name string) string {
	t.Helper()
	_, spec, ok := strings.Cut(example(t, "basic-example.yaml"), "\nspec:\n")
	if !ok {
		t.Fatal("the example has no spec")
	}
	return "apiVersion: flink.apache.org/v1beta1\nkind: FlinkBlueGreenDeployment\nmetadata:\n  name: " + name +
		"\nspec:\n  template:\n    spec:\n    " + strings.ReplaceAll(strings.TrimRight(spec, "\n"), "\n", "\n    ") + "\n"
}

func TestBlueGreenDeployment(t *testing.T) {
	const name = "flinkbluegreendeployment/places-bg"
	main.apply(t, "default", blueGreen(t, "places-bg"))
	t.Cleanup(func() { main.kubectl(t, "delete", name, "--wait") })
	eventually(t, name, "ACTIVE_BLUE", func() string { return main.field(t, name, ".status.blueGreenState") })
	id := main.field(t, "flinkdeployment/places-bg-blue", ".status.jobStatus.jobId")
	r := main.run(t, "flink", "rest", "bluegreen/places-bg", "/jobs/:jobid").wants(t, 0)
	if id == "" || !strings.Contains(r.out, `"jid":"`+id+`"`) {
		t.Errorf("want the job %s of the active child\n%s", id, r)
	}

	main.run(t, "flink", "suspend", "flinkdeployment/places-bg-blue").wants(t, 1, "belongs to a blue/green deployment", "flinkbluegreendeployment/places-bg")
	left := main.run(t, "flink", "suspend", "bluegreen/places-bg", "-o", pathOnly).wants(t, 0).out
	main.hasMetadata(t, left)
	r = main.run(t, "flink", "resume", "bluegreen/places-bg", "-o", "jsonpath={.status.path} {.status.restoredFrom.proven}").wants(t, 0)
	if r.out != left+" true" {
		t.Errorf("resumed from %q, left %q", r.out, left)
	}

	// One local port goes on through the switch to the other color.
	f := main.forward(t, 1, "bluegreen/places-bg", ":rest")
	runs := func(child string) {
		t.Helper()
		eventually(t, "the port leads to "+child, "true", func() string {
			id := main.field(t, "flinkdeployment/"+child, ".status.jobStatus.jobId")
			code, body := get(f.address(0) + "/jobs/" + id)
			if id != "" && code == http.StatusOK && strings.Contains(body, id) {
				return "true"
			}
			return fmt.Sprint(code, " ", body)
		})
	}
	runs("places-bg-blue")
	r = main.run(t, "flink", "upgrade", "bluegreen/places-bg", "--parallelism", "1", "--stable-for", "2s").wants(t, 0)
	if state := main.field(t, name, ".status.blueGreenState"); state != "ACTIVE_GREEN" {
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
  jobManager: {resource: {memory: 1024m, cpu: 0.1}}
  taskManager: {resource: {memory: 1024m, cpu: 0.1}}
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
	dir := t.TempDir()
	for _, command := range []string{
		"req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority",
		"req -x509 -CA ca.pem -CAkey ca.key -newkey rsa:2048 -nodes -keyout rest.key -out rest.pem -days 2 -subj /CN=rest -addext subjectAltName=DNS:places-tls-rest.default",
		"pkcs12 -export -in rest.pem -inkey rest.key -out rest.p12 -passout pass:secret",
	} {
		openssl := exec.Command(program(t, "openssl", "openssl"), strings.Fields(command)...)
		openssl.Dir = dir
		if out, err := openssl.CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", command, err, out)
		}
	}
	ca := filepath.Join(dir, "ca.pem")
	main.run(t, "delete", "flinkdeployment/places-tls", "secret/places-tls", "--ignore-not-found", "--wait")
	main.kubectl(t, "create", "secret", "generic", "places-tls", "--from-file="+filepath.Join(dir, "rest.p12"))
	t.Cleanup(func() { main.kubectl(t, "delete", "flinkdeployment/places-tls", "secret/places-tls", "--wait") })
	main.apply(t, "default", overTLS)
	ask := []string{"flink", "rest", "places-tls", "/config", "--reconnect-timeout", "2s"}
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
	main.kubectl(t, "delete", "flinkdeployment/places-tls", "--wait")
	main.apply(t, "default", strings.Replace(overTLS, "flinkConfiguration:\n",
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
