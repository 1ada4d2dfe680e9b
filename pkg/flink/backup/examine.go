package backup

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// examine finds out what is to be done with one job, and whether that can be.
func (r *Recovery) examine(ctx context.Context, step *Step, objects []*unstructured.Unstructured, reporter operator.Reporter) error {
	if err := r.newer(ctx, step, reporter); err != nil {
		return err
	}
	ref := step.Ref()
	existing, err := r.Client.Resource(ref.Kind, ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	switch {
	case err == nil:
		step.existing = api.Job{Kind: ref.Kind, Object: existing}
		r.compare(ctx, step)
		return nil
	case apierrors.IsForbidden(err):
		step.Unchecked = append(step.Unchecked, "whether it is there already: "+api.FirstLine(err.Error()))
	case !apierrors.IsNotFound(err):
		return err
	}
	if r.Check != nil {
		verdict := r.Check(ctx, step.Job.Object, objects)
		for _, stop := range verdict.Stops {
			step.stop("%s", stop)
		}
		step.Notes, step.Unchecked = append(step.Notes, verdict.Notes...), append(step.Unchecked, verdict.Unchecked...)
	}
	if step.State == nil {
		return nil
	}
	if step.State.Passing {
		step.Notes = append(step.Notes, "its state is the newest checkpoint of a job that ran on: Flink has likely deleted it")
	}
	r.original(ctx, step)
	r.place(ctx, step)
	if r.Look != nil && step.Action == Start {
		reporting := operator.Reporter{Note: func(text string) { step.Notes = append(step.Notes, strings.TrimPrefix(text, ref.String()+": ")) }, Waiting: reporter.Waiting}
		if err := r.Look(ctx, *step, reporting); err != nil {
			step.stop("%s", err)
		}
	}
	return nil
}

// original says that the job that was backed up goes on beside this one.
func (r *Recovery) original(ctx context.Context, step *Step) {
	at := step.Entry.Ref()
	if at == step.Ref() {
		return
	}
	object, err := r.Client.Resource(at.Kind, at.Namespace).Get(ctx, at.Name, metav1.GetOptions{})
	if err == nil && (api.Job{Kind: at.Kind, Object: object}).State() == api.JobRunning {
		step.Notes = append(step.Notes, fmt.Sprintf("%s in namespace %s runs: both would have the same sources and sinks", at, at.Namespace))
	}
}

// place says whether the job's pods would see the state where it is.
func (r *Recovery) place(ctx context.Context, step *Step) {
	host := step.Runs()
	if host.Object == nil || host.Kind.Name == api.BlueGreen.Name {
		return
	}
	switch place := r.Client.StatePlace(ctx, host, step.State.Path); {
	case !place.Lasts():
		step.stop("its pods wouldn't see %s: it %s", step.State.Path, place.Why)
	case place.Volume == "persistentVolumeClaim":
		step.Notes = append(step.Notes, "its state is in a PersistentVolumeClaim: the claim of that name here has to have the same files")
	case place.Volume == "hostPath":
		step.Notes = append(step.Notes, "its state is in a directory of a node: the nodes here have to see the same files")
	}
}

// Runs is the job as one FlinkDeployment that would run it alone: of a session
// job, its cluster with the job's own configuration. Its Object is nil where the
// backup doesn't have that cluster.
func (s Step) Runs() api.Job {
	if s.Job.Kind.Name != api.SessionJob.Name || s.Cluster.Object == nil {
		if s.Job.Kind.Name == api.SessionJob.Name {
			return api.Job{}
		}
		return s.Job
	}
	own := map[string]any{"job": s.Job.Spec()["job"]}
	if config := api.Section(s.Job.Spec(), "flinkConfiguration"); config != nil {
		own["flinkConfiguration"] = config
	}
	return s.Cluster.Patched(own)
}

// newer has the job start from a newer state of its last run, if there is one.
func (r *Recovery) newer(ctx context.Context, step *Step, reporter operator.Reporter) error {
	host := step.Runs()
	if r.Finder == nil || step.State == nil || step.Suspended() || host.Object == nil || host.Kind.Name == api.BlueGreen.Name {
		return nil
	}
	known := lifecycle.Source{Kind: step.State.Kind, Path: step.State.Path, At: step.State.Taken}
	if step.State.Passing {
		known = lifecycle.Source{}
	}
	host = api.Job{Kind: host.Kind, Object: host.Object.DeepCopy()}
	_ = unstructured.SetNestedField(host.Object.Object, step.Entry.JobID, "status", "jobStatus", "jobId")
	found, err := lifecycle.NewerState(ctx, r.Client, host, known, r.Finder, reporter)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		step.Unchecked = append(step.Unchecked, "whether there is a newer state: "+api.FirstLine(err.Error()))
		return nil
	case found.Path == "" || api.SamePath(found.Path, step.State.Path):
		return nil
	}
	step.State = &State{Kind: found.Kind, Path: found.Path, Taken: found.At}
	step.Notes = append(step.Notes, "this state is newer than the backup's")
	return step.Job.Set(found.Path, "job", "initialSavepointPath")
}

// compare is for a job of that name that is there.
func (r *Recovery) compare(ctx context.Context, step *Step) {
	there, path := step.existing, ""
	if step.State != nil {
		path = step.State.Path
	}
	if there.Object.GetDeletionTimestamp() != nil {
		step.stop("one of that name is being deleted: wait until it is gone")
		return
	}
	flink, known, _ := r.Client.State(ctx, there)
	if known && path != "" && there.IsRunning() && api.SamePath(flink.RestoredPath(), path) {
		step.Action = There
		step.Notes = append(step.Notes, "it runs from that state already")
		return
	}
	wanted := api.Job{Kind: step.Job.Kind, Object: step.Job.Object.DeepCopy()}
	unstructured.RemoveNestedField(wanted.Spec(), "job", "state")
	switch {
	case !api.Contains(there.Spec(), wanted.Spec()):
		step.stop("one of that name is there, with another spec (%s)\nIt isn't overwritten. Delete it (kubectl flink delete %s -n %s) and recover again, or start it from the state: kubectl flink restore %s -n %s%s",
			firstDifference(there, wanted), step.Ref(), step.Ref().Namespace, step.Ref(), step.Ref().Namespace, from(path))
	case step.Entry.Condition == SessionCluster && there.JobManager() == api.JobManagerReady, step.Suspended():
		step.Action = There
		step.Notes = append(step.Notes, "it is there already")
	case there.State() == api.JobFinished:
		step.Action = There
		step.Notes = append(step.Notes, "it is there already, and has finished")
	case known && there.IsRunning() && path != "" && flink.Restored == nil:
		step.stop("one of that name is there and runs, but it started without state\nStart it from the state: kubectl flink restore %s -n %s%s", step.Ref(), step.Ref().Namespace, from(path))
	case known && there.IsRunning():
		// Its spec names the state still: a restore from another would have changed that.
		step.Action = There
		step.Notes = append(step.Notes, "it runs already, and has gone on since it was started from there")
	default:
		step.Action = Await
	}
}

func from(path string) string {
	if path == "" {
		return ""
	}
	return " --from " + api.ShellWord(path)
}

func firstDifference(there, wanted api.Job) string {
	for _, d := range api.DiffSpecs(there.Spec(), wanted.Spec()) {
		if d.New != "" {
			return "spec." + strings.TrimPrefix(d.Path, "spec.")
		}
	}
	return "spec"
}

// dependents stops the jobs whose session cluster can't be recovered.
func dependents(steps []Step) {
	stopped := map[api.Ref]bool{}
	for n := range steps {
		step := &steps[n]
		if step.Entry.Condition == SessionCluster {
			stopped[step.Ref()] = step.Action == Stopped
			continue
		}
		at := api.Ref{Kind: api.Deployment, Namespace: step.Ref().Namespace, Name: step.Job.SessionCluster()}
		if step.Job.Kind.Name == api.SessionJob.Name && stopped[at] && step.Action != Stopped {
			step.stop("its session cluster %s can't be recovered", at)
		}
	}
}
