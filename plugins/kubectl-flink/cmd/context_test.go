package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

const twoContexts = `apiVersion: v1
kind: Config
current-context: here
clusters:
- {name: here, cluster: {server: "https://here.example"}}
- {name: there, cluster: {server: "https://there.example"}}
users: [{name: me, user: {token: t}}]
contexts:
- {name: here, context: {cluster: here, user: me, namespace: mine}}
- {name: "arn:aws:eks:eu-west-1:1:cluster/there", context: {cluster: there, user: me, namespace: theirs}}
`

// Who works as somebody else does so in the other cluster, too: what is created
// there mustn't be created with one's own rights.
func TestAnotherContextIsUsedAsTheSameUser(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(twoContexts), 0o600); err != nil {
		t.Fatal(err)
	}
	streams := genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &bytes.Buffer{}, ErrOut: &bytes.Buffer{}}
	c := &common{IOStreams: streams, factory: kube.NewFactory("kubectl-flink", streams)}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.factory.Flags.AddFlags(flags)
	if err := flags.Parse([]string{
		"--kubeconfig", file, "-n", "from", "--as", "bob", "--as-group", "viewers", "--as-uid", "7", "--as-user-extra", "team=a", "--request-timeout", "9s", "--proxy-url", "http://proxy.example:3128",
	}); err != nil {
		t.Fatal(err)
	}
	if got, want := c.stopHint(api.Ref{Name: "s", Namespace: "n"})("1f"), "kubectl flink cancel s --job-id 1f -n n --kubeconfig="+file; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	to, err := c.contextOf("arn:aws:eks:eu-west-1:1:cluster/there")
	if err != nil {
		t.Fatal(err)
	}
	config, err := to.factory.Config()
	if err != nil {
		t.Fatal(err)
	}
	as := config.Impersonate
	if config.Host != "https://there.example" || as.UserName != "bob" || as.UID != "7" || !reflect.DeepEqual(as.Groups, []string{"viewers"}) ||
		!reflect.DeepEqual(as.Extra, map[string][]string{"team": {"a"}}) || config.Timeout.String() != "9s" || config.Proxy == nil {
		t.Errorf("%s as %+v, time-out %s, proxy %v", config.Host, as, config.Timeout, config.Proxy != nil)
	}
	if namespace, _, err := to.factory.Namespace(); err != nil || namespace != "theirs" {
		t.Errorf("namespace %q: %v", namespace, err)
	}
	odd := "an 'odd' one"
	c.factory.Flags.Context, c.factory.Flags.KubeConfig = &odd, nil
	if got, want := c.stopHint(api.Ref{Name: "s", Namespace: "n"})("1f"), `kubectl flink cancel s --job-id 1f -n n --context='an '\''odd'\'' one'`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
