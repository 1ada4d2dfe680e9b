package move

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// undoLimit bounds each step back.
const undoLimit = 5 * time.Minute

// interruptLimit bounds what is still asked after Ctrl-C.
const interruptLimit = 5 * time.Second

// failed goes back, where the move has failed for good, and says in the error
// how things stand.
func (w *importing) failed(ctx context.Context, err error) error {
	if exit.Code(err) == exit.Interrupted || ctx.Err() != nil {
		return fmt.Errorf("%w\n%s\nTo go on, say the same again; to go back:%s", err, w.stands(ctx), w.back())
	}
	if errors.Is(err, errUnproven) {
		return fmt.Errorf("%w\n%s was not resumed, so that the job doesn't run twice. See with: kubectl cmf rest environments/%s/applications/%s/flink-web-ui/jobs\nIf it is wrong, go back:%s",
			err, w.Job, w.App.Scope.Environment, w.App.Name, w.back())
	}
	w.Reporter.Notef("it failed: going back: %v", err)
	removed := w.remove(ctx)
	switch {
	case removed != nil && w.stage >= starting:
		return fmt.Errorf("%w\nWhether %s still runs isn't known (%w), so %s was not resumed: its state is at %s\nTo go back:%s", err, w.App.Where(), removed, w.Job, w.from, w.back())
	case removed != nil:
		err = fmt.Errorf("%w\n%s was never started, but could not be removed: %w", err, w.App.Where(), removed)
	case w.stage > untouched:
		err = fmt.Errorf("%w\n%s is not there any more", err, w.App.Where())
	}
	if w.stage < suspending {
		return fmt.Errorf("%w; %s was not touched", err, w.Job)
	}
	if w.plan.From != "" {
		return fmt.Errorf("%w; %s is suspended, as it was before, with its state at %s\nResume it with: kubectl flink resume %s -n %s", err, w.Job, w.plan.From, w.Job, w.Job.Namespace)
	}
	return w.resumed(ctx, err)
}

// resumed has the job run again, and says in err whether it does.
func (w *importing) resumed(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, undoLimit, exit.Timeoutf("timed out after %s", undoLimit))
	defer cancel()
	report, failed := lifecycle.Resume(ctx, w.Operator, w.Job, lifecycle.ResumeRequest{Options: w.options()}, w.Reporter)
	if failed != nil {
		return fmt.Errorf("%w\n%s does NOT run again: %w\nTry again with: kubectl flink resume %s -n %s", err, w.Job, failed, w.Job, w.Job.Namespace)
	}
	text := fmt.Sprintf("%s is %s again", w.Job, api.OrUnknown(report.State))
	switch from := report.From; {
	case from.Path != "" && from.Proven:
		text += ", restored from " + from.Path
	case w.from != "":
		text += ", from " + w.from + ", as the operator says"
	}
	return fmt.Errorf("%w\n%s", err, text)
}

// remove stops the application, if it was started, and deletes it. No error says
// that it doesn't run.
func (w *importing) remove(ctx context.Context) error {
	if w.stage < creating {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, undoLimit, exit.Timeoutf("timed out after %s", undoLimit))
	defer cancel()
	now, err := w.CMF.Get(ctx, w.App)
	switch {
	case cmf.IsNotFound(err):
		return w.removed(ctx)
	case err != nil:
		return err
	case !w.isOurs(now):
		return errors.New("it was replaced meanwhile")
	}
	if w.stage >= starting {
		// stateless: what it did since is not wanted, and a savepoint of a job that
		// doesn't run would be waited for without end.
		stop := apply.Clean(w.App.Kind, now)
		stop.Set("spec.job.state", api.WantSuspended)
		stop.Set("spec.job.upgradeMode", api.UpgradeStateless)
		if _, err := w.CMF.Update(ctx, w.App, stop); err != nil {
			return err
		}
		if _, err := w.waiter().For(ctx, w.App, stopped(w.App)); err != nil {
			return err
		}
	}
	if _, err := w.CMF.Delete(ctx, w.App, cmf.DeleteOptions{}); err != nil && !cmf.IsNotFound(err) {
		return err
	}
	if err := apply.Gone(ctx, w.CMF, w.App, nil, w.Poll); err != nil {
		return err
	}
	return w.removed(ctx)
}

// removed waits until Kubernetes has nothing of the application either.
func (w *importing) removed(ctx context.Context) error {
	if !w.seen {
		return nil
	}
	return w.gone(ctx, w.deployed(w.plan.namespace))
}

// stopped is the condition that an application is suspended.
func stopped(ref cmf.Ref) apply.Condition {
	return func(o cmf.Object) (bool, error) {
		_, verdict, _ := ref.Kind.State(o)
		return o.Text("spec.job.state") == api.WantSuspended && verdict == cmf.Ready, nil
	}
}

// stands says how things are, for a user who interrupted.
func (w *importing) stands(ctx context.Context) string {
	switch w.stage {
	case untouched:
		return "Nothing was changed."
	case creating:
		return fmt.Sprintf("Whether %s was created isn't known; if it was, it is suspended. %s was not touched.", w.App.Where(), w.Job)
	case created:
		return fmt.Sprintf("%s is there, suspended. %s was not touched.", w.App.Where(), w.Job)
	case suspending:
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), interruptLimit)
		defer cancel()
		object, err := w.Operator.Get(limit, w.Job)
		if err == nil && (api.Job{Kind: w.Job.Kind, Object: object}).Wanted() != api.WantSuspended {
			return fmt.Sprintf("%s is to run, as before. %s is there, suspended.", w.Job, w.App.Where())
		}
		return fmt.Sprintf("%s is being suspended, and the operator goes on with it. %s is there, suspended: neither is started by itself.", w.Job, w.App.Where())
	case suspended:
		return fmt.Sprintf("%s is suspended; its state is at %s. %s is there, suspended: neither runs.", w.Job, w.from, w.App.Where())
	case starting:
		return fmt.Sprintf("%s is suspended; its state is at %s. %s was told to start from it.", w.Job, w.from, w.App.Where())
	case unproven:
	}
	return fmt.Sprintf("%s is suspended; its state is at %s. %s runs, but that it runs from there isn't proven.", w.Job, w.from, w.App.Where())
}

// back is how to go back by hand, a command a line: the application first.
func (w *importing) back() string {
	if w.stage == untouched {
		return " nothing to do"
	}
	text := fmt.Sprintf("\n  kubectl cmf app delete %s -e %s --lose-state", w.App.Name, w.App.Scope.Environment)
	if w.stage >= suspending && w.plan.From == "" {
		text += fmt.Sprintf("\n  kubectl flink resume %s -n %s", w.Job, w.Job.Namespace)
	}
	return text
}
