package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// Start is a job that is to run, and what is known of how that began.
type Start struct {
	Ref api.Ref
	// Since is when it was asked for, by the server's clock: what failed
	// before doesn't count.
	Since time.Time
	// Done, where set, reports whether the job is what is waited for; without
	// it the job has to run, or to have finished.
	Done func(api.Job) bool
	// aside looks only at what the operator may not tell: new pods and the
	// job's own exceptions.
	aside bool
	// generation is the spec's before the change, for aside.
	generation int64
	// standing says, for aside, that pods of before count, too.
	standing bool
}

// StuckError says why a job doesn't run.
type StuckError struct {
	Job api.Ref
	// State is where it stands.
	State string
	// Obstacles are heaviest first.
	Obstacles []Obstacle
}

func (e *StuckError) Error() string {
	message := fmt.Sprintf("%s doesn't run: it is %s", e.Job, e.State)
	for i, o := range e.Obstacles {
		if i == 4 {
			message += fmt.Sprintf("\n  and %d more", len(e.Obstacles)-i)
			break
		}
		message += "\n  " + o.String()
	}
	return message
}

// summary is why, in a line.
func (e *StuckError) summary() string {
	if len(e.Obstacles) == 0 {
		return "it is " + e.State
	}
	return e.Obstacles[0].String()
}

// Reasons is all that is known of why.
func (e *StuckError) Reasons() string {
	var reasons []string
	for _, o := range e.Obstacles {
		reasons = append(reasons, o.Text)
	}
	return strings.Join(reasons, "\n")
}

const (
	// stubbornFor is how long a stubborn obstacle may stay: the operator tries
	// again after 5 s and then after 7.5 s.
	stubbornFor = 15 * time.Second
	// lookEvery is how often what can't be watched is looked at.
	lookEvery = 2 * time.Second
)

// AwaitRunning follows a job until it runs. It fails as soon as something is in
// the way that doesn't go away by itself, with a StuckError.
func AwaitRunning(ctx context.Context, c *operator.Client, start Start, reporter operator.Reporter) (api.Job, error) {
	s := &runWaiter{
		client: c, start: start, reporter: reporter, changes: make(chan func()),
		pods: map[string]operator.Pod{}, first: map[string]time.Time{}, noted: map[string]bool{},
	}
	s.state.since = start.Since
	s.state.crash = map[string]string{}
	return s.run(ctx)
}

type runWaiter struct {
	client   *operator.Client
	start    Start
	reporter operator.Reporter
	// changes come from the goroutines that watch and ask.
	changes chan func()
	state   situation
	pods    map[string]operator.Pod
	// missing says of which pods a volume's object isn't there.
	missing map[string]bool
	deleted bool
	err     error
	// first is when an obstacle was first seen, noted which were told.
	first map[string]time.Time
	noted map[string]bool
	last  []Obstacle
	// operator is what was found about it when it was silent.
	operator []Obstacle
	// version is of the object when the operator was last heard, cluster of the
	// session cluster when it was last seen.
	version, clusterVersion string
	tasks                   taskCount
}

func (s *runWaiter) run(parent context.Context) (api.Job, error) {
	object, err := s.client.Get(parent, s.start.Ref)
	if err != nil {
		return api.Job{}, err
	}
	s.state.job = api.Job{Kind: s.start.Ref.Kind, Object: object}
	ctx, cancel := context.WithCancel(parent)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	work := func(f func()) {
		group.Go(func() { ; f() })
	}
	work(func() { s.followJob(ctx) })
	cluster := s.cluster()
	work(func() { s.followPods(ctx, cluster) })
	if s.start.Ref.Kind.Name == api.SessionJob.Name {
		work(func() { s.followCluster(ctx, cluster) })
	}
	work(func() { s.look(ctx, cluster) })
	if s.start.Done == nil && s.client.Flink() != nil {
		work(func() { s.countTasks(ctx) })
	}
	var quiet operator.Silence
	if !s.start.aside {
		quiet.Start(ctx, s.lookForOperator)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		done, err := s.judge(time.Now())
		if version := s.state.job.Object.GetResourceVersion(); version != s.version && (s.state.job.Lifecycle() != "" || s.state.job.BlueGreenState() != "") {
			s.version, s.operator = version, nil
			quiet.Heard()
		}
		if done || err != nil {
			return s.state.job, err
		}
		if cluster := s.state.cluster.Object; cluster != nil && cluster.GetResourceVersion() != s.clusterVersion {
			// The operator says nothing of a session job before its cluster is
			// READY: only from then on it is silent.
			s.clusterVersion = cluster.GetResourceVersion()
			quiet.Again()
		}
		select {
		case change := <-s.changes:
			change()
		case <-tick.C:
		case <-parent.Done():
			return s.state.job, s.ended(parent)
		}
	}
}

// cluster is the name of the FlinkDeployment whose pods run the job.
func (s *runWaiter) cluster() string {
	switch s.start.Ref.Kind.Name {
	case api.SessionJob.Name:
		return s.state.job.SessionCluster()
	case api.BlueGreen.Name:
		active, ok := s.state.job.ActiveChild()
		switch {
		case s.start.aside && active == s.start.Ref.Name+"-blue":
			// The change makes the other color.
			return s.start.Ref.Name + "-green"
		case s.start.aside || !ok:
			return s.start.Ref.Name + "-blue"
		}
		return active
	}
	return s.start.Ref.Name
}

func (s *runWaiter) tell(ctx context.Context, change func()) {
	select {
	case s.changes <- change:
	case <-ctx.Done():
	}
}

// now is all that is known; false when ctx has ended.
func (s *runWaiter) now(ctx context.Context) (situation, bool) {
	answers := make(chan situation, 1)
	s.tell(ctx, func() { answers <- s.state })
	select {
	case now := <-answers:
		return now, true
	case <-ctx.Done():
		return situation{}, false
	}
}

func (s *runWaiter) followJob(ctx context.Context) {
	ref := s.start.Ref
	err := wait.Follow(ctx, s.client.Resource(ref.Kind, ref.Namespace), wait.Named(ref.Name), func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
		if event != watch.Bookmark {
			s.tell(ctx, func() { s.state.job, s.deleted = api.Job{Kind: ref.Kind, Object: object}, event == watch.Deleted })
		}
		return false, nil
	}, s.reporter.RetryNotice(ref.String(), func() {}))
	s.tell(ctx, func() { s.err = err })
}

func (s *runWaiter) followCluster(ctx context.Context, name string) {
	// Without the permission to see the session cluster there is less to tell.
	_ = wait.Follow(ctx, s.client.Resource(api.Deployment, s.start.Ref.Namespace), wait.Named(name), func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
		if event != watch.Bookmark && event != watch.Deleted {
			s.tell(ctx, func() { s.state.cluster = api.Job{Kind: api.Deployment, Object: object} })
		}
		return false, nil
	})
}

// lookForOperator looks why the operator is silent: in the beginning, or
// (begun) in the middle.
func (s *runWaiter) lookForOperator(ctx context.Context, begun bool) {
	health := s.client.OperatorHealth(ctx)
	o := Obstacle{About: "the operator", Text: "has not reacted. " + health.String() + " It ignores objects in namespaces that it doesn't watch, and those that its label selector leaves out.", Weight: operator.Soft}
	switch {
	case health.Stopped():
		o = Obstacle{About: "the operator", Text: "is not running: " + strings.TrimPrefix(health.String(), "the operator is not running: "), Weight: operator.Final}
	case begun && health.Known() && !health.Ready():
		o = Obstacle{About: "the operator", Text: "does nothing. " + health.String(), Weight: operator.Soft}
	case begun || s.clusterStarts(ctx):
		return // it takes its time
	}
	s.tell(ctx, func() { s.operator = []Obstacle{o} })
}

// clusterStarts reports whether a session job's cluster isn't ready yet.
func (s *runWaiter) clusterStarts(ctx context.Context) bool {
	now, ok := s.now(ctx)
	return ok && now.cluster.Object != nil && now.cluster.JobManager() != "READY"
}

// judge reports whether the job runs, or that it won't.
func (s *runWaiter) judge(now time.Time) (bool, error) {
	job := s.state.job
	switch {
	case s.err != nil:
		return true, s.err
	case s.deleted:
		return true, fmt.Errorf("%s was deleted by somebody", s.start.Ref)
	case s.start.Done != nil && s.start.Done(job):
		return true, nil
	case s.start.Done == nil && job.IsReconciled() && (job.IsRunning() && s.allTasksRunning(job) || job.State() == "FINISHED"):
		if s.tasks.noAnswer >= change.MaxMissedAnswers && job.IsRunning() {
			s.reporter.Notef("%s: RUNNING by the operator's word; whether all of its tasks run is not known: %s", s.start.Ref, s.tasks.why)
		}
		return true, nil
	case s.start.Done == nil && job.IsReconciled() && job.State() == "CANCELED":
		return true, fmt.Errorf("%s was canceled by somebody", s.start.Ref)
	}
	obstacles := s.obstacles()
	if len(s.operator) > 0 && (len(obstacles) == 0 || s.operator[0].Weight == operator.Final) {
		obstacles = append(slices.Clone(s.operator), obstacles...)
	}
	s.last = obstacles
	stuck := false
	for _, o := range obstacles {
		if s.first[o.id()].IsZero() {
			s.first[o.id()] = now
		}
		patience := stubbornFor
		if o.patience > 0 {
			patience = o.patience
		}
		long := now.Sub(s.first[o.id()]) > patience
		stuck = stuck || o.Weight == operator.Final || o.Weight == operator.Stubborn && long
		if !s.noted[o.id()] && o.Weight != operator.Final {
			s.noted[o.id()] = true
			s.reporter.Notef("%s", o)
		}
	}
	if stuck {
		return true, &StuckError{Job: s.start.Ref, State: s.where(job), Obstacles: obstacles}
	}
	s.reporter.Waitingf("%s: waiting until it runs; it is %s", s.start.Ref, s.where(job))
	return false, nil
}

func (s *runWaiter) obstacles() []Obstacle {
	s.state.lost = s.state.isLost()
	if !s.start.aside {
		return s.state.obstacles()
	}
	aside := s.state
	aside.job = api.Job{Kind: s.state.job.Kind, Object: s.state.job.Object.DeepCopy()}
	unstructured.RemoveNestedField(aside.job.Object.Object, "status", "error")
	unstructured.RemoveNestedField(aside.job.Object.Object, "status", "lifecycleState")
	if aside.job.Object.GetGeneration() <= s.start.generation || !aside.job.IsReconciled() || aside.job.State() == "RUNNING" || aside.job.State() == "FAILED" {
		// The old run still goes on, or the new one does; and what has failed
		// for good the operator tells.
		return nil
	}
	aside.ends = slices.DeleteFunc(slices.Clone(aside.ends), func(e operator.Ended) bool { return e.At.Before(s.start.Since.Add(-time.Second)) })
	aside.pods = slices.DeleteFunc(slices.Clone(aside.pods), func(p operator.Pod) bool {
		return !s.start.standing && p.Started.Before(s.start.Since.Add(-time.Second))
	})
	return slices.DeleteFunc(aside.obstacles(), func(o Obstacle) bool { return o.About == "the operator" })
}

// phase says where a job stands, without what changes by itself.
func phase(j api.Job) string {
	var parts []string
	for _, part := range []string{j.State(), j.BlueGreenState()} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if l := j.Lifecycle(); l != "" && l != j.State() && (l != "STABLE" || len(parts) == 0) {
		parts = append(parts, "lifecycle "+l)
	}
	if jm := j.JobManager(); jm != "" && jm != "READY" {
		parts = append(parts, "JobManager "+jm)
	}
	if len(parts) == 0 {
		return "not seen by the operator yet"
	}
	return strings.Join(parts, ", ")
}

// ended is why the wait ended, with what kept the job.
func (s *runWaiter) ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	stuck := &StuckError{Job: s.start.Ref, State: s.where(s.state.job), Obstacles: s.last}
	return exit.With(exit.Code(cause), &waitEnded{cause, stuck})
}

// waitEnded keeps both why a wait ended and what is known of the job.
type waitEnded struct {
	cause error
	stuck *StuckError
}

func (e *waitEnded) Error() string { return fmt.Sprintf("%v: %v", e.cause, e.stuck) }

func (e *waitEnded) Unwrap() []error { return []error{e.cause, e.stuck} }

// Reasons are what is known of why err came about: a StuckError's or a failed
// savepoint's.
func Reasons(err error) string {
	var stuck *StuckError
	var failed *savepoint.FailedError
	var changed *change.FailedError
	switch {
	case errors.As(err, &changed):
		return changed.Reasons()
	case errors.As(err, &stuck):
		return stuck.Reasons()
	case errors.As(err, &failed):
		return failed.Reasons()
	}
	return ""
}
