//go:build e2e && long

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// looked is what `doctor -o json` finds above info, in order.
func (c *cluster) looked(t *testing.T, args ...string) []found {
	t.Helper()
	r := c.run(t, append([]string{"flink", "doctor", "-o", "json"}, args...)...)
	var out struct{ Findings []found }
	if err := json.Unmarshal([]byte(r.out), &out); err != nil {
		t.Fatalf("%v\n%s", err, r)
	}
	return worst(out.Findings)
}

// named waits until the first finding is a rule's and quotes words.
func (c *cluster) named(t *testing.T, rule string, says []string, args ...string) found {
	t.Helper()
	var first found
	eventually(t, "the first finding", rule, func() string {
		findings := c.looked(t, args...)
		if len(findings) == 0 {
			return "none"
		}
		first = findings[0]
		words := first.Means
		for _, e := range first.Evidence {
			words += "\n" + e.Source + ": " + e.Text
		}
		return first.Rule + lacking(words, says)
	})
	t.Logf("%s: %s; cures: %+v", rule, first.Means, first.Cures)
	return first
}

// well waits until nothing above info is found.
func (c *cluster) well(t *testing.T, args ...string) {
	t.Helper()
	eventually(t, "what is found", "nothing", func() string {
		if findings := c.looked(t, args...); len(findings) > 0 {
			return findings[0].Rule + ": " + findings[0].Means
		}
		return "nothing"
	})
}

// What goes wrong with the operator is named with and without a job's name,
// before what it brings about, and its cure cures it. The faults follow each
// other: there is one operator.
func TestBrokenOperator(t *testing.T) {
	const ns, op = "broken-operator", "flink-operator"
	main.ownJob(t, ns)
	job := []string{"basic-example", "-n", ns}
	patch := func(p string) string {
		return main.kubectl(t, "patch", "flinkdeployment", "basic-example", "-n", ns, "--type", "merge", "-p", p)
	}
	main.well(t, job...)

	t.Run("stopped", func(t *testing.T) {
		main.kubectl(t, "scale", "deployment/flink-kubernetes-operator", "-n", op, "--replicas=0")
		patch(`{"spec":{"job":{"parallelism":1}}}`)
		main.named(t, "FLINK-OP-STOPPED", []string{"flink-kubernetes-operator"}, "-n", ns)
		first := main.named(t, "FLINK-OP-STOPPED", []string{"flink-kubernetes-operator"}, job...)
		if r := main.run(t, "flink", "status", "basic-example", "-n", ns); !strings.Contains(r.out, "FLINK-OP-STOPPED") {
			t.Error(r)
		}
		main.shell(t, ns, first.Cures[0].Command)
		main.well(t, job...)
	})
	t.Run("other namespaces", func(t *testing.T) {
		main.kubectl(t, "set", "env", "deployment/flink-kubernetes-operator", "-n", op, "WATCH_NAMESPACES=default,minio-dev")
		t.Cleanup(func() {
			main.kubectl(t, "set", "env", "deployment/flink-kubernetes-operator", "-n", op, "WATCH_NAMESPACES-")
			main.kubectl(t, "rollout", "status", "deployment/flink-kubernetes-operator", "-n", op, "--timeout=2m")
		})
		main.kubectl(t, "rollout", "status", "deployment/flink-kubernetes-operator", "-n", op, "--timeout=2m")
		patch(`{"spec":{"job":{"parallelism":2}}}`)
		main.named(t, "FLINK-OP-NAMESPACE", []string{ns, "watches default, minio-dev"}, job...)
		main.named(t, "FLINK-OP-NAMESPACE", []string{ns}, "-n", ns)
		main.kubectl(t, "set", "env", "deployment/flink-kubernetes-operator", "-n", op, "WATCH_NAMESPACES=default,minio-dev,"+ns)
		main.well(t, job...)
	})
	t.Run("renamed", func(t *testing.T) {
		deployment := main.kubectl(t, "get", "deployment", "flink-kubernetes-operator", "-n", op, "-o", "json")
		main.kubectl(t, "scale", "deployment/flink-kubernetes-operator", "-n", op, "--replicas=0")
		var object map[string]any
		must(t, json.Unmarshal([]byte(deployment), &object))
		object["metadata"] = map[string]any{"name": "acme-streaming", "namespace": op}
		delete(object, "status")
		renamed := strings.ReplaceAll(string(marshal(t, object)), `"app.kubernetes.io/name":"flink-kubernetes-operator"`, `"app":"acme"`)
		main.kubectl(t, "delete", "deployment", "flink-kubernetes-operator", "-n", op, "--wait")
		main.apply(t, op, renamed)
		t.Cleanup(func() {
			main.kubectl(t, "delete", "deployment", "acme-streaming", "-n", op, "--wait")
			var old map[string]any
			must(t, json.Unmarshal([]byte(deployment), &old))
			delete(old, "status")
			metadata := old["metadata"].(map[string]any)
			for _, key := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"} {
				delete(metadata, key)
			}
			main.apply(t, op, string(marshal(t, old)))
			main.kubectl(t, "rollout", "status", "deployment/flink-kubernetes-operator", "-n", op, "--timeout=2m")
		})
		main.kubectl(t, "rollout", "status", "deployment/acme-streaming", "-n", op, "--timeout=2m")
		main.well(t, "-n", ns)
		main.kubectl(t, "scale", "deployment/acme-streaming", "-n", op, "--replicas=0")
		first := main.named(t, "FLINK-OP-STOPPED", []string{"acme-streaming"}, job...)
		main.shell(t, ns, first.Cures[0].Command)
		main.well(t, job...)
	})
	t.Run("deleted without it", func(t *testing.T) {
		main.kubectl(t, "scale", "deployment/flink-kubernetes-operator", "-n", op, "--replicas=0")
		main.kubectl(t, "wait", "pods", "--all", "-n", op, "--for=delete", "--timeout=60s")
		main.kubectl(t, "delete", "flinkdeployment", "basic-example", "-n", ns, "--wait=false")
		main.named(t, "FLINK-OP-STOPPED", []string{"flink-kubernetes-operator"}, job...)
		r := main.run(t, "flink", "delete", "basic-example", "-n", ns, "--yes", "--timeout", "15s")
		if r.code == 0 || !strings.Contains(r.err, "the operator is not running") {
			t.Error(r)
		}
		first := main.named(t, "FLINK-OP-STOPPED", nil, job...)
		main.shell(t, ns, first.Cures[0].Command)
		main.kubectl(t, "wait", "flinkdeployment/basic-example", "-n", ns, "--for=delete", "--timeout=2m")
	})
}

// A job without high availability is suspended, and runs again when its
// JobManager's pod is replaced.
func TestSuspendedJobThatRuns(t *testing.T) {
	const ns = "broken-suspended"
	main.ownJob(t, ns, "high-availability.type: kubernetes", "high-availability.type: NONE")
	job := []string{"basic-example", "-n", ns}
	main.kubectl(t, "patch", "flinkdeployment", "basic-example", "-n", ns, "--type", "merge", "-p", `{"spec":{"job":{"state":"suspended"}}}`)
	eventually(t, "lifecycle", "SUSPENDED", func() string {
		return main.run(t, "get", "flinkdeployment", "basic-example", "-n", ns, "-o", "jsonpath={.status.lifecycleState}").out
	})
	main.kubectl(t, "delete", "pods", "-n", ns, "-l", "app=basic-example,component=jobmanager")
	first := main.named(t, "FLINK-JOB-SUSPENDED-RUNS", []string{"it runs without its state"}, job...)
	if r := main.run(t, "flink", "status", "basic-example", "-n", ns); !strings.Contains(r.out, "FLINK-JOB-SUSPENDED-RUNS") {
		t.Error(r)
	}
	main.shell(t, ns, first.Cures[0].Command)
	eventually(t, "what is left of it", "nothing", func() string {
		for _, f := range main.looked(t, job...) {
			if f.Rule == "FLINK-JOB-SUSPENDED-RUNS" {
				return f.Means
			}
		}
		return "nothing"
	})
	main.run(t, "flink", "resume", "basic-example", "-n", ns).wants(t, 0)
}

// A query whose only key makes one subtask do all the work, ever more slowly, is
// named with what it holds up.
func TestSlowQueryIsNamed(t *testing.T) {
	ns := main.flinkNamespace(t, "slow-query")
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	script := file("clicks.sql", `
CREATE TABLE clicks (k INT, s STRING) WITH ('connector'='datagen', 'fields.k.min'='1', 'fields.k.max'='1', 'fields.s.length'='100', 'rows-per-second'='20000');
CREATE TABLE pages (k INT, n BIGINT, m STRING) WITH ('connector'='blackhole');
INSERT INTO pages SELECT k, COUNT(*), LISTAGG(s) FROM clicks GROUP BY k;`)
	main.run(t, "flink", "submit", "clicks", "--sql", script, "-f", file("base.yaml", scriptBase(t, ns, "clicks")), "--parallelism", "2", "-n", ns).wants(t, 0)
	main.named(t, "FLINK-FLOW-BACKPRESSURE", []string{"GroupAggregate", "backpressured"}, "clicks", "-n", ns)
	eventually(t, "the skew", "true", func() string {
		for _, f := range main.looked(t, "clicks", "-n", ns) {
			if f.Rule == "FLINK-FLOW-SKEW" {
				return "true"
			}
		}
		return "not found"
	})
	main.run(t, "flink", "delete", "clicks", "-n", ns, "--lose-state", "--yes").wants(t, 0)
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	must(t, err)
	return out
}

// A webhook whose certificate has expired refuses everything: the API server's
// words are repeated, and doctor says which certificate it is.
func TestWebhookWithAnExpiredCertificate(t *testing.T) {
	const ns, hook = "broken-webhook", "flink-operator-webhook-service"
	main.ownJob(t, ns)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	host := hook + "." + ns + ".svc"
	certificate := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-72 * time.Hour), NotAfter: time.Now().Add(-48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, &certificate, &certificate, key.Public(), key)
	must(t, err)
	secret, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(dir, name)
		must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return file
	}
	main.kubectl(t, "create", "secret", "generic", "webhook-server-cert", "-n", ns, "--from-file=public.crt="+write("crt", "CERTIFICATE", der), "--from-file=private.key="+write("key", "EC PRIVATE KEY", secret))
	bundle, err := os.ReadFile(filepath.Join(dir, "crt"))
	must(t, err)
	// MinIO is the TLS server that stands in for the webhook.
	image := main.kubectl(t, "get", "pods", "-n", "minio-dev", "-o", "jsonpath={.items[0].spec.containers[0].image}")
	main.apply(t, ns, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: webhook, labels: {app: webhook}}
spec:
  containers:
  - {name: webhook, image: %q, imagePullPolicy: IfNotPresent, command: [/minio, server, --certs-dir, /certs, --address, ":9443", /tmp/data], volumeMounts: [{name: certs, mountPath: /certs}]}
  volumes: [{name: certs, secret: {secretName: webhook-server-cert}}]
---
apiVersion: v1
kind: Service
metadata: {name: %s}
spec: {selector: {app: webhook}, ports: [{port: 443, targetPort: 9443}]}
`, image, hook))
	main.kubectl(t, "wait", "pod/webhook", "-n", ns, "--for=condition=Ready", "--timeout=60s")
	t.Cleanup(func() {
		main.run(t, "delete", "validatingwebhookconfiguration", "flink-operator-expired", "--ignore-not-found")
	})
	main.apply(t, ns, fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: flink-operator-expired}
webhooks:
- name: validationwebhook.flink.apache.org
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  timeoutSeconds: 5
  clientConfig: {caBundle: %s, service: {name: %s, namespace: %s, path: /validate}}
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}}
  rules: [{apiGroups: [flink.apache.org], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: [flinkdeployments, flinksessionjobs]}]
`, base64.StdEncoding.EncodeToString(bundle), hook, ns, ns))
	main.named(t, "FLINK-HOOK-EXPIRED", []string{"flink-operator-expired"}, "-n", ns)
	eventually(t, "what upgrade says", "the certificate", func() string {
		r := main.run(t, "flink", "upgrade", "basic-example", "-n", ns, "--parallelism", "1", "--yes", "--timeout", "60s")
		if r.code == 0 || !strings.Contains(r.err, "certificate has expired") {
			return r.String()
		}
		return "the certificate"
	})
	main.kubectl(t, "delete", "validatingwebhookconfiguration", "flink-operator-expired")
	main.well(t, "-n", ns)
}
