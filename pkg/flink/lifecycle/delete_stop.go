package lifecycle

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// checkpointFacts asks the JobManager; known is false where it can't be asked.
func checkpointFacts(ctx context.Context, c *operator.Client, job api.Job) (facts api.CheckpointFacts, known bool) {
	if c.Flink() == nil || job.JobID() == "" && job.Kind.Name != api.BlueGreen.Name {
		return facts, false
	}
	ctx, cancel := context.WithTimeout(ctx, operator.AskLimit)
	defer cancel()
	facts, err := c.Flink().Checkpoints(ctx, job.Ref())
	return facts, err == nil
}

// retentionKey says what becomes of a job's checkpoints at its end. The
// operator sets RETAIN_ON_CANCELLATION where it isn't set.
const retentionKey = "execution.checkpointing.externalized-checkpoint-retention"

// deletesCheckpoints says why a job's checkpoints go when it is canceled; ""
// where they stay.
func deletesCheckpoints(config api.Config, facts api.CheckpointFacts, known bool) string {
	set := strings.ToUpper(strings.TrimSpace(config[retentionKey]))
	switch {
	case known && facts.Kept && !facts.Deletes:
		return "" // the JobManager knows best: the job's code may set it, too
	case set == "DELETE_ON_CANCELLATION" || set == "NO_EXTERNALIZED_CHECKPOINTS":
		return "Flink deletes its checkpoints when it ends (" + retentionKey + ": " + set + ")"
	case known && facts.Deletes:
		return "Flink deletes its checkpoints when it is canceled: its JobManager says delete_on_cancellation, which its code may have set (" + retentionKey + " is " + cmp.Or(set, "not set") + ")"
	case known && !facts.Kept:
		return "Flink deletes its checkpoints when it ends: its JobManager says that they are not externalized (" + retentionKey + " is " + cmp.Or(set, "not set") + ")"
	}
	return ""
}

// The kinds of high availability, as far as their data can be read.
const (
	noHA         = "none"
	kubernetesHA = "kubernetes"
	otherHA      = "other"
)

// haKind is how a cluster remembers its job beyond its JobManager.
func haKind(config api.Config) string {
	set, _ := config.Get("high-availability.type", "high-availability")
	switch lower := strings.ToLower(strings.TrimSpace(set)); {
	case lower == "" || lower == "none":
		return noHA
	case lower == "kubernetes" || strings.HasSuffix(lower, ".kuberneteshaservicesfactory"):
		return kubernetesHA
	}
	return otherHA
}

// savesOnDeletion reports whether the operator would stop the job with a
// savepoint when it is deleted. Where that is would be unknown then.
func savesOnDeletion(ctx context.Context, c *operator.Client, job api.Job) bool {
	cluster, err := c.RunsIn(ctx, job)
	return err == nil && strings.EqualFold(change.ConfigFor(ctx, c, job, cluster)["kubernetes.operator.job.savepoint-on-deletion"], "true")
}

// losesCheckpoint says why a job that runs would leave no checkpoint that
// could be found if it were stopped; "" where it leaves one.
func losesCheckpoint(ctx context.Context, c *operator.Client, job api.Job, facts api.CheckpointFacts, known bool) string {
	cluster, err := c.RunsIn(ctx, job)
	if err != nil {
		return "where it runs can't be found out: " + err.Error()
	}
	config := change.ConfigFor(ctx, c, job, cluster)
	if why := deletesCheckpoints(config, facts, known && !facts.Off); why != "" {
		return why
	}
	switch {
	case known && facts.Off:
		return "it takes no checkpoints (as batch jobs don't), so that nothing is left of what it has done"
	case known && facts.Checkpoint == nil:
		return "it has completed no checkpoint yet"
	case known && api.NormalPath(facts.Checkpoint.Path) == "":
		return "its checkpoints are in the JobManager's memory and go with it (" + cmp.Or(facts.Checkpoint.Path, "no path") + "); set a directory for them (" + api.CheckpointDirKeys[0] + ")"
	case known:
		if why := goesOnDeletion(ctx, c, job, cluster, facts.Checkpoint.Path); why != "" {
			return fmt.Sprintf("its newest checkpoint %s %s", facts.Checkpoint.Path, why)
		}
	}
	if job.Kind.Name == api.SessionJob.Name || haKind(config) == noHA {
		// The operator cancels it, which came with FlinkStateSnapshot, and notes
		// its last checkpoint.
		modern, err := savepoint.ServesSnapshots(ctx, c, job.Object.GetNamespace(), savepoint.Resource)
		switch {
		case err == nil && !modern:
			return "this operator can't stop it with its last checkpoint (without high availability that came with operator 1.10), and which checkpoint is the last is known only then"
		case !known:
			return "its JobManager can't be asked for its checkpoints"
		}
		return ""
	}
	if haKind(config) == otherHA {
		return "which checkpoint is its last is only known to its high-availability service, which can't be read here"
	}
	if _, why := change.LastCheckpoint(ctx, c, cluster, facts.Checkpoint, nil); why != "" {
		return why
	}
	return ""
}

// leftState is the state that a stopped job left, and why it isn't known.
func leftState(ctx context.Context, c *operator.Client, job api.Job, known *api.FlinkSnapshot) (state savepoint.LastState, why string) {
	cluster := job
	if job.Kind.Name == api.BlueGreen.Name {
		child, err := c.ActiveChild(ctx, job)
		if err != nil {
			return state, err.Error()
		}
		job, cluster = child, child
	}
	kept := job.RetainedState()
	if kept.Kind == api.RetainedCheckpoint && kept.Path == "" {
		if kept.Path, why = change.CheckpointLeft(ctx, c, job, cluster, known, nil); why != "" {
			return state, why
		}
	}
	switch {
	case kept.Kind == api.RetainedNone:
		return state, ""
	case kept.Path == "":
		return state, "the operator doesn't say where it is"
	}
	return savepoint.LastState{Savepoint: kept.Kind == api.RetainedSavepoint, Path: kept.Path, At: job.StateSince(), Final: true}, ""
}

// planDeleteStopped is for a job that is suspended.
func planDeleteStopped(ctx context.Context, c *operator.Client, job api.Job, states []savepoint.LastState, reporter operator.Reporter) (deletion, error) {
	state, why := leftState(ctx, c, job, nil)
	switch {
	case why != "":
		return deletion{}, refusal(job, "it is suspended, and where its state is isn't known: "+why, newestOf(states))
	case state.Path == "":
		return deletion{state: newestOf(states), nothing: "it was suspended without its state"}, nil
	case len(savepoint.LastingStates(ctx, c, job, []savepoint.LastState{state}, operator.Reporter{})) == 0:
		return deletion{}, refusal(job, fmt.Sprintf("the state that it left, %s, goes with its pods", state.Path), savepoint.LastState{})
	}
	if runs := RunsSuspended(ctx, c, job); runs != nil {
		reporter.Notef("%s: %s; what it does since is not part of %s", job.Ref(), runs, state.Path)
	}
	return deletion{state: state}, nil
}

// planDeleteEnded is for a job that Flink has ended, as after a failure.
func planDeleteEnded(ctx context.Context, c *operator.Client, job api.Job, facts api.CheckpointFacts, kept savepoint.LastState) (deletion, error) {
	latest := facts.Latest
	if latest != nil && !latest.Savepoint && (!facts.Kept || facts.State == api.JobCanceled && facts.Deletes) {
		latest = nil
	}
	if latest != nil && api.NormalPath(latest.Path) != "" {
		state := savepoint.LastState{Savepoint: latest.Savepoint, Path: latest.Path, At: latest.At, Final: true}
		if len(savepoint.LastingStates(ctx, c, job, []savepoint.LastState{state}, operator.Reporter{})) > 0 {
			return deletion{state: state}, nil
		}
	}
	if kept.Path != "" && kept.At.After(api.Millis(job.Object.Object, "status", "jobStatus", "startTime")) {
		return deletion{state: kept}, nil
	}
	return deletion{}, refusal(job, "it is "+facts.State+", and no checkpoint or savepoint of this run is left", kept)
}

// stopForDeletion suspends a job and finds out where its state is then.
func stopForDeletion(ctx context.Context, c *operator.Client, job api.Job, plan deletion, reporter operator.Reporter) (savepoint.LastState, error) {
	ref := job.Ref()
	facts, _ := checkpointFacts(ctx, c, job)
	report, err := Suspend(ctx, c, ref, SuspendRequest{
		Mode: plan.stops, Did: "suspended", Options: change.Options{Force: true}, deletes: true,
	}, reporter)
	if err != nil {
		hint := "\nWithout its state: --lose-state"
		if plan.stops == api.UpgradeLastState {
			hint = "\nTo stop it with a savepoint instead: --with-savepoint; without its state: --lose-state"
		}
		return savepoint.LastState{}, fmt.Errorf("%w\n%s was not deleted%s", err, ref, hint)
	}
	object, err := c.Get(ctx, ref)
	if err != nil {
		return savepoint.LastState{}, err
	}
	stopped := api.Job{Kind: ref.Kind, Object: object}
	back := fmt.Sprintf("\n%s is suspended and was not deleted; go on with it: kubectl flink resume %s -n %s", ref, ref, ref.Namespace)
	if object.GetGeneration() != report.Generation || stopped.Wanted() != api.WantSuspended {
		return savepoint.LastState{}, fmt.Errorf("%s: %w after it was stopped%s\nIt was not deleted: look at it and try again", ref, change.ErrOvertaken, change.LastWriter(stopped))
	}
	state, why := leftState(ctx, c, stopped, facts.Checkpoint)
	switch {
	case why != "":
		return savepoint.LastState{}, fmt.Errorf("%s has stopped, but where its state is isn't known: %s%s", ref, why, back)
	case state.Path == "":
		return savepoint.LastState{}, fmt.Errorf("%s has stopped without its state%s", ref, back)
	case len(savepoint.LastingStates(ctx, c, stopped, []savepoint.LastState{state}, reporter)) == 0:
		return savepoint.LastState{}, fmt.Errorf("%s has stopped, but its state at %s goes with its pods%s", ref, state.Path, back)
	}
	state.At = time.Now()
	if plan.stops == api.UpgradeSavepoint && state.Savepoint {
		reporter.Notef("savepoint completed: %s", state.Path)
	}
	return state, nil
}

// newestOf is the newest state that stays whatever becomes of the run.
func newestOf(states []savepoint.LastState) savepoint.LastState {
	if at := slices.IndexFunc(states, func(s savepoint.LastState) bool { return !s.Passing }); at >= 0 {
		return states[at]
	}
	return savepoint.LastState{}
}

// goesOnDeletion says why state at path doesn't outlive the deletion of a job; ""
// where it does, as far as is known.
func goesOnDeletion(ctx context.Context, c *operator.Client, job, cluster api.Job, path string) string {
	place := c.StatePlace(ctx, cluster, path)
	if place.Lasts() && job.Kind.Name == api.SessionJob.Name {
		return "" // its cluster stays
	}
	return cmp.Or(place.Why, place.GoesWithJob)
}

// savepointGoes is goesOnDeletion for the savepoint that a job is stopped with.
func savepointGoes(ctx context.Context, c *operator.Client, job api.Job) string {
	cluster, err := c.RunsIn(ctx, job)
	if err != nil {
		return ""
	}
	dir, key := change.ConfigFor(ctx, c, job, cluster).Get(api.SavepointDirKeys...)
	if dir == "" {
		return ""
	}
	if why := goesOnDeletion(ctx, c, job, cluster, dir); why != "" {
		return fmt.Sprintf("its savepoint would go with it: %s: %s %s", key, dir, why)
	}
	return ""
}
