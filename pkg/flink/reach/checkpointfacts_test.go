package reach

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// pages answers each path with a page; the others don't exist.
type pages map[string]string

func (p pages) RoundTrip(r *http.Request) (*http.Response, error) {
	code, body := http.StatusNotFound, `{"errors":["Not found"]}`
	if page, ok := p[r.URL.Path]; ok {
		code, body = http.StatusOK, page
	}
	return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestCheckpointFacts(t *testing.T) {
	const (
		job         = `{"jid":"a1","state":"RUNNING","vertices":[]}`
		config      = `{"interval":2000,"externalization":{"enabled":true,"delete_on_cancellation":true}}`
		checkpoints = `{"latest":{"completed":{"id":6,"external_path":"file:/c/a1/chk-6","latest_ack_timestamp":5},"savepoint":{"id":5,"is_savepoint":true,"external_path":"file:/s/1","latest_ack_timestamp":9}}}`
	)
	for name, c := range map[string]struct {
		pages pages
		want  api.CheckpointFacts
		paths string
	}{
		"streaming": {
			pages{"/jobs/a1": job, "/jobs/a1/checkpoints/config": config, "/jobs/a1/checkpoints": checkpoints},
			api.CheckpointFacts{State: "RUNNING", Kept: true, Deletes: true},
			"file:/c/a1/chk-6 file:/s/1",
		},
		"kept": {
			pages{"/jobs/a1": strings.Replace(job, "RUNNING", "FAILED", 1), "/jobs/a1/checkpoints/config": strings.Replace(config, "true}", "false}", 1), "/jobs/a1/checkpoints": checkpoints},
			api.CheckpointFacts{State: "FAILED", Ended: true, Kept: true},
			"file:/c/a1/chk-6 file:/s/1",
		},
		"none yet": {
			pages{"/jobs/a1": job, "/jobs/a1/checkpoints/config": config, "/jobs/a1/checkpoints": `{"latest":{"completed":null}}`},
			api.CheckpointFacts{State: "RUNNING", Kept: true, Deletes: true},
			" ",
		},
		"batch": {pages{"/jobs/a1": job}, api.CheckpointFacts{State: "RUNNING", Off: true}, " "},
	} {
		got, err := CheckpointFacts(t.Context(), rest.NewClient(c.pages, ""), "a1")
		path := func(s *api.FlinkSnapshot) string {
			if s == nil {
				return ""
			}
			return s.Path
		}
		paths := path(got.Checkpoint) + " " + path(got.Latest)
		got.Checkpoint, got.Latest = nil, nil
		if err != nil || got != c.want || paths != c.paths {
			t.Errorf("%s: %+v %q %v, want %+v %q", name, got, paths, err, c.want, c.paths)
		}
	}
	if _, err := CheckpointFacts(t.Context(), rest.NewClient(pages{}, ""), "a1"); !rest.NotFound(err) {
		t.Error(err)
	}
}
