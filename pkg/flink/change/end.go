package change

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// prove finds out which state the job left or runs from, and fails where that
// isn't the state it was to run from.
func (f *Follower) prove(ctx context.Context) error {
	f.Report.Left = f.left
	ref := f.Change.Job.Ref()
	if f.Change.Goal.Suspended {
		why := ""
		if f.Report.Left, why = leftBehind(ctx, f.client, f.Change, f.job); why != "" {
			f.reporter.Notef("%s: where the state is that it left isn't known: %s", ref, why)
		}
		return nil
	}
	if f.job.State() == api.JobFinished || f.job.IsSessionCluster() {
		return nil
	}
	said := f.answer(ctx)
	if !said.known {
		if f.Change.Goal.State {
			f.reporter.Notef("%s: that it runs from its state is the operator's word only; the JobManager can't be asked: %s", ref, said.why)
			if path := f.job.UpgradeSavepointPath(); path != "" {
				f.Report.From = api.RetainedState{Kind: api.KindOfPath(path), Path: path}
			}
		}
		return nil
	}
	restored := said.state.Restored
	f.Report.From = restored.RetainedState()
	goal := f.Change.Goal
	if goal.Path == "" && f.left.Kind == api.RetainedSavepoint {
		goal.Path = f.left.Path
	}
	switch {
	case !goal.State, !goal.NewRun && !goal.NewJobID && f.left.IsZero() && !f.Change.hasNewRun(f.job): // scaled in place
	case restored == nil:
		return &FailedError{
			Job: ref, How: ChangeUnproven, Cause: "it runs, but the JobManager says that it was not restored from anything",
			After: "Its earlier state still exists" + at(goal.Path) + "; go back to it before the new run gets further: set spec.job.initialSavepointPath to it and change spec.job.savepointRedeployNonce",
		}
	case goal.Path == "" || api.SamePath(goal.Path, restored.Path):
	case f.job.JobID() != "" && strings.Contains(restored.Path, f.job.JobID()):
		f.reporter.Notef("%s has restarted since, from its own checkpoint %s", ref, restored.Path)
	default:
		return &FailedError{
			Job: ref, How: ChangeUnproven,
			Cause: fmt.Sprintf("it was restored from %s instead of %s", restored.Path, goal.Path),
		}
	}
	return nil
}

func at(path string) string {
	if path == "" {
		return ""
	}
	return " at " + path
}

// answer is what the JobManager told of the run that was waited for.
func (f *Follower) answer(ctx context.Context) answer {
	if f.flinkAnswer.why != "" || f.flinkAnswer.known && f.flinkAnswer.jobID == f.job.JobID() {
		return f.flinkAnswer
	}
	f.reporter.Waitingf("%s: asking the JobManager what state it runs from", f.Change.Job.Ref())
	state, known, why := f.client.State(ctx, f.job)
	return answer{f.job.JobID(), state, known, why}
}

// leftBehind is the state that a job keeps which was suspended, and why it isn't
// known where.
func leftBehind(ctx context.Context, c *operator.Client, change Change, job api.Job) (kept api.RetainedState, why string) {
	if job.Kind.Name == api.BlueGreen.Name {
		child, err := c.ActiveChild(ctx, job)
		if err != nil {
			return kept, err.Error()
		}
		job = child
	}
	kept = job.RetainedState()
	if kept.Kind == api.RetainedCheckpoint && kept.Path == "" {
		// The one that the JobManager named before may have been replaced since.
		var known, restored *api.FlinkSnapshot
		if change.Flink != nil {
			known, restored = change.Flink.Latest, change.Flink.Restored
		}
		kept.Path, why = CheckpointLeft(ctx, c, job, job, known, restored)
	}
	return kept, why
}

// failed gathers what is known of a failure.
func (f *Follower) failed(ctx context.Context, how, cause string) error {
	ref := f.Change.Job.Ref()
	target := f.job
	about := []operator.Subject{operator.SubjectOf(f.job.Object)}
	if ref.Kind.Name == api.BlueGreen.Name {
		about = append(about, operator.Subject{Kind: api.Deployment.Name, Name: ref.Name + "-blue"}, operator.Subject{Kind: api.Deployment.Name, Name: ref.Name + "-green"})
		if child, err := f.client.ActiveChild(ctx, f.job); err == nil {
			target = child
		}
	}
	var events []operator.Event
	for _, e := range f.client.WarningsSince(ctx, ref.Namespace, f.asked, about...) {
		if how == ChangeRejected && e.Reason != "ValidationError" {
			continue
		}
		events = append(events, e)
	}
	if how == ChangeStuck {
		cause = f.client.RootCauseOf(ctx, target, "", f.asked, cause)
	}
	failed := &FailedError{Job: ref, How: how, Cause: cause, Events: operator.DistinctEvents(events, cause)}
	if ref.Kind.Name == api.BlueGreen.Name && f.job.State() == api.JobFailing && how == ChangeFailed {
		failed.After = fmt.Sprintf("The operator has given the change up, although the spec has it. %s goes on; once it runs, carry the change out with: kubectl flink restart %s -n %s", api.OrUnknown(target.Object.GetName()), ref, ref.Namespace)
	}
	if cause == takenForFinished {
		failed.After = fmt.Sprintf("Its state is kept. Start it from there with: kubectl flink restart %s -n %s", ref, ref.Namespace)
	}
	return failed
}

// putBackLimit is how long the job may take to be again as it was. A job that
// failed with the change, too, restarts more than once on the way.
const putBackLimit = 3 * time.Minute

// putBack makes the spec what it was before, so that the operator stops trying,
// and says in failed what is there now.
func (f *Follower) putBack(ctx context.Context, failed *FailedError) {
	ref := f.Change.Job.Ref()
	switch {
	case f.options.KeepTrying:
		failed.After = "The changed spec stays (--keep-trying); to take it back: " + f.UndoCommand()
		return
	case !f.Report.Changed:
		failed.After = "The spec was changed before this command, so that it is left as it is; the operator goes on trying"
		return
	}
	back := f.Change.Undo()
	back.Job = f.job
	// Also when the user has had enough of waiting meanwhile.
	patchContext, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	changed, err := Apply(patchContext, f.client, back, "")
	if err != nil {
		failed.After = fmt.Sprintf("The spec could not be put back (%v): the operator goes on trying. To take the change back: %s", err, f.UndoCommand())
		return
	}
	failed.PutBack = true
	f.job, f.generation = changed, changed.Object.GetGeneration()
	failed.After = "The spec was put back (" + strings.Join(DescribePatch(back.Spec), ", ") + ")"
	back.Goal = Goal{Suspended: back.Job.Wanted() == api.WantSuspended && f.Change.Job.Wanted() == api.WantSuspended}
	back.stopped = true
	wasUp := f.Change.Job.IsRunning() || f.Change.Job.Lifecycle() == api.LifecycleSuspended
	if failed.How == ChangeRejected || !wasUp {
		// It was never touched.
		failed.After += "; the job is " + f.Change.Job.Describe(f.now())
		return
	}
	f.reporter.Waitingf("%s: the spec was put back; waiting for the job to be as it was", ref)
	f.see = func(_ watch.EventType, object *unstructured.Unstructured) {
		if object != nil && object.GetGeneration() >= f.generation {
			f.job = api.Job{Kind: f.Change.Job.Kind, Object: object}
			f.Report.Observe(f.job)
		}
	}
	bounded, done := context.WithTimeout(ctx, putBackLimit)
	defer done()
	asBefore, _ := f.loop.Run(bounded, func() (bool, error) { return f.isAsBefore(ctx, &back), nil })
	describe := "; the job is " + f.job.Describe(f.now())
	switch {
	case asBefore:
		failed.After += describe
	case ctx.Err() != nil:
		failed.After += describe + ", and what followed was not observed"
	default:
		failed.After += fmt.Sprintf("; after %s the job is %s", putBackLimit, f.job.Describe(f.now()))
	}
}

// isAsBefore reports whether the change back has been carried out. Where the
// operator takes the job for finished, it is restarted once.
func (f *Follower) isAsBefore(ctx context.Context, back *Change) bool {
	stage := back.judge(f.job, f.generation).stage
	if stage == skipped && !f.restarted {
		// The operator had succeeded at the last moment.
		again := Change{Job: f.job, Spec: map[string]any{"restartNonce": f.job.NextRestartNonce()}}
		if changed, err := Apply(ctx, f.client, again, ""); err == nil {
			f.restarted = true
			f.job, f.generation = changed, changed.Object.GetGeneration()
			back.Spec = api.Merge(api.Merge(nil, back.Spec), again.Spec)
		}
	}
	return stage == reached
}

// longestCommand is how long a patch may be that a user is to copy, in bytes.
const longestCommand = 600

// UndoCommand takes the change back by hand.
func (f *Follower) UndoCommand() string {
	if !f.Report.Changed {
		return "change the spec back"
	}
	back := f.Change.Undo()
	body, err := json.Marshal(back.Patch())
	if err != nil {
		return "change the spec back"
	}
	ref := f.Change.Job.Ref()
	if len(body) > longestCommand || !bytes.Equal(secret.JSON(body), body) {
		// Too much for a command line, or with somebody's secret in it.
		return fmt.Sprintf("kubectl edit %s %s -n %s", ref.Kind.Singular, ref.Name, ref.Namespace)
	}
	return fmt.Sprintf("kubectl patch %s %s -n %s --type merge -p '%s'", ref.Kind.Singular, ref.Name, ref.Namespace, strings.ReplaceAll(string(body), "'", `'\''`))
}

// cutOff says what goes on in the cluster when the wait ends before the change.
func (f *Follower) cutOff(parent context.Context, err error) error {
	if err == nil {
		return nil
	}
	if !f.applied {
		return exit.With(exit.Code(err), fmt.Errorf("%w: nothing was changed; %s is %s", err, f.Change.Job.Ref(), f.Change.Job.Describe(f.now())))
	}
	f.Report.Took = f.now().Sub(f.since)
	ref := f.Change.Job.Ref()
	code := exit.Code(err)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), 5*time.Second)
	defer cancel()
	j := f.Change.judge(f.job, f.generation)
	message := fmt.Sprintf("%v: %s was not %s yet: %s", err, ref, cmp.Or(f.Change.Did, "changed"), cmp.Or(j.what, f.job.Describe(f.now())))
	stopped := ""
	if code == exit.TimedOut {
		stopped = f.client.Stopped(ctx)
	}
	switch {
	case !f.Report.Changed && stopped != "":
		message += "\n" + stopped + ". Nothing was changed by this command"
	case !f.Report.Changed:
		message += "\nNothing was changed by this command: its spec was so already"
	case stopped != "":
		message += "\n" + stopped + ". The change stays in the spec and is carried out when it runs again"
	case code != exit.TimedOut && code != exit.Interrupted:
		message += "\nIt can't be watched any longer; the change stays in the spec and goes on without this command"
	default:
		message += "\nThe change stays in the spec and goes on without this command"
	}
	if why := f.unready(ctx); why != "" && stopped == "" {
		message += "\n" + why
	}
	goal := "stable"
	if f.Change.Goal.Suspended {
		goal = "suspended"
	}
	name := ref.Name
	if ref.Kind.Name != api.Deployment.Name {
		name = ref.String()
	}
	message += fmt.Sprintf("\nGo on waiting with: kubectl flink status %s -n %s --for %s", name, ref.Namespace, goal)
	if f.Report.Changed {
		message += "\nTake the change back with: " + f.UndoCommand()
	}
	return exit.With(code, errors.New(message))
}

// unready says which pods keep the job from running; "" where none does.
func (f *Follower) unready(ctx context.Context) string {
	cluster := f.job.Object.GetName()
	switch f.job.Kind.Name {
	case api.SessionJob.Name:
		cluster = f.job.SessionCluster()
	case api.BlueGreen.Name:
		return ""
	}
	pods, err := f.client.Pods(ctx, f.job.Object.GetNamespace(), cluster)
	if err != nil || f.Change.Goal.Suspended {
		return ""
	}
	var out []string
	for _, p := range pods {
		if p.Ready || p.Status == "Terminating" {
			continue
		}
		line := "Pod " + p.Name + " is " + p.Status
		if p.Message != "" {
			line += ": " + p.Message
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}
