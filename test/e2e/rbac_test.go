//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// docs/rbac/viewer.yaml lets a user see what the JobManager says, and change
// nothing there: Flink's REST API itself knows no users.
func TestViewerReachesFlinkByGetAlone(t *testing.T) {
	t.Parallel()
	main.basic(t)
	const user = "somebody-who-looks"
	main.kubectl(t, "apply", "-f", filepath.Join(root, "docs", "rbac", "viewer.yaml"))
	main.kubectl(t, "create", "rolebinding", user, "--clusterrole", "kubectl-flink-viewer", "--user", user, "-n", "default")
	t.Cleanup(func() { main.run(t, "delete", "rolebinding", user, "-n", "default") })
	as := func(line string) result {
		t.Helper()
		return main.run(t, append(append([]string{"flink"}, strings.Fields(line)...), "-n", "default", "--as", user)...)
	}
	for _, line := range []string{
		"status basic-example", "top basic-example --once", "checkpoints basic-example", "logs basic-example --tail 1", "rest basic-example /jobs/overview",
	} {
		as(line).wants(t, 0)
	}
	for _, line := range []string{
		"savepoint basic-example --method rest", "checkpoint basic-example --method rest", "rest basic-example /jobs/:jobid?mode=cancel -X PATCH",
	} {
		as(line).wants(t, 1, "services/proxy", "kubectl auth can-i")
	}
	as("suspend basic-example").wants(t, 1)
	main.running(t, "flinkdeployment", "basic-example", "default")
}
