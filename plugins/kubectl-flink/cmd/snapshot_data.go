package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/batch"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

const (
	// neededLimit bounds the look for checkpoints that need a savepoint's files.
	neededLimit = 30 * time.Second
	// goneLimit is how long the data may still be there after its object went:
	// the operator doesn't wait for the JobManager to have deleted it.
	goneLimit = time.Minute
)

// doomedData is the data of savepoints that are to be deleted with it.
type doomedData struct {
	client *operator.Client
	line   *progress.Line
	finder *reach.StateFinder
	// stores are where the data is, by snapshot.
	stores map[types.UID]doomedStore
}

// doomedStore is where a savepoint's data is; why says why that can't be read.
type doomedStore struct {
	store storage.Store
	job   api.Job
	dirs  []reach.StateDir
	why   error
}

// open finds out where the data is, while the jobs run that see it.
func (d *doomedData) open(ctx context.Context, c *common, plan []savepoint.Deletion) (closed func(), err error) {
	parent := ctx
	ctx, cancel := context.WithTimeoutCause(parent, neededLimit, errors.New("it took too long"))
	defer cancel()
	d.line.Set("looking for the savepoints' files")
	way := tunnelFlags{transport: string(portforward.Auto), via: string(portforward.ViaAuto)}
	if d.finder, closed, err = c.stateFinder(d.client, way, reporterOf(d.line)); err != nil {
		return nil, err
	}
	d.finder.Store.NoReader = true // a pod only for this isn't worth it
	for _, each := range plan {
		if !each.Loses || each.Snapshot.Path() == "" {
			continue
		}
		at, err := d.storeOf(ctx, each.Snapshot)
		at.why = err
		d.stores[each.Snapshot.Object.GetUID()] = at
	}
	if parent.Err() != nil {
		closed()
		return nil, context.Cause(parent)
	}
	return closed, nil
}

func (d *doomedData) storeOf(ctx context.Context, s api.Snapshot) (at doomedStore, err error) {
	ref := s.Job()
	if ref.Name == "" {
		return at, errors.New("it names no job")
	}
	object, err := d.client.Get(ctx, ref)
	if err != nil {
		return at, err
	}
	at.job = api.Job{Kind: ref.Kind, Object: object}
	cluster, err := d.client.RunsIn(ctx, at.job)
	if err != nil {
		return at, err
	}
	config, err := d.client.JobConfig(ctx, at.job, cluster)
	if err != nil {
		return at, err
	}
	at.dirs = reach.StateDirs(config)
	at.store, err = d.finder.Open(ctx, at.job, s.Path())
	return at, err
}

// refuseNeeded refuses to delete the data of savepoints whose files a checkpoint
// names. Where that can't be found out it is said.
func (d *doomedData) refuseNeeded(ctx context.Context, plan []savepoint.Deletion) error {
	parent := ctx
	ctx, cancel := context.WithTimeoutCause(parent, neededLimit, errors.New("it took too long"))
	defer cancel()
	d.line.Set("looking for checkpoints that need the savepoints' files")
	for _, each := range plan {
		at, ok := d.stores[each.Snapshot.Object.GetUID()]
		if !ok {
			continue
		}
		by, err := "", at.why
		if err == nil {
			by, err = reach.NeededBy(ctx, d.finder.Open, at.job, at.dirs, each.Snapshot.Path())
		}
		switch {
		case by != "":
			return fmt.Errorf("%s: %s needs files of its data at %s\nDelete with --keep-data, or delete the data with --force", each.Snapshot.Ref(), by, each.Snapshot.Path())
		case parent.Err() != nil:
			return context.Cause(parent)
		case err != nil:
			d.line.Print("whether checkpoints need files of %s couldn't be found out: %s", each.Snapshot.Path(), shortly(err))
		}
	}
	return nil
}

// awaitGone waits until the data of a snapshot whose object has gone is gone,
// too. unseen says why nobody could look.
func (d *doomedData) awaitGone(ctx context.Context, s api.Snapshot) (unseen string, err error) {
	at, ok := d.stores[s.Object.GetUID()]
	switch {
	case !ok: // it was being taken
		return "", nil
	case at.why != nil:
		return shortly(at.why), nil //nolint:nilerr // that nobody could look is said, and is no failure
	}
	d.line.Set("%s is deleted; waiting for its data to be gone: %s", s.Name(), s.Path())
	err = storage.AwaitGone(ctx, at.store, s.Path(), goneLimit)
	var remains *storage.RemainsError
	switch {
	case err == nil:
		return "", nil
	case errors.As(err, &remains):
		return "", fmt.Errorf("%s is deleted, but its data isn't: %w\nThe operator asked the job's JobManager to delete it; its log says what became of that: kubectl flink logs %s -n %s\nDelete it from here: kubectl flink storage rm %s --job %s -n %s",
			s.Ref(), remains, s.Job(), s.Job().Namespace, batch.Quote(s.Path()), s.Job(), s.Job().Namespace)
	case ctx.Err() != nil:
		return "", fmt.Errorf("%w: %s is deleted; whether its data is gone wasn't seen: %s", context.Cause(ctx), s.Ref(), s.Path())
	}
	return shortly(err), nil
}

// shortly is an error within a sentence.
func shortly(err error) string {
	return strings.TrimPrefix(api.FirstLine(kube.Message(err)), "error: ")
}
