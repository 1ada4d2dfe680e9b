package cmd

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
)

// unzipped are the files of a bundle, without its directory.
func unzipped(t *testing.T, file string) map[string]string {
	t.Helper()
	r, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := map[string]string{}
	for _, f := range r.File {
		content, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(content)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		_, name, _ := strings.Cut(f.Name, "/")
		out[name] = string(text)
	}
	return out
}

func reported(t *testing.T, p playback, args ...string) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.zip")
	text, code := play(t, p, append([]string{"report", "--file", file, "--via", "apiserver", "--timeout", "5s", "--since", "0"}, args...)...)
	if code != 0 || !strings.Contains(text, "report.zip written") {
		t.Fatalf("exit code %d:\n%s", code, text)
	}
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v: %v", info.Mode(), err)
	}
	return unzipped(t, file)
}

// withLogs adds logs to a recording, in which a secret stands without a name.
func withLogs(t *testing.T, p playback) playback {
	t.Helper()
	var pods struct {
		Items []struct{ Metadata struct{ Name string } }
	}
	list := "/api/v1/namespaces/" + p.Namespace + "/pods"
	if err := json.Unmarshal(p.Answers[list], &pods); err != nil || len(pods.Items) == 0 {
		t.Fatalf("%d pods: %v", len(pods.Items), err)
	}
	p.Answers = maps.Clone(p.Answers)
	for _, pod := range pods.Items {
		p.Answers[list+"/"+pod.Metadata.Name+"/log"] = json.RawMessage(quoted("INFO connecting as me, " + planted + "\nWARN jdbc:mysql://me:in-the-log@db/x </pre><script>alert(1)</script>\n"))
	}
	return p
}

// Wherever secrets are planted, in the spec's configuration, environment and
// arguments, in annotations, the operator's last spec, events, exceptions, the
// configuration and the logs, none of them is in a bundle.
func TestReportHasNoSecrets(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	p := withLogs(t, withSecrets(t, recording(t, "running")))
	path := "/apis/flink.apache.org/v1beta1/namespaces/" + p.Namespace + "/flinkdeployments"
	p.objects(t, path, func(object map[string]any) {
		encoded, _ := json.Marshal(map[string]any{"spec": secretSpec(planted)})
		into(object, map[string]any{"metadata": map[string]any{"annotations": map[string]any{
			"kubectl.kubernetes.io/last-applied-configuration": string(encoded), "note": "the password is " + planted,
		}}})
	})
	p.pods(t, func(pod map[string]any) {
		containers := pod["spec"].(map[string]any)["containers"].([]any)
		into(containers[0].(map[string]any), map[string]any{"args": []any{"--db-password", planted}, "env": []any{map[string]any{"name": "DB_PASS", "value": planted}}})
	})
	files := reported(t, p, "basic-example")
	for name, text := range files {
		for _, secret := range []string{planted, plantedNext, "in-the-log", base64.StdEncoding.EncodeToString([]byte(planted))} {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("%s has a secret: …%s…", name, text[max(0, at-200):min(len(text), at+60)])
			}
		}
	}
	hidden := 0
	for name, text := range files {
		if strings.Contains(text, "******") {
			hidden++
		} else if strings.HasSuffix(name, "object.yaml") || strings.HasSuffix(name, ".log") {
			t.Errorf("nothing is hidden in %s", name)
		}
	}
	if hidden < 8 {
		t.Errorf("something is hidden in %d files only", hidden)
	}
}

// The bundle of a recorded job has all that it promises; its page runs no script
// and loads nothing, whatever foreign texts say, and links to files that are there.
func TestReportOfARecording(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	p := withLogs(t, recording(t, "restarting"))
	p.objects(t, "/api/v1/namespaces/"+p.Namespace+"/events", func(event map[string]any) {
		event["message"] = `<img src=x onerror=alert(1)> <script>alert(1)</script> "'><a href="javascript:alert(1)">x</a>`
	})
	files := reported(t, p)
	dir := "jobs/" + p.Namespace + "/flinkdeployment-basic-example/"
	for _, name := range []string{"index.html", "doctor.json", "doctor.txt", "versions.json", "missing.json", "operator/installation.json", dir + "object.yaml", dir + "pods.yaml", dir + "events.yaml", dir + "timeline.json", dir + "timeline.txt", dir + "timeline.svg", dir + "facts.json", dir + "config.json", dir + "config.txt", dir + "rest/jobs.overview.json"} {
		if files[name] == "" {
			t.Errorf("%s is missing", name)
		}
	}
	logs := 0
	for name := range files {
		if strings.HasSuffix(name, ".log") {
			logs++
		}
	}
	page := files["index.html"]
	for _, want := range []string{"default-src &#39;none&#39;", "FLINK-JOB-TASKMANAGER-LOST", "was submitted", "&lt;script&gt;alert(1)", "prefers-color-scheme:dark"} {
		if !strings.Contains(page, want) && !strings.Contains(page, strings.ReplaceAll(want, "&#39;", "'")) {
			t.Errorf("%q isn't on the page", want)
		}
	}
	for _, never := range []string{"<script", "<img src=x", " style=", "<link", "<iframe", "javascript:alert(1)\"", " onerror=\""} {
		if strings.Contains(page, never) {
			t.Errorf("%q is on the page", never)
		}
	}
	if i, k := strings.Index(page, `id="findings"`), strings.Index(page, `id="timeline"`); i < 0 || k < i {
		t.Error("findings aren't first")
	}
	for _, link := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		to := link[1]
		switch {
		case strings.HasPrefix(to, "#"), strings.HasPrefix(to, "data:image/svg+xml;base64,"), strings.HasPrefix(to, "https://"):
		case files[to] == "":
			t.Errorf("a link to %q, which isn't there", to)
		}
	}
	if logs == 0 {
		t.Error("no logs")
	}
	// What isn't recorded is missing, and said to be.
	if !strings.Contains(files["missing.json"], "thread-dump") || !strings.Contains(page, "thread-dump") {
		t.Errorf("what is missing isn't told: %s", files["missing.json"])
	}
}

// A file that is there stays as it is unless --overwrite says otherwise, and what
// isn't whole is removed.
func TestReportFile(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	p := recording(t, "running")
	dir := t.TempDir()
	file := filepath.Join(dir, "report.zip")
	if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	content := func() string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if text, code := play(t, p, "report", "basic-example", "--file", file); code != exit.Usage || content() != "mine" || !strings.Contains(text, "--overwrite") {
		t.Errorf("exit code %d, %q: %s", code, content(), text)
	}
	if text, code := play(t, p, "report", "nobody", "--file", file, "--overwrite"); code != 1 || content() != "mine" {
		t.Errorf("exit code %d, %q: %s", code, content(), text)
	}
	if text, code := play(t, p, "report", "basic-example", "--file", file, "--overwrite", "--via", "apiserver", "--timeout", "3s", "-o", "json"); code != 0 || !strings.HasPrefix(content(), "PK") || !strings.Contains(text, `"kind": "Report"`) {
		t.Errorf("exit code %d, %q…: %s", code, content()[:4], text)
	}
	for _, wrong := range [][]string{{"--max-size", "x"}, {"--max-size", "1"}, {"--since", "-1s"}, {"--file", "-"}, {"-A", "basic-example"}, {"--file", filepath.Join(dir, "none", "x.zip")}} {
		if text, code := play(t, p, append([]string{"report", "basic-example"}, wrong...)...); code != exit.Usage {
			t.Errorf("%v: exit code %d: %s", wrong, code, text)
		}
	}
	// Ended by somebody in the middle of it.
	for _, flags := range [][]string{{}, {"--overwrite"}} {
		ctx, cancel := context.WithCancel(t.Context())
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/events") {
				cancel()
			}
			p.ServeHTTP(w, r)
		}))
		before := content()
		other := filepath.Join(dir, "other.zip")
		target := other
		if len(flags) > 0 {
			target = file
		}
		var out bytes.Buffer
		streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &out}
		c := &common{IOStreams: streams, factory: kube.NewFactory("kubectl-flink", streams), now: func() time.Time { return p.Now }}
		root := c.root()
		root.SilenceUsage, root.SilenceErrors = true, true
		root.SetArgs(append([]string{"report", "basic-example", "--file", target, "-n", p.Namespace, "--server", server.URL, "--via", "apiserver", "--timeout", "3s"}, flags...))
		err := root.ExecuteContext(ctx)
		server.Close()
		cancel()
		entries, _ := os.ReadDir(dir)
		if err == nil || len(entries) != 1 || content() != before {
			t.Errorf("%v: %v; left are %v", flags, err, entries)
		}
	}
}
