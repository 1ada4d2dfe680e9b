package cmd

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/version"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

type offline []string

func (o *offline) RoundTrip(r *http.Request) (*http.Response, error) {
	*o = append(*o, r.URL.String())
	return nil, errors.New("no such host")
}

// The question for a newer release is asked by version --check and nothing
// else; offline that says so.
func TestOnlyVersionCheckAsksForReleases(t *testing.T) {
	original := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = original })
	asked := &offline{}
	http.DefaultTransport = asked
	run := func(args ...string) (string, string, int) {
		streams, _, out, errOut := genericiooptions.NewTestIOStreams()
		code := plugin.Execute(t.Context(), NewRoot(streams), streams, args)
		return out.String(), errOut.String(), code
	}
	if out, errOut, code := run("version", "--client"); code != 0 || !strings.Contains(out, version.Get().Version) || len(*asked) != 0 {
		t.Errorf("version --client: exit %d, asked %q\n%s%s", code, *asked, out, errOut)
	}
	out, errOut, code := run("version", "--check")
	if code != 1 || out != "" || !strings.Contains(errOut, "ask for the latest release") || !strings.Contains(errOut, "no such host") {
		t.Errorf("version --check offline: exit %d\n%s%s", code, out, errOut)
	}
	if len(*asked) != 1 || (*asked)[0] != version.LatestURL {
		t.Errorf("version --check asked %q", *asked)
	}
}

// The same binary under the name of a plugin of Confluent's CLI.
func TestHelpSaysWhatTheUserTypes(t *testing.T) {
	args := os.Args
	os.Args = []string{"/usr/local/bin/confluent-cmf"}
	defer func() { os.Args = args }()
	r := newRig(t, cmftest.Options{})
	for _, page := range [][]string{{"--help"}, {"statement", "--help"}, {"statement", "list", "--help"}, {"export", "--help"}} {
		got := r.run(page...)
		if got.code != 0 || strings.Contains(strings.Join(strings.Fields(got.out), " "), "kubectl cmf") || !strings.Contains(got.out, "confluent cmf") {
			t.Errorf("%v:\n%s", page, got.out)
		}
	}
}
