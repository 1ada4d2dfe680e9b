package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DeleteRequest is how a job is to be deleted.
type DeleteRequest struct {
	// LoseState deletes also where no state would be left to start from.
	LoseState bool
	// WithSavepoint takes a savepoint first.
	WithSavepoint bool
	// Force goes on where something else manages the object.
	Force bool
	// NoWait returns as soon as the deletion is asked for.
	NoWait bool
	// DryRun is "", "client" or "server".
	DryRun string
	// Confirm asks the user; nil is yes.
	Confirm func(ctx context.Context, question string) error
}

// DeleteReport is what became of it.
type DeleteReport struct {
	Job Ref
	// State is the newest that is left; its Path is "" where there is none.
	State LastState
	// Again is a manifest that starts the job again, from State.
	Again Job
	// Gone says that the object is gone; otherwise nobody waited for it.
	Gone bool
	Took time.Duration
}

// Delete deletes a job once its state is safe, and waits until it is gone.
func (c *Client) Delete(ctx context.Context, ref Ref, request DeleteRequest, reporter Reporter) (DeleteReport, error) {
	report := DeleteReport{Job: ref}
	reporter.waiting("%s: checking the job", ref)
	object, err := c.Get(ctx, ref)
	if err != nil {
		return report, err
	}
	job := Job{ref.Kind, object}
	report.Again = job.Fresh()
	if parent := job.BlueGreenParent(); parent != "" {
		return report, fmt.Errorf("%s belongs to %s/%s, which would make it again: delete that one", ref, BlueGreen.Singular, parent)
	}
	states, err := c.LastStates(ctx, job)
	if err != nil {
		return report, err
	}
	if len(states) > 0 {
		report.State = states[0]
	}
	if object.GetDeletionTimestamp() != nil {
		reporter.note("%s is being deleted already, since %s", ref, Ago(time.Since(object.GetDeletionTimestamp().Time)))
		report.again()
		return c.awaitDeleted(ctx, job, report, reporter)
	}
	if err := c.CheckManaged(job, ChangeOptions{Force: request.Force, DryRun: request.DryRun}, reporter); err != nil {
		return report, err
	}
	if err := c.checkEmpty(ctx, job); err != nil {
		return report, err
	}
	if request.WithSavepoint && request.DryRun == "" {
		if err := c.saveBefore(ctx, job, &report, reporter); err != nil {
			return report, err
		}
	}
	if err := checkSafe(job, report.State, request); err != nil {
		return report, err
	}
	report.again()
	if request.DryRun == "client" {
		return report, nil
	}
	if request.DryRun == "" && request.Confirm != nil {
		if err := request.Confirm(ctx, deleteQuestion(job, report.State)); err != nil {
			return report, err
		}
	}
	uid := object.GetUID()
	options := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}
	if request.DryRun == "server" {
		options.DryRun = []string{metav1.DryRunAll}
	}
	if err := c.Resource(ref.Kind, ref.Namespace).Delete(ctx, ref.Name, options); err != nil && !apierrors.IsNotFound(err) {
		return report, err
	}
	if request.DryRun != "" || request.NoWait {
		return report, nil
	}
	return c.awaitDeleted(ctx, job, report, reporter)
}

// again writes the state into the manifest that starts the job again.
func (r *DeleteReport) again() {
	if r.State.Path != "" && section(r.Again.spec(), "job") != nil {
		_ = r.Again.set(r.State.Path, "job", "initialSavepointPath")
	}
}

// saveBefore takes the savepoint of --with-savepoint.
func (c *Client) saveBefore(ctx context.Context, job Job, report *DeleteReport, reporter Reporter) error {
	if nothing, why := job.nothingToLose(); nothing {
		return fmt.Errorf("no savepoint can be taken of %s: %s", job.Ref(), why)
	}
	if report.State.Final {
		reporter.note("%s is suspended: its %s %s is its last state", job.Ref(), report.State.Kind(), report.State.Path)
		return nil
	}
	saved, err := c.Savepoint(ctx, job.Ref(), SavepointRequest{Method: Auto, Format: "auto"}, reporter)
	if err != nil {
		return fmt.Errorf("%w\n%s was not deleted", err, job.Ref())
	}
	report.State = LastState{Savepoint: true, Path: saved.Path, At: time.Now()}
	reporter.note("savepoint completed: %s", saved.Path)
	return nil
}

// checkSafe refuses to delete a job whose progress since its start would be
// lost.
func checkSafe(job Job, state LastState, request DeleteRequest) error {
	nothing, _ := job.nothingToLose()
	started := millis(job.Object.Object, "status", "jobStatus", "startTime")
	switch {
	case request.LoseState || nothing || state.Final:
		return nil
	case request.WithSavepoint && (request.DryRun != "" || state.Path != ""):
		return nil
	case state.Path != "" && !state.At.IsZero() && state.At.After(started):
		return nil
	}
	message := fmt.Sprintf("%s was not deleted: no savepoint or checkpoint is known that is newer than its start", job.Ref())
	if !started.IsZero() {
		message += " " + Ago(time.Since(started)) + " ago"
	}
	if state.Path != "" {
		message += "; the newest is " + state.Kind() + " " + state.Path
		if !state.At.IsZero() {
			message += ", " + Ago(time.Since(state.At)) + " ago"
		}
	}
	if job.IsRunning() || job.Kind.Name == BlueGreen.Name {
		return errors.New(message + "\nTake a savepoint first with --with-savepoint, or delete it all the same with --lose-state")
	}
	return errors.New(message + "\nDelete it all the same with --lose-state")
}

// deleteQuestion is what the user is asked.
func deleteQuestion(job Job, state LastState) string {
	question := fmt.Sprintf("%s in namespace %s will be deleted.", job.Ref(), job.Object.GetNamespace())
	nothing, why := job.nothingToLose()
	switch {
	case state.Path != "" && state.At.IsZero():
		return question + fmt.Sprintf(" Its newest state is %s %s.", state.Kind(), state.Path)
	case state.Path != "":
		return question + fmt.Sprintf(" Its newest state is %s %s, %s old.", state.Kind(), state.Path, Ago(time.Since(state.At)))
	case nothing:
		return question + " No state is lost: " + why + "."
	}
	return question + " Its state is lost."
}

// checkEmpty refuses to delete a session cluster while jobs run in it: the
// operator would hold the deletion up until they are gone.
func (c *Client) checkEmpty(ctx context.Context, job Job) error {
	if !job.IsSessionCluster() {
		return nil
	}
	blockers := c.jobsIn(ctx, job, anyJob)
	if len(blockers) == 0 {
		return nil
	}
	return fmt.Errorf("%s was not deleted: it would wait for its jobs to end: %s\nDelete or cancel them first", job.Ref(), strings.Join(blockers, ", "))
}

func anyJob(Job) bool { return true }

// jobsIn are the jobs in a session cluster: those session jobs that count, and
// the ones that run there without an object.
func (c *Client) jobsIn(ctx context.Context, cluster Job, counts func(Job) bool) []string {
	var out []string
	ids := map[string]bool{}
	if jobs, err := c.List(ctx, SessionJob, cluster.Object.GetNamespace(), metav1.ListOptions{}); err == nil {
		for i := range jobs {
			if job := (Job{SessionJob, &jobs[i]}); job.SessionCluster() == cluster.Object.GetName() {
				ids[job.JobID()] = true
				if counts(job) {
					out = append(out, job.Ref().String())
				}
			}
		}
	}
	if c.RunningJobs == nil || cluster.JobManager() != "READY" {
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	for id, name := range c.RunningJobs(ctx, cluster.Ref()) {
		if !ids[id] {
			out = append(out, fmt.Sprintf("job %s (%s), which the operator doesn't manage", id, name))
		}
	}
	return out
}
