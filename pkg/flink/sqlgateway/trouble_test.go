package sqlgateway

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// A query that gives no rows says what they wait for, and nothing where that
// isn't known.
func TestWhatKeepsRowsFromComing(t *testing.T) {
	const (
		vertices = `"vertices":[{"id":"0123456789abcdef0123456789abcdee","name":"Source","parallelism":1,"status":"RUNNING","tasks":{"RUNNING":1}}]`
		waiting  = `"vertices":[{"id":"0123456789abcdef0123456789abcdee","name":"Source","parallelism":1,"status":"CREATED","tasks":{"SCHEDULED":1}}]`
		none     = `{"counts":{"completed":0,"failed":0}}`
		exactly  = `{"mode":"exactly_once","interval":600000}`
	)
	for name, c := range map[string]struct {
		state, vertices, config, checkpoints string
		// wants are parts of what is said; none is silence.
		wants []string
	}{
		"until the first checkpoint": {"RUNNING", vertices, exactly, none, []string{"begins one every 10m", "'AT_LEAST_ONCE'"}},
		"and that fails": {
			"RUNNING", vertices, exactly, `{"counts":{"completed":0,"failed":3},"latest":{"failed":{"id":3,"status":"FAILED","failure_message":"Checkpoint expired before completing."}}}`,
			[]string{"they fail: Checkpoint expired before completing. To have"},
		},
		"after a checkpoint":           {"RUNNING", vertices, exactly, `{"counts":{"completed":1}}`, nil},
		"checkpoints come soon":        {"RUNNING", vertices, `{"mode":"exactly_once","interval":5000}`, none, nil},
		"rows come as they are":        {"RUNNING", vertices, `{"mode":"at_least_once","interval":600000}`, none, nil},
		"checkpoints are off":          {"RUNNING", vertices, `{"mode":"exactly_once","interval":9223372036854775807}`, none, nil},
		"no checkpoints in batch mode": {"RUNNING", vertices, "", "", nil},
		"slots":                        {"RUNNING", waiting, exactly, none, []string{"waits for task slots"}},
		"it has ended":                 {"FINISHED", vertices, exactly, none, nil},
	} {
		t.Run(name, func(t *testing.T) {
			jobs := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body := ""
				switch {
				case r.URL.Path == "/jobs/"+fakeJob:
					body = fmt.Sprintf(`{"jid":"%s","state":"%s","start-time":%d,%s}`, fakeJob, c.state, time.Now().Add(-time.Minute).UnixMilli(), c.vertices)
				case strings.HasSuffix(r.URL.Path, "/checkpoints/config"):
					body = c.config
				case strings.HasSuffix(r.URL.Path, "/checkpoints"):
					body = c.checkpoints
				}
				if body == "" {
					http.NotFound(w, r)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, body)
			})
			e := &execution{
				session: &Session{options: Options{JobManager: rest.NewClient(transportTo(t, jobs), "")}},
				job:     fakeJob, looked: time.Now().Add(-2 * lookAfter),
			}
			e.watchJob(t.Context())
			said := e.Trouble()
			if len(c.wants) == 0 && said != "" {
				t.Errorf("said %q", said)
			}
			for _, want := range c.wants {
				if !strings.Contains(said, want) {
					t.Errorf("%q lacks %q", said, want)
				}
			}
		})
	}
}
