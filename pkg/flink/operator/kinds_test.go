package operator

import (
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

func TestParseRef(t *testing.T) {
	for arg, want := range map[string]string{
		"a":                                   "flinkdeployment/a",
		"flinkdep/a":                          "flinkdeployment/a",
		"FlinkDeployment/a":                   "flinkdeployment/a",
		"flinkdeployments.flink.apache.org/a": "flinkdeployment/a",
		"flinkdeployments.v1beta1.flink.apache.org/a": "flinkdeployment/a",
		"sessionjob/a": "flinksessionjob/a",
		"flinkbgdep/a": "flinkbluegreendeployment/a",
	} {
		ref, err := ParseRef(arg, "ns", api.JobKinds...)
		if err != nil || ref.String() != want || ref.Namespace != "ns" {
			t.Errorf("ParseRef(%q) = %v, %v; want %s", arg, ref, err, want)
		}
	}
	for _, arg := range []string{"", "pod/a", "flinkdep/", "flinkdep/a/b", "flinkstatesnapshot/a"} {
		if _, err := ParseRef(arg, "ns", api.JobKinds...); exit.Code(err) != exit.Usage {
			t.Errorf("ParseRef(%q): %v", arg, err)
		}
	}
}

func TestNear(t *testing.T) {
	for _, pair := range [][2]string{{"basic-example", "basic-exmaple"}, {"basic-example", "basic"}, {"modern", "modem"}} {
		if !Near(pair[0], pair[1]) {
			t.Errorf("%s should be near %s", pair[0], pair[1])
		}
	}
	if Near("basic-example", "orders") {
		t.Error("orders is not near basic-example")
	}
}

func TestOperatorVersionComesFromTheImage(t *testing.T) {
	for _, tc := range []struct{ label, image, want string }{
		{"1.16.0", "ghcr.io/apache/flink-kubernetes-operator:1.16.1", "1.16.1"},
		{"1.16.0", "registry:5000/operator", "1.16.0"},
		{"1.16.0", "x/operator:latest", "1.16.0"},
		{"1.16.0", "x/operator:1.15.0@sha256:abc", "1.15.0"},
		{"", "x/operator:a1b2c3", ""},
	} {
		if got := operatorVersion(tc.label, tc.image); got != tc.want {
			t.Errorf("%+v: got %q", tc, got)
		}
	}
}
