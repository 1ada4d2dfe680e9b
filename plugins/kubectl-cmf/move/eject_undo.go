package move

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// failed goes back, where the ejection has failed for good, and says in the error
// how things stand.
func (w *ejecting) failed(ctx context.Context, err error) error {
	if exit.Code(err) == exit.Interrupted || ctx.Err() != nil {
		return fmt.Errorf("%w\n%s\nTo go on, say the same again; to go back:%s", err, w.stands(ctx), w.back())
	}
	if errors.Is(err, errUnproven) {
		return fmt.Errorf("%w\n%s was not started again, so that the job doesn't run twice. See with: kubectl flink checkpoints %s -n %s\nIf it is wrong, go back:%s",
			err, w.App.Where(), w.Job, w.Job.Namespace, w.back())
	}
	w.Reporter.Notef("it failed: going back: %v", err)
	switch removed := w.remove(ctx); {
	case removed != nil:
		return fmt.Errorf("%w\nWhether %s still runs isn't known (%w), so %s was not started again: its state is at %s\nTo go back:%s", err, w.Job, removed, w.App.Where(), w.from, w.back())
	case w.stage >= jobCreating:
		err = fmt.Errorf("%w\n%s is not there any more", err, w.Job)
	}
	switch {
	case w.stage < appStopping:
		return fmt.Errorf("%w; %s was not touched", err, w.App.Where())
	case w.plan.From != "":
		return fmt.Errorf("%w; %s is suspended, as it was before, with its state at %s\nStart it with: kubectl cmf app start %s -e %s", err, w.App.Where(), w.plan.From, w.App.Name, w.App.Scope.Environment)
	}
	return w.started(ctx, err)
}

// remove deletes the FlinkDeployment. No error says that it doesn't run.
func (w *ejecting) remove(ctx context.Context) error {
	if w.stage < jobCreating {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, undoLimit, exit.Timeoutf("timed out after %s", undoLimit))
	defer cancel()
	object, err := w.Operator.Get(ctx, w.Job)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	case !w.isOurs(api.Job{Kind: api.Deployment, Object: object}):
		return errors.New("it was replaced meanwhile")
	}
	uid := object.GetUID()
	options := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}
	if err := w.Operator.Resource(api.Deployment, w.Job.Namespace).Delete(ctx, w.Job.Name, options); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return w.gone(ctx, w.Job)
}

// started has the application run again, and says in err whether it does.
func (w *ejecting) started(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, undoLimit, exit.Timeoutf("timed out after %s", undoLimit))
	defer cancel()
	text, failed := w.start(ctx)
	if failed != nil {
		return fmt.Errorf("%w\n%s does NOT run again: %w\nTry again with: kubectl cmf app start %s -e %s", err, w.App.Where(), failed, w.App.Name, w.App.Scope.Environment)
	}
	if w.plan.mode != api.UpgradeSavepoint && w.stage >= appStopping {
		text += fmt.Sprintf("; its upgradeMode was %s and is savepoint now", w.plan.mode)
	}
	return fmt.Errorf("%w\n%s", err, text)
}

// start starts the application, where it is to be suspended, and says what it
// runs from.
func (w *ejecting) start(ctx context.Context) (string, error) {
	before, err := w.CMF.Get(ctx, w.App)
	if err != nil {
		return "", err
	}
	if before.Text("spec.job.state") != api.WantSuspended {
		return w.App.Where() + " is to run, as before", nil
	}
	if _, err := w.CMF.Act(ctx, w.App, "start", nil); err != nil {
		return "", err
	}
	ready := apply.Ready(w.App, before)
	now, err := w.waiter().For(ctx, w.App, func(o cmf.Object) (bool, error) {
		if o.Text("spec.job.state") == api.WantSuspended {
			return false, nil
		}
		return ready(o)
	})
	if err != nil {
		return "", err
	}
	state, _, _ := w.App.Kind.State(now)
	text := fmt.Sprintf("%s is %s again", w.App.Where(), api.OrUnknown(state))
	if w.from == "" {
		return text, nil
	}
	if err := prove(ctx, w.CMF, w.App, w.from, w.every()); errors.Is(err, errUnproven) {
		return text + ", from " + w.from + " by its upgradeMode, which its JobManager couldn't be asked to prove", nil
	} else if err != nil {
		return "", err
	}
	return text + ", restored from " + w.from, nil
}

// stands says how things are, for a user who interrupted.
func (w *ejecting) stands(ctx context.Context) string {
	switch w.stage {
	case appUntouched:
		return "Nothing was changed."
	case appStopping:
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), interruptLimit)
		defer cancel()
		if now, err := w.CMF.Get(limit, w.App); err == nil && now.Text("spec.job.state") != api.WantSuspended {
			return fmt.Sprintf("%s is to run, as before. %s was not created.", w.App.Where(), w.Job)
		}
		return fmt.Sprintf("%s is being suspended with a savepoint, and CMF goes on with it. %s was not created.", w.App.Where(), w.Job)
	case appStopped:
		return fmt.Sprintf("%s is suspended; its state is at %s. %s was not created: neither runs.", w.App.Where(), w.from, w.Job)
	case jobCreating:
		return fmt.Sprintf("%s is suspended; its state is at %s. Whether %s was created isn't known; if it was, it starts from there.", w.App.Where(), w.from, w.Job)
	case jobStarting:
		return fmt.Sprintf("%s is suspended; its state is at %s. %s was created and starts from there.", w.App.Where(), w.from, w.Job)
	case jobUnproven:
	}
	return fmt.Sprintf("%s is suspended; its state is at %s. %s runs, but that it runs from there isn't proven.", w.App.Where(), w.from, w.Job)
}

// back is how to go back by hand, a command a line: the FlinkDeployment first.
func (w *ejecting) back() string {
	text := ""
	if w.stage >= jobCreating {
		text += fmt.Sprintf("\n  kubectl delete %s %s -n %s", w.Job.Kind.Singular, w.Job.Name, w.Job.Namespace)
	}
	if w.stage >= appStopping {
		text += fmt.Sprintf("\n  kubectl cmf app start %s -e %s", w.App.Name, w.App.Scope.Environment)
	}
	if text == "" {
		return " nothing to do"
	}
	return text
}
