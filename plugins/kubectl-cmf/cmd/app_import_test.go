package cmd

import (
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

const (
	ordersSpec = `{"image":"flink:1.20","flinkVersion":"v1_20","serviceAccount":"flink","restartNonce":3,
		"ingress":{"template":"flink.example.com"},
		"flinkConfiguration":{"execution.checkpointing.dir":"s3://b/c","execution.checkpointing.savepoint-dir":"s3://b/s","s3.secret-key":"hunter2","high-availability.type":"kubernetes","kubernetes.cluster-id":"x","taskmanager.numberOfTaskSlots":"4"},
		"podTemplate":{"metadata":{"annotations":{"platform.confluent.io/x":"y","team":"a"}}},
		"job":{"state":"running","jarURI":"local:///opt/job.jar","upgradeMode":"savepoint","parallelism":2,"initialSavepointPath":"s3://b/old"}}`
	ordersStatus = `{"observedGeneration":1,"lifecycleState":"STABLE","jobManagerDeploymentStatus":"READY","reconciliationStatus":{"state":"DEPLOYED","lastStableSpec":"{}"},"jobStatus":{"state":"RUNNING","jobId":"aaa","startTime":"946684000000"}}`
)

// withOrders is a rig with the FlinkDeployment orders in the namespace ns, and the
// environment prod.
func withOrders(t *testing.T, spec string) (*rig, *flinktest.Cluster) {
	t.Helper()
	r := newRig(t, cmftest.Options{})
	cluster := flinktest.New(flinktest.Object(api.Deployment, "orders", spec, ordersStatus),
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "flink", Namespace: "flink"}})
	r.operators = func() (*operator.Client, func(), error) { return cluster.Client, func() {}, nil }
	r.ok("env", "create", "prod", "--kubernetes-namespace", "flink", "--defaults", `{"spec":{"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"2"}}}`)
	return r, cluster
}

// A dry run prints the application, and says first what doesn't go over as it is;
// nothing is changed on either side.
func TestAppImportDryRun(t *testing.T) {
	r, cluster := withOrders(t, ordersSpec)
	r.server.Forget()
	got := r.run("app", "import", "flinkdeployment/orders", "-n", "ns", "-e", "prod", "--dry-run=client")
	if got.code != 0 {
		t.Fatal(got.err)
	}
	contains(t, got.out, "kind: FlinkApplication", "name: orders", "kubectl-cmf/imported-from: ns/orders", "state: suspended", "jarURI: local:///opt/job.jar", "s3.secret-key: <redacted>", "team: a")
	for _, gone := range []string{"ingress", "restartNonce", "initialSavepointPath", "cluster-id", "platform.confluent.io", "hunter2"} {
		if strings.Contains(got.out, gone) {
			t.Errorf("%s is in:\n%s", gone, got.out)
		}
	}
	contains(t, got.err,
		"spec.ingress: left out", "spec.restartNonce: left out", "spec.job.initialSavepointPath: left out",
		"spec.flinkConfiguration.kubernetes.cluster-id: left out", "spec.podTemplate.metadata.annotations.platform.confluent.io/x: left out",
		`spec.flinkConfiguration.taskmanager.numberOfTaskSlots: becomes "2" in place of "4"`, "flink:1.20 is none of Confluent's images")
	for _, request := range r.server.Requests() {
		if request.Method != http.MethodGet {
			t.Errorf("CMF got %s %s", request.Method, request.Path)
		}
	}
	if writes := cluster.Writes(); len(writes) > 0 {
		t.Errorf("Kubernetes got %q", writes)
	}
	contains(t, r.ok("app", "import", "orders", "-n", "ns", "-e", "prod", "--name", "new", "--dry-run", "-o", "json", "--show-secrets"), `"name": "new"`, "hunter2")
}

// What can't be imported is refused, with all reasons, before anything is changed.
func TestAppImportRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spec  string
		args  []string
		code  int
		words string
	}{
		"session cluster":  {spec: `{"image":"flink:1.20"}`, code: 1, words: "orders is a session cluster"},
		"claims its state": {spec: strings.Replace(ordersSpec, `"s3.secret-key":"hunter2"`, `"execution.savepoint-restore-mode":"CLAIM"`, 1), code: 1, words: "delete what the job needs to run again"},
		"no account":       {spec: strings.Replace(ordersSpec, `"serviceAccount":"flink"`, `"serviceAccount":"other"`, 1), code: 1, words: "namespace flink has no serviceaccount/other"},
		"a name too long":  {args: []string{"--name", strings.Repeat("a", 46)}, code: 1, words: "at most 45"},
		"no such job":      {args: []string{"nothing"}, code: 1, words: `"nothing" not found`},
		"not a deployment": {args: []string{"flinksessionjob/orders"}, code: 2, words: "is not one of flinkdeployment"},
		"server dry run":   {args: []string{"--dry-run=server"}, code: 2, words: "no version of CMF can check a change"},
		"there already":    {args: []string{"--name", "taken"}, code: 1, words: `app "taken" in environment "prod" is there already`},
		"no time":          {args: []string{"--timeout", "-1s"}, code: 2, words: "--timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := c.spec
			if spec == "" {
				spec = ordersSpec
			}
			r, cluster := withOrders(t, spec)
			r.ok("app", "create", "-e", "prod", "-f", r.file("taken.yaml", "{apiVersion: cmf.confluent.io/v1, kind: FlinkApplication, metadata: {name: taken}, spec: {image: x}}"))
			args := []string{"app", "import", "-n", "ns", "-e", "prod"}
			if len(c.args) == 0 || strings.HasPrefix(c.args[0], "-") {
				args = append(args, "orders")
			}
			got := r.run(append(args, c.args...)...)
			if got.code != c.code {
				t.Errorf("exit code %d: %s", got.code, got.err)
			}
			contains(t, got.err, c.words)
			if writes := cluster.Writes(); len(writes) > 0 {
				t.Errorf("Kubernetes got %q", writes)
			}
		})
	}
}
