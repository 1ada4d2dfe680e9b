package move

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Ejected is what became of an ejection.
type Ejected struct {
	// Deployment is the FlinkDeployment as it is now, From what it was restored
	// from.
	Deployment api.Job
	From       string
}

// ejectStage is how far an ejection has come.
type ejectStage int

const (
	appUntouched ejectStage = iota
	appStopping
	appStopped
	jobCreating
	jobStarting
	jobUnproven
)

// pathLimit is how long CMF may take to tell where a suspended application's
// state is.
const pathLimit = 30 * time.Second

// Run carries out the plan. Where it fails it goes back: the FlinkDeployment is
// deleted first, and the application started again only when that is certain. An
// interrupted one is left as it is, and the error says how that is.
func (m *Eject) Run(ctx context.Context, p *EjectPlan) (Ejected, error) {
	bounded, cancel := m.bounded(ctx)
	defer cancel()
	w := &ejecting{Eject: m, plan: p, from: p.From}
	out, err := w.steps(bounded)
	if err == nil {
		return out, nil
	}
	return out, w.failed(ctx, caused(bounded, err))
}

// ejecting is an ejection under way.
type ejecting struct {
	*Eject
	plan  *EjectPlan
	stage ejectStage
	// from is the state that the application left.
	from string
	// created is the FlinkDeployment as it was created.
	created api.Job
}

func (w *ejecting) steps(ctx context.Context) (Ejected, error) {
	w.created = w.plan.Deployment
	if !w.plan.there {
		if err := w.stop(ctx); err != nil {
			return Ejected{}, err
		}
		if err := w.create(ctx); err != nil {
			return Ejected{}, err
		}
	}
	w.stage = jobStarting
	since := operator.CreatedAt(w.created.Object, w.Now())
	job, err := lifecycle.AwaitRunning(ctx, w.Operator, lifecycle.Start{Ref: w.Job, Since: since}, w.Reporter)
	if err != nil {
		return Ejected{}, err
	}
	w.stage = jobUnproven
	w.Reporter.Waitingf("%s: asking the JobManager what it was restored from", w.Job)
	if err := w.proveJob(ctx); err != nil {
		return Ejected{}, err
	}
	return Ejected{Deployment: job, From: w.from}, nil
}

// stop suspends the application with a savepoint, and finds out where that is.
func (w *ejecting) stop(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if w.from == "" {
		w.stage = appStopping
		if !w.plan.stopping {
			w.Reporter.Waitingf("%s: stopping it with a savepoint", w.App)
			if err := w.suspend(ctx); err != nil {
				return err
			}
		}
		if _, err := w.waiter().For(ctx, w.App, suspendedOrFailed(w.App)); err != nil {
			return err
		}
		var err error
		if w.from, err = w.left(ctx); err != nil {
			return err
		}
		w.Reporter.Notef("%s suspended with savepoint %s", w.App, w.from)
	}
	w.stage = appStopped
	return w.stillStopped(ctx)
}

// suspend asks CMF to stop the application with a savepoint. Where its
// upgradeMode is another one, both are said at once.
func (w *ejecting) suspend(ctx context.Context) error {
	if w.plan.mode == api.UpgradeSavepoint {
		_, err := w.CMF.Act(ctx, w.App, "suspend", nil)
		return err
	}
	now, err := w.CMF.Get(ctx, w.App)
	if err != nil {
		return err
	}
	stop := apply.Clean(w.App.Kind, now)
	stop.Set("spec.job.state", api.WantSuspended)
	stop.Set("spec.job.upgradeMode", api.UpgradeSavepoint)
	_, err = w.CMF.Update(ctx, w.App, stop)
	return err
}

// suspendedOrFailed is stopped, or the reason why that doesn't come about.
func suspendedOrFailed(ref cmf.Ref) apply.Condition {
	ready := apply.Ready(ref, nil)
	return func(o cmf.Object) (bool, error) {
		if o.Text("spec.job.state") != api.WantSuspended {
			return false, nil
		}
		return ready(o)
	}
}

// left is where the suspended application's state is: as CMF tells, once it is
// another path than before.
func (w *ejecting) left(ctx context.Context) (string, error) {
	limit, cancel := context.WithTimeout(ctx, pathLimit)
	defer cancel()
	path := ""
	_, err := w.waiter().For(limit, w.App, func(o cmf.Object) (bool, error) {
		job, err := jobOf(o, w.plan.environment, w.deployed(w.plan.namespace))
		if err != nil {
			return false, err
		}
		path = job.UpgradeSavepointPath()
		return path != "" && !api.SamePath(path, w.plan.before), nil
	})
	switch {
	case err == nil:
		return path, nil
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case limit.Err() != nil:
		return "", fmt.Errorf("%s was suspended, but CMF doesn't tell where its state is", w.App.Where())
	}
	return "", err
}

// stillStopped makes sure that the application doesn't run, by all that can be
// asked.
func (w *ejecting) stillStopped(ctx context.Context) error {
	application, err := w.CMF.Get(ctx, w.App)
	if err != nil {
		return err
	}
	if done, _ := stopped(w.App)(application); !done {
		state, _, _ := w.App.Kind.State(application)
		return fmt.Errorf("%s was started by another user or program meanwhile: it is %s", w.App.Where(), api.OrUnknown(state))
	}
	if w.plan.elsewhere {
		return nil
	}
	object, err := w.Operator.Get(ctx, w.deployed(w.plan.namespace))
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return nil // CMF's word has to do
	}
	if err != nil {
		return err
	}
	job := api.Job{Kind: api.Deployment, Object: object}
	if job.Wanted() != api.WantSuspended || job.IsRunning() {
		return fmt.Errorf("CMF's %s in namespace %s still runs: %s", job.Ref(), object.GetNamespace(), job.Describe(w.Now()))
	}
	if rerun := lifecycle.RunsSuspended(ctx, w.Operator, job); rerun != nil {
		return fmt.Errorf("CMF's %s in namespace %s: %s", job.Ref(), object.GetNamespace(), rerun)
	}
	return nil
}

// create makes the FlinkDeployment, which starts from what the application left.
func (w *ejecting) create(ctx context.Context) error {
	job := api.Job{Kind: api.Deployment, Object: w.plan.Deployment.Object.DeepCopy()}
	if err := job.Set(w.from, "job", "initialSavepointPath"); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w.stage = jobCreating
	w.Reporter.Waitingf("%s: creating it", w.Job)
	report, err := lifecycle.Submit(ctx, w.Operator, job, lifecycle.SubmitRequest{NoWait: true, Checked: true}, w.Reporter)
	if apierrors.IsAlreadyExists(err) {
		w.stage = appStopped // it is another one
	}
	if err != nil {
		return err
	}
	w.created = report.Job
	w.Reporter.Notef("%s created: it starts from %s", w.Job.Printed(), w.from)
	return nil
}

// proveJob asks the JobManager what the job was restored from, which has to be
// what the application left. An error that is no errUnproven says that it was
// something else.
func (w *ejecting) proveJob(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, proofLimit)
	defer cancel()
	for {
		restored, jobID, err := w.jobRestored(ctx)
		switch {
		case err == nil && restored == "":
			return fmt.Errorf("%s runs, but it was not restored from %s: it started without state", w.Job, w.from)
		case err == nil && api.SamePath(restored, w.from):
			return nil
		case err == nil && jobID != "" && strings.Contains(restored, jobID):
			return fmt.Errorf("%s runs from %s, a checkpoint of its own, so that it has restarted since; whether it began with %s is %w", w.Job, restored, w.from, errUnproven)
		case err == nil:
			return fmt.Errorf("%s runs, but it was restored from %s, not from %s", w.Job, restored, w.from)
		}
		timer := time.NewTimer(max(w.every(), time.Millisecond))
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%s runs, but that it was restored from %s is %w: its JobManager can't be asked: %s", w.Job, w.from, errUnproven, err.Error())
		case <-timer.C:
		}
	}
}

// jobRestored is what the JobManager says that the job was restored from; "" is
// nothing.
func (w *ejecting) jobRestored(ctx context.Context) (path, jobID string, err error) {
	if w.Operator.Flink() == nil {
		return "", "", errors.New("there is no way to JobManagers")
	}
	object, err := w.Operator.Get(ctx, w.Job)
	if err != nil {
		return "", "", err
	}
	jobID = api.Job{Kind: api.Deployment, Object: object}.JobID()
	state, err := w.Operator.Flink().State(ctx, w.Job)
	return state.RestoredPath(), jobID, err
}
