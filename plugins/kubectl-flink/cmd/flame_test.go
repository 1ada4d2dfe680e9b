package cmd

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// withFlames is a recording whose JobManager also gives flame graphs of both
// vertices.
func withFlames(t *testing.T, source, sink string) playback {
	t.Helper()
	p := recordedAs(t, "running")
	const job = "/jobs/ebd8fd3ef03d2081e54b6c6153110bcd"
	var answer struct{ Now int64 }
	if err := json.Unmarshal(p.Answers["/api/v1/namespaces/"+p.Namespace+"/services/basic-example-rest:rest/proxy"+job], &answer); err != nil || answer.Now == 0 {
		t.Fatalf("%d, %v", answer.Now, err)
	}
	for vertex, graph := range map[string]string{"bc764cd8ddf7a0cff126f51c16239658": source, "20ba6b65f97481d5570070de90e4e791": sink} {
		for _, mode := range []string{"ON_CPU", "OFF_CPU", "FULL", "ON_CPU&subtaskindex=1"} {
			p.answerJobManager(map[string]string{job + "/vertices/" + vertex + "/flamegraph?type=" + mode: strings.ReplaceAll(graph, "NOW", fmt.Sprint(answer.Now-1000))})
		}
	}
	return p
}

const flames = `{"endTimestamp":NOW,"data":{"name":"root","value":10,"children":[{"name":"java.lang.Thread.run:829","value":10,"children":[
	{"name":"com.acme.Hash.slow:7","value":7,"children":[]},{"name":"java.util.HashMap.get:9","value":3,"children":[]}]}]}}`

func flame(t *testing.T, p playback, args ...string) (string, int) {
	t.Helper()
	return play(t, p, append([]string{"flame", "basic-example", "--via", "apiserver"}, args...)...)
}

func TestFlame(t *testing.T) {
	p := withFlames(t, flames, `{"endTimestamp":-1}`)
	dir := t.TempDir()
	got, code := flame(t, p)
	for _, want := range []string{
		"flinkdeployment/basic-example, State machine job, on-cpu\n10 samples, taken by Flink until ", "│Source: Events Generator Source\n│java.lang.Thread.run:829\n│com.acme.Hash.slow:7 ",
		"  70%    70%  com.acme.Hash.slow:7\n  30%    30%  java.util.HashMap.get:9\n",
	} {
		if code != exit.OK || !strings.Contains(got, want) {
			t.Errorf("exit %d, lacks %q:\n%s", code, want, got)
		}
	}
	if got, code := flame(t, p, "-o", "folded", "--vertex", "events generator", "--subtask", "1"); code != exit.OK || !strings.Contains(got, "Source: Events Generator Source;java.lang.Thread.run:829;com.acme.Hash.slow:7 7\n") {
		t.Errorf("exit %d\n%s", code, got)
	}
	if got, code := flame(t, p, "-o", "jsonpath={.source} {.samples} {.root.children[0].children[0].children[*].value}"); code != exit.OK || !strings.HasPrefix(got, "flink 10 7 3") {
		t.Errorf("exit %d\n%s", code, got)
	}
	for file, begins := range map[string]string{"a.svg": "<?xml", "a.folded": "Source: ", "a.speedscope.json": `{"$schema"`} {
		name := filepath.Join(dir, file)
		got, code := flame(t, p, "--file", name)
		data, err := os.ReadFile(name)
		if code != exit.OK || err != nil || !strings.HasPrefix(string(data), begins) || !strings.Contains(got, "written: "+name) {
			t.Errorf("exit %d, %v\n%s\n%.200s", code, err, got, data)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 3 {
		t.Errorf("%d files", len(left))
	}
	if got, code := flame(t, p, "--file", filepath.Join(dir, "none", "a.svg")); code != exit.Failed || !strings.Contains(got, "no such file") {
		t.Errorf("exit %d\n%s", code, got)
	}
}

// Names in a graph are the job's: none of them is code in the picture.
func TestFlamePicturesOfHostileNames(t *testing.T) {
	name, _ := json.Marshal("</title><script>alert(1)</script>\x1b[2J")
	p := withFlames(t, strings.ReplaceAll(flames, `"com.acme.Hash.slow:7"`, string(name)), flames)
	got, code := flame(t, p, "-o", "svg")
	if code != exit.OK || strings.Count(got, "<script") != 1 || strings.Contains(got, "\x1b") {
		t.Errorf("exit %d\n%s", code, got)
	}
	decoder := xml.NewDecoder(strings.NewReader(got[strings.Index(got, "<?xml"):strings.Index(got, "</svg>")] + "</svg>"))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// Where Flink's are off, thread dumps are taken, and how to turn them on is said.
func TestFlameFromThreadDumps(t *testing.T) {
	for what, off := range map[string]string{"off": `{"endTimestamp":-2}`, "before 1.13": ""} {
		p := withFlames(t, off, off)
		if off == "" {
			for path := range p.Answers {
				if strings.Contains(path, "/flamegraph") {
					delete(p.Answers, path)
				}
			}
		}
		text := func(state, name, frames string) string {
			out, _ := json.Marshal(map[string]any{"threadInfos": []any{
				map[string]any{"threadName": name, "stringifiedThreadInfo": `"` + name + `" Id=7 ` + state + "\n" + frames},
				map[string]any{"threadName": "other", "stringifiedThreadInfo": "\"other\" Id=8 RUNNABLE\n\tat not.Of.it(X.java:1)\n"},
			}})
			return string(out)
		}
		p.answerJobManager(map[string]string{
			"/taskmanagers":                  `{"taskmanagers":[{"id":"tm-1"}]}`,
			"/taskmanagers/tm-1/thread-dump": text("RUNNABLE", "Source: Events Generator Source (2/2)#0", "\tat com.acme.Hash.slow(Hash.java:7)\n\tat java.lang.Thread.run(Thread.java:840)\n\t...\n"),
		})
		got, code := flame(t, p, "--duration", "600ms")
		for _, want := range []string{
			"Flink's own flame graphs are off (rest.flamegraph.enabled): thread dumps are taken for 600ms instead.\n",
			"which restarts the job: kubectl flink upgrade flinkdeployment/basic-example -n " + p.Namespace + " --set rest.flamegraph.enabled=true\n",
			" thread dump", "some stacks are cut at", " 100%   100%  com.acme.Hash.slow:7\n",
		} {
			if code != exit.OK || !strings.Contains(got, want) {
				t.Errorf("%s: exit %d, lacks %q:\n%s", what, code, want, got)
			}
		}
		if strings.Contains(got, "not.Of.it") {
			t.Errorf("another thread's: %s", got)
		}
		if got, code := flame(t, p, "--duration", "600ms", "--subtask", "0"); code != exit.Failed || !strings.Contains(got, "no thread of the job's tasks was seen") {
			t.Errorf("%s: exit %d\n%s", what, code, got)
		}
		if got, code := flame(t, p, "--duration", "600ms", "--mode", "off-cpu"); code != exit.OK || !strings.Contains(got, "No task waited in ") {
			t.Errorf("%s: exit %d\n%s", what, code, got)
		}
	}
}

// Flink's first answer is empty, and an old one makes it take new samples: both are
// waited for, with an end.
func TestFlameWaitsForSamples(t *testing.T) {
	for what, answer := range map[string]string{
		"none yet": `{"endTimestamp":-3}`, "an empty object": `{}`, "old": strings.ReplaceAll(flames, "NOW", "1000"),
	} {
		p := withFlames(t, answer, answer)
		if got, code := flame(t, p, "--timeout", "100ms", "--duration", "600ms"); code != exit.TimedOut || !strings.Contains(got, "timed out after ") {
			t.Errorf("%s: exit %d\n%s", what, code, got)
		}
	}
}

func TestFlameRefuses(t *testing.T) {
	p := withFlames(t, flames, flames)
	for args, want := range map[string]string{
		"--mode wall":         `--mode: "wall" is not one of on-cpu, off-cpu, full`,
		"--subtask -2":        "--subtask: -2",
		"--subtask 99":        "none of the vertices has a subtask 99",
		"--vertex nothing":    `no vertex has "nothing" in its name; there are: "`,
		"--vertex a":          "2 vertices have \"a\" in their names",
		"--file x.png":        "--file: \"x.png\" doesn't end in",
		"--duration 1ms":      "--duration: 1ms isn't between",
		"-o png":              "unknown format",
		"--duration 24h -o x": "--duration: 24h0m0s",
	} {
		if got, code := flame(t, p, strings.Fields(args)...); code != exit.Usage || !strings.Contains(got, want) {
			t.Errorf("%s: exit %d\n%s", args, code, got)
		}
	}
}
