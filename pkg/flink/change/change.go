package change

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Change is one change to the spec of a job, and what is to become of it. A
// verb makes one with the help of Target and the Check… functions, and hands
// it to Client.Change, which carries it out, follows it to its real end and
// proves that.
//
// Whatever is merged and however it ends, the job is the parent of a
// blue/green deployment, never a child: Target sees to that.
type Change struct {
	// Job is the job as it was when the change was planned. The change is only
	// made while nobody else has changed the spec since.
	Job api.Job
	// Did is what has been done with the job when all went well: "suspended".
	Did string
	// Spec is merged into the spec of a FlinkDeployment or FlinkSessionJob, and
	// into the template's of a FlinkBlueGreenDeployment. A nil value removes
	// the field. An empty Spec changes nothing: the end is awaited all the same.
	Spec map[string]any
	// Annotations are merged into the object's; a nil value removes one.
	Annotations map[string]any
	// Labels are merged into the object's.
	Labels map[string]any
	Goal   Goal
	// stopped says that the operator may have stopped the job by now, while
	// Job is from before that.
	stopped bool
	// Flink is what the JobManager told before the change; nil where it wasn't
	// asked or didn't answer.
	Flink *api.FlinkState
}

// Goal is the end that a change is to have. The zero Goal wants the job
// RUNNING and stable with the changed spec.
type Goal struct {
	// Suspended wants the job stopped instead of running.
	Suspended bool
	// NewRun wants the job restarted after the change: another job id, or
	// another start. Without it an end that was reached by scaling in place, or
	// because nothing had to be done, counts too.
	NewRun bool
	// NewJobID wants another job id. It is for savepointRedeployNonce, after
	// which the operator calls the job stable before it runs.
	NewJobID bool
	// State wants the new run to have been restored from some state, as the
	// JobManager tells; Path wants it to be the one at that path ("" is any).
	State bool
	Path  string
	// StableFor is how long the job must go on running before it counts.
	StableFor time.Duration
}

// Options are the user's wishes that all changes have in common.
type Options struct {
	// DryRun is "", "client" or "server".
	DryRun string
	// NoWait returns as soon as the API server has the change.
	NoWait bool
	// KeepTrying leaves a change in place that the operator rejects or fails to
	// carry out again and again; otherwise the spec is put back.
	KeepTrying bool
	// Force changes objects, too, that something else manages and will change
	// back.
	Force bool
	// Confirm asks a person before state is lost; its error ends the change
	// before anything was done. nil asks nobody.
	Confirm func(ctx context.Context, question string) error
	// Question is given what Confirm would be asked, also in a dry run: so that
	// one question can be asked about several jobs. nil ignores it.
	Question func(question string)
	// Look is shown what is going to be started before anything is done; its
	// error ends the change. nil looks at nothing.
	Look func(ctx context.Context, p Prospect) error
}

// Confirmf asks, where somebody can be asked and something is going to be done.
func (o Options) Confirmf(ctx context.Context, format string, args ...any) error {
	question := fmt.Sprintf(format, args...)
	if o.Question != nil {
		o.Question(question)
	}
	if o.Confirm == nil || o.DryRun != "" {
		return nil
	}
	return o.Confirm(ctx, question)
}

// Validate finds what is wrong with the options alone.
func (o Options) Validate() error {
	switch o.DryRun {
	case "", "client", "server":
		return nil
	}
	return exit.Usagef("--dry-run: %q is not one of none, client, server", o.DryRun)
}

// Report is what became of a change.
type Report struct {
	Job api.Ref
	// Unmanaged says that it is about the job with JobID in the session cluster
	// Job, which no object stands for.
	Unmanaged bool
	// Did is the change's, in the past tense: "suspended".
	Did string
	// Patch is the whole merge patch, without resourceVersion.
	Patch map[string]any
	// Changed is false where the job was so already.
	Changed bool
	DryRun  string
	// Done is false where nobody waited for the end.
	Done bool
	// Generation is the spec's after the change.
	Generation int64
	// State, Lifecycle and JobID are the job's at the end; OldJobID is the one
	// before.
	State, Lifecycle, JobID, OldJobID string
	// Left is the state that the job left on the way; From what it runs from
	// now. Either may be unknown.
	Left, From api.RetainedState
	// Took is the time from the change to its end.
	Took time.Duration
}

// The ways in which a change fails.
const (
	// ChangeRejected: the operator found the spec invalid and ignores it.
	ChangeRejected = "rejected"
	// ChangeStuck: the operator fails to begin with the change, and would try
	// again and again.
	ChangeStuck = "not carried out"
	// ChangeFailed: the change was begun, and the job doesn't run with it.
	ChangeFailed = "failed"
	// ChangeUnproven: the job runs, but not from the state it should.
	ChangeUnproven = "started without its state"
)

// FailedError says why a change did not come about.
type FailedError struct {
	Job api.Ref
	// How is one of the Change… constants.
	How string
	// Cause is the innermost reason that the operator or Flink gave.
	Cause string
	// Events are the warnings about the job since the change, newest first.
	Events []operator.Event
	// After says what is in the cluster now: whether the spec was put back and
	// whether the job runs, and what to do next.
	After string
	// PutBack says that the spec is as it was before.
	PutBack bool
}

func (e *FailedError) Error() string {
	message := fmt.Sprintf("%s: the change was %s", e.Job, e.How)
	switch e.How {
	case ChangeFailed:
		message = fmt.Sprintf("%s: the change failed", e.Job)
	case ChangeUnproven:
		message = fmt.Sprintf("%s %s", e.Job, e.How)
	}
	if e.Cause != "" {
		message += ": " + e.Cause
	}
	message += operator.FormatEvents(e.Events)
	if e.After != "" {
		message += "\n" + e.After
	}
	return message
}

// Reasons is all that is known of why, without names.
func (e *FailedError) Reasons() string {
	return operator.FormatReasons(e.Cause, e.Events)
}

// CarryOut makes a change and follows it until its goal is reached and proven.
//
// The watch begins before the change is made, so that nobody starts what they
// can't see the end of. A change that the operator rejects or can't begin with
// is explained and put back, unless options.KeepTrying. When ctx ends first,
// the error wraps ctx's cause and says what goes on in the cluster. The report
// is as complete as is known, also beside an error.
func CarryOut(ctx context.Context, c *operator.Client, change Change, options Options, reporter operator.Reporter) (Report, error) {
	if part := change.first(); part != nil && options.DryRun == "" {
		job, err := carryOutFirst(ctx, c, change, part, options, reporter)
		if err != nil {
			return Report{Job: change.Job.Ref(), Did: change.Did}, err
		}
		change.Job = job
	}
	f := &Follower{client: c, Change: change, options: options, reporter: reporter, now: time.Now}
	f.Report = Report{
		Job: change.Job.Ref(), Did: change.Did, Patch: change.Patch(), DryRun: options.DryRun,
		Changed: !change.Holds(change.Job), Generation: change.Job.Object.GetGeneration(), OldJobID: change.Job.JobID(),
	}
	f.Report.Observe(change.Job)
	switch {
	case options.DryRun == "client":
		return f.Report, nil
	case options.DryRun == "server" || options.NoWait:
		if !f.Report.Changed {
			return f.Report, nil
		}
		if options.DryRun == "" {
			if err := rehearse(ctx, c, change); err != nil {
				return f.Report, err
			}
		}
		changed, err := Apply(ctx, c, change, options.DryRun)
		if err == nil {
			f.Report.Generation = changed.Object.GetGeneration()
		}
		if err == nil && options.DryRun != "" {
			err = checkKept(change, changed)
		}
		return f.Report, err
	}
	err := f.follow(ctx)
	return f.Report, err
}

// Observe takes over what the object says of the job's state.
func (r *Report) Observe(job api.Job) {
	r.State, r.Lifecycle, r.JobID, r.Generation = job.RunState(), job.Lifecycle(), job.JobID(), job.Object.GetGeneration()
}

// ErrOvertaken is wrapped by errors that say that somebody else changed the
// job at the same time.
var ErrOvertaken = errors.New("it was changed at the same time")
