package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
)

// contexts is a kubeconfig with a context for each address.
func contexts(t *testing.T, namespace string, servers map[string]string) string {
	t.Helper()
	config := map[string]any{"apiVersion": "v1", "kind": "Config", "users": []any{map[string]any{"name": "u", "user": map[string]any{}}}}
	var clusters, list []any
	for name, url := range servers {
		clusters = append(clusters, map[string]any{"name": name, "cluster": map[string]any{"server": url}})
		list = append(list, map[string]any{"name": name, "context": map[string]any{"cluster": name, "user": "u", "namespace": namespace}})
	}
	config["clusters"], config["contexts"] = clusters, list
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A cluster that can't be reached is reported first, and doesn't keep the others;
// every form names the context.
func TestDoctorOfSeveralContexts(t *testing.T) {
	data, err := os.ReadFile("testdata/recorded/restarting.json")
	if err != nil {
		t.Fatal(err)
	}
	var p playback
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(p)
	defer server.Close()
	t.Setenv("KUBECONFIG", contexts(t, p.Namespace, map[string]string{"sick": server.URL, "dead": "http://127.0.0.1:1", "other": server.URL}))
	run := func(args ...string) (string, string, int) {
		var out, errOut bytes.Buffer
		streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut}
		c := &common{IOStreams: streams, factory: kube.NewFactory("kubectl-flink", streams), now: func() time.Time { return p.Now }}
		root := c.root()
		root.SilenceUsage, root.SilenceErrors = true, true
		root.SetArgs(append([]string{"doctor", "--via", "apiserver", "--timeout", "3s"}, args...))
		err := root.ExecuteContext(t.Context())
		return out.String(), fmt.Sprint(err), exit.Code(err)
	}
	text, _, code := run("--contexts", "sick,dead,sick")
	dead, sick := strings.Index(text, "context dead:\nerror    not looked at: "), strings.Index(text, "context sick:")
	if code != exit.No || dead != 0 || sick < dead || strings.Count(text, "context sick:") != 1 || !strings.Contains(text[sick:], "FLINK-JOB-TASKMANAGER-LOST") || !strings.Contains(text, "2 contexts: ") || !strings.HasSuffix(text, "1 not looked at\n") {
		t.Errorf("exit code %d:\n%s", code, text)
	}
	if text, why, code := run("--contexts", "dead"); code != exit.Failed || !strings.Contains(why, "context dead: ") {
		t.Errorf("exit code %d: %s\n%s", code, why, text)
	}
	var object struct {
		Contexts []struct {
			Context, Error string
			Findings       []any
		}
	}
	text, _, _ = run("--contexts", "sick,dead", "-o", "json")
	if err := json.Unmarshal([]byte(text), &object); err != nil || len(object.Contexts) != 2 || object.Contexts[0].Error == "" || object.Contexts[1].Context != "sick" || len(object.Contexts[1].Findings) == 0 {
		t.Errorf("%v: %s", err, text)
	}
	if text, _, _ = run("--contexts", "sick,dead", "-o", "sarif"); !strings.Contains(text, `"context": "sick"`) || !strings.Contains(text, `"text": "context dead: `) || !strings.Contains(text, `"sick: FlinkDeployment/`) {
		t.Error(text)
	}
	for args, want := range map[string]string{
		"--contexts nowhere":                         `no context "nowhere"; it has: dead, other, sick`,
		"--contexts sick --context x":                "but not both",
		"--contexts sick --fix --yes":                "--fix is for one cluster",
		"--contexts sick --server http":              "but not both",
		"--contexts sick --token t":                  "--contexts or --token, but not both",
		"--contexts sick --insecure-skip-tls-verify": "but not both",
	} {
		if _, why, code := run(strings.Fields(args)...); code != exit.Usage || !strings.Contains(why, want) {
			t.Errorf("%s: exit code %d: %s", args, code, why)
		}
	}
}
