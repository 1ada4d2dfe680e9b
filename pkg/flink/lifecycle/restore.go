package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// RestoreRequest is what a job is to be restored from, and how.
type RestoreRequest struct {
	// From is "latest", the path of a savepoint or checkpoint, or the name of a
	// FlinkStateSnapshot; "" asks with Pick.
	From string
	// AllowNonRestored lets the job start without state that it has no
	// operator for any more.
	AllowNonRestored bool
	// ClaimMode is Claim, NoClaim or Legacy; "" leaves it as it is.
	ClaimMode string
	// NoSavepoint goes without a savepoint of the job as it is now.
	NoSavepoint bool
	// OtherJob allows the state of another job.
	OtherJob bool
	// Recreate deletes the job's object and recreates it: the only way of
	// operators before 1.8, and for suspended session jobs.
	Recreate bool
	change.Options
	// Finder looks into the job's directories for what no object reports, for
	// "latest"; nil doesn't look.
	Finder StateFinder
	// Pick asks a person what to restore from; nil where nobody can be asked.
	Pick operator.Picker
}

// Validate finds what is wrong with the request alone.
func (r RestoreRequest) Validate() error {
	if err := r.Options.Validate(); err != nil {
		return err
	}
	if err := CheckClaimMode(r.ClaimMode); err != nil {
		return err
	}
	if r.From != "" {
		if err := CheckFrom(r.From); err != nil {
			return err
		}
	}
	if r.From == fromNone {
		return exit.Usagef("--from none has no state to restore; a job is started empty with kubectl flink restart NAME --lose-state")
	}
	if r.Recreate && r.NoWait {
		return exit.Usagef("--recreate: who deletes a job has to wait until it can be created again; leave out --wait=false")
	}
	return nil
}

// RestoreReport is the outcome of a restore.
type RestoreReport struct {
	change.Report
	Source Source
	// Guard is the savepoint that was taken before; nil where none was.
	Guard *savepoint.Report
}

// Restore has a job start from a savepoint or checkpoint, and proves that
// it did.
//
// The operator redeploys by initialSavepointPath and savepointRedeployNonce: it
// cancels the job without a savepoint and forgets its high-availability data,
// so one is taken here first.
func Restore(ctx context.Context, c *operator.Client, ref api.Ref, request RestoreRequest, reporter operator.Reporter) (report RestoreReport, err error) {
	report = RestoreReport{Report: change.Report{Job: ref, Did: "restored", DryRun: request.DryRun}}
	reporter.Waitingf("%s: checking the job", ref)
	job, err := change.Target(ctx, c, ref)
	if err != nil {
		return report, err
	}
	if request.Recreate && ref.Kind.Name == api.BlueGreen.Name {
		return report, exit.Usagef("--recreate would delete both colors of %s; it can be restored without", ref)
	}
	if err := change.CheckManaged(job, request.Options, reporter); err != nil {
		return report, err
	}
	if !request.Recreate {
		if err := checkRedeploy(ctx, c, job); err != nil {
			return report, err
		}
	}
	if report.Source, err = findSource(ctx, c, job, request, reporter); err != nil {
		return report, err
	}
	claim, err := claimFields(job, runsFlink(ctx, c, job), request.ClaimMode)
	if err != nil {
		return report, err
	}
	if err := request.LookAhead(ctx, restoreProspect(job, report.Source, request, claim)); err != nil {
		return report, err
	}
	report.Guard, err = guard(ctx, c, job, report.Source, request, reporter)
	if err != nil {
		return report, err
	}
	if report.Guard != nil && report.Guard.Nonce != 0 {
		// An older operator's savepoint has changed the spec. Of a newer one a change
		// since is somebody else's, which isn't overwritten.
		if job, err = change.Target(ctx, c, ref); err != nil {
			return report, err
		}
	}
	reporter.Notef("%s: restoring from %s", ref, report.Source)
	if request.Recreate {
		report.Report, err = recreate(ctx, c, job.Patched(claim), report.Source, request, reporter)
	} else {
		ch := change.Redeploy(job, report.Source.Path, request.AllowNonRestored)
		ch.Spec = api.Merge(ch.Spec, claim)
		report.Report, err = changeAndLook(ctx, c, ch, request.Options, reporter)
		if err == nil && report.Done && !report.From.Proven {
			err = fmt.Errorf("%s runs, but that it was restored from %s is not proven: its JobManager can't be asked\nSee with: kubectl flink checkpoints %s -n %s", ref, report.Source.Path, ref, ref.Namespace)
		}
	}
	if err == nil && report.Done {
		sayOwner(ctx, c, job, request.ClaimMode, report.Source.Path, reporter)
	}
	return report, wayBack(err, ref, report, request.Recreate)
}

// checkRedeploy refuses what this operator can't redeploy.
func checkRedeploy(ctx context.Context, c *operator.Client, job api.Job) error {
	if err := change.CheckRejected(job); err != nil {
		return err
	}
	ref := job.Ref()
	if ref.Kind.Name == api.SessionJob.Name && (job.Wanted() == api.WantSuspended || job.Lifecycle() == api.LifecycleSuspended) {
		return fmt.Errorf("%s is suspended, and operators can't redeploy a suspended session job from a savepoint (FLINK-40374)\nResume it first (kubectl flink resume %s -n %s) and restore it then, or use --recreate, which deletes and creates its object", ref, ref, ref.Namespace)
	}
	if ref.Kind.Name == api.BlueGreen.Name && job.Wanted() == api.WantSuspended {
		// The operator then resumes the color that serves in place, and puts the
		// path that this one left over the one that is asked for.
		return fmt.Errorf("%s is suspended, and the operator would resume it from the state that it left, whatever the spec says\nResume it first (kubectl flink resume %s -n %s) and restore it then", ref, ref, ref.Namespace)
	}
	if _, ok := api.Number(job.Object.Object, "status", "observedGeneration"); ok {
		return nil // operator 1.8 or newer
	}
	// The API server drops fields that its CRD doesn't have.
	rehearsed, err := change.Apply(ctx, c, change.Redeploy(job, "file:/", false), change.Rehearsal)
	if err != nil {
		return err
	}
	if _, kept := api.Number(rehearsed.Spec(), "job", "savepointRedeployNonce"); !kept {
		return fmt.Errorf("the operator installed here can't redeploy a job from a savepoint (savepointRedeployNonce came with operator 1.8)\nUse --recreate: it takes a savepoint, deletes %s, which cancels the job, and recreates it with initialSavepointPath. The object's history (status, events) is lost, and so is its high-availability data", ref)
	}
	return nil
}

// guard takes a savepoint of the job as it is now, so that the way back is
// open; nil where none is needed.
func guard(ctx context.Context, c *operator.Client, job api.Job, source Source, request RestoreRequest, reporter operator.Reporter) (*savepoint.Report, error) {
	ref := job.Ref()
	state := job
	if ref.Kind.Name == api.BlueGreen.Name {
		child, err := c.ActiveChild(ctx, job)
		if err != nil {
			return nil, err
		}
		state = child
	}
	if request.NoSavepoint {
		return nil, request.Confirmf(ctx, "%s is canceled without a savepoint and starts from %s: what it did since is lost.", ref, source)
	}
	if !state.IsRunning() {
		kept := state.RetainedState()
		if kept.Path != "" || state.SuspendedMode() == api.UpgradeStateless {
			if kept.Path != "" {
				reporter.Notef("%s is suspended; the state that it left stays at %s", ref, kept.Path)
			}
			return nil, nil
		}
		if state.State() == "" {
			return nil, nil // never ran: nothing to lose
		}
		return nil, fmt.Errorf("%s is not RUNNING (%s), so no savepoint can be taken of it first: restoring it forgets where its last checkpoint is\nSay --no-savepoint if the state at %s is what you want all the same", ref, state.Describe(time.Now()), source.Path)
	}
	if request.DryRun != "" {
		reporter.Notef("%s: a savepoint would be taken first", ref)
		return nil, nil
	}
	report, err := savepoint.Take(ctx, c, ref, savepoint.Request{Method: savepoint.Auto, Format: "auto"}, reporter)
	if err != nil {
		return nil, fmt.Errorf("no savepoint could be taken of %s as it is now, so nothing was changed: %w\nSay --no-savepoint to restore it without one; what it did since is lost then", ref, err)
	}
	reporter.Notef("%s: savepoint of the job as it is now: %s", ref, report.Path)
	return &report, nil
}

// wayBack adds to an error how to get to the state before.
func wayBack(err error, ref api.Ref, report RestoreReport, recreate bool) error {
	var failed *change.FailedError
	if err == nil || report.Guard == nil || errors.As(err, &failed) && failed.PutBack {
		return err
	}
	from, again := report.Guard.Path, ""
	if recreate {
		again = " --recreate" // this operator knows no other way
	}
	if report.Guard.Snapshot.Object != nil {
		from = report.Guard.Snapshot.Name()
	}
	return exit.With(exit.Code(err), fmt.Errorf("%w\nGo back to the job as it was before: kubectl flink restore %s --from %s --no-savepoint%s -n %s", err, ref, api.ShellWord(from), again, ref.Namespace))
}
