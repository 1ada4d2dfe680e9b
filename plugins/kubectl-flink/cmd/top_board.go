package cmd

import (
	"cmp"
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// topKinds are whose jobs `top` shows. The children of a blue/green deployment
// are FlinkDeployments.
var topKinds = []api.Kind{api.Deployment, api.SessionJob}

// boardState is what the screen of `top` is drawn from.
type boardState struct {
	rows     []view.TopJob
	usageErr error
}

// board gathers the numbers of many jobs. A JobManager that doesn't answer
// holds up its own row only.
type board struct {
	o      *topOptions
	client *operator.Client
	tunnel *portforward.Tunnel
	meter  rest.Meter
	slots  chan struct{}

	mu       sync.Mutex
	jobs     map[boardKey]*boardJob
	sessions map[api.Ref]*boardSession
	usage    operator.Usages
	usageErr error
}

// boardJob is a job as it was last seen.
type boardJob struct {
	summary api.Summary
	row     view.TopJob
	// way leads to the JobManager; nil wants it looked up (again).
	way    *wayTo
	asking bool
	// asked says that it was asked before.
	asked bool
}

type wayTo struct {
	place  reach.Place
	client *rest.Client
}

func newBoard(o *topOptions, client *operator.Client, tunnel *portforward.Tunnel) *board {
	return &board{o: o, client: client, tunnel: tunnel, slots: make(chan struct{}, asked), jobs: map[boardKey]*boardJob{}, sessions: map[api.Ref]*boardSession{}}
}

// set takes a job as the API server has it.
func (b *board) set(summary api.Summary) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if summary.Session {
		b.setSession(summary)
		return
	}
	key := boardKey{Ref: summary.Ref()}
	job := b.jobs[key]
	if job == nil {
		job = &boardJob{}
		b.jobs[key] = job
	}
	if id := summary.JobID; id != "" && summary.Cluster != "" {
		// It may have been taken for one that nothing manages.
		delete(b.jobs, boardKey{api.Ref{Kind: api.Deployment, Namespace: summary.Namespace, Name: summary.Cluster}, id})
	}
	job.summary, job.way = summary, nil
	old := job.row
	job.row = view.TopJob{
		Type: summary.Kind.Singular, Namespace: summary.Namespace, Name: summary.Name, Ref: summary.Ref(),
		State: summary.State, JobID: summary.JobID, Health: health.Of(summary, b.o.now()).Word,
	}
	if b.answers(summary) { // until the JobManager is asked again
		job.take(old)
		job.row.Unreachable = old.Unreachable
	}
}

// answers reports whether there is a JobManager to ask.
func (b *board) answers(s api.Summary) bool {
	return s.JobID != "" && s.JobManager != api.JobManagerMissing && s.Lifecycle != api.LifecycleSuspended
}

func (b *board) state() boardState {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := boardState{usageErr: b.usageErr}
	for _, job := range b.jobs {
		row := job.row
		cluster := row.Name
		if job.summary.Cluster != "" {
			cluster = job.summary.Cluster
		}
		if usage, ok := b.usage.Of(row.Namespace, cluster); ok {
			row.Usage = &usage
		}
		out.rows = append(out.rows, row)
	}
	view.ByName(out.rows)
	return out
}

// ask asks the JobManager of each job that isn't being asked, or of those only
// that never were; done is called after each answer.
func (b *board) ask(ctx context.Context, group *sync.WaitGroup, onlyNew bool, done func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, job := range b.jobs {
		if job.asking || !b.answers(job.summary) || onlyNew && job.asked {
			continue
		}
		job.asking, job.asked = true, true
		summary, way := job.summary, job.way
		if key.unmanaged != "" {
			if way = b.sessions[key.Ref].way; way == nil {
				job.asking, job.asked = false, false
				continue // until the cluster has answered
			}
		}
		group.Go(func() {
			b.slots <- struct{}{}
			defer func() { <-b.slots }()
			row := view.TopJob{}
			way, err := b.askOne(ctx, summary, key.unmanaged, way, &row)
			b.mu.Lock()
			job.asking, job.way = false, way
			if job.summary.JobID == summary.JobID {
				job.take(row)
				job.row.Unreachable = ""
				if err != nil {
					job.row.Unreachable = err.Error()
				}
			}
			b.mu.Unlock()
			done()
		})
	}
}

// askOne asks for the numbers of a job, by id where no object manages it.
func (b *board) askOne(ctx context.Context, summary api.Summary, id string, way *wayTo, row *view.TopJob) (*wayTo, error) {
	ctx, cancel := context.WithTimeout(ctx, b.o.timeout)
	defer cancel()
	if way == nil {
		place, err := reach.Find(ctx, b.client, summary.Ref())
		if err != nil {
			return nil, err
		}
		client, err := restClient(b.tunnel, place, b.o.tls)
		if err != nil {
			return nil, err
		}
		way = &wayTo{place, client}
	}
	id = cmp.Or(id, way.place.JobID)
	load, err := b.meter.Load(ctx, way.client, id)
	if err != nil {
		return nil, reach.AskError(ctx, err)
	}
	row.Take(load)
	checkpoints, err := way.client.Checkpoints(ctx, id)
	if last := checkpoints.Latest.Completed; err == nil && last != nil {
		row.LastCheckpoint = view.Moment(last.Acknowledged.Time())
	}
	return way, nil
}

// measure asks for what pods use.
func (b *board) measure(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, b.o.timeout)
	defer cancel()
	_, clusters, err := b.client.Usages(ctx, b.o.selection.Namespace, "")
	b.mu.Lock()
	defer b.mu.Unlock()
	b.usage, b.usageErr = clusters, err
}

// once is everything once.
func (b *board) once(ctx context.Context) (boardState, error) {
	for _, kind := range topKinds {
		items, err := b.client.Summaries(ctx, kind, b.o.selection)
		if err != nil {
			return boardState{}, err
		}
		for _, item := range items {
			b.set(item.Summary)
		}
	}
	var group sync.WaitGroup
	group.Go(func() { b.measure(ctx) })
	b.look(ctx, &group, func() {})
	group.Wait()
	b.ask(ctx, &group, false, func() {})
	group.Wait()
	return b.state(), context.Cause(ctx)
}

// follow shows the board whenever something has changed, until ctx ends.
func (b *board) follow(ctx context.Context, show func(boardState)) error {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	synced := make(chan struct{})
	lists := 0
	group.Go(func() {
		select {
		case <-synced:
		case <-ctx.Done():
			return
		}
		clock := time.NewTicker(b.o.interval)
		defer clock.Stop()
		for {
			group.Go(func() { b.measure(ctx) })
			b.ask(ctx, &group, false, func() { show(b.state()) })
			b.look(ctx, &group, func() {
				b.ask(ctx, &group, true, func() { show(b.state()) })
				show(b.state())
			})
			show(b.state())
			select {
			case <-ctx.Done():
				return
			case <-clock.C:
			}
		}
	})
	return b.client.Follow(ctx, topKinds, b.o.selection, func(kind api.Kind, event watch.EventType, object *unstructured.Unstructured) error {
		switch {
		case event == watch.Bookmark:
			if lists++; lists == len(topKinds) {
				close(synced)
			}
			return nil
		case event == watch.Deleted:
			b.drop(api.Ref{Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()})
		default:
			summary, err := api.Summarize(kind, object)
			if err != nil {
				return err
			}
			b.set(summary)
		}
		if lists >= len(topKinds) {
			show(b.state())
		}
		return nil
	})
}
