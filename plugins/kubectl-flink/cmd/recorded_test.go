package cmd

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
)

// playback is a recording of test/record, answered as the API server did.
type playback struct {
	Now       time.Time                  `json:"now"`
	Note      string                     `json:"note"`
	Namespace string                     `json:"namespace"`
	Answers   map[string]json.RawMessage `json:"answers"`
}

func (p playback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	answer := func(raw json.RawMessage) { _, _ = w.Write(raw) }
	if r.Method == http.MethodPost {
		before, path, _ := strings.Cut(r.URL.Path, "/proxy")
		if raw, ok := p.Answers[before+"/proxyPOST "+path]; ok {
			answer(raw)
			return
		}
	}
	if raw, ok := p.Answers[r.URL.RequestURI()]; ok {
		answer(raw)
		return
	}
	if raw, ok := p.Answers[r.URL.Path]; ok && strings.HasSuffix(r.URL.Path, "/log") {
		var log string
		_ = json.Unmarshal(raw, &log)
		_, _ = w.Write([]byte(log))
		return
	}
	query, _ := url.QueryUnescape(r.URL.RawQuery)
	if raw, ok := p.Answers[r.URL.Path+"?"+query]; ok {
		answer(raw)
		return
	}
	if wanted, found := strings.CutPrefix(query, "get="); found {
		for path, raw := range p.Answers {
			if strings.HasPrefix(path, r.URL.Path+"?get=") {
				answer(measured(raw, strings.Split(wanted, ",")))
				return
			}
		}
	}
	raw, ok := p.Answers[r.URL.Path]
	switch {
	case ok && !strings.Contains(r.URL.Path, "/proxy/"):
		answer(chosen(raw, r.URL.Query().Get("labelSelector")))
	case ok && r.URL.RawQuery == "":
		answer(raw)
	case strings.HasPrefix(r.URL.Path, "/apis/apps/v1/deployments"):
		for path, raw := range p.Answers {
			if strings.HasPrefix(path, r.URL.Path) {
				answer(raw)
				return
			}
		}
		fallthrough
	default:
		// One object of a list.
		list, name := r.URL.Path[:strings.LastIndex(r.URL.Path, "/")], r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		var items struct{ Items []map[string]any }
		_ = json.Unmarshal(p.Answers[list], &items)
		for _, item := range items.Items {
			if metadata, _ := item["metadata"].(map[string]any); metadata["name"] == name {
				_ = json.NewEncoder(w).Encode(item)
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
		if strings.Contains(r.URL.Path, "/proxy/") {
			answer(json.RawMessage(`{"errors":["not recorded"]}`))
			return
		}
		answer(json.RawMessage(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","message":"not recorded","code":404}`))
	}
}

// measured are the metrics of these names.
func measured(raw json.RawMessage, names []string) json.RawMessage {
	var all []map[string]any
	_ = json.Unmarshal(raw, &all)
	all = slices.DeleteFunc(all, func(metric map[string]any) bool {
		id, _ := metric["id"].(string)
		return !slices.Contains(names, id)
	})
	out, _ := json.Marshal(all)
	return out
}

// chosen is a list with the items that have app=NAME, if the selector asks
// for one.
func chosen(raw json.RawMessage, selector string) json.RawMessage {
	app := ""
	for part := range strings.SplitSeq(selector, ",") {
		if value, ok := strings.CutPrefix(part, "app="); ok {
			app = value
		}
	}
	var list map[string]any
	if app == "" || json.Unmarshal(raw, &list) != nil {
		return raw
	}
	items, _ := list["items"].([]any)
	kept := []any{}
	for _, item := range items {
		metadata, _ := item.(map[string]any)["metadata"].(map[string]any)
		labels, _ := metadata["labels"].(map[string]any)
		if labels["app"] == app {
			kept = append(kept, item)
		}
	}
	list["items"] = kept
	out, _ := json.Marshal(list)
	return out
}

// played runs kubectl flink on a recording; its output is stdout, stderr and
// the error.
func played(t *testing.T, p playback, args ...string) string {
	t.Helper()
	text, _ := play(t, p, args...)
	return text
}

// play is played with the command's exit code.
func play(t *testing.T, p playback, args ...string) (text string, code int) {
	t.Helper()
	server := httptest.NewServer(p)
	defer server.Close()
	var out, errOut bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut}
	c := &common{IOStreams: streams, factory: kube.NewFactory("kubectl-flink", streams), now: func() time.Time { return p.Now }, hurried: true}
	root := c.root()
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetOut(&out)
	root.SetErr(&errOut)
	root.SetArgs(append(args, "-n", p.Namespace, "--server", server.URL))
	err := root.ExecuteContext(t.Context())
	if err != nil {
		errOut.WriteString("error: " + strings.ReplaceAll(err.Error(), server.URL, "SERVER") + "\n")
	}
	text = strings.ReplaceAll(out.String()+errOut.String(), " --server "+server.URL, "") // it is another each time
	if strings.ContainsRune(text, 0x1b) {
		t.Errorf("escape sequence in %q", text)
	}
	return text, exit.Code(err)
}

// pages are the verbs that are printed for each recording.
var pages = [][]string{
	{"list"},
	{"status", "TARGET", "--via", "apiserver"},
	{"exceptions", "TARGET", "--via", "apiserver"},
	{"checkpoints", "TARGET", "--via", "apiserver"},
	{"graph", "TARGET", "--via", "apiserver"},
}

func TestRecordedPages(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("COLUMNS", "80")
	files, err := filepath.Glob("testdata/recorded/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d recordings: %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var p playback
			if err := json.Unmarshal(data, &p); err != nil {
				t.Fatal(err)
			}
			target := p.target(t)
			text := "# " + p.Note + "\n"
			for _, page := range pages {
				args := []string{}
				for _, arg := range page {
					args = append(args, strings.ReplaceAll(arg, "TARGET", target))
				}
				text += "\n$ kubectl flink " + strings.Join(args[:min(len(args), 2)], " ") + "\n" + played(t, p, args...)
			}
			golden(t, filepath.Join("testdata/recorded", name+".txt"), text)
		})
	}
}

// target is the recording's job: the blue/green deployment, the session job,
// else the FlinkDeployment.
func (p playback) target(t *testing.T) string {
	t.Helper()
	for _, kind := range []string{"flinkbluegreendeployment", "flinksessionjob", "flinkdeployment"} {
		var list struct {
			Items []struct{ Metadata struct{ Name string } }
		}
		_ = json.Unmarshal(p.Answers["/apis/flink.apache.org/v1beta1/namespaces/"+p.Namespace+"/"+kind+"s"], &list)
		if len(list.Items) > 0 {
			return kind + "/" + list.Items[0].Metadata.Name
		}
	}
	t.Fatal("no job recorded")
	return ""
}

func TestGraphRefusesWrongFlags(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	data, err := os.ReadFile("testdata/recorded/running.json")
	if err != nil {
		t.Fatal(err)
	}
	var p playback
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"--job-id xyz", `error: --job-id: "xyz" is not a job's id`},
		{"--watch", "error: --watch draws on a terminal"},
		{"--watch -o svg", "error: --watch draws on the terminal; leave out -o svg"},
		{"--watch --interval 1ms", "error: --interval: 1ms is too short"},
		{"-o png", `error: --output: unknown format "png"; use one of: tree, dot, mermaid, svg`},
	} {
		if got := played(t, p, append([]string{"graph", "basic-example"}, strings.Fields(c.args)...)...); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", c.args, got, c.want)
		}
	}
}

// recordedAs is one of the recordings.
func recordedAs(t *testing.T, name string) playback {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("COLUMNS", "80")
	data, err := os.ReadFile(filepath.Join("testdata/recorded", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var p playback
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// pods changes the pods of a recording; those that change empties are left out.
func (p playback) pods(t *testing.T, change func(pod map[string]any)) {
	t.Helper()
	p.objects(t, "/api/v1/namespaces/"+p.Namespace+"/pods", change)
}

// objects changes the objects of a recorded list.
func (p playback) objects(t *testing.T, path string, change func(object map[string]any)) {
	t.Helper()
	var list map[string]any
	if err := json.Unmarshal(p.Answers[path], &list); err != nil {
		t.Fatal(err)
	}
	items, _ := list["items"].([]any)
	kept := []any{}
	for _, item := range items {
		if object, ok := item.(map[string]any); ok {
			if change(object); len(object) > 0 {
				kept = append(kept, object)
			}
		}
	}
	list["items"] = kept
	data, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	p.Answers[path] = data
}
