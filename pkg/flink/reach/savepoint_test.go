package reach

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// jobManager runs the job a1. Each question for its savepoint gets the next of
// polls: a body, a code and a body as in "500 text", or "" for a broken
// connection; the last one again and again.
type jobManager struct {
	polls []string
	// starting is how often the job's task is still being deployed.
	starting int
}

func (m *jobManager) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := func(code int, body string) (*http.Response, error) {
		return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
	switch {
	case r.Context().Err() != nil:
		return nil, r.Context().Err()
	case r.Method == http.MethodPost && m.starting > 0:
		return answer(http.StatusInternalServerError, "not all tasks run")
	case r.Method == http.MethodPost:
		return answer(http.StatusAccepted, `{"request-id":"t1"}`)
	case r.URL.Path == "/jobs/a1":
		state := "RUNNING"
		if m.starting > 0 {
			m.starting--
			state = "DEPLOYING"
		}
		return answer(http.StatusOK, `{"jid":"a1","state":"RUNNING","vertices":[{"tasks":{"`+state+`":1}}]}`)
	case !strings.Contains(r.URL.Path, "/savepoints/"):
		return answer(http.StatusOK, `{"jobs":[{"jid":"a1","name":"job","state":"RUNNING"}]}`)
	}
	poll := m.polls[0]
	if len(m.polls) > 1 {
		m.polls = m.polls[1:]
	}
	switch {
	case poll == "":
		return nil, errors.New("lost connection to pod")
	case strings.HasPrefix(poll, "500 "):
		return answer(http.StatusInternalServerError, poll[4:])
	case strings.HasPrefix(poll, "403 "):
		return answer(http.StatusForbidden, poll[4:])
	}
	return answer(http.StatusOK, poll)
}

const (
	inProgress = `{"status":{"id":"IN_PROGRESS"}}`
	completed  = `{"status":{"id":"COMPLETED"},"operation":{"location":"file:/s"}}`
)

func takeSavepoint(ctx context.Context, waiting func(string), polls ...string) (savepoint.Report, error) {
	return savepointOf(ctx, &jobManager{polls: polls}, waiting)
}

func savepointOf(ctx context.Context, m *jobManager, waiting func(string)) (savepoint.Report, error) {
	job := deployment("job", map[string]any{"jobStatus": map[string]any{"jobId": "a1", "state": "RUNNING"}})
	place := Place{Job: job, Cluster: job, JobID: "a1"}
	return Savepoint(ctx, rest.NewClient(m, ""), place, savepoint.Request{Method: savepoint.REST}, operator.Reporter{Waiting: waiting})
}

func TestSavepointOutlivesABrokenPoll(t *testing.T) {
	var said []string
	report, err := takeSavepoint(t.Context(), func(s string) { said = append(said, s) }, inProgress, "", "500 busy", completed)
	if err != nil || !report.Done || report.Path != "file:/s" {
		t.Errorf("%+v, %v", report, err)
	}
	if got := strings.Join(said, "\n"); !strings.Contains(got, "the JobManager doesn't answer (lost connection to pod); trying again") {
		t.Errorf("said %s", got)
	}
}

// Flink fails what is asked for while tasks are still being deployed.
func TestSavepointWaitsForTasks(t *testing.T) {
	var said []string
	report, err := savepointOf(t.Context(), &jobManager{polls: []string{completed}, starting: 2}, func(s string) { said = append(said, s) })
	if err != nil || !report.Done || len(said) < 2 || said[0] != "job a1: 1 of its 1 tasks don't run yet" {
		t.Errorf("%+v, %v, said %q", report, err, said)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	_, err = savepointOf(ctx, &jobManager{starting: 1000}, func(string) { cancel(exit.Timeoutf("timed out")) })
	if exit.Code(err) != exit.TimedOut || !strings.Contains(err.Error(), "nothing was asked for") {
		t.Error(err)
	}
}

func TestSavepointSaysThatItGoesOn(t *testing.T) {
	const see = "goes on without this command\nSee it with: kubectl flink rest flinkdeployment/job /jobs/a1/savepoints/t1 -n ns"
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	_, err := takeSavepoint(ctx, func(s string) {
		if strings.Contains(s, "trying again") {
			cancel(exit.Timeoutf("timed out"))
		}
	}, inProgress, "")
	if exit.Code(err) != exit.TimedOut || !strings.Contains(err.Error(), "the JobManager doesn't answer (lost connection to pod)") || !strings.Contains(err.Error(), see) {
		t.Errorf("away: %v", err)
	}
	_, err = takeSavepoint(t.Context(), nil, inProgress, "403 no")
	if exit.Code(err) != exit.Failed || !strings.Contains(err.Error(), "403") || !strings.Contains(err.Error(), see) {
		t.Errorf("refused: %v", err)
	}
}
