package reach

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/foretell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// Foreseer gathers what foretell judges by.
type Foreseer struct {
	// Store reads state; it shouldn't start pods.
	Store StateStore
	// Ask makes the client of a JobManager; nil asks none.
	Ask func(place Place) (*rest.Client, error)
}

// vertexLimit bounds how long a JobManager is asked for the job's vertices, which
// are worth less than the state.
const vertexLimit = 5 * time.Second

// Facts are those of a start. Its error says why the state couldn't be looked
// at; the facts are good without it.
func (s Foreseer) Facts(ctx context.Context, p change.Prospect) (foretell.Facts, error) {
	out := foretell.Facts{Before: p.Before, After: p.After, Cluster: p.After, Stateless: p.Stateless}
	cluster, err := s.Store.Client.RunsIn(ctx, p.Before)
	if err == nil {
		out.Was, _ = s.Store.Client.JobConfig(ctx, p.Before, cluster)
		if p.After.Kind.Name == api.SessionJob.Name {
			out.Cluster = cluster
		}
	}
	if out.Was == nil {
		out.Was = api.Config{}
	}
	out.Config = after(out.Was, p.Before, p.After)
	var group sync.WaitGroup
	group.Go(func() { out.Vertices = s.vertices(ctx, p.Before) })
	var state *foretell.State
	if p.Path != "" {
		state, err = s.state(ctx, p)
	} else if err = nil; p.Unknown != "" {
		err = errors.New(p.Unknown)
	}
	group.Wait()
	out.State = state
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return out, err
}

// after is the configuration that a job will run with: what it runs with, with
// its spec's changes.
func after(was api.Config, before, after api.Job) api.Config {
	config := maps.Clone(was)
	for key := range api.Flatten(api.Section(before.Spec(), "flinkConfiguration")) {
		delete(config, key)
	}
	maps.Copy(config, api.Flatten(api.Section(after.Spec(), "flinkConfiguration")))
	return config
}

// vertices are those of a job as it runs; nil where nobody tells.
func (s Foreseer) vertices(ctx context.Context, job api.Job) []foretell.Vertex {
	if s.Ask == nil || !job.IsRunning() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, vertexLimit)
	defer cancel()
	place, err := Find(ctx, s.Store.Client, job.Ref())
	if err != nil || place.JobID == "" || place.Suspended() {
		return nil
	}
	client, err := s.Ask(place)
	if err != nil {
		return nil
	}
	found, err := client.Job(ctx, place.JobID)
	if err != nil {
		return nil
	}
	var out []foretell.Vertex
	for _, v := range found.Vertices {
		out = append(out, foretell.Vertex{ID: v.ID, Name: v.Name, Parallelism: v.Parallelism})
	}
	return out
}

// state reads the _metadata.
func (s Foreseer) state(ctx context.Context, p change.Prospect) (*foretell.State, error) {
	store, done, err := s.Store.Of(ctx, p.Before, p.Path)
	defer func() { _ = done() }()
	if err != nil {
		return nil, err
	}
	in, err := ReadNewest(ctx, store, p.Path, p.Proxy)
	if err != nil {
		return nil, err
	}
	out := &foretell.State{Summary: in.Summary, Path: in.Dir, Proxy: p.Proxy, Fresh: p.Fresh, Of: p.Of, OwnRun: p.OwnRun}
	if p.Proxy || p.Stateless {
		return out, nil
	}
	if err := in.LookForFiles(ctx, store); err != nil {
		if ctx.Err() == nil {
			return nil, err
		}
		in.Unchecked = "there was no time to look for them"
	}
	if out.Missing, out.Unchecked = len(in.Missing), in.Unchecked; out.Missing > 0 {
		out.Example = in.Missing[0].Path
	}
	return out, nil
}

// newestTries is how often a job's newest checkpoint is looked for again when it
// was deleted while it was read.
const newestTries = 3

// ReadNewest reads the _metadata at a path. Where that is a running job's newest
// checkpoint it may be gone by now: then the one that has taken its place is
// read.
func ReadNewest(ctx context.Context, store storage.Store, path string, newest bool) (storage.Inspection, error) {
	in, err := storage.ReadAt(ctx, store, path)
	if !newest || !errors.Is(err, fs.ErrNotExist) {
		return in, err
	}
	if pod, ok := store.(*storage.Pod); ok {
		return pod.ReadNewest(ctx, storage.Dir(path))
	}
	for try := 0; try < newestTries && errors.Is(err, fs.ErrNotExist); try++ {
		next, failed := storage.NewestCheckpoint(ctx, store, storage.Dir(path))
		if failed != nil || next == path {
			break
		}
		path = next
		in, err = storage.ReadAt(ctx, store, path)
	}
	return in, err
}
