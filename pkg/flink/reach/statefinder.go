package reach

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// StateFinder finds states in the directories of jobs, for lifecycle. Close
// must be called at the end.
type StateFinder struct {
	Store StateStore

	open []openStore
	done []func() error
}

type openStore struct {
	job    api.Ref
	scheme string
	dir    string
	store  storage.Store
}

// Open is the store that a path of a job is in. It stays open until Close.
func (f *StateFinder) Open(ctx context.Context, job api.Job, path string) (storage.Store, error) {
	return f.store(ctx, job, path)
}

// store is the one that a path is in. Stores stay open: what is read next is
// mostly in the same.
func (f *StateFinder) store(ctx context.Context, job api.Job, path string) (storage.Store, error) {
	scheme, _ := storage.Split(path)
	for _, o := range f.open {
		if o.job == job.Ref() && o.scheme == scheme && (storage.IsS3(scheme) || strings.HasPrefix(api.NormalPath(path)+"/", strings.TrimRight(api.NormalPath(o.dir), "/")+"/")) {
			return o.store, nil
		}
	}
	store, done, err := f.Store.Of(ctx, job, path)
	f.done = append(f.done, done)
	if err != nil {
		return nil, err
	}
	f.open = append(f.open, openStore{job.Ref(), scheme, path, store})
	return store, nil
}

// Close removes what was started to read.
func (f *StateFinder) Close() error {
	var errs []error
	for _, done := range f.done {
		errs = append(errs, done())
	}
	f.done, f.open = nil, nil
	return errors.Join(errs...)
}

// Find gives what is in a directory, newest first.
func (f *StateFinder) Find(ctx context.Context, job api.Job, dir string) ([]lifecycle.FoundState, error) {
	store, err := f.store(ctx, job, dir)
	if err != nil {
		return nil, err
	}
	found, err := storage.SavedBelow(ctx, store, dir)
	out := make([]lifecycle.FoundState, len(found))
	for n, s := range found {
		out[n] = lifecycle.FoundState{Path: s.Path, At: s.Written, Run: s.Run}
	}
	return out, err
}

// List tells every file in and below a directory, as a job sees it.
func (f *StateFinder) List(ctx context.Context, job api.Job, dir string, each func(storage.Entry) error) error {
	store, err := f.store(ctx, job, dir)
	if err != nil {
		return err
	}
	return store.List(ctx, dir, each)
}

// Whole says why a job can't be restored from a state.
func (f *StateFinder) Whole(ctx context.Context, job api.Job, path string) error {
	store, err := f.store(ctx, job, path)
	if err != nil {
		return err
	}
	in, err := storage.Inspect(ctx, store, path)
	if err != nil {
		return err
	}
	if n := len(in.Missing); n > 0 {
		return fmt.Errorf("%d of its files aren't there, or not whole, as %s", n, in.Missing[0].Path)
	}
	return nil
}
