package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	return newRunWaiter(c, start, reporter).run(ctx)
}

func newRunWaiter(c *operator.Client, start Start, reporter operator.Reporter) *runWaiter {
	return &runWaiter{
		client: c, start: start, reporter: reporter, cluster: runsIn, obstacles: situation.obstacles,
		pods: map[string]operator.Pod{}, first: map[string]time.Time{}, noted: map[string]bool{},
	}
}

type runWaiter struct {
	client   *operator.Client
	start    Start
	reporter operator.Reporter
	// cluster names the FlinkDeployment whose pods count, obstacles are what
	// keeps the job from running as far as is known.
	cluster   func(api.Job) string
	obstacles func(situation) []Obstacle
	// observeOnly leaves the operator out: somebody else follows what it does.
	observeOnly bool

	*operator.Loop
	state situation
	pods  map[string]operator.Pod
	// missing says of which pods a volume's object isn't there.
	missing map[string]bool
	deleted bool
	err     error
	// first is when an obstacle was first seen, noted which were reported.
	first map[string]time.Time
	noted map[string]bool
	last  []Obstacle
	// silence is the operator's, operator what was found about it then.
	silence  operator.Silence
	operator []Obstacle
	// version is of the object when the operator last did something, cluster of
	// the session cluster when it was last seen.
	version, clusterVersion string
	tasks                   taskCount
}

func (s *runWaiter) run(parent context.Context) (api.Job, error) {
	object, err := s.client.Get(parent, s.start.Ref)
	if err != nil {
		return api.Job{}, err
	}
	s.state.job = api.Job{Kind: s.start.Ref.Kind, Object: object}
	s.state.since, s.state.crash = s.start.Since, map[string]string{}
	s.Loop = operator.NewLoop(parent)
	defer s.Close()
	ref, cluster := s.start.Ref, s.cluster(s.state.job)
	s.Watch(s.client.Resource(ref.Kind, ref.Namespace), wait.Named(ref.Name), s.seeJob, func(err error) { s.err = err }, s.reporter.Trouble(ref.String(), func() {}))
	s.Go(func(ctx context.Context) { s.followPods(ctx, cluster) })
	if ref.Kind.Name == api.SessionJob.Name {
		// Without the permission to see the session cluster there is less to tell.
		s.Watch(s.client.Resource(api.Deployment, ref.Namespace), wait.Named(cluster), s.seeCluster, nil, nil)
	}
	s.Go(func(ctx context.Context) { s.look(ctx, cluster) })
	if s.start.Done == nil && s.client.Flink() != nil {
		s.Go(s.countTasks)
	}
	if !s.observeOnly {
		s.silence.Begin(time.Now())
	}
	done, err := s.Run(parent, func() (bool, error) {
		now := time.Now()
		done, err := s.judge(now)
		s.noteActivity(now)
		if !done && err == nil && !s.observeOnly && s.silence.Due(now) {
			s.lookForOperator(parent)
		}
		return done, err
	})
	if !done {
		err = s.ended(parent)
	}
	return s.state.job, err
}

// noteActivity notices that the operator has done something.
func (s *runWaiter) noteActivity(now time.Time) {
	if version := s.state.job.Object.GetResourceVersion(); version != s.version && (s.state.job.Lifecycle() != "" || s.state.job.BlueGreenState() != "") {
		s.version, s.operator = version, nil
		s.silence.Active(now)
	}
	if cluster := s.state.cluster.Object; cluster != nil && cluster.GetResourceVersion() != s.clusterVersion {
		// The operator says nothing of a session job before its cluster is
		// READY: only from then on it is silent.
		s.clusterVersion = cluster.GetResourceVersion()
		s.silence.Begin(now)
	}
}

// runsIn is the name of the FlinkDeployment whose pods run a job.
func runsIn(job api.Job) string {
	name := job.Object.GetName()
	switch job.Kind.Name {
	case api.SessionJob.Name:
		return job.SessionCluster()
	case api.BlueGreen.Name:
		if active, ok := job.ActiveChild(); ok {
			return active
		}
		return name + "-blue"
	}
	return name
}

// now is all that is known; false when ctx has ended.
func (s *runWaiter) now(ctx context.Context) (situation, bool) {
	answers := make(chan situation, 1)
	s.Tell(func() { answers <- s.state })
	select {
	case now := <-answers:
		return now, true
	case <-ctx.Done():
		return situation{}, false
	}
}

func (s *runWaiter) seeJob(event watch.EventType, object *unstructured.Unstructured) {
	if event != watch.Bookmark {
		s.state.job, s.deleted = api.Job{Kind: s.start.Ref.Kind, Object: object}, event == watch.Deleted
	}
}

func (s *runWaiter) seeCluster(event watch.EventType, object *unstructured.Unstructured) {
	if event != watch.Bookmark && event != watch.Deleted {
		s.state.cluster = api.Job{Kind: api.Deployment, Object: object}
	}
}

// lookForOperator looks why the operator is silent: in the beginning, or in the
// middle.
func (s *runWaiter) lookForOperator(ctx context.Context) {
	begun, health := s.silence.Reacted(), s.client.OperatorHealth(ctx)
	o := Obstacle{About: "the operator", Text: "has not reacted. " + health.String() + " It ignores objects in namespaces that it doesn't watch, and those that its label selector leaves out.", Weight: operator.Soft}
	switch {
	case health.Stopped():
		o = Obstacle{About: "the operator", Text: "is not running: " + strings.TrimPrefix(health.String(), "the operator is not running: "), Weight: operator.Final}
	case begun && health.Known() && !health.Ready():
		o = Obstacle{About: "the operator", Text: "does nothing. " + health.String(), Weight: operator.Soft}
	case begun || s.state.clusterStarts():
		return // it takes its time
	}
	s.operator = []Obstacle{o}
}

// clusterStarts reports whether a session job's cluster isn't ready yet.
func (s situation) clusterStarts() bool {
	return s.cluster.Object != nil && s.cluster.JobManager() != api.JobManagerReady
}

// judge reports whether the job runs, or that it won't.
func (s *runWaiter) judge(now time.Time) (bool, error) {
	job := s.state.job
	switch {
	case s.err != nil:
		return true, s.err
	case s.deleted:
		return true, fmt.Errorf("%s was deleted", s.start.Ref)
	case s.start.Done != nil && s.start.Done(job):
		return true, nil
	case s.start.Done == nil && job.IsReconciled() && (job.IsRunning() && s.allTasksRunning(job) || job.State() == api.JobFinished):
		if s.tasks.noAnswer >= change.MaxMissedAnswers && job.IsRunning() {
			s.reporter.Notef("%s: RUNNING by the operator's word; whether all of its tasks run is not known: %s", s.start.Ref, s.tasks.why)
		}
		return true, nil
	case s.start.Done == nil && job.IsReconciled() && job.State() == api.JobCanceled:
		return true, fmt.Errorf("%s was canceled", s.start.Ref)
	}
	s.state.lost = s.state.isLost()
	obstacles := s.obstacles(s.state)
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

// phase says where a job stands, without what changes by itself.
func phase(j api.Job) string {
	var parts []string
	for _, part := range []string{j.State(), j.BlueGreenState()} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if l := j.Lifecycle(); l != "" && l != j.State() && (l != api.LifecycleStable || len(parts) == 0) {
		parts = append(parts, "lifecycle "+l)
	}
	if jm := j.JobManager(); jm != "" && jm != api.JobManagerReady {
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
