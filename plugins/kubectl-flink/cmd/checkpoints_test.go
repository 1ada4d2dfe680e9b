package cmd

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
)

func TestOneCheckpointInDetail(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("COLUMNS", "80")
	p := recording(t, "old-keys")
	id := played(t, p, "checkpoints", "basic-example", "--via", "apiserver", "-o", "jsonpath={.latest.completed.id}")
	text := ""
	for _, flags := range [][]string{{}, {"-o", "wide"}, {"-o", "json"}} {
		args := append([]string{"checkpoints", "basic-example", "--id", id}, flags...)
		text += "$ kubectl flink " + strings.Join(args, " ") + "\n" + played(t, p, append(args, "--via", "apiserver")...) + "\n"
	}
	text += played(t, p, "checkpoints", "basic-example", "--id", "1", "--via", "apiserver")
	golden(t, "testdata/checkpoints/detail.txt", text)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--id", "0"}, "--id: 0 is not the number of a checkpoint"},
		{[]string{"--id", "1", "-f"}, "give --id or --follow, not both"},
		{[]string{"-f", "-o", "yaml"}, "--follow prints lines"},
	} {
		if got := played(t, p, append([]string{"checkpoints", "basic-example"}, c.args...)...); !strings.Contains(got, c.want) {
			t.Errorf("%v: %s", c.args, got)
		}
	}
}

// A JobManager takes a checkpoint, is away for a moment, another one takes
// over, and the job ends.
func TestCheckpointsAreFollowedUntilTheJobEnds(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	p := recording(t, "running")
	var path, details string
	for at := range p.Answers {
		if strings.HasSuffix(at, "/checkpoints") {
			path = at
		}
		if strings.HasSuffix(at, "/flinkdeployments") {
			details = at
		}
	}
	checkpoints := func(change func(map[string]any)) json.RawMessage {
		var answer map[string]any
		if err := json.Unmarshal(p.Answers[path], &answer); err != nil {
			t.Fatal(err)
		}
		change(answer)
		raw, _ := json.Marshal(answer)
		return raw
	}
	failed := checkpoints(func(a map[string]any) {
		one := map[string]any{"id": 99, "status": "FAILED", "checkpoint_type": "CHECKPOINT", "failure_message": "x.E: outer\nCaused by: java.io.IOException: \x1b[31mdisk full", "num_subtasks": 4}
		a["history"] = append([]any{one}, a["history"].([]any)...)
		a["counts"].(map[string]any)["failed"] = a["counts"].(map[string]any)["failed"].(float64) + 1
	})
	restored := checkpoints(func(a map[string]any) {
		a["history"], a["counts"] = []any{}, map[string]any{}
		a["latest"].(map[string]any)["restored"] = map[string]any{"id": 98, "restore_timestamp": 1795571757392, "external_path": "file:/chk-98"}
	})
	finished := json.RawMessage(strings.ReplaceAll(string(p.Answers[details]), `"state":"RUNNING"`, `"state":"FINISHED"`))
	var mu sync.Mutex
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		now := p
		now.Answers = maps.Clone(p.Answers)
		if r.URL.Path == path {
			asked++
		}
		switch {
		case asked == 2:
			now.Answers[path] = failed
		case asked == 3 && r.URL.Path == path:
			w.WriteHeader(http.StatusBadGateway)
			return
		case asked >= 4:
			now.Answers[path] = restored
		}
		if asked >= 4 {
			now.Answers[details] = finished
		}
		now.ServeHTTP(w, r)
	}))
	defer server.Close()
	run := func(args ...string) (string, string) {
		mu.Lock()
		asked = 0
		mu.Unlock()
		var out, errOut bytes.Buffer
		streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut}
		c := &common{IOStreams: streams, factory: kube.NewFactory("kubectl-flink", streams), now: time.Now, hurried: true}
		root := c.root()
		root.SetArgs(append([]string{"checkpoints", "basic-example", "-f", "-n", p.Namespace, "--server", server.URL, "--via", "apiserver"}, args...))
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Errorf("%v\n%s%s", err, out.String(), errOut.String())
		}
		return out.String(), errOut.String()
	}
	out, errOut := run()
	for _, want := range []string{"PATH OR CAUSE", "   8       COMPLETED   checkpoint", "99      FAILED      checkpoint", "IOException: disk full", "restored from checkpoint 98: file:/chk-98"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q:\n%s", want, out)
		}
	}
	if strings.Count(out, "chk-8\n") != 1 || strings.Contains(out, "\x1b") || strings.Contains(out, "IN_PROGRESS") {
		t.Errorf("%q", out)
	}
	for _, want := range []string{"following the checkpoints of", "waiting for its JobManager", "is FINISHED: no more checkpoints"} {
		if !strings.Contains(errOut, want) {
			t.Errorf("no %q:\n%s", want, errOut)
		}
	}
	out, _ = run("-o", "json", "-q")
	last := ""
	for line := range strings.Lines(out) {
		var event struct{ Type string }
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		last = event.Type
	}
	if last != "restored" {
		t.Errorf("%s", out)
	}
}
