package savepoint

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// savepointByNonce changes spec.job.savepointTriggerNonce (or
// checkpointTriggerNonce) and follows what the
// operator makes of it: a MANUAL FlinkStateSnapshot (1.10 and newer, unless
// switched off), else status.jobStatus.savepointInfo.
func savepointByNonce(ctx context.Context, c *operator.Client, p *plan, reporter operator.Reporter) (Report, error) {
	f := &nonceFollower{client: c, plan: p, reporter: reporter, report: p.report(), asked: p.now()}
	if p.running != nil {
		return savepointByResource(ctx, c, p, reporter)
	}
	f.before = p.lastTaken()
	if p.request.Follow {
		f.triggerSeen = true
		return f.follow(ctx)
	}
	f.nonce = p.now().UnixMilli()
	f.report.Nonce = f.nonce
	if p.request.DryRun == "client" {
		return f.report, nil
	}
	if p.request.NoWait || p.request.DryRun == "server" {
		return f.report, f.patch(ctx)
	}
	return f.follow(ctx)
}

// lastField is the field of infoField with the last one.
func (r Request) lastField() string {
	if r.Checkpoint != "" {
		return "lastCheckpoint"
	}
	return "lastSavepoint"
}

// lastTaken is when the last one was taken that the status reports.
func (p *plan) lastTaken() time.Time {
	return api.Millis(p.target.Object.Object, "status", "jobStatus", p.request.infoField(), p.request.lastField(), "timeStamp")
}

// nonceFollower follows a savepointTriggerNonce to its end.
type nonceFollower struct {
	client   *operator.Client
	plan     *plan
	reporter operator.Reporter
	report   Report
	asked    time.Time
	nonce    int64
	// before is when the job's last savepoint was taken before ours.
	before  time.Time
	silence operator.Silence

	triggerSeen bool
	// trigger is Flink's id of the latest attempt.
	trigger string
	warned  string

	// done says that it has come to its end, err why it failed or can't be
	// followed any longer; ended that err is the savepoint's end, not the wait's.
	done  bool
	err   error
	ended bool

	patched bool
	// generation is the spec's with the nonce.
	generation int64
}

// patch sets the nonce, with the resourceVersion that was read, so that two
// users can't overwrite each other unseen. The operator's status writes move
// the version too, so a conflict is tried again as long as nobody has changed
// the spec (the generation) or made another job of that name (the UID).
func (f *nonceFollower) patch(ctx context.Context) error {
	job := f.plan.target
	client := f.client.Resource(job.Kind, job.Object.GetNamespace())
	options := metav1.PatchOptions{FieldManager: operator.FieldManager}
	if f.plan.request.DryRun == "server" {
		options.DryRun = []string{metav1.DryRunAll}
	}
	object := job.Object
	for range 10 {
		body, err := json.Marshal(map[string]any{
			"metadata": map[string]any{"resourceVersion": object.GetResourceVersion()},
			"spec":     f.plan.noncePatch(f.nonce),
		})
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		patched, err := operator.Patch(ctx, client, object.GetName(), body, options)
		if err == nil {
			f.asked, f.generation = operator.ChangedAt(patched, f.asked), patched.GetGeneration()
			if _, kept := api.Number(patched.Object, "spec", "job", f.plan.request.nonceField()); !kept {
				return fmt.Errorf("the operator installed here is too old: its %s has no spec.job.%s (it came with operator 1.7)\nNothing was changed", job.Kind.Name, f.plan.request.nonceField())
			}
		}
		if !apierrors.IsConflict(err) {
			return err
		}
		latest, err := client.Get(ctx, object.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		if latest.GetGeneration() != job.Object.GetGeneration() || latest.GetUID() != job.Object.GetUID() {
			return fmt.Errorf("%s was changed at the same time; look at it and try again", job.Ref())
		}
		object = latest
	}
	return fmt.Errorf("%s is being written to all the time; try again", job.Ref())
}

func (f *nonceFollower) follow(ctx context.Context) (Report, error) {
	err := f.run(ctx)
	var made snapshotMade
	if errors.As(err, &made) {
		// From here on it is as if the snapshot had been created by us.
		return f.followSnapshot(ctx, made)
	}
	if err == nil && f.report.Done && f.plan.request.Checkpoint == "" {
		f.noteHistory()
	}
	return f.report, f.explain(ctx, err)
}

// noteHistory says how long the operator keeps a savepoint that has no object of
// its own: it deletes the data of those in status.jobStatus.savepointInfo, all but
// the newest (SavepointObserver, since 1.10 SnapshotObserver), whoever took them.
func (f *nonceFollower) noteHistory() {
	const history, enabled = "kubernetes.operator.savepoint.history.max.", "kubernetes.operator.savepoint.cleanup.enabled"
	own, _ := f.plan.target.Spec()["flinkConfiguration"].(map[string]any)
	config := api.Flatten(own)
	set := func(key, otherwise string) string {
		value, _ := config.Get(key)
		return cmp.Or(value, otherwise)
	}
	if strings.EqualFold(set(enabled, "true"), "false") {
		return
	}
	f.reporter.Notef("%s: the operator deletes this savepoint when there is a newer one and it is older than %s, or when there are %s newer ones (%sage and count, unless its own configuration has others). To keep it, set %s: \"false\" in spec.flinkConfiguration",
		f.plan.target.Ref(), set(history+"age", "1 d"), set(history+"count", "10"), history, enabled)
}

// run sets the nonce as soon as its end can be seen, and follows it.
func (f *nonceFollower) run(ctx context.Context) error {
	loop := operator.NewLoop(ctx)
	defer loop.Close()
	job := f.plan.target
	see := func(event watch.EventType, object *unstructured.Unstructured) {
		if event == watch.Bookmark && !f.patched && !f.plan.request.Follow {
			f.err = f.begin(ctx)
			return
		}
		f.done, f.err = f.handle(ctx, event, object)
		f.ended = f.err != nil
	}
	if f.plan.hasSnapshots && !f.plan.request.Follow {
		// A missing permission only means that no snapshot is found.
		loop.Watch(f.client.Resource(api.StateSnap, job.Object.GetNamespace()), metav1.ListOptions{}, f.seeSnapshot, nil, nil)
	}
	loop.Watch(f.client.Resource(job.Kind, job.Object.GetNamespace()), wait.Named(job.Object.GetName()), see, func(err error) { f.err = err },
		f.reporter.Trouble(job.Ref().String(), func() { f.reporter.Waitingf("%s: the API server answers again; waiting", job.Ref()) }))
	done, err := loop.Run(ctx, func() (bool, error) {
		if !f.done && f.err == nil && f.silence.Due(time.Now()) {
			f.err = f.checkOperator(ctx)
		}
		return f.done, f.err
	})
	if !done {
		return loop.Ended(ctx)
	}
	return err
}

// begin sets the nonce.
func (f *nonceFollower) begin(ctx context.Context) error {
	if err := f.patch(ctx); err != nil {
		return err
	}
	f.patched = true
	job := f.plan.target
	f.reporter.Notef("%s %s set to %d", job.Ref().Printed(), f.plan.request.nonceField(), f.nonce)
	if f.plan.changesType() {
		f.reporter.Notef("%s: %s is now %s in spec.flinkConfiguration, and stays so", job.Ref(), checkpointTypeKey, f.plan.format)
	}
	f.reporter.Waitingf("%s: waiting for the operator", job.Ref())
	f.silence.Begin(time.Now())
	return nil
}

// snapshotMade ends the watch of the job: the operator answered the nonce with
// a FlinkStateSnapshot.
type snapshotMade struct{ snapshot api.Snapshot }

func (snapshotMade) Error() string { return "the operator made a FlinkStateSnapshot" }

// seeSnapshot looks for the FlinkStateSnapshot that the operator makes for the
// nonce.
func (f *nonceFollower) seeSnapshot(_ watch.EventType, object *unstructured.Unstructured) {
	if object != nil && f.patched && f.isOurs(api.Snapshot{Object: object}) {
		f.err = snapshotMade{api.Snapshot{Object: object}}
	}
}

// isOurs reports whether a FlinkStateSnapshot may be the operator's answer to
// the nonce: one by the operator's naming that wasn't there before, and that
// wasn't made by another run of this program.
func (f *nonceFollower) isOurs(s api.Snapshot) bool {
	target := f.plan.target.Ref()
	byHand := slices.ContainsFunc(s.Object.GetManagedFields(), func(m metav1.ManagedFieldsEntry) bool { return m.Manager == operator.FieldManager })
	return !byHand && !f.plan.known[s.Name()] && strings.HasPrefix(s.Name(), target.Name+"-"+f.plan.request.noun()+"-manual-") && s.Refers(target)
}

// findSnapshot looks once for the operator's answer to the nonce.
func (f *nonceFollower) findSnapshot(ctx context.Context) (s api.Snapshot, found bool, err error) {
	if !f.plan.hasSnapshots || f.plan.request.Follow {
		return api.Snapshot{}, false, nil
	}
	snapshots, err := f.client.List(ctx, api.StateSnap, f.plan.target.Object.GetNamespace(), metav1.ListOptions{})
	if err != nil {
		return api.Snapshot{}, false, err
	}
	for i := range snapshots {
		if s := (api.Snapshot{Object: &snapshots[i]}); f.isOurs(s) {
			return s, true, nil
		}
	}
	return api.Snapshot{}, false, nil
}

func (f *nonceFollower) followSnapshot(ctx context.Context, made snapshotMade) (Report, error) {
	p := *f.plan
	p.running = &made.snapshot
	report, err := savepointByResource(ctx, f.client, &p, f.reporter)
	report.Method, report.Nonce = Nonce, f.nonce
	return report, err
}

func (f *nonceFollower) handle(ctx context.Context, event watch.EventType, object *unstructured.Unstructured) (bool, error) {
	if object == nil {
		return false, nil
	}
	job := api.Job{Kind: f.plan.target.Kind, Object: object}
	if event == watch.Deleted {
		return true, fmt.Errorf("%s was deleted", job.Ref())
	}
	if !f.patched && !f.triggerSeen {
		return false, nil
	}
	info := api.Section(object.Object, "status", "jobStatus", f.plan.request.infoField())
	trigger := api.Text(info, "triggerId")
	if trigger != "" {
		f.triggerSeen, f.trigger = true, trigger
		f.silence.Active(time.Now())
		f.reporter.Waitingf("%s: %s in progress", job.Ref(), f.plan.request.noun())
	}
	if done := f.completed(info); done {
		return true, nil
	}
	if failure := job.Failure(); failure.Rejects() {
		return true, &FailedError{
			What: f.what(), State: "rejected", Cause: failure.Root(),
			LeftBehind: "The nonce stays in the spec; the operator ignores the spec until it is valid again",
		}
	}
	reconciled, known := job.ReconciledNonce(f.plan.request.nonceField())
	switch {
	case known && reconciled == f.nonce && f.nonce != 0:
		f.silence.Active(time.Now())
		if trigger != "" {
			break
		}
		// With snapshot resources the nonce is dealt with as soon as the
		// snapshot exists, and the two watches race: the job's status is no
		// proof that there is none.
		switch made, found, err := f.findSnapshot(ctx); {
		case found:
			return true, snapshotMade{made}
		case err != nil:
			// Not known yet, or the other watch has found it just now.
			return false, nil //nolint:nilerr // the watch goes on
		}
		return true, f.failed(ctx, job)
	case f.plan.request.Follow && trigger == "":
		return true, f.failed(ctx, job)
	case f.nonce != 0 && !f.triggerSeen && object.GetGeneration() > f.generation && !f.asksStill(job):
		if made, found, _ := f.findSnapshot(ctx); found {
			return true, snapshotMade{made}
		}
		return true, &FailedError{What: f.what(), State: "not carried out", Cause: "somebody else changed the nonce in the spec before the operator took it up"}
	case f.triggerSeen && trigger == "":
		// The operator tries again for a minute before it gives up.
		f.noteRetry(ctx, job)
	}
	if !job.IsRunning() && trigger == "" {
		if job.Wanted() == api.WantSuspended && job.ReconciledState() == api.WantSuspended {
			return true, &FailedError{
				What: f.what(), State: "not carried out", Cause: "the job was suspended meanwhile",
				LeftBehind: "The nonce stays in the spec: it is carried out when the job runs again",
			}
		}
		f.reporter.Waitingf("%s: waiting; the job is %s", job.Ref(), job.Describe(f.plan.now()))
	}
	return false, nil
}

// asksStill reports whether our nonce is in the spec.
func (f *nonceFollower) asksStill(job api.Job) bool {
	nonce, _ := api.Number(job.Spec(), "job", f.plan.request.nonceField())
	return nonce == f.nonce
}

// completed fills in the report when the last one is the one asked for. Of a
// checkpoint the status doesn't say where it is.
func (f *nonceFollower) completed(info map[string]any) bool {
	last := api.Section(info, f.plan.request.lastField())
	if last == nil || api.Text(last, "location") == "" && f.plan.request.Checkpoint == "" {
		return false
	}
	nonce, _ := api.Number(last, "triggerNonce")
	taken := api.Millis(last, "timeStamp")
	ours := f.nonce != 0 && nonce == f.nonce || f.plan.request.Follow && taken.After(f.before)
	if !ours {
		return false
	}
	f.report.Done = true
	f.report.Path = api.Text(last, "location")
	f.report.Format = api.Text(last, "formatType")
	f.report.CompletedAt, f.report.TriggerID = taken, f.trigger
	return true
}

func (f *nonceFollower) what() string {
	if f.nonce == 0 {
		return "the " + f.plan.request.noun() + " of " + f.plan.target.Ref().String()
	}
	return fmt.Sprintf("the %s of %s (%s %d)", f.plan.request.noun(), f.plan.target.Ref(), f.plan.request.nonceField(), f.nonce)
}

func (f *nonceFollower) warnings(ctx context.Context) []operator.Event {
	job := f.plan.target
	var out []operator.Event
	for _, e := range f.client.WarningsSince(ctx, job.Object.GetNamespace(), f.asked.Add(-2*time.Second), operator.SubjectOf(job.Object)) {
		if e.Reason == "SavepointError" || e.Reason == "CheckpointError" || e.Reason == "JobException" || e.Reason == "ValidationError" {
			out = append(out, e)
		}
	}
	return out
}

func (f *nonceFollower) noteRetry(ctx context.Context, job api.Job) {
	f.reporter.Waitingf("%s: an attempt failed, the operator tries again", job.Ref())
	if events := f.warnings(ctx); len(events) > 0 && events[0].Message != f.warned {
		f.warned = events[0].Message
		f.reporter.Notef("%s: an attempt failed: %s", job.Ref(), events[0].Root())
	}
}

func (f *nonceFollower) failed(ctx context.Context, job api.Job) error {
	events := f.warnings(ctx)
	cause := job.Failure().Root()
	if cause == "" && len(events) > 0 {
		cause = events[0].Root()
	}
	cause = f.client.RootCauseOf(ctx, job, f.trigger, f.asked, cause)
	return &FailedError{What: f.what(), State: api.SnapshotFailed, Cause: cause, Events: operator.DistinctEvents(events, cause)}
}

// checkOperator looks for the reason when the operator doesn't react at all, or
// not any more; its error says that the operator isn't there.
func (f *nonceFollower) checkOperator(ctx context.Context) error {
	begun, health := f.silence.Reacted(), f.client.OperatorHealth(ctx)
	finding := health.String()
	if health.Stopped() {
		failed := &FailedError{
			What: f.what(), State: "not carried out", Cause: finding,
			LeftBehind: "The nonce stays in the spec: it is carried out when the operator runs again",
		}
		if begun {
			failed.State = "was begun but not followed to its end"
			failed.LeftBehind = "Flink goes on with it, and the operator takes note when it runs again"
		}
		f.silence.Found(finding)
		return failed
	}
	if begun && (!health.Known() || health.Ready()) {
		return nil // it takes its time
	}
	if f.silence.Found(finding) {
		f.reporter.Notef("the operator has not reacted yet. %s", finding)
	}
	return nil
}

func (f *nonceFollower) explain(ctx context.Context, err error) error {
	code := exit.Code(err)
	var failed *FailedError
	if err == nil || !f.patched || f.ended || errors.As(err, &failed) {
		return err
	}
	if code != exit.TimedOut && code != exit.Interrupted {
		return fmt.Errorf("%w\n%s can't be watched any longer but goes on without this command", err, f.what())
	}
	stopped := ""
	if code == exit.TimedOut {
		stopped = f.client.Stopped(context.WithoutCancel(ctx))
	}
	message := fmt.Sprintf("%v: %s goes on without this command", err, f.what())
	if stopped != "" {
		message = fmt.Sprintf("%v: %s goes on when the operator runs again: %s", err, f.what(), stopped)
	} else if finding := f.silence.Finding(); finding != "" {
		message += "\n" + finding
	}
	job := f.plan.target.Ref()
	message += fmt.Sprintf("\nSee it with: kubectl get %s %s -n %s -o jsonpath='{.status.jobStatus.%s}'", job.Kind.Singular, job.Name, job.Namespace, f.plan.request.infoField())
	return exit.With(code, errors.New(message))
}
