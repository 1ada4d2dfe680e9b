package cmd

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
)

// A manifest is held against a cluster by a dry run; nothing else is written, and
// what the cluster says stands beside what the manifest itself shows.
func TestLintServer(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var mu sync.Mutex
	var writes []string
	status := func(w http.ResponseWriter, code int, reason, message string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":%q}`, reason, code, message)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			mu.Lock()
			writes = append(writes, r.Method+" "+r.URL.Path+" "+r.URL.Query().Get("dryRun"))
			mu.Unlock()
			status(w, http.StatusBadRequest, "BadRequest", `admission webhook "flinkoperator.flink.apache.org" denied the request: parallelism 17 is odd`)
			return
		}
		switch {
		case r.URL.Path == "/api/v1/namespaces/prod":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"prod"}}`)
		case strings.HasSuffix(r.URL.Path, "/resourcequotas"):
			status(w, http.StatusForbidden, "Forbidden", "resourcequotas is forbidden")
		default:
			status(w, http.StatusNotFound, "NotFound", "not found")
		}
	}))
	defer server.Close()
	run := func(args ...string) (string, int) {
		var out, errOut bytes.Buffer
		streams := genericiooptions.IOStreams{In: strings.NewReader(soundManifest), Out: &out, ErrOut: &errOut}
		c := &common{IOStreams: streams, factory: kube.NewFactory("kubectl-flink", streams), now: time.Now}
		root := c.root()
		root.SilenceUsage, root.SilenceErrors = true, true
		root.SetArgs(append([]string{"lint", "-f", "-", "-n", "prod", "--timeout", "3s"}, args...))
		err := root.ExecuteContext(t.Context())
		if err != nil {
			out.WriteString("error: " + err.Error())
		}
		return out.String(), exit.Code(err)
	}
	text, code := run("--server=" + server.URL)
	for _, want := range []string{"FLINK-SERVER-REFUSED", "parallelism 17 is odd", "FLINK-SERVER-ACCOUNT", "serviceaccount flink isn't there in namespace prod", "resourcequotas: not allowed"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if code != exit.No || !slices.Equal(writes, []string{"POST /apis/flink.apache.org/v1beta1/namespaces/prod/flinkdeployments All"}) {
		t.Errorf("exit code %d, written: %q", code, writes)
	}
	if text, code := run("--server=false"); code != exit.OK || strings.Contains(text, "FLINK-SERVER") || len(writes) != 1 {
		t.Errorf("without it: exit code %d, written %q:\n%s", code, writes, text)
	}
}
