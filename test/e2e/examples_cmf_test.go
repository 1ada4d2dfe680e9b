//go:build e2e && long

package e2e

import (
	"fmt"
	"hash/crc32"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmd"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest/incluster"
)

// cmfKinds are those that files describe, each after what it needs.
var cmfKinds = []string{"secret", "env", "secret-mapping", "catalog", "database", "pool", "app", "statement", "savepoint", "detached-savepoint"}

// Every example of kubectl cmf's help, and of the recipes, through the real kubectl, each on a
// stand-in of its own: what examples speak of is there, made from the files
// that `template` prints. The application's pods are those of a real job.
func TestExamplesOfCMF(t *testing.T) {
	main.basic(t)
	templates := cmfFiles(t)
	t.Cleanup(func() {
		main.run(t, "delete", "service", "controlcenter", "-n", "default", "--ignore-not-found").wants(t, 0)
	})
	t.Run("each", func(t *testing.T) {
		for _, e := range append(samples(cmd.NewRoot(nowhere())), recipes(t, "kubectl cmf")...) {
			t.Run(e.name(), func(t *testing.T) {
				t.Parallel()
				s := cmfShell(t, e, templates)
				s.example(t, e)
			})
		}
	})
}

// cmfFiles are manifests of what the examples speak of.
func cmfFiles(t *testing.T) map[string]string {
	t.Helper()
	names := strings.NewReplacer(
		"my-secret-id", "kafka-secret-id", "my-secret", "kafka-secret", "my-environment", "dev-env", "my-namespace", "default",
		"my-catalog", "main", "my-database", "kafka", "my-pool", "pool1", "my-application", "basic-example", "my-statement", "clicks",
	)
	own := map[string]string{"savepoint": "before-upgrade", "detached-savepoint": "old-state"}
	out := map[string]string{}
	for _, kind := range cmfKinds {
		text := main.kubectl(t, "cmf", kind, "template", "--for-version", "2.4.0")
		out[kind] = strings.ReplaceAll(names.Replace(text), "my-savepoint", own[kind]) + "\n"
	}
	return out
}

// cmfShell is a shell before a stand-in in which e can be tried.
func cmfShell(t *testing.T, e sample, files map[string]string) *shell {
	t.Helper()
	server, err := cmftest.New(cmftest.Options{Step: 10 * time.Millisecond, Clusters: []string{"spoke-1"}})
	must(t, err)
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	s := &shell{dir: t.TempDir(), endless: []endless{
		{regexp.MustCompile(`logs .*-f`), "INFO", "\x03", 130},
		{regexp.MustCompile(`cmf (ui|console)`), "localhost", "\x03", 0},
	}}
	s.env = append(os.Environ(), "KUBECONFIG="+main.kubeconfig,
		"PATH="+filepath.Join(root, "bin")+":"+kubectl+":"+os.Getenv("PATH"),
		"CONFLUENT_CMF_URL="+web.URL, "KUBECTL_CMF_STATE="+filepath.Join(s.dir, "state.json"),
		"HOME="+s.dir, "SHELL=/bin/bash", "JAAS_CONFIG=secret",
		// Who edits nothing changes nothing.
		"EDITOR=true", "KUBE_EDITOR=", "VISUAL=")
	for kind, text := range files {
		s.write(t, kind+".yaml", text)
		s.write(t, "deploy/"+kind+".yaml", text)
	}
	s.write(t, "overlays/dev/app.yaml", files["app"])
	s.write(t, "overlays/dev/kustomization.yaml", "resources: [app.yaml]\ncommonAnnotations: {kubectl-cmf/environment: dev-env}\n")
	s.write(t, "target/my-functions.jar", "PK")
	s.write(t, "pipeline.sql", "SELECT 1;\n")
	prepare := func(script string) { t.Helper(); s.run(t, script).wants(t, 0) }

	words := strings.Fields(strings.TrimPrefix(e.command, "kubectl cmf"))
	kind, verb := "", ""
	if len(words) > 0 {
		kind = words[0]
	}
	if len(words) > 1 {
		verb = words[1]
	}
	there := len(cmfKinds)
	switch at := slices.Index(cmfKinds, kind); {
	case at >= 0 && (verb == "create" || strings.Contains(e.script, "--for delete")):
		there = at
	case verb == "delete" && at >= 0:
		there = at + 1 // nothing that depends on it
	case strings.HasPrefix(e.script, "kubectl cmf pool create") && kind == "":
		there = slices.Index(cmfKinds, "pool") // the page of all commands
	case verb == "savepoint":
		there = slices.Index(cmfKinds, "savepoint")
	case kind == "apply":
		there = 2 // the environment
	}
	for _, kind := range cmfKinds[:there] {
		s.write(t, "before/"+kind+".yaml", files[kind])
	}
	if there > 0 {
		prepare("kubectl cmf apply -f before/ --wait")
	}
	switch {
	case strings.Contains(e.script, "version --check"):
		s.env = append(s.env, s.github(t)...)
	case kind == "secret" && strings.Contains(e.script, "secret-mapping create"):
		prepare("kubectl cmf apply -f env.yaml")
	case kind == "artifact" && verb != "create" && !strings.Contains(e.script, "--for delete"):
		prepare("kubectl cmf artifact create my-functions --file target/my-functions.jar")
	case kind == "kubernetes-cluster":
		prepare("kubectl cmf kubernetes-cluster get spoke-1 -o yaml > kubernetes-cluster.yaml")
	case e.command == "kubectl cmf env use":
		prepare("kubectl cmf env use dev-env")
	case e.command == "kubectl cmf server forget":
		prepare(`servers='{"servers":[{"endpoint":"https://cmf.example.com","namedBy":"cmfrestclass/default"}]}'
echo "{\"context:prod\":$servers,\"context:$(kubectl config current-context)\":$servers}" > state.json`)
	case kind == "statement" && (verb == "logs" || verb == "events"):
		// The pods are those of a real job, in the place of a SHARED pool's.
		prepare("kubectl cmf pool create basic-example --image x/cp-flink-sql:2 --flink-version v2_1 --type SHARED --wait")
		prepare("kubectl cmf statement delete clicks --lose-state && kubectl cmf statement create clicks --pool basic-example --sql 'SELECT 1'")
	case kind == "statement" && verb == "results":
		prepare("kubectl cmf statement delete clicks --lose-state && kubectl cmf statement create clicks --pool pool1 --sql 'SELECT 1' --wait")
	case kind == "statement" && (verb == "rescale" || verb == "resume" || verb == "stop"):
		prepare("kubectl cmf statement delete clicks --lose-state && kubectl cmf statement create clicks --pool pool1 --sql 'INSERT INTO t SELECT 1' --upgrade-mode savepoint --wait")
		if verb == "resume" {
			prepare("kubectl cmf statement savepoint clicks --name before-upgrade && kubectl cmf statement stop clicks --wait")
		}
	case kind == "sql" && strings.Contains(e.script, "statement create clicks"):
		prepare("kubectl cmf statement delete clicks --lose-state")
	case kind == "plugin":
		// Beside a copy, so that nothing is left in the work tree.
		prepare("mkdir bin && cp " + filepath.Join(root, "bin", "kubectl-cmf") + " bin")
		s.env = append(s.env, "PATH="+filepath.Join(s.dir, "bin")+":"+kubectl+":"+os.Getenv("PATH"))
	case kind == "console":
		// Nothing but its name and port make a Service Control Center's.
		// All examples have the same one: each looks for it in all namespaces.
		s.write(t, "controlcenter.yaml", `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "controlcenter", "namespace": "default"},
"spec": {"ports": [{"port": 9021, "targetPort": 8081}], "selector": {"app": "basic-example", "component": "jobmanager"}}}`)
		prepare("kubectl apply -f controlcenter.yaml --server-side")
		s.env = append(s.env, "BROWSER=true")
	case kind == "app" && verb == "import":
		// A job of its own: the one that all look at has to go on.
		namespace := main.flinkNamespace(t, fmt.Sprintf("cmf-import-%08x", crc32.ChecksumIEEE([]byte(e.script))))
		main.apply(t, namespace, exampleIn(t, namespace, "basic-example.yaml"))
		main.running(t, "flinkdeployment", "basic-example", namespace)
		s.inNamespace(t, namespace)
	case kind == "app" && verb == "eject":
		// Its savepoint has to be a real one, so the application is real Flink's.
		namespace := fmt.Sprintf("cmf-eject-%08x", crc32.ChecksumIEEE([]byte(e.script)))
		own := main.space(t, namespace)
		own.standIn(t, incluster.Options{Namespace: namespace})
		s.inNamespace(t, namespace)
		s.env = append(s.env, "CONFLUENT_CMF_URL=service:"+namespace+"/cmf-service")
		s.write(t, "real.yaml", strings.NewReplacer("flink.apache.org/v1beta1", "cmf.confluent.io/v1", "kind: FlinkDeployment", "kind: FlinkApplication").Replace(exampleIn(t, namespace, "basic-example.yaml")))
		prepare("kubectl cmf env create dev-env --kubernetes-namespace " + namespace + " && kubectl cmf app create -f real.yaml -e dev-env --wait")
	case e.command == "kubectl cmf app start":
		prepare("kubectl cmf app suspend basic-example")
	}
	return s
}

// inNamespace gives the shell a kube context of its own, with that namespace.
func (s *shell) inNamespace(t *testing.T, namespace string) {
	t.Helper()
	own := filepath.Join(s.dir, "kubeconfig")
	data, err := os.ReadFile(main.kubeconfig)
	must(t, err)
	must(t, os.WriteFile(own, data, 0o600))
	s.env = append(s.env, "KUBECONFIG="+own)
	s.run(t, "kubectl config set-context --current --namespace "+namespace).wants(t, 0)
}
