package operator

import (
	"context"
	"fmt"
	"time"
)

// ResumeRequest is how a job is to be resumed.
type ResumeRequest struct {
	StateChoice
	ChangeOptions
}

// Resume starts a suspended job again from the state that it left, and proves
// that it does. It refuses where the operator would start it empty instead: it
// resumes by the mode that it noted when it suspended the job, unless the spec
// says stateless by now.
func (c *Client) Resume(ctx context.Context, ref Ref, request ResumeRequest, reporter Reporter) (ChangeReport, error) {
	report := ChangeReport{Job: ref, Did: "resumed", DryRun: request.DryRun}
	reporter.waiting("%s: checking the job", ref)
	job, err := c.Target(ctx, ref)
	if err != nil {
		return report, err
	}
	if err := c.CheckRejected(job); err != nil {
		return report, err
	}
	change := Change{Job: job, Did: "resumed"}
	if job.Wanted() == "running" {
		// Somebody may have resumed it before.
		return c.Change(ctx, change, request.ChangeOptions, reporter)
	}
	if err := c.CheckManaged(job, request.ChangeOptions, reporter); err != nil {
		return report, err
	}
	if job.Lifecycle() == "" && job.State() == "" || job.Lifecycle() == "CREATED" {
		reporter.note("%s was created suspended and has never run: it starts %s", ref, firstState(job))
		change.Spec = map[string]any{"job": map[string]any{"state": "running"}}
		return c.Change(ctx, change, request.ChangeOptions, reporter)
	}
	fields, kept, err := c.resumesFrom(ctx, job, request, reporter)
	if err != nil {
		return report, err
	}
	change.Spec = Merge(map[string]any{"job": map[string]any{"state": "running"}}, fields)
	if job.Drained() {
		// Else every later suspension would drain it again.
		change.Spec = Merge(change.Spec, map[string]any{"flinkConfiguration": map[string]any{drainKey: nil}})
	}
	// A job that was stopped with a savepoint stays FINISHED, and for a moment
	// STABLE, until the next run begins.
	change.Goal = Goal{NewRun: true, State: kept.Kind != KeptNone, Path: kept.Path}
	report, err = c.Change(ctx, change, request.ChangeOptions, reporter)
	report.Left = kept
	return report, err
}

func firstState(job Job) string {
	if path := text(job.spec(), "job", "initialSavepointPath"); path != "" {
		return "from spec.job.initialSavepointPath " + path
	}
	return "empty"
}

// resumesFrom is what the spec needs for the job to go on from its state, and
// that state. It refuses where there would be none.
func (c *Client) resumesFrom(ctx context.Context, job Job, request ResumeRequest, reporter Reporter) (fields map[string]any, kept Kept, err error) {
	ref := job.Ref()
	state := job
	if job.Kind.Name == BlueGreen.Name {
		if state, err = c.activeChild(ctx, job); err != nil {
			return nil, Kept{}, err
		}
	}
	kept = state.KeptState()
	fields, mode, err := c.KeepState(job, "resume", request.StateChoice)
	if err != nil {
		return nil, kept, err
	}
	if mode == "stateless" {
		err := request.confirm(ctx, "%s will start empty%s.", ref, instead(kept))
		reporter.note("%s starts empty%s", ref, instead(kept))
		return fields, Kept{Kind: KeptNone}, err
	}
	switch {
	case kept.Kind == KeptNone && !request.LoseState:
		return nil, kept, fmt.Errorf("%s was suspended as stateless: no state was kept, so that it would start empty, whatever its upgradeMode is now\nStart it empty with --lose-state, or from a savepoint that exists: set spec.job.initialSavepointPath to it, change spec.job.savepointRedeployNonce and set spec.job.state: running", ref)
	case job.Drained() && !request.Force:
		return nil, kept, fmt.Errorf("%s was drained when it was stopped: its windows and timers have fired, and going on from that savepoint gives wrong results\nUse --force to resume it all the same", ref)
	case kept.Kind == "" && !request.LoseState && !request.Force:
		return nil, kept, fmt.Errorf("the operator doesn't say what state %s would start from: %s\nTry again once it is SUSPENDED; or see what state there is (kubectl flink snapshot list --job %s -n %s) and start from it with kubectl flink restore", ref, job.Describe(time.Now()), ref.Name, ref.Namespace)
	case kept.Path != "":
		reporter.note("%s resumes from %s %s", ref, kept.Kind, kept.Path)
	case kept.Kind == KeptCheckpoint:
		reporter.note("%s resumes from its last checkpoint (high-availability data)", ref)
	}
	return fields, kept, nil
}

func instead(kept Kept) string {
	if kept.Path == "" {
		return ""
	}
	return "; the state that it left stays at " + kept.Path
}
