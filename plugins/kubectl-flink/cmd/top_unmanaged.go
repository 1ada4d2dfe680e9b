package cmd

import (
	"context"
	"sync"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// boardKey is a job of the board: an object's, or with an id one in a session
// cluster that no object manages, such as an INSERT of SQL.
type boardKey struct {
	api.Ref
	unmanaged string
}

// boardSession is a session cluster, in which jobs may run that no object
// manages.
type boardSession struct {
	summary api.Summary
	way     *wayTo
	asking  bool
}

// setSession takes a session cluster as the API server has it; b.mu is held.
// Where labels or fields select, its jobs have none that could fit.
func (b *board) setSession(summary api.Summary) {
	if b.o.selection.Labels != "" || b.o.selection.Fields != "" {
		return
	}
	session := b.sessions[summary.Ref()]
	if session == nil {
		session = &boardSession{}
		b.sessions[summary.Ref()] = session
	}
	session.summary, session.way = summary, nil
	if summary.JobManager != api.JobManagerReady {
		b.dropUnmanaged(summary.Ref()) // nobody can say what they do
	}
}

// dropUnmanaged forgets the jobs of a session cluster that no object manages;
// b.mu is held.
func (b *board) dropUnmanaged(cluster api.Ref) {
	for key := range b.jobs {
		if key.Ref == cluster && key.unmanaged != "" {
			delete(b.jobs, key)
		}
	}
}

// drop forgets an object, and of a session cluster its jobs.
func (b *board) drop(ref api.Ref) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.sessions, ref)
	delete(b.jobs, boardKey{Ref: ref})
	b.dropUnmanaged(ref)
}

// look asks each session cluster that isn't being asked for its jobs; done is
// called after each answer. One that doesn't answer keeps the rows it has.
func (b *board) look(ctx context.Context, group *sync.WaitGroup, done func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, session := range b.sessions {
		if session.asking || session.summary.JobManager != api.JobManagerReady {
			continue
		}
		session.asking = true
		summary, way := session.summary, session.way
		group.Go(func() {
			b.slots <- struct{}{}
			defer func() { <-b.slots }()
			way, jobs, err := b.askSession(ctx, summary.Ref(), way)
			b.mu.Lock()
			session.asking, session.way = false, way
			if err == nil && b.sessions[summary.Ref()] == session {
				b.setUnmanaged(summary.Ref(), jobs)
			}
			b.mu.Unlock()
			done()
		})
	}
}

func (b *board) askSession(ctx context.Context, ref api.Ref, way *wayTo) (*wayTo, []rest.JobOverview, error) {
	ctx, cancel := context.WithTimeout(ctx, b.o.timeout)
	defer cancel()
	if way == nil {
		place, err := reach.Find(ctx, b.client, ref)
		if err != nil {
			return nil, nil, err
		}
		client, err := restClient(b.tunnel, place, b.o.tls)
		if err != nil {
			return nil, nil, err
		}
		way = &wayTo{place, client}
	}
	jobs, err := way.client.Jobs(ctx)
	if err != nil {
		return nil, nil, err
	}
	return way, jobs, nil
}

// setUnmanaged takes what a session cluster says of its jobs; b.mu is held.
func (b *board) setUnmanaged(cluster api.Ref, jobs []rest.JobOverview) {
	managed := map[string]bool{}
	gone := map[boardKey]bool{}
	for key, job := range b.jobs {
		switch {
		case key.unmanaged != "" && key.Ref == cluster:
			gone[key] = true
		case job.summary.Namespace == cluster.Namespace && job.summary.Cluster == cluster.Name:
			managed[job.summary.JobID] = true
		}
	}
	for _, found := range jobs {
		if managed[found.ID] || rest.Ended(found.State) {
			continue
		}
		key := boardKey{cluster, found.ID}
		delete(gone, key)
		job := b.jobs[key]
		if job == nil {
			job = &boardJob{}
			b.jobs[key] = job
		}
		job.summary = api.Summary{
			Kind: api.SessionJob, Namespace: cluster.Namespace, Name: cluster.Name, Cluster: cluster.Name, Created: found.StartTime.Time(),
			StatusKnown: true, Wanted: api.WantRunning, Lifecycle: api.LifecycleStable, State: found.State, StateSince: found.LastModification.Time(), JobID: found.ID, JobName: found.Name,
		}
		job.row.Type, job.row.Namespace, job.row.Name, job.row.Ref = cluster.Kind.Singular, cluster.Namespace, cluster.Name, cluster
		job.row.State, job.row.JobID, job.row.JobName = found.State, found.ID, found.Name
		job.row.Unmanaged = true
		job.row.Health = health.Of(job.summary, b.o.now()).Word
	}
	for key := range gone {
		delete(b.jobs, key)
	}
}

// take takes the numbers of a row that the JobManager reported.
func (b *boardJob) take(from view.TopJob) {
	b.row.In, b.row.Out, b.row.Lag, b.row.Busy, b.row.Backpressured = from.In, from.Out, from.Lag, from.Busy, from.Backpressured
	b.row.LastCheckpoint = from.LastCheckpoint
}
