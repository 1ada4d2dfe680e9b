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
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Follower carries out one change. All of its fields belong to the
// goroutine of follow; what the watches see comes over channels.
type Follower struct {
	client   *operator.Client
	Change   Change
	options  Options
	reporter operator.Reporter
	Report   Report
	now      func() time.Time

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
	// heard is when the operator last did something, or the change was made;
	// looked when somebody last looked why it does not, and found what that
	// was.
	heard, looked time.Time
	found         string
	// woken says that the operator was told again to start the job.
	woken bool
	// trouble is the error that stands, troubleSince since when.
	trouble      string
	troubleSince time.Time
	// lastTrouble is the last one since the change: the operator forgets it
	// when it rolls the change back.
	lastTrouble string
	// signed is the newest event that shows that the operator failed to begin.
	signed *operator.Event
	// stableSince is when the goal was reached; zero while it isn't.
	stableSince time.Time
	// away says that the API server doesn't answer.
	away bool
	// nextLook is when, after the change, to look again at what the object
	// doesn't tell.
	nextLook time.Duration
	// answers are the JobManager's. asking says that one is on its way, noAnswer
	// how often none came in a row, and told is the newest about this run.
	answers  chan answer
	asking   bool
	noAnswer int
	told     answer
}

// answer is what a JobManager told of a run; where it isn't known, why says so.
type answer struct {
	jobID string
	state api.FlinkState
	known bool
	why   string
}

// seen is one word of a watch.
type seen struct {
	event  watch.EventType
	object *unstructured.Unstructured
	// err ends a watch.
	err error
	// trouble says that the API server is away (or, nil, back).
	trouble   error
	isTrouble bool
}

// follow makes the change, as soon as the object is watched, and waits for its
// end.
func (f *Follower) follow(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	objects := make(chan seen)
	events := make(chan seen)
	f.answers = make(chan answer, 1)
	ref := f.Change.Job.Ref()
	if err := mayWatch(ctx, f.client, ref); err != nil {
		return err
	}
	if err := awaitOneColor(ctx, f.client, f.Change.Job, f.reporter); err != nil {
		return f.cutOff(parent, err)
	}
	go f.watch(ctx, objects, f.client.Resource(ref.Kind, ref.Namespace), wait.Named(ref.Name))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	f.reporter.Waitingf("%s: checking the job", ref)
	for {
		var done bool
		var err error
		select {
		case <-parent.Done():
			return f.cutOff(parent, context.Cause(parent))
		case s := <-objects:
			switch {
			case s.isTrouble:
				f.sayTrouble(s.trouble)
			case s.err != nil:
				return f.cutOff(parent, s.err)
			case s.event == watch.Bookmark && !f.applied:
				if err := f.apply(ctx); err != nil {
					return err
				}
				go f.watch(ctx, events, f.client.Dynamic().Resource(corev1.SchemeGroupVersion.WithResource("events")).Namespace(ref.Namespace),
					metav1.ListOptions{FieldSelector: "type=" + corev1.EventTypeWarning})
				done, err = f.consider(ctx)
			default:
				done, err = f.see(ctx, s)
			}
		case s := <-events:
			if s.object != nil {
				f.noteEvent(s.object)
				done, err = f.consider(ctx)
			}
		case a := <-f.answers:
			f.hear(a)
			done, err = f.consider(ctx)
		case <-tick.C:
			done, err = f.consider(ctx)
		}
		if done || err != nil {
			f.Report.Took = f.now().Sub(f.since)
			return f.finish(ctx, objects, err)
		}
	}
}

// watch tells of the objects that options select.
func (f *Follower) watch(ctx context.Context, to chan<- seen, resource dynamic.ResourceInterface, options metav1.ListOptions) {
	tell := func(s seen) {
		select {
		case to <- s:
		case <-ctx.Done():
		}
	}
	err := wait.Follow(ctx, resource, options, func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
		tell(seen{event: event, object: object})
		return false, nil
	}, wait.OnTrouble(func(err error) { tell(seen{trouble: err, isTrouble: true}) }))
	tell(seen{err: err})
}

// apply makes the change.
func (f *Follower) apply(ctx context.Context) error {
	ref := f.Change.Job.Ref()
	f.since, f.job = f.now(), f.Change.Job
	f.heard = f.since
	f.before = api.Text(f.job.Object.Object, "status", "error")
	if f.Report.Changed {
		changed, err := Apply(ctx, f.client, f.Change, "")
		if err != nil {
			return err
		}
		f.job = changed
		f.reporter.Notef("%s patched (%s)", ref.Printed(), strings.Join(DescribePatch(f.Change.Spec), ", "))
	}
	f.applied, f.asked, f.nextLook = true, operator.ChangedAt(f.job.Object, f.since), operator.SilenceLimit
	if !f.Report.Changed {
		// An earlier command may have made the change.
		f.asked = f.since
	}
	f.generation = f.job.Object.GetGeneration()
	f.Report.Generation = f.generation
	return nil
}

// see takes in a new state of the object.
func (f *Follower) see(ctx context.Context, s seen) (bool, error) {
	if s.object == nil {
		return false, nil
	}
	job := api.Job{Kind: f.Change.Job.Kind, Object: s.object}
	if s.event == watch.Deleted {
		return true, fmt.Errorf("%s was deleted by somebody", job.Ref())
	}
	if job.Object.GetUID() != f.Change.Job.Object.GetUID() {
		return true, fmt.Errorf("%s was deleted and created anew by somebody", job.Ref())
	}
	if !f.applied {
		return false, nil
	}
	if job.Object.GetGeneration() < f.generation {
		// From before the change.
		return false, nil
	}
	if job.Object.GetGeneration() > f.generation {
		if !f.Change.Holds(job) {
			return true, fmt.Errorf("%s: %w while the change was being carried out (generation %d, ours was %d)%s: it is not what was asked for any more",
				job.Ref(), ErrOvertaken, job.Object.GetGeneration(), f.generation, LastWriter(job))
		}
		// Somebody's change to something else; the operator takes up both.
		f.generation = job.Object.GetGeneration()
	}
	if !api.SameJSON(job.Object.Object["status"], f.job.Object.Object["status"]) {
		f.heard = f.now()
	}
	f.job = job
	f.Report.Observe(job)
	f.noteLeft()
	return f.consider(ctx)
}

// noteLeft takes down the state that the job left on the way: it shows only
// while the job is stopped.
func (f *Follower) noteLeft() {
	path := f.job.UpgradeSavepointPath()
	if api.Text(f.job.Object.Object, "status", "jobStatus", "upgradeSavepointPath") == "" && f.job.ReconciledState() != "suspended" {
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
	f.heard = f.now()
	f.signed = &operator.Event{Object: strings.ToLower(api.Text(object.Object, "involvedObject", "kind")) + "/" + about, Reason: reason, Message: api.Text(object.Object, "message"), Time: at}
}

func timeOf(object *unstructured.Unstructured) time.Time {
	for _, field := range []string{"lastTimestamp", "eventTime", "firstTimestamp"} {
		if t, err := time.Parse(time.RFC3339Nano, api.Text(object.Object, field)); err == nil {
			return t
		}
	}
	return object.GetCreationTimestamp().Time
}

// consider decides what the newest word of the watches, or the time that went
// by without one, means.
func (f *Follower) consider(ctx context.Context) (bool, error) {
	if !f.applied {
		return false, nil
	}
	now := f.now()
	j := f.Change.judge(f.job, f.generation)
	if j.stage == notTaken && f.signed != nil {
		j = judgement{failing, f.signed.Root()}
		if f.signed.Reason == "ValidationError" {
			j.stage = refused
		}
	}
	// An error from before the change says nothing of it, unless it stays.
	stale := f.before != "" && f.before == api.Text(f.job.Object.Object, "status", "error") && f.signed == nil
	if j.stage != reached {
		f.stableSince, f.told = time.Time{}, answer{}
	}
	if j.stage == refused || j.stage == failing || j.stage == troubled {
		if f.trouble != j.what {
			f.trouble, f.troubleSince = j.what, now
		}
		if !stale && !IsTransient(j.what) {
			f.lastTrouble = j.what
		}
	} else {
		f.trouble = ""
	}
	stands := now.Sub(f.troubleSince)
	if j.stage != reached && j.stage != lost {
		if err := f.silent(ctx, now, j); err != nil {
			return true, err
		}
	}
	switch j.stage {
	case reached:
		return f.allTasksRunning(ctx) && f.settle(now), nil
	case lost:
		if j.what == rolledBack {
			j.what += api.Because(cmp.Or(f.lastTrouble, "it was not stable in time ("+ReadinessKey+")"))
		}
		return true, f.failed(ctx, ChangeFailed, j.what)
	case refused, failing:
		how := ChangeStuck
		limit := time.Duration(0)
		switch {
		case stale:
			limit = staleLimit
		case j.stage == failing && IsTransient(j.what):
			limit = passingLimit
		}
		if j.stage == refused {
			how = ChangeRejected
		}
		if stands >= limit && (!f.options.KeepTrying || j.stage == refused) {
			return true, f.failed(ctx, how, j.what)
		}
		f.reporter.Waitingf("%s: the operator tries again: %s", f.Change.Job.Ref(), j.what)
	case troubled:
		limit := troubleLimit
		if IsTransient(j.what) {
			limit = passingLimit
		}
		if stands >= limit && !f.options.KeepTrying {
			return true, f.failed(ctx, ChangeFailed, j.what)
		}
		f.reporter.Waitingf("%s: %s", f.Change.Job.Ref(), j.what)
	case skipped:
		return f.wake(ctx, j)
	default:
		if now.Sub(f.since) > f.nextLook {
			f.nextLook = now.Sub(f.since) + operator.SilenceLimit
			if err := targetColorMissing(ctx, f.client, f.job); err != nil {
				return true, err
			}
		}
		f.reporter.Waitingf("%s: %s", f.Change.Job.Ref(), j.what)
	}
	return false, nil
}

// hear takes in what the JobManager told.
func (f *Follower) hear(a answer) {
	f.asking, f.told = false, a
	if f.noAnswer++; a.known {
		f.noAnswer = 0
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
	f.reporter.Waitingf("%s: %s; it is to stay so for %s", f.Change.Job.Ref(), cmp.Or(f.job.RunState(), "READY"), f.Change.Goal.StableFor)
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
func (f *Follower) finish(ctx context.Context, objects <-chan seen, err error) error {
	var failed *FailedError
	if errors.As(err, &failed) && (failed.How == ChangeRejected || failed.How == ChangeStuck) && failed.After == "" {
		f.putBack(ctx, objects, failed)
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
