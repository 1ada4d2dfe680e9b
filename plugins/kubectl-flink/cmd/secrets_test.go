package cmd

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
)

// planted is in all secrets of these tests; next is in those of a new spec.
const planted, plantedNext = "hunter2", "hunter3"

// secretSpec is what a spec with secrets has: in its configuration, arguments,
// environment and addresses.
func secretSpec(secret string) map[string]any {
	return map[string]any{
		"flinkConfiguration": map[string]any{
			"s3.secret-key": secret, "fs.azure.account.key.a.blob.core.windows.net": secret, "user.artifacts.http-headers": "X:" + secret,
			"env.java.opts.all":  "-Dstorage.connection=DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + secret + "== -Ddb.password=" + secret,
			"state.savepoint.x":  "https://me:" + secret + "@host/x?sig=" + secret,
			"kafka.jaas.options": `X required username="me" password="` + secret + `";`,
		},
		"podTemplate": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{
			"name": "flink-main-container",
			"env": []any{
				map[string]any{"name": "DB_PASS", "value": secret},
				map[string]any{"name": "STORAGE", "value": "Endpoint=sb://ns/;SharedAccessKeyName=root;SharedAccessKey=" + secret + "="},
			},
			"args": []any{"--token", secret},
		}}}},
		"job": map[string]any{
			"jarURI": "https://b.s3.amazonaws.com/job.jar?X-Amz-Credential=AKIA" + secret + "/x&X-Amz-Signature=" + secret,
			"args":   []any{"--conf", `{"db":{"user":"me","password":"` + secret + `"}}`, "--eventhub", "SharedAccessKey=" + secret + "=", "--db-password", secret},
		},
	}
}

// into puts the fields of patch into object.
func into(object, patch map[string]any) {
	for key, value := range patch {
		below, isMap := value.(map[string]any)
		there, wasMap := object[key].(map[string]any)
		if isMap && wasMap {
			into(there, below)
			continue
		}
		object[key] = value
	}
}

// withSecrets is a recording with secrets wherever people and programs put them.
func withSecrets(t *testing.T, p playback) playback {
	t.Helper()
	text := "cannot connect to jdbc:mysql://me:" + planted + "@db:3306/x, sasl.jaas.config=X required password=\"" + planted + "\"; Authorization: Bearer " + planted
	p.Answers = maps.Clone(p.Answers)
	for path, raw := range p.Answers {
		var answer any
		if json.Unmarshal(raw, &answer) != nil {
			continue
		}
		object, _ := answer.(map[string]any)
		items, _ := object["items"].([]any)
		switch {
		case strings.HasSuffix(path, "/flinkdeployments"):
			for _, item := range items {
				item := item.(map[string]any)
				into(item["spec"].(map[string]any), secretSpec(planted))
				status := item["status"].(map[string]any)
				status["error"] = `{"type":"org.apache.flink.X","message":` + quoted(text) + `,"throwableList":[{"type":"x.Y","message":` + quoted(text) + `}]}`
				reconciliation := status["reconciliationStatus"].(map[string]any)
				var last map[string]any
				if json.Unmarshal([]byte(reconciliation["lastReconciledSpec"].(string)), &last) == nil {
					into(last["spec"].(map[string]any), secretSpec(planted))
					encoded, _ := json.Marshal(last)
					reconciliation["lastReconciledSpec"], reconciliation["lastStableSpec"] = string(encoded), string(encoded)
				}
			}
		case strings.HasSuffix(path, "/events"):
			for _, item := range items {
				item.(map[string]any)["message"] = text
			}
		case strings.Contains(path, "/exceptions"):
			answer = map[string]any{"exceptionHistory": map[string]any{"entries": []any{map[string]any{
				"exceptionName": "x.Y", "stacktrace": "x.Y: " + text + "\n\tat a.b(C.java:1)\nCaused by: x.Z: " + text, "timestamp": p.Now.Add(-time.Minute).UnixMilli(), "taskName": "Source", "location": "h:1",
			}}, "truncated": false}}
		case strings.Contains(path, "/configmaps/"):
			for file, content := range object["data"].(map[string]any) {
				object["data"].(map[string]any)[file] = content.(string) + "\ns3.secret-key: " + planted + "\nx.url: https://me:" + planted + "@host\n"
			}
		case strings.HasSuffix(path, "/jobmanager/config"):
			answer = append(answer.([]any), map[string]any{"key": "x.url", "value": "https://me:" + planted + "@other"}, map[string]any{"key": "x.pass", "value": planted})
		}
		encoded, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		p.Answers[path] = encoded
	}
	return p
}

func quoted(text string) string {
	out, _ := json.Marshal(text)
	return string(out)
}

// executed runs kubectl flink as its main function does.
func executed(t *testing.T, p playback, args ...string) string {
	t.Helper()
	server := httptest.NewServer(p)
	defer server.Close()
	var out bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &out}
	c := &common{IOStreams: streams, factory: kube.NewFactory("kubectl-flink", streams), now: func() time.Time { return p.Now }}
	if code := plugin.Execute(t.Context(), c.root(), streams, append(args, "-n", p.Namespace, "--server", server.URL)); code == exit.Usage {
		t.Errorf("%v isn't understood: %s", args, out.String())
	}
	return out.String()
}

func TestNothingPrintsSecrets(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	changed := filepath.Join(t.TempDir(), "changed.yaml")
	manifest := map[string]any{"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment", "metadata": map[string]any{"name": "basic-example"}, "spec": secretSpec(plantedNext)}
	encoded, _ := json.Marshal(manifest)
	if err := os.WriteFile(changed, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	p := withSecrets(t, recording(t, "running"))
	for _, args := range [][]string{
		{"config"},
		{"config", "--all"},
		{"config", "-o", "wide"},
		{"config", "-o", "json"},
		{"config", "-o", "yaml"},
		{"config", "-o", "jsonpath={.items[*].value}"},
		{"config", "-o", "custom-columns=V:.items[*].value"},
		{"config", "--diff"},
		{"config", "s3.*", "x.*"},
		{"status"},
		{"status", "-o", "json"},
		{"status", "-o", "yaml"},
		{"status", "--verbose"},
		{"events"},
		{"events", "-o", "json"},
		{"events", "-o", "wide"},
		{"exceptions"},
		{"exceptions", "-o", "json"},
		{"exceptions", "-o", "yaml"},
		{"timeline", "--since", "0"},
		{"timeline", "--since", "0", "-o", "json"},
		{"timeline", "--since", "0", "-o", "svg"},
		{"graph"},
		{"checkpoints"},
		{"jobs"},
		{"top", "-o", "json"},
		{"upgrade", "-f", changed, "--dry-run=client"},
		{"upgrade", "-f", changed, "--dry-run=client", "-o", "json"},
		{"upgrade", "-f", changed, "--dry-run=client", "-o", "yaml"},
		{"upgrade", "--set", "s3.secret-key=" + plantedNext, "--dry-run=client"},
		{"upgrade", "--args", "--db-password," + plantedNext, "--dry-run=client"},
		{"status", "-v=9"},
		{"config", "-v=9"},
	} {
		args := append([]string{args[0], "basic-example"}, args[1:]...)
		switch args[0] {
		case "upgrade":
			args = append(args, "--lose-state")
		case "events":
		default:
			args = append(args, "--via", "apiserver")
		}
		got := executed(t, p, args...)
		for _, secret := range []string{planted, plantedNext} {
			if at := strings.Index(got, secret); at >= 0 {
				t.Errorf("%v prints a secret: …%s…", args, got[max(0, at-200):min(len(got), at+60)])
			}
		}
	}
	if got := executed(t, p, "list"); strings.Contains(got, planted) {
		t.Errorf("list prints a secret:\n%s", got)
	}
	if got := executed(t, p, "list", "-o", "wide", "-v=0"); strings.Contains(got, planted) {
		t.Errorf("list -o wide prints a secret:\n%s", got)
	}
	for _, c := range [][2]string{{"config", "******"}, {"upgrade", "flinkConfiguration s3.secret-key: ****** (another value)"}, {"events", "jdbc:mysql://me:******@db:3306/x"}, {"exceptions", "jdbc:mysql://me:******@db:3306/x"}} {
		args := []string{c[0], "basic-example"}
		if c[0] == "upgrade" {
			args = append(args, "-f", changed, "--dry-run=client", "--lose-state")
		} else if c[0] != "events" {
			args = append(args, "--via", "apiserver")
		}
		if got := executed(t, p, args...); !strings.Contains(got, c[1]) {
			t.Errorf("%v: %q is missing in\n%s", args, c[1], got)
		}
	}
}

// Objects as the API server has them are data.
func TestObjectsArePrintedAsTheyAre(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	p := withSecrets(t, recording(t, "running"))
	for _, format := range []string{"json", "yaml", "jsonpath={.items[*].spec}", "custom-columns=X:.spec.flinkConfiguration"} {
		if got := executed(t, p, "list", "-o", format); !strings.Contains(got, planted) {
			t.Errorf("list -o %s changed the object:\n%s", format, got)
		}
	}
	help := executed(t, p, "list", "--help")
	if !strings.Contains(help, "secrets") {
		t.Errorf("the help of list doesn't say so:\n%s", help)
	}
}
