package reach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// maxFailures is how many of a job's exceptions are asked for.
const maxFailures = 20

// failuresLimit bounds the question for a job's exceptions: a command that
// reports a failure doesn't wait long for more about it.
const failuresLimit = 5 * time.Second

// JobManagers asks the JobManagers of a command: it opens one tunnel for all of
// them, and one connection to each place. It is an operator.Flink and safe for
// use by several goroutines.
type JobManagers struct {
	client *operator.Client
	files  TLSFiles
	open   func() (*portforward.Tunnel, error)

	mu     sync.Mutex
	tunnel *portforward.Tunnel
	closed bool
	places map[api.Ref]connection
}

var _ operator.Flink = (*JobManagers)(nil)

// connection is one to the JobManager of a place, and what the place was when
// it was made.
type connection struct {
	of   string
	rest *rest.Client
}

// NewJobManagers finds places with client; open makes the tunnel when the first
// question comes.
func NewJobManagers(client *operator.Client, files TLSFiles, open func() (*portforward.Tunnel, error)) *JobManagers {
	return &JobManagers{client: client, files: files, open: open, places: map[api.Ref]connection{}}
}

// Close closes the tunnel.
func (m *JobManagers) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	if m.tunnel != nil {
		m.tunnel.Close()
	}
}

// At is the client of a place's JobManager. A place that runs something else
// than before gets a new connection: the one that there was may still lead to a
// JobManager that is about to end.
func (m *JobManagers) At(place Place) (*rest.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, errors.New("the command has ended")
	}
	ref, run := place.Cluster.Ref(), runOf(place)
	if known, ok := m.places[ref]; ok && known.of == run {
		return known.rest, nil
	}
	secure, err := m.files.Config(place)
	if err != nil {
		return nil, err
	}
	if m.tunnel == nil {
		if m.tunnel, err = m.open(); err != nil {
			return nil, err
		}
	}
	if known, ok := m.places[ref]; ok {
		known.rest.Close()
	}
	client := rest.NewClient(m.tunnel.RoundTripper(place.Target(), secure), place.Prefix)
	m.places[ref] = connection{run, client}
	return client, nil
}

// runOf differs between two runs of a place's cluster, and between two ways to
// speak to it.
func runOf(p Place) string {
	cluster := p.Cluster
	if cluster.Object == nil {
		return ""
	}
	started := api.Text(cluster.Object.Object, "status", "jobStatus", "startTime")
	return fmt.Sprint(cluster.Object.GetUID(), cluster.Object.GetGeneration(), cluster.JobManager(), cluster.JobID(), started, p.Secure, p.Mutual, p.Known, p.Prefix)
}

// ask has question ask the JobManager that serves ref.
func (m *JobManagers) ask(ctx context.Context, ref api.Ref, question func(*rest.Client, Place) error) error {
	place, err := Find(ctx, m.client, ref)
	if err != nil {
		return err
	}
	jobManager, err := m.At(place)
	if err != nil {
		return err
	}
	return AskError(ctx, question(jobManager, place))
}

// askJob has question ask about the job that ref is.
func (m *JobManagers) askJob(ctx context.Context, ref api.Ref, question func(jobManager *rest.Client, jobID string) error) error {
	return m.ask(ctx, ref, func(jobManager *rest.Client, place Place) error {
		if place.JobID == "" {
			return errors.New("the job has no id yet")
		}
		return question(jobManager, place.JobID)
	})
}

// State is the state that a job runs from and has.
func (m *JobManagers) State(ctx context.Context, job api.Ref) (state api.FlinkState, err error) {
	err = m.askJob(ctx, job, func(jobManager *rest.Client, id string) error {
		state, err = State(ctx, jobManager, id)
		return err
	})
	return state, err
}

// Checkpoints says whether a job's checkpoints outlive it, and the newest.
func (m *JobManagers) Checkpoints(ctx context.Context, job api.Ref) (facts api.CheckpointFacts, err error) {
	err = m.askJob(ctx, job, func(jobManager *rest.Client, id string) error {
		facts, err = CheckpointFacts(ctx, jobManager, id)
		return err
	})
	return facts, err
}

// Failures are the root causes of a job's failures since a moment.
func (m *JobManagers) Failures(ctx context.Context, job api.Ref, since time.Time) (roots []string) {
	ctx, cancel := context.WithTimeout(ctx, failuresLimit)
	defer cancel()
	_ = m.askJob(ctx, job, func(jobManager *rest.Client, id string) error {
		roots = failures(ctx, jobManager, id, since)
		return nil
	})
	return roots
}

// RunningJobs are the names of a session cluster's jobs that haven't ended.
func (m *JobManagers) RunningJobs(ctx context.Context, cluster api.Ref) (map[string]string, error) {
	out := map[string]string{}
	err := m.ask(ctx, cluster, func(jobManager *rest.Client, _ Place) error {
		jobs, err := jobManager.Jobs(ctx)
		for _, job := range jobs {
			if !rest.Ended(job.State) {
				out[job.ID] = cmp.Or(job.Name, "its name isn't known")
			}
		}
		return err
	})
	return out, err
}

// SavepointCause is Flink's own reason for a savepoint that failed.
func (m *JobManagers) SavepointCause(ctx context.Context, cluster api.Ref, jobID, triggerID string) (cause string) {
	_ = m.ask(ctx, cluster, func(jobManager *rest.Client, _ Place) error {
		cause = SavepointCause(ctx, jobManager, jobID, triggerID)
		return nil
	})
	return cause
}

// failures are the root causes of a job's failures since a moment, newest
// first; none where the JobManager can't be asked.
func failures(ctx context.Context, client *rest.Client, job string, since time.Time) []string {
	history, _, err := client.Exceptions(ctx, job, maxFailures)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range history {
		if e.Time.Time().Before(since.Add(-time.Second)) {
			continue
		}
		root := api.Telling(api.CauseChain(e.Stacktrace))
		if root == "" {
			root = e.Name
		}
		out = append(out, root)
	}
	return out
}

// AskError gives an error of asking a JobManager its exit code and next step.
func AskError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err = Explain(err)
	var unready *portforward.NotReadyError
	if errors.As(err, &unready) && unready.Timeout() {
		return exit.With(exit.TimedOut, err)
	}
	return err
}
