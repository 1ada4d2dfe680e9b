package view

import (
	"bytes"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/operator"
)

func snapshotReport(done bool) operator.SavepointReport {
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkStateSnapshot", "status": map[string]any{"path": "s3://b/sp"}}}
	object.SetName("orders-savepoint-manual-1")
	return operator.SavepointReport{
		Job: operator.Ref{Kind: operator.Deployment, Namespace: "ns", Name: "orders"}, Method: operator.Resource,
		Snapshot: operator.Snapshot{Object: object}, Format: "NATIVE", Path: "s3://b/sp", Duration: 4400 * time.Millisecond, Done: done,
	}
}

func nonceReport() operator.SavepointReport {
	return operator.SavepointReport{
		Job: operator.Ref{Kind: operator.Deployment, Namespace: "ns", Name: "orders"}, Method: operator.Nonce,
		Path: "s3://b/old", Format: "CANONICAL", Nonce: 1764000000001, Done: true,
	}
}

func TestSavepointsOfSeveralNamespaces(t *testing.T) {
	result := Savepoints([]operator.SavepointReport{snapshotReport(true)}, SavepointForm{List: true, Namespaces: true})
	var out bytes.Buffer
	if err := result.Text(&out); err != nil || out.String() != "flinkstatesnapshot.flink.apache.org/orders-savepoint-manual-1 completed: s3://b/sp (namespace ns)\n" {
		t.Errorf("%q %v", out.String(), err)
	}
	if result.Table.Columns[0].Name != "NAMESPACE" || result.Table.Rows[0][0].Text != "ns" {
		t.Errorf("%+v", result.Table)
	}
}

func TestSavepointsInEveryForm(t *testing.T) {
	requested := snapshotReport(false)
	for name, tc := range map[string]struct {
		reports []operator.SavepointReport
		list    bool
		dryRun  string
		output  string
		want    string
	}{
		"completed":       {[]operator.SavepointReport{snapshotReport(true)}, false, "", "", "flinkstatesnapshot.flink.apache.org/orders-savepoint-manual-1 completed: s3://b/sp\n"},
		"not waited for":  {[]operator.SavepointReport{requested}, false, "", "", "flinkstatesnapshot.flink.apache.org/orders-savepoint-manual-1 created\n"},
		"old operator":    {[]operator.SavepointReport{nonceReport()}, false, "", "", "flinkdeployment.flink.apache.org/orders savepoint completed: s3://b/old\n"},
		"dry run":         {[]operator.SavepointReport{requested}, false, "server", "", "flinkstatesnapshot.flink.apache.org/orders-savepoint-manual-1 created (server dry run)\n"},
		"name":            {[]operator.SavepointReport{snapshotReport(true)}, false, "", "name", "flinkstatesnapshot.flink.apache.org/orders-savepoint-manual-1\n"},
		"name of old":     {[]operator.SavepointReport{nonceReport()}, false, "", "name", "flinkdeployment.flink.apache.org/orders\n"},
		"path":            {[]operator.SavepointReport{snapshotReport(true)}, false, "", "jsonpath={.status.path}", "s3://b/sp"},
		"path of old":     {[]operator.SavepointReport{nonceReport()}, false, "", "jsonpath={.status.path}", "s3://b/old"},
		"paths of a list": {[]operator.SavepointReport{snapshotReport(true), nonceReport()}, true, "", "jsonpath={.items[*].status.path}", "s3://b/sp s3://b/old"},
		"wide": {
			[]operator.SavepointReport{snapshotReport(true)},
			false, "", "wide",
			"NAME                        JOB                      STATE       FORMAT   DURATION   METHOD     PATH\n" +
				"orders-savepoint-manual-1   flinkdeployment/orders   COMPLETED   NATIVE   4.4s       resource   s3://b/sp\n",
		},
		"yaml of old": {
			[]operator.SavepointReport{nonceReport()},
			false, "", "yaml",
			"apiVersion: kubectl-flink/v1\nkind: Savepoint\nmetadata:\n  name: orders\n  namespace: ns\nspec:\n  jobReference:\n    kind: FlinkDeployment\n    name: orders\n" +
				"  savepoint:\n    formatType: CANONICAL\n  savepointTriggerNonce: 1764000000001\nstatus:\n  path: s3://b/old\n  state: COMPLETED\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var flags printer.Flags
			flags.AddFlags(&cobra.Command{})
			flags.Output = tc.output
			var out bytes.Buffer
			if err := flags.Print(&out, Savepoints(tc.reports, SavepointForm{List: tc.list, DryRun: tc.dryRun})); err != nil {
				t.Fatal(err)
			}
			if out.String() != tc.want {
				t.Errorf("got\n%s\nwant\n%s", out.String(), tc.want)
			}
		})
	}
}
