package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// DeleteRequest is how a job is to be deleted.
type DeleteRequest struct {
	// LoseState deletes without a look at what state would be left.
	LoseState bool
	// WithSavepoint stops the job with a savepoint instead of its last
	// checkpoint.
	WithSavepoint bool
	// Force goes on where something else manages the object.
	Force bool
	// NoWait returns as soon as the deletion is asked for.
	NoWait bool
	// DryRun is "", "client" or "server".
	DryRun string
	// Confirm asks the user; nil is yes.
	Confirm func(ctx context.Context, question string) error
	// Question is given what Confirm would be asked, also in a dry run.
	Question func(question string)
}

// DeleteReport is the outcome of a deletion.
type DeleteReport struct {
	Job api.Ref
	// State is what the job can be started from again; its Path is "" where
	// there is nothing. In a dry run it is what is known before the job stops.
	State savepoint.LastState
	// Stops is how the job is stopped before: savepoint, last-state or "" (not
	// at all).
	Stops string
	// Again is a manifest that starts the job again, from State.
	Again api.Job
	// Asked says that the deletion was asked for: the object goes, whatever
	// becomes of this command.
	Asked bool
	// Gone says that the object is gone; otherwise nobody waited for it.
	Gone bool
	Took time.Duration
}

// Delete deletes a job once its state is safe, and waits until it is gone.
//
// The operator cancels a deleted job without a savepoint, and the last of its
// checkpoints is only known once it has stopped. So a job that runs is
// suspended first, and where its state is then is reported before its object is
// touched.
func Delete(ctx context.Context, c *operator.Client, ref api.Ref, request DeleteRequest, reporter operator.Reporter) (report DeleteReport, err error) {
	report = DeleteReport{Job: ref}
	reporter.Waitingf("%s: checking the job", ref)
	object, err := c.Get(ctx, ref)
	if err != nil {
		return report, err
	}
	job := api.Job{Kind: ref.Kind, Object: object}
	report.Again = job.Fresh()
	if parent := job.BlueGreenParent(); parent != "" {
		return report, fmt.Errorf("%s belongs to %s/%s, which would make it again: delete that one", ref, api.BlueGreen.Singular, parent)
	}
	states, err := savepoint.LastStates(ctx, c, job, reporter)
	if err != nil {
		return report, err
	}
	if object.GetDeletionTimestamp() != nil {
		reporter.Notef("%s is being deleted already, since %s", ref, api.Ago(time.Since(object.GetDeletionTimestamp().Time)))
		report.keep(newestOf(states))
		report.Asked = true
		report.announce(reporter)
		if request.NoWait || request.DryRun != "" {
			return report, nil
		}
		return awaitDeleted(ctx, c, job, report, reporter)
	}
	if err := change.CheckManaged(job, change.Options{Force: request.Force, DryRun: request.DryRun}, reporter); err != nil {
		return report, err
	}
	if err := checkEmpty(ctx, c, job); err != nil {
		return report, err
	}
	plan, err := planDelete(ctx, c, job, states, request, reporter)
	if err != nil {
		return report, err
	}
	report.Stops = plan.stops
	report.keep(plan.state)
	if request.Question != nil {
		request.Question(plan.question(job))
	}
	if request.DryRun == "client" {
		report.announce(reporter)
		return report, nil
	}
	if request.DryRun == "" && request.Confirm != nil {
		if err := request.Confirm(ctx, plan.question(job)); err != nil {
			return report, err
		}
		// The answer may have taken long. One that is stopped first is looked at then.
		if now, err := c.Get(ctx, ref); err == nil && now.GetGeneration() != object.GetGeneration() && plan.stops == "" {
			return report, fmt.Errorf("%s was not deleted: %w%s\nLook at it and try again", ref, change.ErrOvertaken, change.LastWriter(api.Job{Object: now}))
		}
	}
	if request.DryRun == "" && plan.stops != "" {
		final, err := stopForDeletion(ctx, c, job, plan, reporter)
		if err != nil {
			return report, err
		}
		report.keep(final)
	}
	report.announce(reporter)
	uid := object.GetUID()
	options := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}
	if request.DryRun == "server" {
		options.DryRun = []string{metav1.DryRunAll}
	}
	// Whether the object is gone must be known also after Ctrl-C.
	sending, done := context.WithTimeout(context.WithoutCancel(ctx), operator.AnswerLimit)
	defer done()
	if err := c.Resource(ref.Kind, ref.Namespace).Delete(sending, ref.Name, options); operator.Unanswered(err) {
		return report, report.explain(fmt.Errorf("whether %s is being deleted isn't known: %s", ref, err.Error()))
	} else if err != nil && !apierrors.IsNotFound(err) {
		return report, report.explain(fmt.Errorf("%s was not deleted: %w", ref, err))
	}
	report.Asked = request.DryRun == ""
	if request.DryRun != "" || request.NoWait {
		return report, nil
	}
	return awaitDeleted(ctx, c, job, report, reporter)
}

// keep notes the state that the job can be started from again, and writes it
// into the manifest that does so.
func (r *DeleteReport) keep(state savepoint.LastState) {
	r.State = state
	if api.Section(r.Again.Spec(), "job") == nil {
		return
	}
	if state.Path == "" {
		delete(api.Section(r.Again.Spec(), "job"), "initialSavepointPath")
		return
	}
	_ = r.Again.Set(state.Path, "job", "initialSavepointPath")
}

// announce says where the state is, before the object that knows is touched.
func (r *DeleteReport) announce(reporter operator.Reporter) {
	if r.State.Path == "" {
		return
	}
	if r.State.Passing {
		reporter.Notef("%s: its newest %s is %s now; the one that it stops with may be newer", r.Job, r.State.Kind(), r.State.Path)
		return
	}
	for _, line := range r.whereItIs() {
		reporter.Mustf("%s", line)
	}
}

// whereItIs says where the job's state is and how to start it from there.
func (r *DeleteReport) whereItIs() []string {
	if r.State.Path == "" || r.State.Passing {
		return nil
	}
	first := fmt.Sprintf("%s: its state is %s %s", r.Job, r.State.Kind(), r.State.Path)
	if !r.State.Final {
		first = fmt.Sprintf("%s: the newest state of it that is known to stay is %s %s", r.Job, r.State.Kind(), r.State.Path)
		if !r.State.At.IsZero() {
			first += ", " + api.Ago(time.Since(r.State.At)) + " old"
		}
	}
	return []string{
		first,
		fmt.Sprintf("Start it again from there: kubectl flink submit -f MANIFEST -n %s --from %s", r.Job.Namespace, api.ShellWord(r.State.Path)),
	}
}

// explain adds to an error where the state is.
func (r *DeleteReport) explain(err error) error {
	lines := r.whereItIs()
	if err == nil || len(lines) == 0 {
		return err
	}
	return exit.With(exit.Code(err), fmt.Errorf("%w\n%s", err, strings.Join(lines, "\n")))
}

// deletion is how a job is going to be deleted.
type deletion struct {
	// stops is the upgrade mode by which it is suspended first; "" is not at all.
	stops string
	// state is what it can be started from again; of a job that is stopped
	// first it is Passing, or empty.
	state savepoint.LastState
	// nothing is why there is no state to lose; "" where there may be.
	nothing string
}

// planDelete decides how a job's state is kept, and refuses where it wouldn't
// be. Nothing has been changed yet.
func planDelete(ctx context.Context, c *operator.Client, job api.Job, states []savepoint.LastState, request DeleteRequest, reporter operator.Reporter) (deletion, error) {
	kept := newestOf(states)
	nothing, why := job.NothingToLose()
	switch {
	case nothing && request.WithSavepoint:
		return deletion{}, fmt.Errorf("no savepoint can be taken of %s: %s", job.Ref(), why)
	case nothing:
		// Snapshots from before are of an object of that name that is gone.
		if started := api.Millis(job.Object.Object, "status", "jobStatus", "startTime"); started.IsZero() || !kept.At.After(started) {
			kept = savepoint.LastState{}
		}
		if path := job.InitialPath(); kept.Path == "" && api.NormalPath(path) != "" && job.State() != api.JobFinished {
			kept = savepoint.LastState{Savepoint: !api.IsCheckpointPath(path), Path: path} // what it was to start from
		}
		return deletion{state: kept, nothing: why}, nil
	case request.LoseState:
		if len(states) > 0 && states[0].Passing {
			reporter.Notef("%s: its newest checkpoint is %s now; whether one is left after its end isn't looked at (--lose-state)", job.Ref(), states[0].Path)
		}
		return deletion{state: kept}, nil
	case job.Wanted() == api.WantSuspended && job.IsStopped(), job.SuspendedMode() != "":
		// The latter is also so between the end and the start of a job that is changed.
		return planDeleteStopped(ctx, c, job, states, reporter)
	}
	facts, known := checkpointFacts(ctx, c, job)
	switch {
	case known && facts.Ended && !request.WithSavepoint:
		return planDeleteEnded(ctx, c, job, facts, kept)
	case (request.WithSavepoint || savesOnDeletion(ctx, c, job)) && (job.IsRunning() || job.Kind.Name == api.BlueGreen.Name):
		if stopped := c.Stopped(ctx); stopped != "" {
			return deletion{}, refusal(job, "no savepoint can be taken of it: "+stopped, kept)
		}
		if err := change.CheckDirectories(ctx, c, job, api.UpgradeSavepoint); err != nil {
			return deletion{}, fmt.Errorf("%s was not deleted: %w", job.Ref(), err)
		}
		if why := savepointGoes(ctx, c, job); why != "" {
			return deletion{}, refusal(job, why, kept)
		}
		return deletion{stops: api.UpgradeSavepoint}, nil
	case request.WithSavepoint:
		return deletion{}, refusal(job, "no savepoint can be taken of it: it is "+job.Describe(time.Now()), kept)
	}
	if why := losesCheckpoint(ctx, c, job, facts, known); why != "" {
		return deletion{}, refusal(job, why, kept)
	}
	if err := change.CheckDirectories(ctx, c, job, api.UpgradeLastState); err != nil {
		return deletion{}, refusal(job, err.Error(), kept)
	}
	if stopped := c.Stopped(ctx); stopped != "" {
		return deletion{}, refusal(job, "it runs, and can't be stopped: "+stopped, kept)
	}
	plan := deletion{stops: api.UpgradeLastState}
	if facts.Checkpoint != nil {
		plan.state = savepoint.LastState{Path: facts.Checkpoint.Path, At: facts.Checkpoint.At, Passing: true}
	}
	return plan, nil
}

// refusal says why a job isn't deleted, and what can be done.
func refusal(job api.Job, why string, kept savepoint.LastState) error {
	message := fmt.Sprintf("%s was not deleted: %s", job.Ref(), why)
	if kept.Path != "" {
		message += fmt.Sprintf("\nThe newest state that would be left is %s %s", kept.Kind(), kept.Path)
		if !kept.At.IsZero() {
			message += ", " + api.Ago(time.Since(kept.At)) + " old"
		}
	}
	if job.IsRunning() || job.Kind.Name == api.BlueGreen.Name {
		return errors.New(message + "\nStop it with a savepoint first with --with-savepoint, or delete it all the same with --lose-state")
	}
	return errors.New(message + "\nDelete it all the same with --lose-state")
}

// question is what the user is asked.
func (d deletion) question(job api.Job) string {
	question := fmt.Sprintf("%s in namespace %s will be deleted.", job.Ref(), job.Object.GetNamespace())
	switch {
	case d.stops == api.UpgradeSavepoint:
		return fmt.Sprintf("%s in namespace %s will be stopped with a savepoint and deleted.", job.Ref(), job.Object.GetNamespace())
	case d.stops != "":
		question = fmt.Sprintf("%s in namespace %s will be stopped with its last checkpoint and deleted.", job.Ref(), job.Object.GetNamespace())
		if d.state.Path != "" {
			question += fmt.Sprintf(" The newest now is %s, %s old.", d.state.Path, api.Ago(time.Since(d.state.At)))
		}
		return question
	case d.state.Path != "" && d.state.At.IsZero():
		return question + fmt.Sprintf(" Its newest state is %s %s.", d.state.Kind(), d.state.Path)
	case d.state.Path != "":
		return question + fmt.Sprintf(" Its newest state is %s %s, %s old.", d.state.Kind(), d.state.Path, api.Ago(time.Since(d.state.At)))
	case d.nothing != "":
		return question + " No state is lost: " + d.nothing + "."
	}
	return question + " Its state is lost."
}

// checkEmpty refuses to delete a session cluster while jobs run in it: the
// operator would hold the deletion up until they are gone.
func checkEmpty(ctx context.Context, c *operator.Client, job api.Job) error {
	if !job.IsSessionCluster() {
		return nil
	}
	blockers, _ := jobsIn(ctx, c, job, anyJob)
	if len(blockers) == 0 {
		return nil
	}
	return fmt.Errorf("%s was not deleted: it would wait for its jobs to end: %s\nDelete or cancel them first", job.Ref(), strings.Join(blockers, ", "))
}

func anyJob(api.Job) bool { return true }

// jobsIn are the jobs in a session cluster: those session jobs that count, and
// the ones that run there without an object. An error is about jobs that there may
// be beside them.
func jobsIn(ctx context.Context, c *operator.Client, cluster api.Job, counts func(api.Job) bool) (out []string, err error) {
	ids := map[string]bool{}
	jobs, err := c.List(ctx, api.SessionJob, cluster.Object.GetNamespace(), metav1.ListOptions{})
	for i := range jobs {
		if job := (api.Job{Kind: api.SessionJob, Object: &jobs[i]}); job.SessionCluster() == cluster.Object.GetName() {
			ids[job.JobID()] = true
			if counts(job) {
				out = append(out, job.Ref().String())
			}
		}
	}
	if c.Flink() == nil || cluster.JobManager() != api.JobManagerReady {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, operator.AskLimit)
	defer cancel()
	running, askErr := c.Flink().RunningJobs(ctx, cluster.Ref())
	for id, name := range running {
		if !ids[id] {
			out = append(out, fmt.Sprintf("job %s (%s), which the operator doesn't manage", id, name))
		}
	}
	return out, cmp.Or(err, askErr)
}
