package operator

import (
	"context"
	"encoding/json"
	"errors"
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
		return c.changeWatched(ctx, change, request.ChangeOptions, reporter)
	}
	if err := c.CheckManaged(job, request.ChangeOptions, reporter); err != nil {
		return report, err
	}
	if job.Lifecycle() == "" && job.State() == "" || job.Lifecycle() == "CREATED" {
		reporter.note("%s was created suspended and has never run: it starts %s", ref, firstState(job))
		change.Spec = map[string]any{"job": map[string]any{"state": "running"}}
		path := text(job.spec(), "job", "initialSavepointPath")
		change.Goal = Goal{State: path != "", Path: path}
		return c.changeWatched(ctx, change, request.ChangeOptions, reporter)
	}
	if run := c.RunsSuspended(ctx, job); run != nil {
		reporter.note("%s: %s; what that run wrote is there twice, and its state is not taken over", ref, run)
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
	if request.DryRun == "" && kept.Path != "" && text(change.Spec, "job", "upgradeMode") != "stateless" {
		if change.Job, err = c.seesKept(ctx, job, kept, reporter); err != nil {
			return report, err
		}
	}
	// A job that was stopped with a savepoint stays FINISHED until the next run
	// begins.
	change.Goal = Goal{NewRun: true, State: kept.Kind != KeptNone, Path: kept.Path}
	report, err = c.changeWatched(ctx, change, request.ChangeOptions, reporter)
	report.Left = kept
	if err == nil && request.DryRun == "" {
		c.putModeBack(ctx, job, report, request, reporter)
	}
	var failed *ChangeFailedError
	if errors.As(err, &failed) && failed.After == "" && kept.Path != "" && !neverPasses(failed.Cause) {
		failed.After = fmt.Sprintf("The state that it left is %s %s. Start it from there again with: kubectl flink restore %s --from %s --no-savepoint -n %s", kept.Kind, kept.Path, ref, kept.Path, ref.Namespace)
		if !job.tellsGeneration() {
			failed.After += " --recreate"
		}
	}
	return report, err
}

// putModeBack gives a job that was resumed the upgradeMode that it had before it
// was suspended, once the JobManager has proven that it runs from its state:
// with stateless in the spec any earlier, the operator would start it empty.
func (c *Client) putModeBack(ctx context.Context, before Job, report ChangeReport, request ResumeRequest, reporter Reporter) {
	ref := before.Ref()
	mode, noted := before.Object.GetAnnotations()[modeBeforeKey]
	if !noted {
		return
	}
	var value any = mode
	if mode == modeUnset {
		value = nil
	}
	by := fmt.Sprintf("kubectl patch %s %s -n %s --type merge -p '%s'", ref.Kind.Singular, ref.Name, ref.Namespace, patchText(Change{Job: before, Spec: map[string]any{"job": map[string]any{"upgradeMode": value}}}))
	object, err := c.Get(ctx, ref)
	if err != nil {
		reporter.note("%s: spec.job.upgradeMode stays as it is; it was %s before the job was suspended (%v)", ref, mode, err)
		return
	}
	now := Job{ref.Kind, object}
	back := Change{Job: now, Annotations: map[string]any{modeBeforeKey: nil}}
	chosen := request.UpgradeMode != "" || request.LoseState
	switch {
	case !report.Done || !report.From.Proven || report.From.Kind == KeptNone && !request.LoseState:
		reporter.note("%s: spec.job.upgradeMode stays %s, because it isn't proven that the job runs from its state; it was %s before it was suspended. Once it runs: %s", ref, now.UpgradeMode(), mode, by)
		return
	case chosen || now.UpgradeMode() != before.UpgradeMode():
		reporter.note("%s: spec.job.upgradeMode is %s, as asked for; it was %s before the job was suspended", ref, now.UpgradeMode(), mode)
	default:
		back.Spec = map[string]any{"job": map[string]any{"upgradeMode": value}}
	}
	if _, err := c.apply(ctx, back, ""); err != nil {
		reporter.note("%s: spec.job.upgradeMode stays %s; it was %s before the job was suspended (%v). To put it back: %s", ref, now.UpgradeMode(), mode, err, by)
		return
	}
	if back.Spec != nil {
		reporter.note("%s: spec.job.upgradeMode is %s again, as before it was suspended", ref, or(text(map[string]any{"mode": value}, "mode"), "not set"))
	}
}

// patchText is a change as a merge patch.
func patchText(change Change) string {
	body, err := json.Marshal(change.patch())
	if err != nil {
		return "{}"
	}
	return string(body)
}

// seesLimit is how long the operator may take to see the state that a job left.
const seesLimit = 15 * time.Second

// seesKept waits until the operator can't but start the job from the state that
// it left, and gives the job as it is then.
//
// An operator before 1.10 looks at a stopped job, too, as long as its JobManager
// is there, and starts from the newest state that this tells of. For 3 s
// (web.refresh-interval) the JobManager tells of what was before the last
// savepoint: a job resumed then starts from an older checkpoint, or not at all.
// Once the JobManager tells of the savepoint, whatever the operator sees after
// that is right, because a finished job has no newer state.
func (c *Client) seesKept(ctx context.Context, job Job, kept Kept, reporter Reporter) (Job, error) {
	ref := job.Ref()
	if kept.Kind != KeptSavepoint || text(job.Object.Object, "status", "jobStatus", "upgradeSavepointPath") != "" || job.Kind.Name == BlueGreen.Name {
		return job, nil
	}
	limit, cancel := context.WithTimeout(ctx, seesLimit)
	defer cancel()
	for {
		state, known, _ := c.State(limit, job)
		tells := known && state.Latest != nil && SamePath(state.Latest.Path, kept.Path)
		noted := text(job.Object.Object, "status", "jobStatus", "savepointInfo", "lastSavepoint", "location")
		if tells || job.JobManager() != "READY" && SamePath(noted, kept.Path) {
			return job, nil
		}
		reporter.waiting("%s: waiting until the operator sees that it left %s", ref, kept.Path)
		timer := time.NewTimer(time.Second)
		select {
		case <-limit.Done():
			timer.Stop()
			if ctx.Err() != nil {
				return job, context.Cause(ctx)
			}
			if SamePath(noted, kept.Path) {
				return job, nil // nobody can ask the JobManager
			}
			return job, fmt.Errorf("%s left savepoint %s, but the operator would start it from %s\nStart it from the savepoint with: kubectl flink restore %s --from %s --recreate -n %s", ref, kept.Path, noted, ref, kept.Path, ref.Namespace)
		case <-timer.C:
		}
		object, err := c.Get(ctx, ref)
		if err != nil {
			return job, err
		}
		job = Job{ref.Kind, object}
	}
}

// tellsGeneration reports whether the operator notes which generation it
// carried out, as it does since 1.8.
func (j Job) tellsGeneration() bool {
	_, ok := number(j.Object.Object, "status", "observedGeneration")
	return ok
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
	case kept.Path != "" || kept.Kind == KeptCheckpoint:
		plan, _ := c.planState(ctx, job, job, mode)
		reporter.note("%s: %s", ref, plan.Text("resumes", time.Now()))
	}
	return fields, kept, nil
}

func instead(kept Kept) string {
	if kept.Path == "" {
		return ""
	}
	return "; the state that it left stays at " + kept.Path
}
