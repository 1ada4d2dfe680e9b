package lifecycle

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// ResumeRequest is how a job is to be resumed.
type ResumeRequest struct {
	api.StateChoice
	change.Options
}

// Resume starts a suspended job again from the state that it left, and proves
// that it does. It refuses where the operator would start it empty instead: it
// resumes by the mode that it noted when it suspended the job, unless the spec
// says stateless by now.
func Resume(ctx context.Context, c *operator.Client, ref api.Ref, request ResumeRequest, reporter operator.Reporter) (change.Report, error) {
	report := change.Report{Job: ref, Did: "resumed", DryRun: request.DryRun}
	reporter.Waitingf("%s: checking the job", ref)
	job, err := change.Target(ctx, c, ref)
	if err != nil {
		return report, err
	}
	if err := change.CheckRejected(job); err != nil {
		return report, err
	}
	ch := change.Change{Job: job, Did: "resumed"}
	if job.Wanted() == api.WantRunning {
		// Somebody may have resumed it before.
		return changeWatched(ctx, c, ch, request.Options, reporter)
	}
	if err := change.CheckManaged(job, request.Options, reporter); err != nil {
		return report, err
	}
	if job.Lifecycle() == "" && job.State() == "" || job.Lifecycle() == api.LifecycleCreated {
		reporter.Notef("%s was created suspended and has never run: it starts %s", ref, firstState(job))
		ch.Spec = map[string]any{"job": map[string]any{"state": api.WantRunning}}
		path := api.Text(job.Spec(), "job", "initialSavepointPath")
		if err := request.LookAhead(ctx, change.Prospect{Before: job, After: job.Patched(ch.Spec), Kind: firstKind(path), Path: path}); err != nil {
			return report, err
		}
		ch.Goal = change.Goal{State: path != "", Path: path}
		return changeWatched(ctx, c, ch, request.Options, reporter)
	}
	if run := RunsSuspended(ctx, c, job); run != nil {
		reporter.Notef("%s: %s; what that run wrote is there twice, and its state is not taken over", ref, run)
	}
	fields, kept, err := resumesFrom(ctx, c, job, request, reporter)
	if err != nil {
		return report, err
	}
	ch.Spec = api.Merge(map[string]any{"job": map[string]any{"state": api.WantRunning}}, fields)
	if job.Drained() {
		// Else every later suspension would drain it again.
		ch.Spec = api.Merge(ch.Spec, map[string]any{"flinkConfiguration": map[string]any{api.DrainKey: nil}})
	}
	if err := request.LookAhead(ctx, resumeProspect(job, job.Patched(ch.Spec), kept)); err != nil {
		return report, err
	}
	if request.DryRun == "" && kept.Path != "" && api.Text(ch.Spec, "job", "upgradeMode") != api.UpgradeStateless {
		if ch.Job, err = seesKept(ctx, c, job, kept, reporter); err != nil {
			return report, err
		}
	}
	// A job that was stopped with a savepoint stays FINISHED until the next run
	// begins.
	ch.Goal = change.Goal{NewRun: true, State: kept.Kind != api.RetainedNone, Path: kept.Path}
	report, err = changeWatched(ctx, c, ch, request.Options, reporter)
	report.Left = kept
	if from := report.From; err == nil && report.Done && kept.Kind == api.RetainedNone && from.Proven && from.Path != "" {
		// The operator starts a job that it suspended by high-availability data by
		// that, though the spec says stateless now.
		err = fmt.Errorf("%s runs, but it isn't empty: the JobManager says that it was restored from %s %s\nStart it empty with: kubectl flink restart %s --lose-state -n %s", ref, from.Kind, from.Path, ref, ref.Namespace)
	}
	if _, noted := job.Object.GetAnnotations()[modeBeforeKey]; !noted {
		statelessOnce(ctx, c, job, request.StateChoice, request.Options, report.Done, reporter)
	}
	if err == nil && request.DryRun == "" {
		putModeBack(ctx, c, job, report, request, reporter)
	}
	var failed *change.FailedError
	if errors.As(err, &failed) && failed.After == "" && kept.Path != "" && !operator.NeverPasses(failed.Cause) {
		failed.After = fmt.Sprintf("The state that it left is %s %s. Start it from there again with: kubectl flink restore %s --from %s --no-savepoint -n %s", kept.Kind, kept.Path, ref, api.ShellWord(kept.Path), ref.Namespace)
		if !job.HasObservedGeneration() {
			failed.After += " --recreate"
		}
	}
	return report, err
}

// putModeBack gives a job that was resumed the upgradeMode that it had before it
// was suspended, once the JobManager has proven that it runs from its state:
// with stateless in the spec any earlier, the operator would start it empty.
func putModeBack(ctx context.Context, c *operator.Client, before api.Job, report change.Report, request ResumeRequest, reporter operator.Reporter) {
	ref := before.Ref()
	mode, noted := before.Object.GetAnnotations()[modeBeforeKey]
	if !noted {
		return
	}
	var value any = mode
	if mode == modeUnset {
		value = nil
	}
	by := fmt.Sprintf("kubectl patch %s %s -n %s --type merge -p '%s'", ref.Kind.Singular, ref.Name, ref.Namespace, patchText(change.Change{Job: before, Spec: map[string]any{"job": map[string]any{"upgradeMode": value}}}))
	object, err := c.Get(ctx, ref)
	if err != nil {
		reporter.Notef("%s: spec.job.upgradeMode stays as it is; it was %s before the job was suspended (%v)", ref, mode, err)
		return
	}
	now := api.Job{Kind: ref.Kind, Object: object}
	back := change.Change{Job: now, Annotations: map[string]any{modeBeforeKey: nil}}
	switch {
	case !report.Done || !report.From.Proven || report.From.Kind == api.RetainedNone && !request.LoseState:
		reporter.Notef("%s: spec.job.upgradeMode stays %s, because it isn't proven that the job runs from its state; it was %s before it was suspended. Once it runs: %s", ref, now.UpgradeMode(), mode, by)
		return
	case request.LoseState && now.UpgradeMode() == api.UpgradeStateless:
		back.Spec = map[string]any{"job": map[string]any{"upgradeMode": value}} // it was lost once
	case request.UpgradeMode != "" || now.UpgradeMode() != before.UpgradeMode():
		reporter.Notef("%s: spec.job.upgradeMode is %s, as asked for; it was %s before the job was suspended", ref, now.UpgradeMode(), mode)
	default:
		back.Spec = map[string]any{"job": map[string]any{"upgradeMode": value}}
	}
	if _, err := change.Apply(ctx, c, back, ""); err != nil {
		reporter.Notef("%s: spec.job.upgradeMode stays %s; it was %s before the job was suspended (%v). To put it back: %s", ref, now.UpgradeMode(), mode, err, by)
		return
	}
	if back.Spec != nil {
		reporter.Notef("%s: spec.job.upgradeMode is %s again, as before it was suspended", ref, cmp.Or(api.Text(map[string]any{"mode": value}, "mode"), "not set"))
	}
}

// patchText is a change as a merge patch.
func patchText(ch change.Change) string {
	body, err := json.Marshal(ch.Patch())
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
// is there, and starts from the newest state that this reports. For 3 s
// (web.refresh-interval) the JobManager reports what was before the last
// savepoint: a job resumed then starts from an older checkpoint, or not at all.
// Once the JobManager reports the savepoint, whatever the operator sees after
// that is right, because a finished job has no newer state.
func seesKept(ctx context.Context, c *operator.Client, job api.Job, kept api.RetainedState, reporter operator.Reporter) (api.Job, error) {
	ref := job.Ref()
	if kept.Kind != api.RetainedSavepoint || api.Text(job.Object.Object, "status", "jobStatus", "upgradeSavepointPath") != "" || job.Kind.Name == api.BlueGreen.Name {
		return job, nil
	}
	limit, cancel := context.WithTimeout(ctx, seesLimit)
	defer cancel()
	for {
		state, known, _ := c.State(limit, job)
		tells := known && state.Latest != nil && api.SamePath(state.Latest.Path, kept.Path)
		noted := api.Text(job.Object.Object, "status", "jobStatus", "savepointInfo", "lastSavepoint", "location")
		if tells || job.JobManager() != api.JobManagerReady && api.SamePath(noted, kept.Path) {
			return job, nil
		}
		reporter.Waitingf("%s: waiting until the operator sees that it left %s", ref, kept.Path)
		timer := time.NewTimer(time.Second)
		select {
		case <-limit.Done():
			timer.Stop()
			if ctx.Err() != nil {
				return job, context.Cause(ctx)
			}
			if api.SamePath(noted, kept.Path) {
				return job, nil // nobody can ask the JobManager
			}
			return job, fmt.Errorf("%s left savepoint %s, but the operator would start it from %s\nStart it from the savepoint with: kubectl flink restore %s --from %s --recreate -n %s", ref, kept.Path, noted, ref, api.ShellWord(kept.Path), ref.Namespace)
		case <-timer.C:
		}
		object, err := c.Get(ctx, ref)
		if err != nil {
			return job, err
		}
		job = api.Job{Kind: ref.Kind, Object: object}
	}
}

func firstState(job api.Job) string {
	if path := api.Text(job.Spec(), "job", "initialSavepointPath"); path != "" {
		return "from spec.job.initialSavepointPath " + path
	}
	return "empty"
}

// resumesFrom is what the spec needs for the job to go on from its state, and
// that state. It refuses where there would be none.
func resumesFrom(ctx context.Context, c *operator.Client, job api.Job, request ResumeRequest, reporter operator.Reporter) (fields map[string]any, kept api.RetainedState, err error) {
	ref := job.Ref()
	state := job
	if job.Kind.Name == api.BlueGreen.Name {
		if state, err = c.ActiveChild(ctx, job); err != nil {
			return nil, api.RetainedState{}, err
		}
	}
	kept = state.RetainedState()
	fields, mode, err := change.KeepState(job, "resume", request.StateChoice)
	if err != nil {
		return nil, kept, err
	}
	if mode == api.UpgradeStateless {
		err := request.Confirmf(ctx, "%s will start empty%s.", ref, instead(kept))
		reporter.Notef("%s starts empty%s", ref, instead(kept))
		return fields, api.RetainedState{Kind: api.RetainedNone}, err
	}
	empty := ""
	if kept.Kind == api.RetainedCheckpoint && kept.Path == "" && state.Kind.Name == api.Deployment.Name && haKind(change.ConfigFor(ctx, c, state, state)) == kubernetesHA {
		empty = change.NoCheckpointByHA(ctx, c, state)
	}
	switch {
	case empty != "":
		return nil, kept, fmt.Errorf("%s was suspended by its last checkpoint, and %s: it would start empty\nStart it empty with --lose-state, or from a savepoint that exists: kubectl flink restore %s --from PATH -n %s", ref, empty, ref, ref.Namespace)
	case kept.Kind == api.RetainedNone && !request.LoseState:
		return nil, kept, fmt.Errorf("%s was suspended as stateless: no state was kept, so that it would start empty, whatever its upgradeMode is now\nStart it empty with --lose-state, or from a savepoint that exists: set spec.job.initialSavepointPath to it, change spec.job.savepointRedeployNonce and set spec.job.state: running", ref)
	case job.Drained() && !request.Force:
		return nil, kept, fmt.Errorf("%s was drained when it was stopped: its windows and timers have fired, and going on from that savepoint gives wrong results\nUse --force to resume it all the same", ref)
	case kept.Kind == "" && !request.LoseState && !request.Force:
		return nil, kept, fmt.Errorf("the operator doesn't say what state %s would start from: %s\nTry again once it is SUSPENDED; or see what state there is (kubectl flink snapshot list --job %s -n %s) and start from it with kubectl flink restore", ref, job.Describe(time.Now()), ref.Name, ref.Namespace)
	case kept.Path != "" || kept.Kind == api.RetainedCheckpoint:
		plan, _ := planState(ctx, c, job, job, mode)
		reporter.Notef("%s: %s", ref, plan.Text("resumes", time.Now()))
	}
	return fields, kept, nil
}

func instead(kept api.RetainedState) string {
	if kept.Path == "" {
		return ""
	}
	return "; the state that it left stays at " + kept.Path
}
