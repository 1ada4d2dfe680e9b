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

const ejectSpec = `{"image":"confluentinc/cp-flink:2.1.1","flinkVersion":"v2_1","serviceAccount":"flink","restartNonce":3,
	"flinkConfiguration":{"execution.checkpointing.dir":"s3://b/c","execution.checkpointing.savepoint-dir":"s3://b/s","s3.secret-key":"hunter2","taskmanager.numberOfTaskSlots":"4"},
	"podTemplate":{"metadata":{"annotations":{"platform.confluent.io/x":"y","team":"a"}}},
	"job":{"state":"running","jarURI":"local:///opt/job.jar","upgradeMode":"savepoint","parallelism":2,"initialSavepointPath":"s3://b/old"}}`

// withApp is a rig with the application orders in the environment prod, and a
// cluster whose namespace ns has a FlinkDeployment called taken.
func withApp(t *testing.T, spec string) (*rig, *flinktest.Cluster) {
	t.Helper()
	r := newRig(t, cmftest.Options{})
	cluster := flinktest.New(flinktest.Object(api.Deployment, "taken", ordersSpec, ordersStatus),
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "flink", Namespace: "ns"}})
	r.operators = func() (*operator.Client, func(), error) { return cluster.Client, func() {}, nil }
	r.ok("env", "create", "prod", "--kubernetes-namespace", "flink", "--defaults", `{"spec":{"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"2"}}}`)
	// One whose image is broken is there, too.
	r.run("app", "create", "-e", "prod", "-f", r.file("orders.yaml", `{"apiVersion":"cmf.confluent.io/v1","kind":"FlinkApplication","metadata":{"name":"orders","labels":{"team":"a"}},"spec":`+spec+`}`))
	return r, cluster
}

// A dry run prints the FlinkDeployment, and says first what doesn't go over as it
// is; nothing is changed on either side.
func TestAppEjectDryRun(t *testing.T) {
	r, cluster := withApp(t, ejectSpec)
	r.server.Forget()
	got := r.run("app", "eject", "app/orders", "-n", "ns", "-e", "prod", "--dry-run=client")
	if got.code != 0 {
		t.Fatal(got.err)
	}
	contains(t, got.out, "kind: FlinkDeployment", "name: orders", "namespace: ns", "kubectl-cmf/ejected-from: prod/orders", "state: running", "jarURI: local:///opt/job.jar", "s3.secret-key: '******'", "team: a", `taskmanager.numberOfTaskSlots: "2"`)
	for _, gone := range []string{"restartNonce", "initialSavepointPath", "platform.confluent.io", "hunter2", "status"} {
		if strings.Contains(got.out, gone) {
			t.Errorf("%s is in:\n%s", gone, got.out)
		}
	}
	contains(t, got.err,
		"spec.restartNonce: left out", "spec.job.initialSavepointPath: left out", "spec.podTemplate.metadata.annotations.platform.confluent.io/x: left out",
		`spec.flinkConfiguration.taskmanager.numberOfTaskSlots: becomes "2" in place of "4"`, "cp-flink:2.1.1 is one of Confluent's images")
	for _, request := range r.server.Requests() {
		if request.Method != http.MethodGet {
			t.Errorf("CMF got %s %s", request.Method, request.Path)
		}
	}
	if writes := cluster.Writes(); len(writes) > 0 {
		t.Errorf("Kubernetes got %q", writes)
	}
	contains(t, r.ok("app", "eject", "orders", "-n", "ns", "-e", "prod", "--name", "new", "--dry-run", "-o", "json", "--show-secrets"), `"name": "new"`, "hunter2")
}

// What can't be ejected is refused, with all reasons, before anything is changed.
func TestAppEjectRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spec  string
		args  []string
		code  int
		words string
	}{
		"no job":                {spec: `{"image":"x","flinkVersion":"v2_1"}`, code: 1, words: "there is no job to move"},
		"claims its state":      {spec: strings.Replace(ejectSpec, `"s3.secret-key":"hunter2"`, `"execution.state-recovery.claim-mode":"claim"`, 1), code: 1, words: "the FlinkDeployment would own the savepoint"},
		"an artifact":           {spec: strings.Replace(ejectSpec, "local:///opt/job.jar", "cmf://prod/job", 1), code: 1, words: "spec.job.jarURI: names an artifact of CMF"},
		"no account":            {spec: strings.Replace(ejectSpec, `"serviceAccount":"flink"`, `"serviceAccount":"other"`, 1), code: 1, words: "namespace ns has no serviceaccount/other"},
		"CMF's own":             {args: []string{"-n", "flink"}, code: 1, words: "CMF's own FlinkDeployment is flinkdeployment/orders, too"},
		"a name too long":       {args: []string{"--name", strings.Repeat("a", 46)}, code: 1, words: "at most 45"},
		"there already":         {args: []string{"--name", "taken"}, code: 1, words: "namespace ns has a flinkdeployment/taken already"},
		"no such application":   {args: []string{"nothing"}, code: 1, words: "not found"},
		"not an application":    {args: []string{"statement/orders"}, code: 2, words: `"statement/orders" is not an application`},
		"it can't run":          {spec: strings.Replace(ejectSpec, "confluentinc/cp-flink", "broken/x", 1), code: 1, words: "so no savepoint can be taken"},
		"it lost its state":     {spec: strings.NewReplacer("running", "suspended", `"upgradeMode":"savepoint"`, `"upgradeMode":"stateless"`).Replace(ejectSpec), code: 1, words: "is suspended by upgradeMode stateless"},
		"nobody knows its path": {spec: strings.Replace(ejectSpec, "running", "suspended", 1), code: 1, words: "CMF doesn't tell where its state is"},
		"server dry run":        {args: []string{"--dry-run=server"}, code: 2, words: "no version of CMF can check a change"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := c.spec
			if spec == "" {
				spec = ejectSpec
			}
			r, cluster := withApp(t, spec)
			args := []string{"app", "eject", "-n", "ns", "-e", "prod"}
			if len(c.args) == 0 || strings.HasPrefix(c.args[0], "-") {
				args = append(args, "orders")
			}
			r.server.Forget()
			got := r.run(append(args, c.args...)...)
			if got.code != c.code {
				t.Errorf("exit code %d: %s", got.code, got.err)
			}
			contains(t, got.err, c.words)
			if writes := cluster.Writes(); len(writes) > 0 {
				t.Errorf("Kubernetes got %q", writes)
			}
			for _, request := range r.server.Requests() {
				if request.Method != http.MethodGet {
					t.Errorf("CMF got %s %s", request.Method, request.Path)
				}
			}
		})
	}
}

// An application without a service account gets the one of the operator's chart.
func TestAppEjectTakesTheChartsAccount(t *testing.T) {
	r, _ := withApp(t, strings.Replace(ejectSpec, `"serviceAccount":"flink",`, "", 1))
	got := r.run("app", "eject", "orders", "-n", "ns", "-e", "prod", "--dry-run=client")
	contains(t, got.out, "serviceAccount: flink")
	contains(t, got.err, `spec.serviceAccount: becomes "flink"`)
}
