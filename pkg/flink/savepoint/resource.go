package savepoint

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// FailedError says why a savepoint did not come about.
type FailedError struct {
	// What names the savepoint: flinkstatesnapshot/NAME or the nonce.
	What string
	// State is the final state, FAILED or ABANDONED.
	State string
	// Cause is the innermost reason the operator or Flink gave.
	Cause string
	// Chain are the exceptions around it, as far as they are known.
	Chain string
	// Events are the warnings about the savepoint and its job since it was
	// asked for, newest first.
	Events []operator.Event
	// LeftBehind says what still exists; "" if nothing does.
	LeftBehind string
}

func (e *FailedError) Error() string {
	message := fmt.Sprintf("%s %s", e.What, e.State)
	if e.Cause != "" {
		message += ": " + e.Cause
	}
	message += operator.FormatEvents(e.Events)
	if e.LeftBehind != "" {
		message += "\n" + e.LeftBehind
	}
	return message
}

// Reasons is all that is known of why, without names.
func (e *FailedError) Reasons() string {
	return operator.FormatReasons(e.Cause, e.Events)
}

func savepointByResource(ctx context.Context, c *operator.Client, p *plan, reporter operator.Reporter) (Report, error) {
	report := p.report()
	snapshots := c.Resource(api.StateSnap, p.target.Object.GetNamespace())
	var name string
	create := func(options metav1.CreateOptions) error {
		options.FieldManager = operator.FieldManager
		created, err := snapshots.Create(ctx, report.Snapshot.Object, options)
		if err == nil {
			report.Snapshot = api.Snapshot{Object: created}
		}
		if ctx.Err() != nil && err != nil && len(options.DryRun) == 0 {
			cause := context.Cause(ctx)
			return exit.With(exit.Code(cause), fmt.Errorf("%w: whether %s/%s was created is not known\nSee with: kubectl get %s %s -n %s",
				cause, api.StateSnap.Singular, name, api.StateSnap.Singular, name, p.target.Object.GetNamespace()))
		}
		return err
	}
	switch {
	case p.running != nil:
		report.Snapshot = *p.running
		report.Format, report.FormatWhy = p.running.Format(), ""
	case p.request.DryRun == "client":
		report.Snapshot = api.Snapshot{Object: p.manifest()}
		return report, nil
	case p.request.DryRun == "server":
		report.Snapshot = api.Snapshot{Object: p.manifest()}
		return report, create(metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	default:
		report.Snapshot = api.Snapshot{Object: p.manifest()}
	}
	name = report.Snapshot.Name()
	if p.request.NoWait {
		return report, create(metav1.CreateOptions{})
	}

	f := &snapshotFollower{client: c, target: p.target, reporter: reporter, asked: p.now(), created: p.running != nil, report: &report}
	if f.created {
		f.asked = operator.CreatedAt(f.report.Snapshot.Object, f.asked)
	}
	err := f.run(ctx, name, func() error { return create(metav1.CreateOptions{}) })
	return report, f.explain(ctx, err)
}

// snapshotFollower follows one FlinkStateSnapshot to its end.
type snapshotFollower struct {
	client   *operator.Client
	target   api.Job
	reporter operator.Reporter
	report   *Report
	// asked is when the savepoint was asked for, by the server's clock where
	// that is known.
	asked   time.Time
	created bool
	// seen says that the watch has reported the object.
	seen bool
	// done says that it has come to its end, err why it failed or can't be
	// followed any longer; ended that err is the savepoint's end, not the wait's.
	done    bool
	err     error
	ended   bool
	loop    *operator.Loop
	silence operator.Silence

	failures int64
	// leavePending ends the look-out for what keeps the snapshot pending; nil
	// where there is none.
	leavePending context.CancelFunc
}

// run follows the snapshot, which create makes where it doesn't exist yet.
func (f *snapshotFollower) run(ctx context.Context, name string, create func() error) error {
	f.loop = operator.NewLoop(ctx)
	defer f.loop.Close()
	if f.created {
		f.silence.Begin(time.Now())
	}
	see := func(event watch.EventType, object *unstructured.Unstructured) {
		switch {
		case !f.created && event != watch.Bookmark:
			// An older object of that name, which is not our savepoint: the
			// API server will say that it exists already.
		case !f.created:
			// Only now, when it is certain that the end can be seen.
			if f.err = create(); f.err != nil {
				return
			}
			f.created, f.asked = true, operator.CreatedAt(f.report.Snapshot.Object, f.asked)
			f.reporter.Notef("%s created (format %s%s)", api.StateSnap.Printed(name), f.report.Format, api.Because(f.report.FormatWhy))
			f.reporter.Waitingf("%s: waiting for the operator", name)
			f.silence.Begin(time.Now())
		case event == watch.Bookmark && !f.seen:
			// It went between being found and being watched.
			f.ended, f.err = true, deleted(f.report.Snapshot)
		default:
			f.done, f.err = f.handle(ctx, event, object)
			f.ended = f.err != nil
		}
	}
	f.loop.Watch(f.client.Resource(api.StateSnap, f.report.Job.Namespace), wait.Named(name), see,
		func(err error) { f.err = err }, f.reporter.Trouble(name, func() { f.sayState(f.report.Snapshot) }))
	done, err := f.loop.Run(ctx, func() (bool, error) {
		if !f.done && f.err == nil && f.silence.Due(time.Now()) {
			f.err = f.checkOperator(ctx, name)
		}
		return f.done, f.err
	})
	if !done {
		return f.loop.Ended(ctx)
	}
	return err
}

func (f *snapshotFollower) handle(ctx context.Context, event watch.EventType, object *unstructured.Unstructured) (bool, error) {
	if object == nil {
		return false, nil
	}
	s := api.Snapshot{Object: object}
	f.report.Snapshot, f.seen = s, true
	if event == watch.Deleted {
		return true, deleted(s)
	}
	if s.State() != "" {
		f.silence.Active(time.Now())
	}
	if n := s.Failures(); n > f.failures && s.State() == api.SnapshotPending {
		f.failures = n
		f.reporter.Notef("%s: attempt %d failed: %s", s.Name(), n, s.Failure().Root())
	}
	switch {
	case s.State() == api.SnapshotPending && f.leavePending == nil:
		f.watchPending(s.Name()) //nolint:contextcheck // it ends with the loop
	case s.State() != api.SnapshotPending && f.leavePending != nil:
		f.leavePending()
		f.leavePending = nil
	}
	switch s.State() {
	case api.SnapshotCompleted:
		return true, f.complete(s)
	case api.SnapshotFailed, api.SnapshotAbandoned:
		return true, f.failed(ctx, s)
	}
	f.sayState(s)
	return false, nil
}

func deleted(s api.Snapshot) error {
	return fmt.Errorf("%s/%s was deleted while it was %s", api.StateSnap.Singular, s.Name(), api.OrUnknown(s.State()))
}

func (f *snapshotFollower) sayState(s api.Snapshot) {
	switch s.State() {
	case "":
		f.reporter.Waitingf("%s: waiting for the operator", s.Name())
	case api.SnapshotPending:
		f.reporter.Waitingf("%s: waiting for the operator to trigger it", s.Name())
	case api.SnapshotInProgress:
		f.reporter.Waitingf("%s: in progress", s.Name())
	default:
		f.reporter.Waitingf("%s: %s", s.Name(), s.State())
	}
}

// pendingLimit is how long a snapshot is pending where all is well, and more.
const pendingLimit = 3 * time.Second

// watchPending notes the first warning about a snapshot that stays pending:
// what the operator finds invalid it says in an event only.
func (f *snapshotFollower) watchPending(name string) {
	ctx, cancel := context.WithCancel(f.loop.Context())
	f.leavePending = cancel
	namespace, since := f.report.Job.Namespace, f.asked.Add(-5*time.Second)
	f.loop.Go(func(context.Context) {
		defer cancel()
		timer := time.NewTimer(pendingLimit)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		// Without the permission to watch events there is no note.
		_ = wait.Follow(ctx, f.client.Dynamic().Resource(corev1.SchemeGroupVersion.WithResource("events")).Namespace(namespace), metav1.ListOptions{FieldSelector: operator.WarningsAbout(name)},
			func(event watch.EventType, _ *unstructured.Unstructured) (bool, error) {
				if event != watch.Added && event != watch.Modified {
					return false, nil
				}
				events := f.client.WarningsSince(ctx, namespace, since, operator.Subject{Kind: api.StateSnap.Name, Name: name})
				if len(events) > 0 {
					f.reporter.Notef("%s: event %s: %s", name, events[0].Reason, events[0].Root())
				}
				return len(events) > 0, nil
			})
	})
}

func (f *snapshotFollower) complete(s api.Snapshot) error {
	f.report.Done = true
	f.report.Path, f.report.Duration, f.report.Format = s.Path(), s.Duration(), s.Format()
	f.report.TriggeredAt, f.report.CompletedAt = s.Timestamp("triggerTimestamp"), s.Timestamp("resultTimestamp")
	f.report.TriggerID = s.TriggerID()
	switch {
	case f.report.Path == "" && !s.IsSavepoint():
		return fmt.Errorf("%s/%s is COMPLETED but the operator doesn't know its path: the JobManager had forgotten the checkpoint already (web.checkpoints.history, 10 by default)", api.StateSnap.Singular, s.Name())
	case f.report.Path == api.NotAddressable:
		return fmt.Errorf("%s/%s is COMPLETED but nothing can be restored from it: the job keeps its checkpoints in the JobManager's memory\nSet execution.checkpointing.dir (state.checkpoints.dir before Flink 1.20) in spec.flinkConfiguration", api.StateSnap.Singular, s.Name())
	case f.report.Path == "":
		return fmt.Errorf("%s/%s is COMPLETED but the operator doesn't know its path: look for the newest directory in the job's savepoint directory", api.StateSnap.Singular, s.Name())
	}
	return nil
}

func (f *snapshotFollower) failed(ctx context.Context, s api.Snapshot) error {
	events := f.client.WarningsSince(ctx, s.Object.GetNamespace(), f.asked.Add(-5*time.Second), operator.SubjectOf(s.Object), operator.Subject{Kind: api.Text(s.Object.Object, "spec", "jobReference", "kind"), Name: api.Text(s.Object.Object, "spec", "jobReference", "name")})
	cause := s.Failure().Root()
	if cause == "" && len(events) > 0 {
		cause = events[0].Root()
	}
	if s.State() == api.SnapshotFailed || s.TriggerID() != "" {
		// A savepoint that takes its job down is ABANDONED where the operator
		// sees the job restart first.
		cause = f.client.RootCauseOf(ctx, f.target, s.TriggerID(), f.asked, cause)
	}
	return &FailedError{
		What:   api.StateSnap.Singular + "/" + s.Name(),
		State:  s.State(),
		Cause:  cause,
		Chain:  s.Failure().Chain(),
		Events: operator.DistinctEvents(events, cause),
	}
}

// explain turns the end of a wait into words: what was left behind, and how
// to go on from there.
func (f *snapshotFollower) explain(ctx context.Context, err error) error {
	code := exit.Code(err)
	var failed *FailedError
	name := f.report.Snapshot.Name()
	switch {
	case err == nil, !f.created, f.ended, errors.As(err, &failed):
		return err
	case code != exit.TimedOut && code != exit.Interrupted:
		return fmt.Errorf("%w\n%s/%s can't be watched any longer but goes on without this command\nSee it with: kubectl get %s %s -n %s",
			err, api.StateSnap.Singular, name, api.StateSnap.Singular, name, f.report.Job.Namespace)
	}
	left := f.report.Snapshot.State()
	if left == "" {
		left = "not seen by the operator yet"
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	message := fmt.Sprintf("%v: %s/%s is %s", err, api.StateSnap.Singular, name, left)
	stopped := ""
	if code == exit.TimedOut {
		stopped = f.client.Stopped(ctx)
	}
	if stopped != "" {
		message += ", and " + stopped + "\nIt goes on when the operator runs again"
	} else {
		message += " and goes on without this command"
	}
	if finding := f.silence.Finding(); finding != "" && stopped == "" {
		message += "\n" + finding
	} else if events := f.client.WarningsSince(ctx, f.report.Snapshot.Object.GetNamespace(), f.asked.Add(-5*time.Second), operator.SubjectOf(f.report.Snapshot.Object)); len(events) > 0 {
		message += "\nIts last event: " + events[0].Root()
	}
	message += fmt.Sprintf("\nFollow it with: kubectl flink snapshot wait %s -n %s\nSee it with: kubectl get %s %s -n %s", name, f.report.Job.Namespace, api.StateSnap.Singular, name, f.report.Job.Namespace)
	return exit.With(code, errors.New(message))
}

// checkOperator looks for the reason when the operator doesn't react at all, or
// not any more; its error says that the operator isn't there.
func (f *snapshotFollower) checkOperator(ctx context.Context, name string) error {
	namespace, begun := f.report.Job.Namespace, f.silence.Reacted()
	health := f.client.OperatorHealth(ctx)
	finding := health.String()
	switch {
	case health.Stopped():
		failed := &FailedError{
			What: api.StateSnap.Singular + "/" + name, State: "not carried out", Cause: finding,
			LeftBehind: fmt.Sprintf("The request stays and is carried out when the operator runs again; to withdraw it: kubectl delete %s %s -n %s", api.StateSnap.Singular, name, namespace),
		}
		if begun {
			failed.State = "was begun but not followed to its end"
			failed.LeftBehind = fmt.Sprintf("Flink goes on with it, and the operator takes note when it runs again: kubectl flink snapshot wait %s -n %s", name, namespace)
		}
		f.silence.Found(finding)
		return failed
	case begun && (!health.Known() || health.Ready()):
		return nil // it takes its time
	case !begun && (!health.Known() || health.Ready()):
		finding = "The operator has not reacted. " + finding + " It ignores FlinkStateSnapshot when it is older than 1.10, when its CRD came after the operator's start, when kubernetes.operator.snapshot.resource.enabled is false, when it doesn't watch this namespace, or when its label selector doesn't match (--label)."
	}
	if f.silence.Found(finding) {
		f.reporter.Notef("%s", finding)
	}
	return nil
}
