//go:build e2e && long

package e2e

import (
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest/incluster"
)

// A job of Flink's operator becomes an application, with real Flink behind the
// stand-in for CMF: it goes on from its savepoint, and comes back.
func TestCMFImport(t *testing.T) {
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

	// And back, by hand, as the command says it.
	cmf(0, "app", "delete", "imported", "-e", "imports", "--lose-state")
	main.run(t, "flink", "resume", "flinkdeployment/basic-example", "-n", from).wants(t, 0)
	main.running(t, "flinkdeployment", "basic-example", from)
}
