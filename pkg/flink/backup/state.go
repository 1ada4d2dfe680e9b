package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// state notes the state that a job would start from, and looks into it.
func (b *Collector) state(ctx context.Context, entry *Entry, job api.Job, reporter operator.Reporter) {
	var stores Stores
	if b.Stores != nil {
		opened, done, err := b.Stores(reporter)
		if err != nil {
			entry.Warnings = append(entry.Warnings, "its files weren't looked at: "+api.FirstLine(err.Error()))
		} else {
			defer done()
			stores = opened
		}
	}
	if b.Savepoint && entry.Condition == Running {
		if report, err := b.takeSavepoint(ctx, job.Ref(), reporter); err != nil {
			entry.Failures = append(entry.Failures, "no savepoint could be taken: "+err.Error())
		} else {
			entry.State = &State{Kind: api.RetainedSavepoint, Path: report.Path, Taken: report.CompletedAt, Fresh: true}
		}
	}
	if entry.State == nil && ctx.Err() == nil {
		b.newest(ctx, entry, job, stores, reporter)
	}
	if entry.State == nil || ctx.Err() != nil {
		return
	}
	b.inspect(ctx, entry, job, stores, reporter)
	if entry.Condition == Running && !entry.State.Fresh && !entry.State.Passing {
		entry.Warnings = append(entry.Warnings, fmt.Sprintf("it runs: what it did since %s isn't in its newest state that stays; --savepoint takes one now", age(entry.State.Taken, b.Now())))
	}
	if b.Savepoint && entry.Condition == NotRunning {
		entry.Warnings = append(entry.Warnings, "it is not RUNNING, so that no savepoint could be taken: this is the newest state that stays")
	}
}

func age(at, now time.Time) string {
	if at.IsZero() {
		return "then"
	}
	return at.UTC().Format(time.RFC3339) + " (" + api.Ago(max(now.Sub(at), 0)) + " ago)"
}

// newest notes the newest state that stays when the job is gone.
func (b *Collector) newest(ctx context.Context, entry *Entry, job api.Job, stores Stores, reporter operator.Reporter) {
	if job.NeverRan() {
		if path := job.InitialPath(); api.NormalPath(path) != "" {
			entry.State = &State{Kind: api.KindOfPath(path), Path: path}
		}
		return
	}
	var finder lifecycle.StateFinder // not a nil Stores in it
	if stores != nil {
		finder = stores
	}
	reporter.Waitingf("%s: looking for its newest state", job.Ref())
	source, err := lifecycle.KeptState(ctx, b.Client, job, finder, reporter)
	switch {
	case err == nil && source.Path != "":
		entry.State = &State{Kind: source.Kind, Path: source.Path, Taken: source.At}
	case err == nil:
		entry.Warnings = append(entry.Warnings, "it was suspended without its state: it starts empty")
	case entry.Condition == Finished && errors.Is(err, lifecycle.ErrNothingKept):
		// what has finished goes on from nothing
	case entry.Condition == Running && errors.Is(err, lifecycle.ErrNothingKept):
		b.passing(ctx, entry, job)
	case errors.Is(err, lifecycle.ErrNothingKept):
		entry.Failures = append(entry.Failures, lifecycle.ErrNothingKept.Error())
	default:
		entry.Failures = append(entry.Failures, "its newest state can't be found: "+err.Error())
	}
}

// passing notes the newest checkpoint of a running job, which has nothing else.
func (b *Collector) passing(ctx context.Context, entry *Entry, job api.Job) {
	flink, known, why := b.Client.State(ctx, job)
	switch {
	case known && flink.Latest != nil && api.NormalPath(flink.Latest.Path) != "":
		entry.State = &State{Kind: api.KindOfPath(flink.Latest.Path), Path: flink.Latest.Path, Taken: flink.Latest.At, CheckpointID: flink.Latest.ID, Passing: true}
		entry.Failures = append(entry.Failures, "it runs, and its only state is a checkpoint that Flink deletes when it has the next one: take a savepoint with --savepoint")
	case known:
		entry.Failures = append(entry.Failures, "it runs, and has no checkpoint or savepoint yet: take one with --savepoint")
	default:
		entry.Failures = append(entry.Failures, "it runs, no state of it is known that stays, and its JobManager can't be asked for its checkpoints: "+why)
	}
}

// inspect looks into the state. What can't be read is only a warning: the job's
// pods may be able to.
func (b *Collector) inspect(ctx context.Context, entry *Entry, job api.Job, stores Stores, reporter operator.Reporter) {
	if stores == nil || entry.State.Passing {
		return
	}
	reporter.Waitingf("%s: looking into %s", job.Ref(), entry.State.Path)
	ctx, cancel := context.WithTimeoutCause(ctx, inspectLimit, fmt.Errorf("it took longer than %s", inspectLimit))
	defer cancel()
	seen, err := stores.Look(ctx, job, entry.State.Path)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		entry.Warnings = append(entry.Warnings, entry.State.Path+" wasn't looked into: "+api.FirstLine(err.Error()))
		return
	}
	entry.State.CheckpointID, entry.State.Size = seen.CheckpointID, seen.Size
	if entry.State.Taken.IsZero() {
		entry.State.Taken = seen.Taken
	}
	for _, problem := range seen.Problems {
		entry.Failures = append(entry.Failures, "a restore from "+entry.State.Path+" would fail: "+problem)
	}
	if b.Dir == nil {
		return
	}
	if err := b.Dir.writeJSON(entry.file("inspection.json"), seen.Page); err != nil {
		entry.Failures = append(entry.Failures, err.Error())
		return
	}
	entry.Inspection = entry.file("inspection.json")
}

// ReadConfigMap is a ConfigMap's manifest as it was applied.
func ReadConfigMap(ctx context.Context, c *operator.Client, namespace, name string) (*unstructured.Unstructured, error) {
	found, err := c.Core().CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return configMapObject(found)
}

func configMapObject(m *corev1.ConfigMap) (*unstructured.Unstructured, error) {
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(m)
	if err != nil {
		return nil, err
	}
	object["apiVersion"], object["kind"] = "v1", "ConfigMap"
	return api.Applied(&unstructured.Unstructured{Object: object}), nil
}
