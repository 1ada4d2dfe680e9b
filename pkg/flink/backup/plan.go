package backup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
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
	// snapshots are the savepoints that are registered again.
	snapshots []*unstructured.Unstructured
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
	// it would not start. nil skips it.
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
		if step.Action == Start || step.Action == Await {
			r.readSnapshots(ctx, step)
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
		// A cluster that was not named comes only with a job in it.
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
