package view

import (
	"bytes"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

func snapshotReport(done bool) savepoint.Report {
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkStateSnapshot", "status": map[string]any{"path": "s3://b/sp"}}}
	object.SetName("orders-savepoint-manual-1")
	return savepoint.Report{
		Job: api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "orders"}, Method: savepoint.Resource,
		Snapshot: api.Snapshot{Object: object}, Format: "NATIVE", Path: "s3://b/sp", Duration: 4400 * time.Millisecond, Done: done,
	}
}

func nonceReport() savepoint.Report {
	return savepoint.Report{
		Job: api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "orders"}, Method: savepoint.Nonce,
		Path: "s3://b/old", Format: "CANONICAL", Nonce: 1764000000001, Done: true,
	}
}

func TestSavepointsOfSeveralNamespaces(t *testing.T) {
	result := Savepoints([]savepoint.Report{snapshotReport(true)}, SavepointForm{List: true, Namespaces: true})
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
		reports []savepoint.Report
		list    bool
		dryRun  string
		output  string
		want    string
	}{
		"completed":       {[]savepoint.Report{snapshotReport(true)}, false, "", "", "flinkstatesnapshot.flink.apache.org/orders-savepoint-manual-1 completed: s3://b/sp\n"},
		"not waited for":  {[]savepoint.Report{requested}, false, "", "", "flinkstatesnapshot.flink.apache.org/orders-savepoint-manual-1 created\n"},
		"old operator":    {[]savepoint.Report{nonceReport()}, false, "", "", "flinkdeployment.flink.apache.org/orders savepoint completed: s3://b/old\n"},
		"dry run":         {[]savepoint.Report{requested}, false, "server", "", "flinkstatesnapshot.flink.apache.org/orders-savepoint-manual-1 created (server dry run)\n"},
		"name":            {[]savepoint.Report{snapshotReport(true)}, false, "", "name", "flinkstatesnapshot.flink.apache.org/orders-savepoint-manual-1\n"},
		"name of old":     {[]savepoint.Report{nonceReport()}, false, "", "name", "flinkdeployment.flink.apache.org/orders\n"},
		"path":            {[]savepoint.Report{snapshotReport(true)}, false, "", "jsonpath={.status.path}", "s3://b/sp"},
		"path of old":     {[]savepoint.Report{nonceReport()}, false, "", "jsonpath={.status.path}", "s3://b/old"},
		"paths of a list": {[]savepoint.Report{snapshotReport(true), nonceReport()}, true, "", "jsonpath={.items[*].status.path}", "s3://b/sp s3://b/old"},
		"wide": {
			[]savepoint.Report{snapshotReport(true)},
			false, "", "wide",
			"NAME                        JOB                      STATE       FORMAT   DURATION   METHOD     PATH\n" +
				"orders-savepoint-manual-1   flinkdeployment/orders   COMPLETED   NATIVE   4.4s       resource   s3://b/sp\n",
		},
		"yaml of old": {
			[]savepoint.Report{nonceReport()},
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
