package rest

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// hostile are names that a server could give to lead requests elsewhere.
var hostile = []string{
	"", ".", "..", "../../../../../configmaps/victim", "%2e%2e%2fx", "a/b", `a\b`, "a%2fb", "a?b=c", "a#b", "a;b", "a b", "a\r\nX: y", "a\x00", "ä",
	strings.Repeat("a", 65),
}

// No request is made with an id that Flink doesn't give, in any place of any
// method.
func TestIDsLeadNowhereElse(t *testing.T) {
	asked := []string{}
	c := jobManager(t, "/flink", func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.RequestURI)
		io.WriteString(w, "{}")
	})
	ctx := t.Context()
	methods := map[string]func(id string) error{
		"job":               func(id string) error { _, err := c.Job(ctx, id); return err },
		"cancel":            func(id string) error { return c.CancelJob(ctx, id) },
		"stop":              func(id string) error { _, err := c.StopJob(ctx, id, StopRequest{}); return err },
		"savepoint":         func(id string) error { _, err := c.TriggerSavepoint(ctx, id, SavepointRequest{}); return err },
		"savepoint status":  func(id string) error { _, err := c.SavepointStatus(ctx, "a1", id); return err },
		"checkpoint":        func(id string) error { _, err := c.TriggerCheckpoint(ctx, id, "FULL"); return err },
		"checkpoint status": func(id string) error { _, err := c.CheckpointStatus(ctx, "a1", id); return err },
		"checkpoints":       func(id string) error { _, err := c.Checkpoints(ctx, id); return err },
		"checkpoint config": func(id string) error { _, err := c.CheckpointConfig(ctx, id); return err },
		"detail":            func(id string) error { _, err := c.CheckpointDetail(ctx, id, 1); return err },
		"task":              func(id string) error { _, err := c.TaskCheckpoint(ctx, "a1", 1, id); return err },
		"exceptions":        func(id string) error { _, _, err := c.Exceptions(ctx, id, 1); return err },
		"job config":        func(id string) error { _, err := c.JobConfig(ctx, id); return err },
		"job metrics":       func(id string) error { _, err := c.JobMetrics(ctx, id, "x"); return err },
		"metric names":      func(id string) error { _, err := c.SubtaskMetricNames(ctx, "a1", id); return err },
		"metrics":           func(id string) error { _, err := c.SubtaskMetrics(ctx, "a1", id, "x"); return err },
	}
	for name, ask := range methods {
		for _, id := range hostile {
			if err := ask(id); err == nil || len(asked) > 0 {
				t.Errorf("%s of %q: error %v, asked %q", name, id, err, asked)
			}
			asked = nil
		}
		_ = ask("0123456789abcdef0123456789abcdef") // the answer fits not all
		if len(asked) != 1 || !strings.HasPrefix(asked[0], "/flink/jobs/") {
			t.Errorf("%s of a true id asked %q", name, asked)
		}
		asked = nil
	}
}

// TaskManagers and files have names of their own: they stay one segment.
func TestNamesStayOneSegment(t *testing.T) {
	asked := ""
	c := jobManager(t, "", func(w http.ResponseWriter, r *http.Request) {
		asked = r.RequestURI
		io.WriteString(w, "{}")
	})
	for _, test := range []struct{ taskManager, file, want string }{
		{"job-taskmanager-1-1", "flink--x.log", "/taskmanagers/job-taskmanager-1-1/logs/flink--x.log"},
		{"10.0.0.1:6122-abc123", "a b?c#d", "/taskmanagers/10.0.0.1:6122-abc123/logs/a%20b%3Fc%23d"},
		{"", "x.log", "/jobmanager/logs/x.log"},
		{"..", "x", ""},
		{"a/../..", "x", ""},
		{"tm", "../../../jobs", ""},
		{"tm", "..%2f..", ""},
		{"tm", "", ""},
	} {
		asked = ""
		body, err := c.LogFile(t.Context(), test.taskManager, test.file)
		if err == nil {
			body.Close()
		}
		if asked != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q of %q: asked %q, %v, want %q", test.file, test.taskManager, asked, err, test.want)
		}
	}
	if _, err := c.JobMetrics(t.Context(), "a1", "a&b=c", "d/../e"); asked != "/jobs/a1/metrics?get=a%26b%3Dc,d%2F..%2Fe" {
		t.Errorf("asked %q, %v", asked, err)
	}
}

// What a user writes is sent as it is, or not at all.
func TestTypedPaths(t *testing.T) {
	asked := ""
	c := jobManager(t, "flink", func(_ http.ResponseWriter, r *http.Request) { asked = r.RequestURI })
	for path, want := range map[string]string{
		"/jobs/overview": "/flink/jobs/overview", "jobs": "/flink/jobs", "/": "/flink/",
		"/a%20b?x=../y&z": "/flink/a%20b?x=../y&z", "/jobs/a1/metrics?get=0.a/b": "/flink/jobs/a1/metrics?get=0.a/b",
		"/../x": "", "/a/./b": "", "/%2e%2e/x": "", "/a%2fb": "", `/a\b`: "", "/%zz": "", "/..;x/y": "",
	} {
		asked = ""
		response, err := c.Do(t.Context(), http.MethodGet, path, nil, nil)
		if err == nil {
			response.Body.Close()
		}
		if asked != want || (err == nil) != (want != "") || (CheckPath(path) == nil) != (want != "") {
			t.Errorf("%q: asked %q, %v, want %q", path, asked, err, want)
		}
	}
	// A prefix is checked even if whoever read it didn't.
	asked = ""
	c = jobManager(t, "../../pay:rest/proxy", func(_ http.ResponseWriter, r *http.Request) { asked = r.RequestURI })
	if _, err := c.Config(t.Context()); err == nil || !strings.Contains(err.Error(), "rest.url-prefix") || asked != "" {
		t.Errorf("asked %q, %v", asked, err)
	}
}
