//go:build api

package api

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/operator"
)

// version is an object's resourceVersion: what touches it moves that.
func (s *server) version(t *testing.T, kind operator.Kind, namespace, name string) string {
	t.Helper()
	object, err := s.dynamic.Resource(kind.GVR()).Namespace(namespace).Get(t.Context(), name, metav1.GetOptions{})
	must(t, err)
	return object.GetResourceVersion()
}

func savingJob(configuration map[string]any) map[string]any {
	out := map[string]any{"state.savepoints.dir": "file:///flink-data/savepoints", "state.checkpoints.dir": "file:///flink-data/checkpoints"}
	maps.Copy(out, configuration)
	return out
}

func TestDryRunsAndRefusalsTouchNothing(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savingJob(map[string]any{"s3.secret-key": "hush"}))
	before := current.version(t, operator.Deployment, ns, "basic")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"upgrade", "basic", "--image", "flink:9", "--dry-run"}, exit.OK, "+ image: flink:9"},
		{[]string{"upgrade", "basic", "--image", "flink:9", "--dry-run=server"}, exit.OK, "(server dry run)"},
		{[]string{"upgrade", "basic", "--set", "s3.secret-key=other", "--dry-run"}, exit.OK, "+ flinkConfiguration s3.secret-key: ****** (another value)"},
		{[]string{"upgrade", "basic", "--image", "flink:1.20"}, exit.OK, "unchanged"},
		{[]string{"upgrade", "basic"}, exit.Usage, "what to upgrade?"},
		{[]string{"upgrade", "basic", "--parallelism", "0"}, exit.Usage, "less than 1"},
		{[]string{"upgrade", "basic", "--flink-version", "two"}, exit.Usage, "is no version"},
		{[]string{"upgrade", "basic", "--set", "kubernetes.cluster-id=x"}, exit.Usage, "the operator sees to it"},
		{[]string{"upgrade", "basic", "--image", "x", "--upgrade-mode", "stateless"}, exit.Usage, "--lose-state"},
		{[]string{"delete", "basic"}, exit.Usage, "add --yes"},
		{[]string{"delete", "basic", "--yes"}, exit.Failed, "no savepoint or checkpoint is known that is newer than its start"},
		{[]string{"delete", "basic", "--lose-state", "--dry-run"}, exit.OK, "deleted (client dry run)"},
		{[]string{"delete", "basic", "--lose-state", "--dry-run=server"}, exit.OK, "deleted (server dry run)"},
		{[]string{"clone", "basic", "basic"}, exit.Usage, "would be flinkdeployment/basic itself"},
		{[]string{"clone", "basic", strings.Repeat("a", 46)}, exit.Usage, "at most 45"},
		{[]string{"clone", "basic", "copy"}, exit.Failed, "is in no volume of the job's pods"},
		{[]string{"clone", "basic", "copy", "--to-namespace", "none"}, exit.Failed, "no namespace none"},
		{[]string{"clone", "basic", "copy", "--from", "none", "--dry-run=server"}, exit.OK, "copy created (server dry run)"},
		{[]string{"clone", "basic", "copy", "--from", "no-such"}, exit.Failed, "not found"},
		{[]string{"submit", "--deployment", "basic", "--jar", "https://x/y.jar"}, exit.Failed, "runs a job of its own"},
		{[]string{"submit", "--jar", "https://x/y.jar"}, exit.Usage, "--deployment is missing"},
	} {
		r := current.flink(t, t.Context(), append(c.args, "-n", ns)...)
		if r.code != c.code || !strings.Contains(r.out+r.err, c.want) {
			t.Errorf("%v: want exit code %d and %q\n%s", c.args, c.code, c.want, r)
		}
		if strings.Contains(r.out+r.err, "hush") {
			t.Errorf("%v: a secret\n%s", c.args, r)
		}
	}
	if after := current.version(t, operator.Deployment, ns, "basic"); after != before {
		t.Errorf("the job was touched: %s, was %s", after, before)
	}
	all, err := current.dynamic.Resource(operator.Deployment.GVR()).Namespace(ns).List(t.Context(), metav1.ListOptions{})
	must(t, err)
	if len(all.Items) != 1 || len(current.snapshots(t, ns)) != 0 {
		t.Errorf("%d jobs, %d snapshots", len(all.Items), len(current.snapshots(t, ns)))
	}
}

func TestUpgradeOfAStatelessJobAsks(t *testing.T) {
	ns := current.namespace(t)
	spec := deploymentSpec(savingJob(nil))
	spec["job"].(map[string]any)["upgradeMode"] = "stateless"
	current.create(t, operator.Deployment, ns, "basic", spec, runningStatus())
	before := current.version(t, operator.Deployment, ns, "basic")
	current.flink(t, t.Context(), "upgrade", "basic", "-n", ns, "--image", "x").wants(t, exit.Failed, "--upgrade-mode savepoint", "--lose-state")
	if after := current.version(t, operator.Deployment, ns, "basic"); after != before {
		t.Error("the job was touched")
	}
}

func TestDeleteIsSafeAndGivesAManifest(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", savingJob(nil))
	current.completeSnapshots(t, ns)
	r := current.flink(t, t.Context(), "delete", "basic", "-n", ns, "--with-savepoint", "--yes", "-o", "jsonpath={.spec.job.initialSavepointPath} {.metadata.uid}")
	r.wants(t, exit.OK)
	if !strings.HasPrefix(r.out, "file:/flink-data/savepoints/savepoint-basic-") || !strings.HasSuffix(r.out, " ") {
		t.Error(r)
	}
	current.flink(t, t.Context(), "delete", "basic", "-n", ns, "--yes").wants(t, exit.Failed, "not found")
}

func TestSubmitFollowsToRunning(t *testing.T) {
	ns := current.namespace(t)
	file := filepath.Join(t.TempDir(), "job.yaml")
	must(t, os.WriteFile(file, []byte("apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: basic}\nspec: {flinkVersion: v1_20, serviceAccount: flink, job: {jarURI: local:///x.jar}}\n"), 0o600))
	r := current.flink(t, t.Context(), "submit", "-f", file, "-n", ns, "--timeout", "2s")
	r.wants(t, exit.TimedOut, "timed out after 2s", "not seen by the operator yet", "kubectl flink delete flinkdeployment/basic")
	current.flink(t, t.Context(), "delete", "basic", "-n", ns, "--yes").wants(t, exit.OK)
	r = current.flink(t, t.Context(), "submit", "-f", file, "-n", ns, "--wait=false", "-o", "name")
	r.wants(t, exit.OK)
	if r.out != "flinkdeployment.flink.apache.org/basic\n" {
		t.Error(r)
	}
}
