//go:build e2e && long

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A jar of this computer goes to the object store, and a job of Flink 2 to it, with its
// state; a manifest with a jar of this computer starts; a session cluster is given one.
func TestJarUpload(t *testing.T) {
	t.Parallel()
	const ns = "jars"
	main.flinkNamespace(t, ns)
	flink2 := strings.NewReplacer("flink:1.20", "flink:2.3", "v1_20", "v2_3")
	main.run(t, "flink", "submit", "-f", manifest(t, flink2.Replace(onS3(t, "jarred"))), "-n", ns).wants(t, 0)
	data := main.run(t, "exec", "-n", ns, "deploy/jarred", "--", "cat", "/opt/flink/examples/streaming/StateMachineExample.jar").wants(t, 0).out
	jar := filepath.Join(t.TempDir(), "machine.jar")
	must(t, os.WriteFile(jar, []byte(data), 0o600))

	// Another's bytes aren't replaced unasked, the same are left alone.
	const first, second = "s3://flink/jarred/jars/machine-1.jar", "s3://flink/jarred/jars/machine-2.jar"
	r := main.run(t, "flink", "-n", ns, "jar", "upload", jar, first).wants(t, 0)
	if strings.TrimSpace(r.out) != first || strings.Contains(r.out+r.err, "minioadmin") {
		t.Error(r)
	}
	main.run(t, "flink", "-n", ns, "jar", "upload", jar, first).wants(t, 0, "unchanged")
	other := filepath.Join(t.TempDir(), "other.jar")
	must(t, os.WriteFile(other, []byte("none"), 0o600))
	main.run(t, "flink", "-n", ns, "jar", "upload", other, first).wants(t, 2, "no jar")

	main.run(t, "flink", "-n", ns, "jar", "upload", jar, second, "--deploy", "jarred").wants(t, 0)
	if restored := main.checkpoints(t, "jarred", ns).Latest.Restored; restored == nil || !restored.IsSavepoint {
		t.Errorf("restored from %+v, want a savepoint", restored)
	}
	if uri := main.run(t, "get", "flinkdep", "jarred", "-n", ns, "-o", "jsonpath={.spec.job.jarURI}").wants(t, 0).out; uri != second {
		t.Errorf("the job's jar is %s", uri)
	}
	if r := main.run(t, "flink", "-n", ns, "jar", "list", "s3://flink/jarred/jars").wants(t, 0); !strings.Contains(r.out, first) || !strings.Contains(r.out, "flinkdeployment/jarred in "+ns) {
		t.Error(r)
	}
	main.run(t, "flink", "-n", ns, "jar", "delete", second, "--yes").wants(t, 1, "is the jar of flinkdeployment/jarred")
	main.run(t, "flink", "-n", ns, "jar", "delete", first, "--yes").wants(t, 0)

	// Wrong credentials are told from whom they are, and not what they are.
	main.kubectl(t, "create", "secret", "generic", "wrong", "-n", ns, "--from-literal=access-key=minioadmin", "--from-literal=secret-key=wrong-one")
	if r := main.run(t, "flink", "-n", ns, "jar", "upload", jar, first, "--job", "jarred", "--secret", "wrong").wants(t, 1, "which are those of Secret wrong"); strings.Contains(r.err, "wrong-one") {
		t.Error(r)
	}

	// The operator of the tests doesn't fetch by s3, which is said before anything is done.
	main.apply(t, ns, example(t, "session-example.yaml"))
	main.run(t, "flink", "-n", ns, "submit", "--deployment", "session-example", "--jar", jar, "--jar-dir", "s3://flink/jarred/jars").wants(t, 1, "kubernetes.operator.user.artifacts.allowed-schemes")
	eventually(t, "the session cluster", "READY", func() string {
		return main.run(t, "get", "flinkdep", "session-example", "-n", ns, "-o", "jsonpath={.status.jobManagerDeploymentStatus}").out
	})
	id := strings.TrimSpace(main.run(t, "flink", "-n", ns, "jar", "upload", jar, "session-example").wants(t, 0).out)
	if r := main.run(t, "flink", "-n", ns, "jar", "list", "session-example").wants(t, 0); !strings.Contains(r.out, id) || !strings.Contains(r.out, "machine.jar") {
		t.Error(r)
	}
	main.run(t, "flink", "-n", ns, "jar", "delete", "session-example", id, "--yes").wants(t, 0)
	if r := main.run(t, "flink", "-n", ns, "jar", "list", "session-example").wants(t, 0); strings.Contains(r.out, id) {
		t.Error(r)
	}
}
