package backup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// What is done with a job.
const (
	// Start creates it, Await waits for one that was created before.
	Start = "start"
	Await = "await"
	// There says that it is as it should be, Leave that it isn't to be started.
	There = "there"
	Leave = "leave"
	// Stopped says that it can't be recovered: Stops say why.
	Stopped = "stopped"
)

// Step is what is done with one job of a backup.
type Step struct {
	Entry Entry
	// Job is its manifest as it is created: in the namespace where it goes, with
	// the state that it starts from.
	Job api.Job
	// Cluster is the session cluster of a session job, where the backup has it.
	Cluster api.Job
	// State is what it starts from; nil is nothing.
	State  *State
	Action string
	// Stops are why it can't be recovered, Notes what to know, Unchecked what
	// couldn't be looked at before.
	Stops, Notes, Unchecked []string

	existing api.Job
}

// Ref names the job where it goes.
func (s Step) Ref() api.Ref { return s.Job.Ref() }

// Suspended says that it comes back suspended.
func (s Step) Suspended() bool { return s.Job.Wanted() == api.WantSuspended }

// stop notes why a step can't be carried out.
func (s *Step) stop(format string, args ...any) {
	s.Action = Stopped
	s.Stops = append(s.Stops, fmt.Sprintf(format, args...))
}

// Verdict is what the cluster says of a manifest.
type Verdict struct{ Stops, Notes, Unchecked []string }

// Recovery starts the jobs of a backup.
type Recovery struct {
	Client *operator.Client
	Dir    *Dir
	Index  Index
	// Namespaces are where the jobs of one go instead.
	Namespaces map[string]string
	// Check asks the cluster about a manifest, others are those that come with
	// it; Look looks at the state that a job starts from, and its error says that
	// it would not start. nil asks nobody.
	Check func(ctx context.Context, object *unstructured.Unstructured, others []*unstructured.Unstructured) Verdict
	Look  func(ctx context.Context, step Step, reporter operator.Reporter) error
	// Finder finds a newer state of a job's last run; nil takes the backup's.
	Finder lifecycle.StateFinder
	// NoWait ends when the objects exist.
	NoWait bool

	maps map[[2]string]*corev1.ConfigMap
}

// CheckMap finds what is wrong with the namespaces that jobs go to.
func (r *Recovery) CheckMap() error {
	for _, from := range api.SortedKeys(r.Namespaces) {
		if !slices.Contains(r.Index.Namespaces, from) {
			return exit.Usagef("--namespace-map: the backup has no namespace %q; it has %s", from, strings.Join(r.Index.Namespaces, ", "))
		}
		if err := CheckNames(r.Namespaces[from], "x"); err != nil {
			return exit.Usagef("--namespace-map: %w", err)
		}
	}
	return nil
}

// to is where what was in a namespace goes.
func (r *Recovery) to(namespace string) string {
	if mapped := r.Namespaces[namespace]; mapped != "" {
		return mapped
	}
	return namespace
}

// Select are the entries that names, as [TYPE/]NAME, mean; without names all of
// them. namespace, where it isn't "", is the one that they were in. The session
// cluster of a session job comes with it.
func (i Index) Select(names []string, namespace string) ([]Entry, error) {
	var out []Entry
	named := map[api.Ref]bool{}
	for _, name := range names {
		wanted, err := operator.ParseRef(name, "", api.JobKinds...)
		if err != nil {
			return nil, err
		}
		var found []Entry
		for _, e := range i.Jobs {
			kinds := e.Kind == wanted.Kind.Name || !strings.Contains(name, "/")
			if kinds && e.Name == wanted.Name && (namespace == "" || e.Namespace == namespace) {
				found = append(found, e)
			}
		}
		switch len(found) {
		case 0:
			return nil, exit.Usagef("the backup has no %s; it has %s", name, i.listed())
		case 1:
			named[found[0].Ref()] = true
		default:
			return nil, exit.Usagef("%s may be any of %s: give its type, and its namespace with -n", name, Index{Jobs: found}.listed())
		}
	}
	for _, e := range i.Jobs {
		if namespace != "" && e.Namespace != namespace || len(names) > 0 && !named[e.Ref()] && e.Condition != SessionCluster {
			continue
		}
		out = append(out, e)
	}
	if len(out) == 0 {
		return nil, exit.Usagef("the backup has no job in namespace %s; it has %s", namespace, i.listed())
	}
	return out, nil
}

func (i Index) listed() string {
	var names []string
	for n, e := range i.Jobs {
		if n == 20 {
			return strings.Join(names, ", ") + fmt.Sprintf(" and %d more", len(i.Jobs)-n)
		}
		names = append(names, e.Namespace+"/"+e.Ref().String())
	}
	return strings.Join(names, ", ")
}

// Plan is what would be done, session clusters first. names are as in Select.
// Nothing is changed.
func (r *Recovery) Plan(ctx context.Context, names []string, namespace string, reporter operator.Reporter) ([]Step, error) {
	if err := r.CheckMap(); err != nil {
		return nil, err
	}
	entries, err := r.Index.Select(names, namespace)
	if err != nil {
		return nil, err
	}
	steps, err := r.steps(entries, names)
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for _, step := range steps {
		if step.Job.Object != nil {
			objects = append(objects, step.Job.Object)
		}
	}
	objects = append(objects, r.readConfigMaps(steps)...)
	for n := range steps {
		step := &steps[n]
		if step.Action != Start {
			continue
		}
		reporter.Waitingf("%s: looking whether it can be recovered (%d of %d)", step.Ref(), n+1, len(steps))
		if err := r.examine(ctx, step, objects, reporter); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	dependents(steps)
	return steps, nil
}

// steps reads the manifests, in order.
func (r *Recovery) steps(entries []Entry, names []string) ([]Step, error) {
	clusters := map[api.Ref]api.Job{}
	needed := map[api.Ref]bool{}
	var steps []Step
	for _, first := range []bool{true, false} {
		for _, e := range entries {
			if first != (e.Condition == SessionCluster) {
				continue
			}
			step := r.step(e, len(names) > 0)
			if step.Action == Start {
				if e.Condition == SessionCluster {
					clusters[step.Ref()] = step.Job
				} else if step.Job.Kind.Name == api.SessionJob.Name {
					at := api.Ref{Kind: api.Deployment, Namespace: step.Ref().Namespace, Name: step.Job.SessionCluster()}
					step.Cluster, needed[at] = clusters[at], true
				}
			}
			steps = append(steps, step)
		}
	}
	if len(names) > 0 {
		// A cluster that nobody named comes only with a job in it.
		steps = slices.DeleteFunc(steps, func(s Step) bool {
			return s.Entry.Condition == SessionCluster && !needed[s.Ref()] && !slices.ContainsFunc(names, func(n string) bool {
				return n == s.Entry.Name || strings.HasSuffix(n, "/"+s.Entry.Name)
			})
		})
	}
	seen := map[api.Ref]string{}
	for _, step := range steps {
		if before, twice := seen[step.Ref()]; twice {
			return nil, exit.Usagef("--namespace-map: %s of namespaces %s and %s would both be in %s", step.Ref(), before, step.Entry.Namespace, step.Ref().Namespace)
		}
		seen[step.Ref()] = step.Entry.Namespace
	}
	return steps, nil
}

// step makes a job's manifest what is created; what can't be is a stop.
func (r *Recovery) step(e Entry, named bool) Step {
	step := Step{Entry: e, Action: Start}
	job, err := r.Dir.Job(e)
	if err != nil {
		stub := &unstructured.Unstructured{Object: map[string]any{}}
		stub.SetName(e.Name)
		stub.SetNamespace(r.to(e.Namespace))
		step.Job = api.Job{Kind: e.Ref().Kind, Object: stub}
		step.stop("%s", err)
		return step
	}
	step.Job = job
	if to := r.to(e.Namespace); to != e.Namespace {
		job.Object.SetNamespace(to)
		api.Disown(job.Object) // it isn't what manages the other one that has made this
	}
	switch {
	case e.Condition == SessionCluster:
		return step
	case e.Condition == Finished && !named:
		step.Action = Leave
		step.Notes = append(step.Notes, "it had finished, and would run again from its beginning; name it to have that")
		return step
	case e.State != nil:
		state := *e.State
		step.State = &state
		if err := job.Set(state.Path, "job", "initialSavepointPath"); err != nil {
			step.stop("%s", err)
		}
	case e.Condition == NeverRan || e.Condition == Finished:
		// it starts as its manifest says
	case len(e.Failures) > 0:
		step.stop("the backup has no state of it: %s", e.Failures[0])
	default:
		step.Notes = append(step.Notes, "it starts empty: it had no state")
		unstructured.RemoveNestedField(job.Spec(), "job", "initialSavepointPath")
	}
	return step
}

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
	r.place(ctx, step)
	if r.Look != nil && step.Action == Start {
		told := operator.Reporter{Note: func(text string) { step.Notes = append(step.Notes, strings.TrimPrefix(text, ref.String()+": ")) }, Waiting: reporter.Waiting}
		if err := r.Look(ctx, *step, told); err != nil {
			step.stop("%s", err)
		}
	}
	return nil
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
	return " --from " + quoted(path)
}

// quoted is a word as a POSIX shell takes it.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

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
