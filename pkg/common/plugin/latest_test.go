package plugin

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/version"
)

// answers stands in for the way to every server.
type answers func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

func TestCheckLatest(t *testing.T) {
	original := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = original })
	http.DefaultTransport = answers(func(r *http.Request) (*http.Response, error) {
		if r.URL.String() != version.LatestURL || r.Method != http.MethodGet || !strings.HasPrefix(r.UserAgent(), "kubectl-x/v1.") && !strings.HasPrefix(r.UserAgent(), "kubectl-x/dev ") {
			t.Errorf("%s %s by %s", r.Method, r.URL, r.UserAgent())
		}
		body := `{"tag_name":"v1.2.0","html_url":"https://example.com/\u001b[31mv1.2.0"}`
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})
	for _, tc := range []struct {
		own, output, want string
		code              int
	}{
		{"v1.1.0", "", "v1.2.0 is newer than this v1.1.0: https://example.com/", exit.No},
		{"v1.2.0", "", "v1.2.0 is the latest release\n", exit.OK},
		{"v1.3.0", "", "v1.3.0 is the latest release\n", exit.OK},
		{"dev", "", "The latest release is v1.2.0; this build (dev) is none.", exit.OK},
		{"v1.1.0", "json", `"newer": true`, exit.No},
		{"v1.1.0", "yaml", "latest: v1.2.0\n", exit.No},
	} {
		var out bytes.Buffer
		err := checkLatest(t.Context(), &out, &printer.Flags{Output: tc.output}, "kubectl-x", version.Info{Version: tc.own})
		if exit.Code(err) != tc.code && err != nil || err == nil && tc.code != exit.OK || !strings.Contains(out.String(), tc.want) {
			t.Errorf("%s -o %q: %v\n%s", tc.own, tc.output, err, out.String())
		}
		if tc.output == "" && strings.Contains(out.String(), "\x1b") {
			t.Errorf("a control character of the page reached the terminal: %q", out.String())
		}
	}
	http.DefaultTransport = answers(func(*http.Request) (*http.Response, error) { return nil, errors.New("no such host") })
	var out bytes.Buffer
	err := checkLatest(t.Context(), &out, &printer.Flags{}, "kubectl-x", version.Info{Version: "v1.1.0"})
	if err == nil || exit.Code(err) != exit.Failed || !strings.Contains(err.Error(), "no such host") || !strings.Contains(err.Error(), "releases with a browser") || out.Len() != 0 {
		t.Errorf("offline: %v (exit %d)\n%s", err, exit.Code(err), out.String())
	}
}
