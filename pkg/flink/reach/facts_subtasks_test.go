package reach

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// flinkOf is a client of a JobManager that gives these answers by the end of the
// path.
func flinkOf(t *testing.T, answers map[string]string) *rest.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for end, answer := range answers {
			if strings.HasSuffix(r.URL.Path, end) {
				fmt.Fprint(w, answer)
				return
			}
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	return rest.NewClient(rewrite(server.URL), "")
}

// rewrite sends each request to a server.
type rewrite string

func (to rewrite) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, _ = strings.Cut(string(to), "://")
	return http.DefaultTransport.RoundTrip(r)
}

const jobOfTest = "0123456789abcdef0123456789abcdef"

// Subtasks that read nothing are only counted where all have reported what they read.
func TestFactsOfSubtasks(t *testing.T) {
	subtask := func(read, written int, complete bool) string {
		return fmt.Sprintf(`{"subtask":0,"status":"RUNNING","metrics":{"read-records":%d,"read-records-complete":%t,"write-records":%d,"write-records-complete":%t}}`, read, complete, written, complete)
	}
	list := func(each ...string) string { return `{"subtasks":[` + strings.Join(each, ",") + `]}` }
	const source, window, young, single = "11111111111111111111111111111111", "22222222222222222222222222222222", "33333333333333333333333333333333", "44444444444444444444444444444444"
	client := flinkOf(t, map[string]string{
		"/vertices/" + source: list(subtask(0, 90, true), subtask(0, 0, true)),
		"/vertices/" + window: list(subtask(80, 1, true), subtask(10, 1, true)),
		"/vertices/" + young:  list(subtask(80, 1, true), subtask(0, 0, false)),
	})
	load := rest.Load{Job: rest.Job{ID: jobOfTest}}
	var f diagnosis.FlinkFacts
	for _, id := range []string{source, window, young, single} {
		n := 2
		if id == single {
			n = 1
		}
		v := rest.Vertex{ID: id, Parallelism: n, Status: "RUNNING"}
		load.Vertices = append(load.Vertices, rest.VertexLoad{Vertex: v, Source: id == source})
		one := diagnosis.Vertex{ID: id, Parallelism: n, Metrics: &diagnosis.VertexMetrics{}}
		if id != source {
			one.Inputs = []string{source}
		}
		f.Vertices = append(f.Vertices, one)
	}
	keepSubtasks(&f, (&Gatherer{}).subtasks(t.Context(), client, load))
	if m := f.Vertices[0].Metrics; m.SubtasksIdle != 1 || m.Records != nil {
		t.Errorf("the source: %+v", m)
	}
	if m := f.Vertices[1].Metrics; !slices.Equal(m.Records, []int64{80, 10}) {
		t.Errorf("the window: %+v", m)
	}
	if f.Vertices[2].Metrics.Records != nil || f.Vertices[3].Metrics.Records != nil {
		t.Errorf("one that hasn't told, one of a single subtask: %+v, %+v", f.Vertices[2].Metrics, f.Vertices[3].Metrics)
	}
}

// Of slow checkpoints it is shown where their time went; of a failed one, which
// vertex didn't answer.
func TestFactsOfSlowCheckpoints(t *testing.T) {
	const quick, slow = "11111111111111111111111111111111", "22222222222222222222222222222222"
	client := flinkOf(t, map[string]string{
		"/jobs/" + jobOfTest:           `{"jid":"` + jobOfTest + `","vertices":[{"id":"` + slow + `","name":"Window"}]}`,
		"/details/3":                   `{"id":3,"tasks":{"` + quick + `":{"end_to_end_duration":100,"num_subtasks":2,"num_acknowledged_subtasks":2},"` + slow + `":{"end_to_end_duration":30000,"num_subtasks":2,"num_acknowledged_subtasks":2}}}`,
		"/details/3/subtasks/" + slow:  `{"subtasks":[{"alignment":{"duration":1000}},{"alignment":{"duration":25000}}]}`,
		"/details/4":                   `{"id":4,"tasks":{"` + quick + `":{"end_to_end_duration":99999,"num_subtasks":2,"num_acknowledged_subtasks":2},"` + slow + `":{"end_to_end_duration":0,"num_subtasks":2,"num_acknowledged_subtasks":1}}}`,
		"/details/4/subtasks/" + quick: `{"subtasks":[]}`,
	})
	got := slowCheckpoints(t.Context(), client, jobOfTest, []rest.Checkpoint{
		{ID: 4, Status: "FAILED"}, {ID: 3, Status: "COMPLETED", Duration: 30000}, {ID: 2, Status: "COMPLETED", Duration: 500}, {ID: 1, Status: "COMPLETED", Duration: 60000, IsSavepoint: true},
	})
	if len(got) != 2 || got[3].SlowVertex != "Window" || got[3].Alignment != 25*time.Second || got[4].SlowVertex != "Window" {
		t.Errorf("%+v", got)
	}
}

// Two looks say what stands still and what grows.
func TestFactsOfASample(t *testing.T) {
	load := func(now rest.Millis, watermark, lag rest.Measure) rest.Load {
		v := rest.VertexLoad{Vertex: rest.Vertex{ID: "v"}, Watermark: watermark, Lag: lag, In: rest.Aggregate{Sum: 7}, Out: rest.Aggregate{Sum: 9}}
		return rest.Load{Job: rest.Job{Now: now}, Vertices: []rest.VertexLoad{v}}
	}
	f := diagnosis.FlinkFacts{Vertices: []diagnosis.Vertex{{ID: "v", Metrics: &diagnosis.VertexMetrics{LagBefore: -1}}, {ID: "gone", Metrics: &diagnosis.VertexMetrics{LagBefore: -1}}}}
	keepSample(&f, load(1000, 500, 10), load(61_000, 500, 4000))
	m := f.Vertices[0].Metrics
	if m.Between != time.Minute || m.Watermark != 500 || m.WatermarkBefore != 500 || m.Lag != 4000 || m.LagBefore != 10 || m.In != 7 || m.Out != 9 {
		t.Errorf("%+v", m)
	}
	if f.Vertices[1].Metrics.LagBefore != -1 {
		t.Errorf("%+v", f.Vertices[1].Metrics)
	}
}
