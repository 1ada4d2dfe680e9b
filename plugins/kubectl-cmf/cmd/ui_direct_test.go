package cmd

import (
	"errors"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

// The JobManager is that of the FlinkDeployment which CMF made; where the kube
// context doesn't have it, the other way is named.
func TestDirectPlace(t *testing.T) {
	cluster := flinktest.New(flinktest.Object(api.Deployment, "orders", ordersSpec, ordersStatus), flinktest.Object(api.Deployment, "pool", `{"image":"x","flinkConfiguration":{"rest.url-prefix":"/a/"}}`, ""))
	ref := cmf.Ref{Kind: cmf.Must("app"), Scope: cmf.Scope{Environment: "prod"}, Name: "orders"}
	for name, want := range map[string]string{"orders": "/#/job/running/aaa/overview", "pool": "/a/"} {
		place, err := directPlace(t.Context(), cluster.Client, flinkCluster{namespace: "ns", name: name}, ref)
		if err != nil || place.Page() != want || place.Target().Name != name+"-rest" {
			t.Errorf("%s: %s at %v, %v", name, place.Page(), place.Target(), err)
		}
	}
	_, err := directPlace(t.Context(), cluster.Client, flinkCluster{namespace: "ns", name: "other"}, ref)
	if err == nil || !strings.Contains(err.Error(), `app "orders" in environment "prod" can't be found in the cluster of the kube context`) || !strings.Contains(err.Error(), "Without --direct") {
		t.Errorf("none: %v", err)
	}
	cluster.Refuse("get", api.Deployment, errors.New("no route"))
	if _, err := directPlace(t.Context(), cluster.Client, flinkCluster{namespace: "ns", name: "orders"}, ref); err == nil || strings.Contains(err.Error(), "Without --direct") {
		t.Errorf("unreachable: %v", err)
	}
}

// Without a kube context --direct fails, and the way through CMF's proxy doesn't.
func TestUIDirectNeedsKubernetes(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{})
	r.env("dev-env")
	r.ok("apply", "-f", r.file("app.yaml", app("basic", "")), "-e", "dev-env")
	got := r.run("ui", "app/basic", "-e", "dev-env", "--direct", "--port", "0", "--print-url")
	if got.code != 1 || got.out != "" {
		t.Errorf("%+v", got)
	}
}
