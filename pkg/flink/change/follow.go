package change

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Follower carries out one change. All of its fields belong to the goroutine of
// follow.
type Follower struct {
	client   *operator.Client
	Change   Change
	options  Options
	reporter operator.Reporter
	Report   Report
	now      func() time.Time

	observation
	patience
	proof

	loop *operator.Loop
	// see takes in an event of the job's watch.
	see func(watch.EventType, *unstructured.Unstructured)
	// err ends the following.
	err error
}

// observation is what is known of the job.
type observation struct {
	// applied says that the API server has the change; asked is when, by its
	// clock, and since by ours.
	applied bool
	asked   time.Time
	since   time.Time
	// generation is the spec's after the change.
	generation int64
	// job is the newest that is known of the object.
	job api.Job
	// left is the state that the job was seen to leave.
	left api.RetainedState
	// before is status.error at the time of the change.
	before string
	// failureEvent is the newest event that shows that the operator failed to
	// begin.
	failureEvent *operator.Event
	// away says that the API server doesn't answer.
	away bool
	// restarted says that the job was restarted because the operator took it for
	// finished.
	restarted bool
}

// proof is what the JobManager says of the run that the change leads to.
type proof struct {
	// asking says that a question is on its way, missedAnswers how often none
	// was answered in a row, and flinkAnswer is the newest about this run.
	asking        bool
	missedAnswers int
	flinkAnswer   answer
}

// answer is what a JobManager told of a run; where it isn't known, why says so.
type answer struct {
	jobID string
	state api.FlinkState
	known bool
	why   string
}

// follow makes the change, as soon as the object is watched, and waits for its
// end.
func (f *Follower) follow(ctx context.Context) error {
	ref := f.Change.Job.Ref()
	if err := mayWatch(ctx, f.client, ref); err != nil {
		return err
	}
	if err := awaitOneColor(ctx, f.client, f.Change.Job, f.reporter); err != nil {
		return f.cutOff(ctx, err)
	}
	f.loop = operator.NewLoop(ctx)
	defer f.loop.Close()
	f.see = func(event watch.EventType, object *unstructured.Unstructured) {
		if event == watch.Bookmark && !f.applied {
			f.err = f.begin(ctx)
			return
		}
		f.err = f.observe(event, object)
	}
	f.loop.Watch(f.client.Resource(ref.Kind, ref.Namespace), wait.Named(ref.Name),
		func(event watch.EventType, object *unstructured.Unstructured) { f.see(event, object) },
		func(err error) { f.err = f.cutOff(ctx, err) }, f.sayTrouble)
	f.reporter.Waitingf("%s: checking the job", ref)
	done, err := f.loop.Run(ctx, func() (bool, error) {
		if f.err != nil {
			return true, f.err
		}
		return f.consider(ctx)
	})
	if !done {
		return f.cutOff(ctx, err)
	}
	if f.applied {
		f.Report.Took = f.now().Sub(f.since)
	}
	return f.finish(ctx, err)
}

// begin makes the change, and watches for what the operator says of it.
func (f *Follower) begin(ctx context.Context) error {
	if err := f.apply(ctx); err != nil {
		return err
	}
	events := f.client.Dynamic().Resource(corev1.SchemeGroupVersion.WithResource("events")).Namespace(f.Change.Job.Ref().Namespace)
	f.loop.Watch(events, metav1.ListOptions{FieldSelector: "type=" + corev1.EventTypeWarning}, func(_ watch.EventType, object *unstructured.Unstructured) {
		if object != nil {
			f.noteEvent(object)
		}
	}, nil, nil)
	return nil
}

// apply makes the change.
func (f *Follower) apply(ctx context.Context) error {
	ref := f.Change.Job.Ref()
	f.since, f.job = f.now(), f.Change.Job
	f.silence.Begin(f.since)
	f.before = api.Text(f.job.Object.Object, "status", "error")
	f.earlierPending = !f.job.IsReconciled()
	if f.Report.Changed {
		if err := rehearse(ctx, f.client, f.Change); err != nil {
			return err
		}
		changed, err := Apply(ctx, f.client, f.Change, "")
		if err != nil {
			return err
		}
		f.job = changed
		f.reporter.Notef("%s patched (%s)", ref.Printed(), strings.Join(DescribePatch(f.Change.Spec), ", "))
	}
	f.applied, f.asked, f.nextColorCheck = true, operator.ChangedAt(f.job.Object, f.since), operator.SilenceLimit
	if !f.Report.Changed {
		// An earlier command may have made the change.
		f.asked = f.since
	}
	f.generation = f.job.Object.GetGeneration()
	f.Report.Generation = f.generation
	return nil
}

// observe takes in a new state of the object.
func (f *Follower) observe(event watch.EventType, object *unstructured.Unstructured) error {
	if object == nil {
		return nil
	}
	job := api.Job{Kind: f.Change.Job.Kind, Object: object}
	switch {
	case event == watch.Deleted:
		return fmt.Errorf("%s was deleted", job.Ref())
	case job.Object.GetUID() != f.Change.Job.Object.GetUID():
		return fmt.Errorf("%s was deleted and recreated", job.Ref())
	case !f.applied || job.Object.GetGeneration() < f.generation:
		// From before the change.
		return nil
	}
	if job.Object.GetGeneration() > f.generation {
		if !f.Change.Holds(job) {
			return fmt.Errorf("%s: %w while the change was being carried out (generation %d, ours was %d)%s: it is not what was asked for any more",
				job.Ref(), ErrOvertaken, job.Object.GetGeneration(), f.generation, LastWriter(job))
		}
		// Somebody's change to something else; the operator takes up both.
		f.generation = job.Object.GetGeneration()
	}
	if !api.SameJSON(job.Object.Object["status"], f.job.Object.Object["status"]) {
		f.silence.Active(f.now())
	}
	f.job = job
	f.Report.Observe(job)
	f.noteLeft()
	return nil
}

// noteLeft takes down the state that the job left on the way: it shows only
// while the job is stopped.
func (f *Follower) noteLeft() {
	path := f.job.UpgradeSavepointPath()
	if api.Text(f.job.Object.Object, "status", "jobStatus", "upgradeSavepointPath") == "" && f.job.ReconciledState() != api.WantSuspended {
		// An operator before 1.10 keeps the user's savepoints there, too; while
		// the job is stopped, the newest is the one that stopped it.
		return
	}
	if path != "" && path != f.Change.Job.UpgradeSavepointPath() {
		f.left = api.RetainedState{Kind: api.KindOfPath(path), Path: path}
	}
}

// beginErrors are the reasons of events that tell that the operator could not
// begin with a change.
var beginErrors = []string{"SavepointError", "UpgradeFailed", "ValidationError"}

// noteEvent keeps a warning about the job that came after the change and shows
// that the operator could not begin with it.
func (f *Follower) noteEvent(object *unstructured.Unstructured) {
	ref := f.Change.Job.Ref()
	about := api.Text(object.Object, "involvedObject", "name")
	ours := about == ref.Name || ref.Kind.Name == api.BlueGreen.Name && (about == ref.Name+"-blue" || about == ref.Name+"-green")
	reason := api.Text(object.Object, "reason")
	if !ours || !strings.Contains(api.Text(object.Object, "involvedObject", "apiVersion"), api.Group) || !slices.Contains(beginErrors, reason) {
		return
	}
	at := timeOf(object)
	// Both clocks are the server's, in whole seconds.
	if at.Before(f.asked) || !f.Report.Changed && !at.After(f.asked) {
		return
	}
	f.silence.Active(f.now())
	f.failureEvent = &operator.Event{Object: strings.ToLower(api.Text(object.Object, "involvedObject", "kind")) + "/" + about, Reason: reason, Message: api.Text(object.Object, "message"), Time: at}
}

func timeOf(object *unstructured.Unstructured) time.Time {
	for _, field := range []string{"lastTimestamp", "eventTime", "firstTimestamp"} {
		if t, err := time.Parse(time.RFC3339Nano, api.Text(object.Object, field)); err == nil {
			return t
		}
	}
	return object.GetCreationTimestamp().Time
}

// consider decides what the newest that is known, or the time that went by
// without anything new, means.
func (f *Follower) consider(ctx context.Context) (bool, error) {
	if !f.applied {
		return false, nil
	}
	now := f.now()
	j := f.Change.judge(f.job, f.generation)
	if j.stage == notTaken && f.failureEvent != nil {
		j = judgement{failing, f.failureEvent.Root()}
		if f.failureEvent.Reason == "ValidationError" {
			j.stage = refused
		}
	}
	// An error from before the change says nothing of it, unless it stays.
	stale := f.before != "" && f.before == api.Text(f.job.Object.Object, "status", "error") && f.failureEvent == nil
	if j.stage != reached {
		f.stableSince, f.flinkAnswer = time.Time{}, answer{}
	}
	if j.stage != reached && j.stage != lost && !f.away && f.silence.Due(now) {
		if err := f.checkOperator(ctx, j); err != nil {
			return true, err
		}
	}
	switch v := f.weigh(j, stale, f.options.KeepTrying, now); v.next {
	case settled:
		return f.allTasksRunning() && f.settle(now), nil
	case failed:
		return true, f.failed(ctx, v.how, v.what)
	case overlooked:
		return f.restart(ctx, j)
	default:
		if j.stage == notTaken || j.stage == moving {
			if err := f.checkColor(ctx, now); err != nil {
				return true, err
			}
		}
		f.reporter.Waitingf("%s: %s", f.Change.Job.Ref(), v.what)
	}
	return false, nil
}

// checkColor looks now and then whether the color that a blue/green deployment
// moves to exists.
func (f *Follower) checkColor(ctx context.Context, now time.Time) error {
	if now.Sub(f.since) <= f.nextColorCheck {
		return nil
	}
	f.nextColorCheck = now.Sub(f.since) + operator.SilenceLimit
	return targetColorMissing(ctx, f.client, f.job)
}

// take keeps what the JobManager answered.
func (p *proof) take(a answer) {
	p.asking, p.flinkAnswer = false, a
	if p.missedAnswers++; a.known {
		p.missedAnswers = 0
	}
}

// settle reports whether the goal has been reached for long enough.
func (f *Follower) settle(now time.Time) bool {
	if f.stableSince.IsZero() {
		f.stableSince = now
	}
	left := f.Change.Goal.StableFor - now.Sub(f.stableSince)
	if left <= 0 {
		return true
	}
	f.reporter.Waitingf("%s: %s; it is to stay so for %s", f.Change.Job.Ref(), cmp.Or(f.job.RunState(), api.JobManagerReady), f.Change.Goal.StableFor)
	return false
}

func (f *Follower) sayTrouble(err error) {
	ref := f.Change.Job.Ref()
	f.away = err != nil
	if err == nil {
		f.reporter.Waitingf("%s: the API server answers again; waiting", ref)
		return
	}
	f.reporter.Waitingf("%s: the API server doesn't answer (%s); trying again", ref, wait.Reason(err))
}

// finish proves an end that is reached, and explains and undoes one that isn't.
func (f *Follower) finish(ctx context.Context, err error) error {
	var failed *FailedError
	if errors.As(err, &failed) && (failed.How == ChangeRejected || failed.How == ChangeStuck) && failed.After == "" {
		f.putBack(ctx, failed)
	}
	if err != nil {
		return err
	}
	f.Report.Observe(f.job)
	if err := awaitOneColor(ctx, f.client, f.job, f.reporter); err != nil {
		return f.cutOff(ctx, err)
	}
	if err := f.prove(ctx); err != nil {
		return err
	}
	f.Report.Done = true
	return nil
}

// readinessKey is how long a changed job may take to be stable until the
// operator rolls it back; readinessDefault where it isn't set.
const (
	ReadinessKey     = "kubernetes.operator.deployment.readiness.timeout"
	ReadinessDefault = 5 * time.Minute
)
