//go:build e2e && long

package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest/incluster"
)

// A job of Flink's operator becomes an application, with real Flink behind the
// stand-in for CMF, and the application a job of the operator: both times it goes
// on from its savepoint.
func TestCMFImportAndEject(t *testing.T) {
	t.Parallel()
	const from, to = "cmf-import-from", "cmf-import-to"
	main := main.space(t, to)
	main.flinkNamespace(t, from)
	main.standIn(t, incluster.Options{Namespace: to})
	main.apply(t, from, exampleIn(t, from, "basic-example.yaml"))
	main.running(t, "flinkdeployment", "basic-example", from)
	cmf := func(code int, args ...string) result {
		t.Helper()
		return main.run(t, append(append([]string{"cmf"}, args...), "--cmf-url", "service:"+to+"/cmf-service")...).wants(t, code)
	}
	cmf(0, "env", "create", "imports", "--kubernetes-namespace", to)

	printed := cmf(0, "app", "import", "basic-example", "-n", from, "-e", "imports", "--name", "imported", "--dry-run=client")
	if !strings.Contains(printed.out, "kind: FlinkApplication") || !strings.Contains(printed.err, "is none of Confluent's images") {
		t.Errorf("the dry run: %s\n%s", printed.out, printed.err)
	}
	main.running(t, "flinkdeployment", "basic-example", from)

	imported := cmf(0, "app", "import", "basic-example", "-n", from, "-e", "imports", "--name", "imported").out
	_, path, ok := strings.Cut(imported, "restored from ")
	if !ok {
		t.Fatalf("the import: %s", imported)
	}
	main.hasMetadata(t, path)
	main.running(t, "flinkdeployment", "imported", to)
	state := func() string {
		return main.kubectl(t, "-n", from, "get", "flinkdeployment", "basic-example", "-o", "jsonpath={.spec.job.state} {.status.lifecycleState}")
	}
	if got := state(); got != "suspended SUSPENDED" {
		t.Errorf("the job that was imported is %s", got)
	}
	// Said again it finds all done, and starts nothing.
	cmf(0, "app", "import", "basic-example", "-n", from, "-e", "imports", "--name", "imported")

	// And back: the name of the job that was imported is taken.
	if got := cmf(1, "app", "eject", "imported", "-n", from, "-e", "imports", "--name", "basic-example").err; !strings.Contains(got, "has a flinkdeployment/basic-example already") {
		t.Errorf("a name that is taken: %s", got)
	}
	printed = cmf(0, "app", "eject", "imported", "-n", from, "-e", "imports", "--name", "ejected", "--dry-run=client")
	if !strings.Contains(printed.out, "kind: FlinkDeployment") || strings.Contains(printed.out, "initialSavepointPath") {
		t.Errorf("the dry run of the way back: %s\n%s", printed.out, printed.err)
	}
	main.running(t, "flinkdeployment", "imported", to)
	ejected := cmf(0, "app", "eject", "imported", "-n", from, "-e", "imports", "--name", "ejected").out
	_, second, ok := strings.Cut(ejected, "restored from ")
	if second = strings.TrimSpace(second); !ok || second == strings.TrimSpace(path) {
		t.Fatalf("the ejection: %s", ejected)
	}
	main.hasMetadata(t, second)
	main.running(t, "flinkdeployment", "ejected", from)
	if got := main.kubectl(t, "-n", from, "logs", "deployment/ejected"); !strings.Contains(got, second) {
		t.Errorf("the JobManager's log doesn't speak of %s", second)
	}
	if got := main.kubectl(t, "-n", to, "get", "flinkdeployment", "imported", "-o", "jsonpath={.spec.job.state} {.status.lifecycleState}"); got != "suspended SUSPENDED" {
		t.Errorf("CMF's job is %s", got)
	}
	// Said again it finds all done, and creates nothing.
	cmf(0, "app", "eject", "imported", "-n", from, "-e", "imports", "--name", "ejected")

	// What can't be created costs nothing, and one that never runs leaves the
	// application running from where it was.
	cmf(0, "app", "start", "imported", "-e", "imports")
	if got := cmf(1, "app", "eject", "imported", "-n", "no-such-namespace", "-e", "imports", "--force").err; !strings.Contains(got, "no-such-namespace") {
		t.Errorf("a namespace that isn't there: %s", got)
	}
	failed := cmf(1, "app", "eject", "imported", "-n", from, "-e", "imports", "--name", "ejected").err
	if !strings.Contains(failed, "is to run, too") {
		t.Errorf("both would run: %s", failed)
	}

	// Straight to the JobManager, and what pods say of the addresses of catalogs.
	address := main.served(t, "cmf", "ui", "app/imported", "-e", "imports", "--direct", "--cmf-url", "service:"+to+"/cmf-service")
	page, _, running := strings.Cut(address, "#/job/running/")
	response, err := http.Get(page + "jobs/overview")
	must(t, err)
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || !running || !strings.Contains(string(body), "RUNNING") {
		t.Errorf("%s answers %s, %v", address, body, err)
	}
	file := filepath.Join(t.TempDir(), "catalog.yaml")
	must(t, os.WriteFile(file, []byte(`
apiVersion: cmf.confluent.io/v1
kind: KafkaCatalog
metadata: {name: main}
spec: {srInstance: {connectionConfig: {schema.registry.url: "http://cmf-service.`+to+`"}}}
---
apiVersion: cmf.confluent.io/v1
kind: KafkaDatabase
metadata: {name: kafka, annotations: {kubectl-cmf/catalog: main}}
spec: {kafkaCluster: {connectionConfig: {bootstrap.servers: "no-such-kafka.`+to+`.svc.cluster.local:9092"}}}
`), 0o600))
	cmf(0, "apply", "-f", file)
	report := cmf(3, "doctor", "-e", "imports").out
	if !strings.Contains(report, "no such host: no-such-kafka."+to) || !strings.Contains(report, "tried in pod "+to+"/imported") || strings.Contains(report, "not tried") || strings.Contains(report, "catalog/main") {
		t.Errorf("the doctor: %s", report)
	}
}
