package kube

import (
	"io"
	"testing"

	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// Who suspends a job with --context and copies what is said at the end must not
// change a job of that name in another cluster.
func TestAim(t *testing.T) {
	for _, c := range []struct {
		args       []string
		text, want string
	}{
		{nil, "Go on: kubectl flink status a -n ns --for stable", "Go on: kubectl flink status a -n ns --for stable"},
		{
			[]string{"--context", "prod"},
			"Go on: kubectl flink status a -n ns --for stable\nOr: kubectl delete deployment a -n ns",
			"Go on: kubectl flink status a -n ns --context prod --for stable\nOr: kubectl delete deployment a -n ns --context prod",
		},
		{[]string{"--context", "prod"}, "see why (kubectl flink doctor a -n ns), then kubectl flink upgrade a -n ns", "see why (kubectl flink doctor a -n ns --context prod), then kubectl flink upgrade a -n ns --context prod"},
		{[]string{"--context=it's prod", "--kubeconfig", "/k/c"}, "kubectl flink list -n ns", `kubectl flink list -n ns --kubeconfig /k/c --context 'it'\''s prod'`},
		{[]string{"--context", "prod"}, "kubectl flink stop a -n ns --context=prod --quiet", "kubectl flink stop a -n ns --context=prod --quiet"},
		{[]string{"--context", "prod"}, "the namespace is -n ns; nothing to run", "the namespace is -n ns; nothing to run"},
		{[]string{"--token", "hunter2", "--server", "https://me:hunter2@host"}, "kubectl flink list -n ns", "kubectl flink list -n ns --server 'https://me:******@host'"},
	} {
		f := NewFactory("test", genericiooptions.IOStreams{ErrOut: io.Discard})
		flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
		f.AddFlags(flags)
		if err := flags.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		if got := f.Aim(c.text); got != c.want {
			t.Errorf("%q: %q is aimed as\n%q, want\n%q", c.args, c.text, got, c.want)
		}
		if got := Aim(c.text, flags); got != c.want {
			t.Errorf("by flags %q: %q is aimed as\n%q, want\n%q", c.args, c.text, got, c.want)
		}
	}
}
