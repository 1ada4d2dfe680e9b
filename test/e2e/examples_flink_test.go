//go:build e2e && long

package e2e

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest/testca"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/cmd"
)

// snapshots are the verbs of snapshot in order: the example of wait takes the
// savepoint that the others speak of, and delete takes it away.
var snapshots = []string{"wait", "list", "describe", "inspect", "", "adopt", "prune", "delete"}

// places are the namespaces in which examples run at the same time, each with
// the verbs whose examples come in this order, after those that only look: each
// finds the job running, and those at the end take it away. The examples of
// recover and clone name their namespace.
var places = []struct {
	namespace string
	verbs     []string
}{
	{"examples-look", []string{"", "checkpoint", "snapshot"}}, // "" stands for those of no other place
	{"examples", []string{"savepoint", "backup", "recover", "sql", "sql-client", "scale", "restart", "suspend", "resume", "clone"}},
	{"examples-change", []string{"stop", "restore", "jar", "upgrade", "submit", "cancel", "delete"}},
}

// placeOf is where the examples of a verb run, and when.
func placeOf(verb string) (place, position int) {
	for i, p := range places {
		if n := slices.Index(p.verbs, verb); n >= 0 {
			return i, n
		}
	}
	return 0, 0
}

// Every example of kubectl flink's help, and of the recipes, in namespaces with the jobs of
// examples/, through the real kubectl.
func TestExamplesOfFlink(t *testing.T) {
	all := append(samples(cmd.NewRoot(nowhere())), recipes(t, "kubectl flink")...)
	order := func(e sample) int {
		_, position := placeOf(e.word(2))
		position *= 100
		if e.word(2) == "snapshot" {
			position += slices.Index(snapshots, e.word(3))
		}
		return position
	}
	slices.SortStableFunc(all, func(a, b sample) int { return order(a) - order(b) })
	if _, err := tool("load-jdk", "--name", main.name); err != nil {
		t.Fatal(err)
	}
	for _, namespace := range []string{"staging", "examples-other", "prod"} {
		fresh(t, namespace)
	}
	t.Run("in", func(t *testing.T) {
		for i, place := range places {
			t.Run(place.namespace, func(t *testing.T) {
				t.Parallel()
				x := newExamples(t, place.namespace)
				for _, e := range all {
					if at, _ := placeOf(e.word(2)); at == i {
						t.Run(e.name(), func(t *testing.T) {
							x.prepare(t, e)
							x.example(t, e)
							x.clear(t, e)
						})
					}
				}
			})
		}
	})
}

// fresh makes a namespace in which Flink's pods may run, and takes it away at
// the test's end with all that is in it.
func fresh(t *testing.T, namespace string) {
	t.Helper()
	main.run(t, "create", "namespace", namespace) // one may be left of a run that was ended
	t.Cleanup(func() {
		main.run(t, "delete", "flinkstatesnapshots,flinksessionjobs", "--all", "-n", namespace, "--timeout=2m")
		main.run(t, "delete", "flinkdeployments", "--all", "-n", namespace, "--timeout=3m").wants(t, 0)
		main.kubectl(t, "delete", "namespace", namespace, "--wait=false")
	})
	rbac, err := tool("manifests", "flink-rbac", "--namespace", namespace)
	must(t, err)
	main.apply(t, namespace, rbac)
}

// examples is where kubectl flink's examples run.
type examples struct {
	*shell
	namespace string
}

func newExamples(t *testing.T, namespace string) *examples {
	t.Helper()
	x := &examples{namespace: namespace, shell: &shell{dir: t.TempDir()}}
	x.endless = []endless{
		{regexp.MustCompile(` list -w`), "basic-example", "\x03", 130},
		{regexp.MustCompile(` status basic-example -w`), "q quit", "q", 0},
		{regexp.MustCompile(` top( basic-example)?( -A --sort-by lag)?$`), "q quit", "q", 0},
		{regexp.MustCompile(` logs .*-f$`), "INFO", "\x03", 130},
		{regexp.MustCompile(` checkpoints .*-f$`), "COMPLETED", "\x03", 130},
		{regexp.MustCompile(` cancel session-example$| jar delete s3://flink/jars/top-speed-1.0.jar$| storage rm s3://\S+ --job basic-example$| delete sessionjob/session-job-example --lose-state$`), "Type yes to go on", "yes\r", 0},
		{regexp.MustCompile(` timeline .*-f$`), "checkpoint", "\x03", 130},
		{regexp.MustCompile(` port-forward `), "Forwarding from", "\x03", 0},
		{regexp.MustCompile(` heap basic-example --image eclipse-temurin:17-jdk$`), "Type yes to go on", "yes\r", 0},
		{regexp.MustCompile(`(?m) doctor basic-example --fix$`), "nothing found has a cure that --fix carries out", "", 0}, // it asks on a terminal
		{regexp.MustCompile(` rescales `), "has no history of rescales", "", 1},                                            // the examples' Flink is older
		{regexp.MustCompile(` applications `), "they came with Flink 2.3", "", 1},
		{regexp.MustCompile(` ui `), "http://localhost:", "\x03", 0},
		{regexp.MustCompile(` sql session-example --start-gateway$`), "session-example>", "QUIT;\r", 0},
		{regexp.MustCompile(` sql-client session-example( -- .*)?$`), "Flink SQL>", "QUIT;\r", 0},
	}
	fresh(t, x.namespace)
	// The namespace is the context's, as it would be a user's; the context
	// "other" is another namespace, and "staging" and "production" stand for other
	// clusters.
	config, err := os.ReadFile(main.kubeconfig)
	must(t, err)
	x.write(t, "kubeconfig", string(config))
	file := filepath.Join(x.dir, "kubeconfig")
	x.env = append(os.Environ(), "KUBECONFIG="+file, "HOME="+x.dir, "SHELL=/bin/bash", "BROWSER=true",
		"PATH="+filepath.Join(x.dir, "bin")+":"+filepath.Join(root, "bin")+":"+kubectl+":"+os.Getenv("PATH"))
	// Of a chart's templates only what they make counts here.
	x.write(t, "bin/helm", "#!/bin/sh\ncat job.yaml\n")
	must(t, os.Chmod(filepath.Join(x.dir, "bin", "helm"), 0o755)) //nolint:gosec // a script
	x.must(t, `kubectl config set-context --current --namespace `+x.namespace)
	for context, namespace := range map[string]string{"other": "examples-other", "staging": x.namespace, "production": x.namespace} {
		x.must(t, `kubectl config set-context `+context+` --namespace `+namespace+` \
		--cluster "$(kubectl config view --minify -o jsonpath='{.contexts[0].context.cluster}')" \
		--user "$(kubectl config view --minify -o jsonpath='{.contexts[0].context.user}')"`)
	}

	x.write(t, "job.yaml", example(t, "basic-example.yaml", "parallelism: 2", "parallelism: 1"))
	x.write(t, "basic.yaml", example(t, "basic-example.yaml", "  flinkConfiguration:\n", "  flinkConfiguration:\n    rest.profiling.enabled: \"true\"\n"))
	x.write(t, "basic-on-s3.yaml", strings.ReplaceAll(onS3(t, "basic-example"), "s3://flink/basic-example/", "s3://flink/"+x.namespace+"/"))
	x.write(t, "job-on-s3.yaml", strings.ReplaceAll(onS3(t, "basic-example"), "local:///opt/flink/examples/streaming/StateMachineExample.jar", "top-speed.jar"))
	x.write(t, "deploy/job.yaml", example(t, "basic-example.yaml"))
	x.write(t, "deploy/session/session.yaml", example(t, "session-example.yaml"))
	x.write(t, "session.yaml", example(t, "session-example.yaml"))
	x.write(t, "session-job.yaml", example(t, "session-job-example.yaml"))
	x.write(t, "gateway.yaml", gateway)
	x.write(t, "pipeline.sql", "CREATE TABLE three (a INT) WITH ('connector'='datagen','number-of-rows'='3');\nCREATE TABLE hole (a INT) WITH ('connector'='blackhole');\nINSERT INTO hole SELECT a FROM three;\n")
	x.write(t, "orders.sql", "CREATE TABLE orders (a INT) WITH ('connector'='datagen','rows-per-second'='5');\nCREATE TABLE hole (a INT) WITH ('connector'='blackhole');\nINSERT INTO hole SELECT a FROM orders;\n")
	x.write(t, "base.yaml", scriptBase(t, x.namespace, "orders"))
	var jar bytes.Buffer
	must(t, zip.NewWriter(&jar).Close())
	x.write(t, "flink-sql-connector-kafka.jar", jar.String())
	x.write(t, "udf.jar", jar.String())
	x.must(t, "kubectl apply -f session.yaml")
	x.job(t)
	return x
}

// must runs a script that the examples need.
func (x *examples) must(t *testing.T, script string) string {
	t.Helper()
	return strings.TrimSpace(x.run(t, script).wants(t, 0).out)
}

// job brings basic-example to run, whatever the example before did to it.
func (x *examples) job(t *testing.T) {
	t.Helper()
	switch x.run(t, "kubectl get flinkdep basic-example -o jsonpath='{.spec.job.state} {.status.jobStatus.state}'").out {
	case "running RUNNING":
	case "":
		x.must(t, "kubectl apply -f basic.yaml")
	default:
		x.run(t, "kubectl flink resume basic-example --force")
	}
	main.running(t, "flinkdeployment", "basic-example", x.namespace)
	x.must(t, "kubectl label flinkdep basic-example team=orders --overwrite")
}

// session waits for the session cluster.
func (x *examples) session(t *testing.T) {
	t.Helper()
	eventually(t, "the session cluster", "READY", func() string {
		return x.run(t, "kubectl get flinkdep session-example -o jsonpath='{.status.jobManagerDeploymentStatus}'").out
	})
}

// unmanaged starts a job in the session cluster that no object stands for.
func (x *examples) unmanaged(t *testing.T) {
	t.Helper()
	x.session(t)
	x.must(t, "kubectl exec deploy/session-example -- flink run -d -t remote -m session-example-rest:8081 /opt/flink/examples/streaming/TopSpeedWindowing.jar")
	eventually(t, "the job in the session cluster", "RUNNING", func() string {
		return x.run(t, "kubectl flink jobs session-example -o jsonpath='{.items[0].state}'").out // those that go on come first
	})
}

func (x *examples) sessionJob(t *testing.T) {
	t.Helper()
	x.session(t)
	x.must(t, "kubectl apply -f session-job.yaml")
	main.running(t, "flinksessionjob", "session-job-example", x.namespace)
}

// prepare makes what an example speaks of.
func (x *examples) prepare(t *testing.T, e sample) {
	t.Helper()
	verb := e.word(2)
	uses := func(text string) bool { return strings.Contains(e.script, text) }
	switch verb {
	case "completion", "help", "options", "version":
		if uses("--check") {
			before := x.env
			t.Cleanup(func() { x.env = before })
			x.env = append(slices.Clip(x.env), x.github(t)...)
		}
		return
	case "submit":
		if uses("job-on-s3.yaml") {
			x.job(t)
			x.topSpeed(t)
		}
		if uses("submit -f") { // the example before it may have deleted it
			x.must(t, "! kubectl get flinkdep basic-example || kubectl flink delete basic-example --lose-state --yes")
		}
	case "cancel":
		x.unmanaged(t)
	case "recover":
		x.job(t)
		x.must(t, "kubectl flink backup basic-example --savepoint -o ./backup --overwrite")
		if !uses("--namespace-map") {
			x.must(t, "kubectl flink delete basic-example --lose-state --yes")
		}
	case "delete":
		if !uses("submit -f") { // that starts what the example before it deleted
			x.job(t)
		}
	case "jar":
		x.jars(t, e)
	case "storage":
		x.job(t)
		if uses("storage rm s3:") {
			x.onS3(t)
			metadata, err := os.ReadFile(filepath.Join(root, "pkg", "flink", "statefile", "testdata", "1.20", "hashmap-inline", "_metadata"))
			must(t, err)
			main.store(t, x.namespace).fill(t, "savepoints/", map[string][]byte{"savepoint-ebd8fd-0b5d1c2c5a3e/_metadata": metadata})
		}
	default:
		x.job(t)
	}
	switch {
	case uses("upgrade orders"):
		x.must(t, "kubectl flink submit orders --sql orders.sql -f base.yaml")
	case verb == "resume":
		x.must(t, "kubectl flink suspend basic-example")
	case uses("--method rest"):
		x.unmanaged(t)
	case uses("session-job-example"):
		x.sessionJob(t)
	case uses("session-example"):
		x.session(t)
	case uses("--control-center"):
		// Nothing but its name and port make a Service Control Center's.
		x.must(t, `kubectl delete service controlcenter-ng --ignore-not-found; kubectl create service clusterip controlcenter-ng --tcp 9021:8081 && kubectl patch service controlcenter-ng -p '{"spec": {"selector": {"app": "session-example", "component": "jobmanager"}}}'`)
	}
	if uses("nightly") && !uses("--name nightly") {
		if x.run(t, "kubectl get flinksnp nightly").code != 0 {
			x.must(t, "kubectl flink savepoint basic-example --name nightly")
		}
	}
	if verb == "sql" && !uses("--start-gateway") {
		x.must(t, "kubectl apply -f gateway.yaml && kubectl rollout status deployment/sql-gateway --timeout 3m")
	}
}

// jars makes what the examples of jar speak of, and has them reach the object store.
func (x *examples) jars(t *testing.T, e sample) {
	t.Helper()
	before := x.env
	t.Cleanup(func() { x.env = before })
	x.env = append(slices.Clip(x.env), "AWS_ACCESS_KEY_ID=minioadmin", "AWS_SECRET_ACCESS_KEY=minioadmin", "AWS_ENDPOINT_URL_S3=http://minio.minio-dev:9000")
	x.job(t)
	x.topSpeed(t)
	switch uses := func(text string) bool { return strings.Contains(e.script, text) }; {
	case uses("--deploy"):
		x.onS3(t)
	case uses("--secret"):
		x.must(t, "kubectl create secret generic minio --from-literal=AWS_ACCESS_KEY_ID=minioadmin --from-literal=AWS_SECRET_ACCESS_KEY=minioadmin")
	case uses("jar delete s3:"):
		x.must(t, "kubectl flink jar upload top-speed.jar s3://flink/jars/top-speed-1.0.jar --yes")
	case uses("jar delete session"):
		x.session(t)
		x.must(t, "kubectl flink jar upload top-speed.jar session-example")
	}
}

// onS3 starts basic-example again with its state in the object store, so that
// its credentials are known.
func (x *examples) onS3(t *testing.T) {
	t.Helper()
	x.must(t, "kubectl flink delete basic-example --lose-state --yes && kubectl apply -f basic-on-s3.yaml")
	main.running(t, "flinkdeployment", "basic-example", x.namespace)
}

// topSpeed makes a jar of this computer.
func (x *examples) topSpeed(t *testing.T) {
	t.Helper()
	x.must(t, "kubectl exec deploy/basic-example -- cat /opt/flink/examples/streaming/StateMachineExample.jar > top-speed.jar")
}

// clear takes away what the next example doesn't need.
func (x *examples) clear(t *testing.T, e sample) {
	t.Helper()
	uses := func(text string) bool { return strings.Contains(e.script, text) }
	switch verb := e.word(2); {
	case verb == "jar" && uses("--deploy"), uses("job-on-s3.yaml"), uses("storage rm s3:"):
		x.must(t, "kubectl flink delete basic-example --lose-state --yes")
	case verb == "clone", verb == "recover":
		for _, namespace := range []string{"staging", "examples-other"} {
			main.run(t, "delete", "flinkdeployments", "--all", "-n", namespace, "--timeout=3m").wants(t, 0)
		}
		main.run(t, "delete", "flinkdeployment", "basic-copy", "-n", x.namespace, "--ignore-not-found", "--timeout=3m").wants(t, 0)
	case verb == "cancel", uses("--method rest"):
		x.run(t, "kubectl flink cancel session-example --yes")
	case uses("svc/sql-gateway"):
		x.must(t, "kubectl delete -f gateway.yaml")
	case uses("submit orders"), uses("upgrade orders"):
		main.run(t, "delete", "flinkdeployment", "orders", "-n", x.namespace, "--ignore-not-found", "--timeout=3m").wants(t, 0)
	case verb == "submit" && uses("--sql"):
		x.run(t, "kubectl flink cancel session-example --yes")
	case verb == "submit" && uses("--deployment"), uses("session-job-example"):
		main.run(t, "delete", "flinksessionjobs", "--all", "-n", x.namespace, "--timeout=3m").wants(t, 0)
	}
}

// gateway is a SQL gateway of the session cluster.
const gateway = `
apiVersion: v1
kind: Service
metadata: {name: sql-gateway}
spec:
  selector: {app: sql-gateway}
  ports: [{port: 8083}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: sql-gateway}
spec:
  selector: {matchLabels: {app: sql-gateway}}
  template:
    metadata: {labels: {app: sql-gateway}}
    spec:
      containers:
        - name: gateway
          image: flink:1.20
          command: [bash, -c]
          args:
            - exec sql-gateway.sh start-foreground -Dsql-gateway.endpoint.rest.address=0.0.0.0
              -Dexecution.target=remote -Drest.address=session-example-rest -Drest.port=8081
          ports: [{containerPort: 8083}]
          readinessProbe: {httpGet: {path: /v1/info, port: 8083}}
          resources: {requests: {cpu: 100m}}
`

// github is the environment in which api.github.com is a server of this test,
// whose latest release is older than any: the machine may have no way to it.
func (s *shell) github(t *testing.T) []string {
	t.Helper()
	authority := testca.New(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"tag_name": "v0.0.1", "html_url": "https://github.com/kubectl-flink/kubectl-flink/releases/tag/v0.0.1"}`)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Server(t, "api.github.com")}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		there, err := net.Dial("tcp", server.Listener.Addr().String())
		if r.Method != http.MethodConnect || err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusOK)
		here, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		ctx, cancel := context.WithCancel(context.Background())
		go func() { _, _ = io.Copy(there, here); cancel() }()
		go func() { _, _ = io.Copy(here, there); cancel() }()
		<-ctx.Done()
		_ = here.Close()
		_ = there.Close()
	}))
	t.Cleanup(proxy.Close)
	s.write(t, "ca.pem", string(authority.PEM))
	return []string{"HTTPS_PROXY=" + proxy.URL, "NO_PROXY=", "SSL_CERT_FILE=" + filepath.Join(s.dir, "ca.pem")}
}
