package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
)

// prove finds out which state the job left or runs from, and fails where that
// isn't the state it was to run from.
func (f *changeFollower) prove(ctx context.Context) error {
	f.report.Left = f.left
	ref := f.change.Job.Ref()
	if f.change.Goal.Suspended {
		f.report.Left = f.client.leftBehind(ctx, f.change, f.job)
		return nil
	}
	if f.job.State() == "FINISHED" || f.job.IsSessionCluster() {
		return nil
	}
	told := f.answer(ctx)
	if !told.known {
		if f.change.Goal.State {
			f.reporter.note("%s: that it runs from its state is the operator's word only; the JobManager can't be asked: %s", ref, told.why)
			if path := f.job.UpgradeSavepointPath(); path != "" {
				f.report.From = Kept{Kind: KindOfPath(path), Path: path}
			}
		}
		return nil
	}
	restored := told.state.Restored
	f.report.From = restored.Kept()
	goal := f.change.Goal
	if goal.Path == "" && f.left.Kind == KeptSavepoint {
		goal.Path = f.left.Path
	}
	switch {
	case !goal.State:
	case restored == nil:
		return &ChangeFailedError{
			Job: ref, How: ChangeUnproven, Cause: "it runs, but the JobManager says that it was not restored from anything",
			After: "Its earlier state still exists" + at(goal.Path) + "; go back to it before the new run gets further: set spec.job.initialSavepointPath to it and change spec.job.savepointRedeployNonce",
		}
	case goal.Path == "" || SamePath(goal.Path, restored.Path):
	case f.job.JobID() != "" && strings.Contains(restored.Path, f.job.JobID()):
		f.reporter.note("%s has restarted since, from its own checkpoint %s", ref, restored.Path)
	default:
		return &ChangeFailedError{
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
func (f *changeFollower) answer(ctx context.Context) answer {
	if f.told.why != "" || f.told.known && f.told.jobID == f.job.JobID() {
		return f.told
	}
	f.reporter.waiting("%s: asking the JobManager what state it runs from", f.change.Job.Ref())
	state, known, why := f.client.State(ctx, f.job)
	return answer{f.job.JobID(), state, known, why}
}

// leftBehind is the state that a job keeps which was suspended.
func (c *Client) leftBehind(ctx context.Context, change Change, job Job) Kept {
	if job.Kind.Name == BlueGreen.Name {
		child, err := c.activeChild(ctx, job)
		if err != nil {
			return Kept{}
		}
		job = child
	}
	kept := job.KeptState()
	if kept.Kind == KeptCheckpoint && kept.Path == "" {
		// The one that the JobManager named before may have been replaced since.
		var known *FlinkSnapshot
		if change.Flink != nil {
			known = change.Flink.Latest
		}
		kept.Path, _ = c.checkpointLeft(ctx, job, job, known)
	}
	return kept
}

// KeptState is the state from which a suspended job will resume, as the
// operator notes it; zero where the job isn't suspended or was never started.
// The path of a last-state suspension is in the JobManager's high-availability
// data, so it isn't known here.
func (j Job) KeptState() Kept {
	switch mode := j.SuspendedMode(); mode {
	case "savepoint":
		if path := j.UpgradeSavepointPath(); path != "" {
			return Kept{Kind: KindOfPath(path), Path: path}
		}
	case "last-state":
		return Kept{Kind: KeptCheckpoint}
	case "stateless":
		return Kept{Kind: KeptNone}
	}
	return Kept{}
}

// failed gathers what is known of a failure.
func (f *changeFollower) failed(ctx context.Context, how, cause string) error {
	ref := f.change.Job.Ref()
	target := f.job
	about := []subject{subjectOf(f.job.Object)}
	if ref.Kind.Name == BlueGreen.Name {
		about = append(about, subject{kind: Deployment.Name, name: ref.Name + "-blue"}, subject{kind: Deployment.Name, name: ref.Name + "-green"})
		if child, err := f.client.activeChild(ctx, f.job); err == nil {
			target = child
		}
	}
	var events []Event
	for _, e := range f.client.warningsSince(ctx, ref.Namespace, f.asked, about...) {
		if how == ChangeRejected && e.Reason != "ValidationError" {
			continue
		}
		events = append(events, e)
	}
	if how == ChangeStuck {
		cause = f.client.deepen(ctx, target, "", f.asked, cause)
	}
	failed := &ChangeFailedError{Job: ref, How: how, Cause: cause, Events: distinct(events, cause)}
	if ref.Kind.Name == BlueGreen.Name && f.job.State() == "FAILING" && how == ChangeFailed {
		failed.After = fmt.Sprintf("The operator has given the change up, although the spec has it. %s goes on; once it runs, carry the change out with: kubectl flink restart %s -n %s", orUnknown(target.Object.GetName()), ref, ref.Namespace)
	}
	if cause == takenForFinished {
		failed.After = fmt.Sprintf("Its state is kept. Start it from there with: kubectl flink restart %s -n %s", ref, ref.Namespace)
	}
	return failed
}

// putBackLimit is how long the job may take to be again as it was.
const putBackLimit = 90 * time.Second

// putBack makes the spec what it was before, so that the operator stops trying,
// and says in failed what is there now.
func (f *changeFollower) putBack(ctx context.Context, objects <-chan seen, failed *ChangeFailedError) {
	ref := f.change.Job.Ref()
	switch {
	case f.options.KeepTrying:
		failed.After = "The changed spec stays (--keep-trying); to take it back: " + f.undoCommand()
		return
	case !f.report.Changed:
		failed.After = "The spec was changed before this command, so that it is left as it is; the operator goes on trying"
		return
	}
	back := f.change.undo()
	back.Job = f.job
	// Also when the user has had enough of waiting meanwhile.
	patchContext, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	changed, err := f.client.apply(patchContext, back, "")
	if err != nil {
		failed.After = fmt.Sprintf("The spec could not be put back (%v): the operator goes on trying. To take the change back: %s", err, f.undoCommand())
		return
	}
	failed.PutBack = true
	f.job, f.generation = changed, changed.Object.GetGeneration()
	failed.After = "The spec was put back (" + strings.Join(describePatch(back.Spec), ", ") + ")"
	back.Goal = Goal{Suspended: back.Job.Wanted() == "suspended" && f.change.Job.Wanted() == "suspended"}
	back.stopped = true
	wasUp := f.change.Job.IsRunning() || f.change.Job.Lifecycle() == "SUSPENDED"
	if failed.How == ChangeRejected || !wasUp {
		// It was never touched.
		failed.After += "; the job is " + f.change.Job.Describe(f.now())
		return
	}
	f.reporter.waiting("%s: the spec was put back; waiting for the job to be as it was", ref)
	timer := time.NewTimer(putBackLimit)
	defer timer.Stop()
	for {
		switch back.judge(f.job, f.generation).stage {
		case reached:
			failed.After += "; the job is " + f.job.Describe(f.now())
			return
		case skipped:
			// The operator had succeeded at the last moment.
			if !f.woken {
				again := Change{Job: f.job, Spec: map[string]any{"restartNonce": f.job.nextRestartNonce()}}
				if changed, err := f.client.apply(ctx, again, ""); err == nil {
					f.woken = true
					f.job, f.generation = changed, changed.Object.GetGeneration()
					back.Spec = Merge(Merge(nil, back.Spec), again.Spec)
				}
			}
		}
		select {
		case <-ctx.Done():
			failed.After += "; the job is " + f.job.Describe(f.now()) + ", and nobody waited for more"
			return
		case <-timer.C:
			failed.After += fmt.Sprintf("; after %s the job is %s", putBackLimit, f.job.Describe(f.now()))
			return
		case s := <-objects:
			if s.object != nil && s.object.GetGeneration() >= f.generation {
				f.job = Job{f.change.Job.Kind, s.object}
				f.report.observe(f.job)
			}
		}
	}
}

// longestCommand is how long a patch may be that a user is to copy, in bytes.
const longestCommand = 600

// undoCommand takes the change back by hand.
func (f *changeFollower) undoCommand() string {
	if !f.report.Changed {
		return "change the spec back"
	}
	back := f.change.undo()
	body, err := json.Marshal(back.patch())
	if err != nil {
		return "change the spec back"
	}
	ref := f.change.Job.Ref()
	if len(body) > longestCommand || !bytes.Equal(secret.JSON(body), body) {
		// Too much for a command line, or with somebody's secret in it.
		return fmt.Sprintf("kubectl edit %s %s -n %s", ref.Kind.Singular, ref.Name, ref.Namespace)
	}
	return fmt.Sprintf("kubectl patch %s %s -n %s --type merge -p '%s'", ref.Kind.Singular, ref.Name, ref.Namespace, strings.ReplaceAll(string(body), "'", `'\''`))
}

// cutOff says what goes on in the cluster when the wait ends before the change.
func (f *changeFollower) cutOff(parent context.Context, err error) error {
	if err == nil {
		return nil
	}
	if !f.applied {
		return exit.With(exit.Code(err), fmt.Errorf("%w: nothing was changed; %s is %s", err, f.change.Job.Ref(), f.change.Job.Describe(f.now())))
	}
	f.report.Took = f.now().Sub(f.since)
	ref := f.change.Job.Ref()
	code := exit.Code(err)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), 5*time.Second)
	defer cancel()
	j := f.change.judge(f.job, f.generation)
	message := fmt.Sprintf("%v: %s was not %s yet: %s", err, ref, or(f.change.Did, "changed"), or(j.what, f.job.Describe(f.now())))
	stopped := ""
	if code == exit.TimedOut {
		stopped = f.client.stopped(ctx)
	}
	switch {
	case !f.report.Changed && stopped != "":
		message += "\n" + stopped + ". Nothing was changed by this command"
	case !f.report.Changed:
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
	if f.change.Goal.Suspended {
		goal = "suspended"
	}
	name := ref.Name
	if ref.Kind.Name != Deployment.Name {
		name = ref.String()
	}
	message += fmt.Sprintf("\nGo on waiting with: kubectl flink status %s -n %s --for %s", name, ref.Namespace, goal)
	if f.report.Changed {
		message += "\nTake the change back with: " + f.undoCommand()
	}
	return exit.With(code, errors.New(message))
}

// unready says which pods keep the job from running; "" where none does.
func (f *changeFollower) unready(ctx context.Context) string {
	cluster := f.job.Object.GetName()
	switch f.job.Kind.Name {
	case SessionJob.Name:
		cluster = f.job.SessionCluster()
	case BlueGreen.Name:
		return ""
	}
	pods, err := f.client.Pods(ctx, f.job.Object.GetNamespace(), cluster)
	if err != nil || f.change.Goal.Suspended {
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
