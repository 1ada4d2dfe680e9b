package rest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// jobManager serves handler to a Client.
func jobManager(t *testing.T, prefix string, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient(redirected{base}, prefix)
	c.wait = 3 * time.Second
	return c
}

type redirected struct{ to *url.URL }

func (r redirected) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.URL.Scheme, request.URL.Host = r.to.Scheme, r.to.Host
	return http.DefaultTransport.RoundTrip(request)
}

func TestAnswers(t *testing.T) {
	answers := map[string]string{
		"GET /config":                 `{"refresh-interval":3000,"flink-version":"2.2.0","features":{"web-submit":false},"new":[1]}`,
		"GET /overview":               `{"taskmanagers":2,"slots-total":4,"jobs-running":1}`,
		"GET /jobs/overview":          `{"jobs":[{"jid":"a1","name":"x","state":"RUNNING","start-time":1795404277750,"end-time":-1,"tasks":{"running":4}}]}`,
		"GET /jobs/a1":                `{"jid":"a1","state":"RUNNING","timestamps":{"FAILED":0},"vertices":[{"id":"v","parallelism":2,"tasks":{"RUNNING":2}}]}`,
		"POST /jobs/a1/savepoints":    `{"request-id":"t1"}`,
		"GET /jobs/a1/savepoints/t1":  `{"status":{"id":"COMPLETED"},"operation":{"location":"s3://b/sp"}}`,
		"GET /jobs/a1/savepoints/bad": `{"status":{"id":"COMPLETED"},"operation":{"failure-cause":{"class":"java.io.IOException","stack-trace":"no space"}}}`,
	}
	c := jobManager(t, "", func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.Method+" "+r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"errors":["Internal server error.","JobNotFoundException: no such job\n\tat x"]}`
		}
		io.WriteString(w, answer)
	})
	ctx := t.Context()
	if got, err := c.Config(ctx); err != nil || got.FlinkVersion != "2.2.0" || got.RefreshInterval.Duration() != 3*time.Second {
		t.Errorf("config: %+v, %v", got, err)
	}
	if got, err := c.Overview(ctx); err != nil || got.SlotsTotal != 4 {
		t.Errorf("overview: %+v, %v", got, err)
	}
	if got, err := c.Jobs(ctx); err != nil || len(got) != 1 || got[0].Tasks["running"] != 4 || !got[0].EndTime.Time().IsZero() || got[0].StartTime.Time().IsZero() {
		t.Errorf("jobs: %+v, %v", got, err)
	}
	if got, err := c.Job(ctx, "a1"); err != nil || got.Vertices[0].Parallelism != 2 {
		t.Errorf("job: %+v, %v", got, err)
	}
	if got, err := c.TriggerSavepoint(ctx, "a1", SavepointRequest{}); err != nil || got != "t1" {
		t.Errorf("trigger: %q, %v", got, err)
	}
	if got, err := c.SavepointStatus(ctx, "a1", "t1"); err != nil || got.Location != "s3://b/sp" || got.Failed() {
		t.Errorf("savepoint: %+v, %v", got, err)
	}
	if got, err := c.SavepointStatus(ctx, "a1", "bad"); err != nil || !got.Failed() || got.FailureTrace != "no space" {
		t.Errorf("failed savepoint: %+v, %v", got, err)
	}
	_, err := c.Job(ctx, "nope")
	if want := "the JobManager answered 404 to GET /jobs/nope: JobNotFoundException: no such job"; !NotFound(err) || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestWaitsForALeader(t *testing.T) {
	asked := 0
	c := jobManager(t, "/flink/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/flink/config" {
			t.Errorf("path %s", r.URL.Path)
		}
		if asked++; asked < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, `{"errors":["Service temporarily unavailable due to an ongoing leader election. Please refresh."]}`)
			return
		}
		io.WriteString(w, `{"flink-version":"1.20.5"}`)
	})
	if got, err := c.Config(t.Context()); err != nil || got.FlinkVersion != "1.20.5" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNotAJobManager(t *testing.T) {
	c := jobManager(t, "", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") })
	if _, err := c.Config(t.Context()); err == nil || !strings.Contains(err.Error(), "is this port a JobManager's?") {
		t.Errorf("got %v", err)
	}
}

// Flink 2.1 to 2.3 leave jobs out of the overview whose JobMaster is slow
// (FLINK-40602); they are among the jobs all the same.
func TestJobsThatTheOverviewLeavesOut(t *testing.T) {
	answers := map[string]string{
		"/jobs":          `{"jobs":[{"id":"a","status":"RUNNING"},{"id":"b","status":"FAILING"},{"id":"b","status":"FAILING"}]}`,
		"/jobs/overview": `{"jobs":[{"jid":"a","name":"x","state":"RUNNING","tasks":{"running":4}},{"jid":"c","name":"new","state":"CREATED"}]}`,
	}
	c := jobManager(t, "", func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		io.WriteString(w, answer)
	})
	jobs, err := c.Jobs(t.Context())
	if err != nil || len(jobs) != 3 || jobs[0].StateOnly || jobs[1].StateOnly || jobs[2].ID != "b" || jobs[2].State != "FAILING" || !jobs[2].StateOnly || !jobs[2].StartTime.Time().IsZero() {
		t.Errorf("%+v, %v", jobs, err)
	}
	delete(answers, "/jobs")
	if jobs, err := c.Jobs(t.Context()); err != nil || len(jobs) != 2 {
		t.Errorf("%+v, %v", jobs, err)
	}
	answers = nil
	if jobs, err := c.Jobs(t.Context()); err == nil {
		t.Errorf("%+v", jobs)
	}
}
