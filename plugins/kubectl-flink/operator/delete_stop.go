package operator

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CheckpointFacts are what a JobManager says of how a job's checkpoints are
// kept, as far as that decides whether one is left when the job has stopped.
type CheckpointFacts struct {
	// State is Flink's; Ended says that it is final.
	State string
	Ended bool
	// Off says that the job takes no checkpoints, as batch jobs don't.
	Off bool
	// Kept says that checkpoints outlive the job at all, and Deletes that they
	// go when it is canceled.
	Kept, Deletes bool
	// Checkpoint is the newest completed checkpoint and Latest the newest of
	// checkpoints and savepoints; nil where there is none.
	Checkpoint, Latest *FlinkSnapshot
}

// checkpointFacts asks the JobManager; known is false where it can't be asked.
func (c *Client) checkpointFacts(ctx context.Context, job Job) (facts CheckpointFacts, known bool) {
	if c.AskCheckpoints == nil || job.JobID() == "" && job.Kind.Name != BlueGreen.Name {
		return facts, false
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	facts, err := c.AskCheckpoints(ctx, job.Ref())
	return facts, err == nil
}

// retentionKey says what becomes of a job's checkpoints at its end. The
// operator sets RETAIN_ON_CANCELLATION where it isn't set.
const retentionKey = "execution.checkpointing.externalized-checkpoint-retention"

// deletesCheckpoints says why a job's checkpoints go when it is canceled; ""
// where they stay.
func deletesCheckpoints(config Config, facts CheckpointFacts, known bool) string {
	set := strings.ToUpper(strings.TrimSpace(config[retentionKey]))
	switch {
	case known && facts.Kept && !facts.Deletes:
		return "" // the JobManager knows best: the job's code may set it, too
	case set == "DELETE_ON_CANCELLATION" || set == "NO_EXTERNALIZED_CHECKPOINTS":
		return "Flink deletes its checkpoints when it ends (" + retentionKey + ": " + set + ")"
	case known && facts.Deletes:
		return "Flink deletes its checkpoints when it is canceled: its JobManager says delete_on_cancellation, which its code may have set (" + retentionKey + " is " + or(set, "not set") + ")"
	case known && !facts.Kept:
		return "Flink deletes its checkpoints when it ends: its JobManager says that they are not externalized (" + retentionKey + " is " + or(set, "not set") + ")"
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
func haKind(config Config) string {
	set, _ := config.Get("high-availability.type", "high-availability")
	switch lower := strings.ToLower(strings.TrimSpace(set)); {
	case lower == "" || lower == "none":
		return noHA
	case lower == "kubernetes" || strings.HasSuffix(lower, ".kuberneteshaservicesfactory"):
		return kubernetesHA
	}
	return otherHA
}

// configFor is the configuration that a job runs with: its cluster's, and its
// own over that.
func (c *Client) configFor(ctx context.Context, job, cluster Job) Config {
	config, _, err := c.EffectiveConfig(ctx, cluster)
	if err != nil {
		config = Config{}
	}
	own, _ := job.spec()["flinkConfiguration"].(map[string]any)
	for key, value := range Flatten(own) {
		config[key] = value
	}
	return config
}

// savesOnDeletion reports whether the operator would stop the job with a
// savepoint when it is deleted. Where that is would be unknown then.
func (c *Client) savesOnDeletion(ctx context.Context, job Job) bool {
	cluster, err := c.runsIn(ctx, job)
	return err == nil && strings.EqualFold(c.configFor(ctx, job, cluster)["kubernetes.operator.job.savepoint-on-deletion"], "true")
}

// losesCheckpoint says why a job that runs would leave no checkpoint that
// could be found if it were stopped; "" where it leaves one.
func (c *Client) losesCheckpoint(ctx context.Context, job Job, facts CheckpointFacts, known bool) string {
	cluster, err := c.runsIn(ctx, job)
	if err != nil {
		return "where it runs can't be found out: " + err.Error()
	}
	config := c.configFor(ctx, job, cluster)
	if why := deletesCheckpoints(config, facts, known && !facts.Off); why != "" {
		return why
	}
	switch {
	case known && facts.Off:
		return "it takes no checkpoints (as batch jobs don't), so that nothing is left of what it has done"
	case known && facts.Checkpoint == nil:
		return "it has completed no checkpoint yet"
	case known && NormalPath(facts.Checkpoint.Path) == "":
		return "its checkpoints are in the JobManager's memory and go with it (" + or(facts.Checkpoint.Path, "no path") + "); set a directory for them (" + checkpointDirKeys[0] + ")"
	case known:
		if place := c.StatePlace(ctx, cluster, facts.Checkpoint.Path); !place.Lasts() {
			return fmt.Sprintf("its newest checkpoint %s %s", facts.Checkpoint.Path, place.Why)
		}
	}
	if job.Kind.Name == SessionJob.Name || haKind(config) == noHA {
		// The operator cancels it, which came with FlinkStateSnapshot, and notes
		// its last checkpoint.
		modern, err := c.servesSnapshots(ctx, job.Object.GetNamespace(), Resource)
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
	if _, why := c.lastCheckpoint(ctx, cluster, facts.Checkpoint); why != "" {
		return why
	}
	return ""
}

// lastCheckpoint is the newest checkpoint by the high-availability data of a
// FlinkDeployment's job, in Kubernetes; why says why it can't be known. known
// is an earlier checkpoint of the same run, or nil.
func (c *Client) lastCheckpoint(ctx context.Context, cluster Job, known *FlinkSnapshot) (path, why string) {
	name := cluster.Object.GetName() + "-" + cluster.JobID() + "-config-map"
	data, err := c.core.CoreV1().ConfigMaps(cluster.Object.GetNamespace()).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return "", "its high-availability data is not there (configmap/" + name + ")"
	case err != nil:
		return "", "its high-availability data can't be read: " + err.Error()
	}
	newest := int64(-1)
	for key := range data.Data {
		if digits, ok := strings.CutPrefix(key, "checkpointID-"); ok {
			if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
				newest = max(newest, n)
			}
		}
	}
	if newest < 0 {
		return "", "it has completed no checkpoint yet (configmap/" + name + " names none)"
	}
	dir := ""
	if known != nil && isCheckpointPath(known.Path) {
		dir = known.Path[:strings.LastIndexByte(strings.TrimRight(known.Path, "/"), '/')]
	} else {
		config := c.configFor(ctx, cluster, cluster)
		if dir, _ = config.Get(checkpointDirKeys...); dir == "" {
			return "", "its last checkpoint is number " + strconv.FormatInt(newest, 10) + ", but in which directory isn't known"
		}
		dir = strings.TrimRight(dir, "/")
		if apart, _ := config.Get("execution.checkpointing.create-subdir", "state.checkpoints.create-subdir"); !strings.EqualFold(apart, "false") {
			dir += "/" + cluster.JobID()
		}
	}
	return dir + "/chk-" + strconv.FormatInt(newest, 10), ""
}

// isStopped reports whether the operator has stopped the job as its spec says.
func (j Job) isStopped() bool {
	return j.Lifecycle() == "SUSPENDED" || j.Kind.Name == BlueGreen.Name && j.State() == "SUSPENDED" ||
		j.Lifecycle() == "" && j.reconciledState() == "suspended" && text(j.Object.Object, "status", "reconciliationStatus", "state") == "DEPLOYED"
}

// leftState is the state that a stopped job left, and why it isn't known.
func (c *Client) leftState(ctx context.Context, job Job, known *FlinkSnapshot) (state LastState, why string) {
	cluster := job
	if job.Kind.Name == BlueGreen.Name {
		child, err := c.activeChild(ctx, job)
		if err != nil {
			return state, err.Error()
		}
		job, cluster = child, child
	}
	kept := job.KeptState()
	if kept.Kind == KeptCheckpoint && kept.Path == "" {
		if kept.Path, why = c.checkpointLeft(ctx, job, cluster, known); why != "" {
			return state, why
		}
	}
	switch {
	case kept.Kind == KeptNone:
		return state, ""
	case kept.Path == "":
		return state, "the operator doesn't say where it is"
	}
	return LastState{Savepoint: kept.Kind == KeptSavepoint, Path: kept.Path, At: job.StateSince(), Final: true}, ""
}

// checkpointLeft is the checkpoint of a job that was suspended by its last one:
// by the high-availability data where the operator took the JobManager away,
// else the one that it noted when it canceled the job.
func (c *Client) checkpointLeft(ctx context.Context, job, cluster Job, known *FlinkSnapshot) (path, why string) {
	why = "the operator doesn't say where it is"
	if job.Kind.Name != SessionJob.Name {
		if path, why = c.lastCheckpoint(ctx, cluster, known); why == "" {
			return path, ""
		}
	}
	if path = job.canceledWith(); path != "" {
		return path, ""
	}
	return "", why
}

// canceledWith is the last checkpoint of a job that the operator canceled to
// suspend it by that: the checkpoint is one of the run that ended. "" where it
// took the JobManager away instead.
func (j Job) canceledWith() string {
	path := j.UpgradeSavepointPath()
	if path != "" && j.JobID() != "" && strings.Contains(path, j.JobID()) {
		return path
	}
	return ""
}

// planDeleteStopped is for a job that is suspended.
func (c *Client) planDeleteStopped(ctx context.Context, job Job, states []LastState, reporter Reporter) (deletion, error) {
	state, why := c.leftState(ctx, job, nil)
	switch {
	case why != "":
		return deletion{}, refusal(job, "it is suspended, and where its state is isn't known: "+why, newestOf(states))
	case state.Path == "":
		return deletion{state: newestOf(states), nothing: "it was suspended without its state"}, nil
	case len(c.lastingStates(ctx, job, []LastState{state}, Reporter{})) == 0:
		return deletion{}, refusal(job, fmt.Sprintf("the state that it left, %s, goes with its pods", state.Path), LastState{})
	}
	if runs := c.RunsSuspended(ctx, job); runs != nil {
		reporter.note("%s: %s; what it does since is not part of %s", job.Ref(), runs, state.Path)
	}
	return deletion{state: state}, nil
}

// planDeleteEnded is for a job that Flink has ended, as after a failure.
func (c *Client) planDeleteEnded(ctx context.Context, job Job, facts CheckpointFacts, kept LastState) (deletion, error) {
	latest := facts.Latest
	if latest != nil && !latest.Savepoint && (!facts.Kept || facts.State == "CANCELED" && facts.Deletes) {
		latest = nil
	}
	if latest != nil && NormalPath(latest.Path) != "" {
		state := LastState{Savepoint: latest.Savepoint, Path: latest.Path, At: latest.At, Final: true}
		if len(c.lastingStates(ctx, job, []LastState{state}, Reporter{})) > 0 {
			return deletion{state: state}, nil
		}
	}
	if kept.Path != "" && kept.At.After(millis(job.Object.Object, "status", "jobStatus", "startTime")) {
		return deletion{state: kept}, nil
	}
	return deletion{}, refusal(job, "it is "+facts.State+", and no checkpoint or savepoint of this run is left", kept)
}

// stopForDeletion suspends a job and finds out where its state is then.
func (c *Client) stopForDeletion(ctx context.Context, job Job, plan deletion, request DeleteRequest, reporter Reporter) (LastState, error) {
	ref := job.Ref()
	facts, _ := c.checkpointFacts(ctx, job)
	report, err := c.Suspend(ctx, ref, SuspendRequest{
		Mode: plan.stops, Did: "suspended", ChangeOptions: ChangeOptions{Force: true}, deletes: true,
	}, reporter)
	if err != nil {
		hint := "\nWithout its state: --lose-state"
		if plan.stops == "last-state" {
			hint = "\nTo stop it with a savepoint instead: --with-savepoint; without its state: --lose-state"
		}
		return LastState{}, fmt.Errorf("%w\n%s was not deleted%s", err, ref, hint)
	}
	object, err := c.Get(ctx, ref)
	if err != nil {
		return LastState{}, err
	}
	stopped := Job{ref.Kind, object}
	back := fmt.Sprintf("\n%s is suspended and was not deleted; go on with it: kubectl flink resume %s -n %s", ref, ref, ref.Namespace)
	if object.GetGeneration() != report.Generation || stopped.Wanted() != "suspended" {
		return LastState{}, fmt.Errorf("%s: %w after it was stopped%s\nIt was not deleted: look at it and try again", ref, errOvertaken, lastWriter(stopped))
	}
	state, why := c.leftState(ctx, stopped, facts.Checkpoint)
	switch {
	case why != "":
		return LastState{}, fmt.Errorf("%s has stopped, but where its state is isn't known: %s%s", ref, why, back)
	case state.Path == "":
		return LastState{}, fmt.Errorf("%s has stopped without its state%s", ref, back)
	case len(c.lastingStates(ctx, stopped, []LastState{state}, reporter)) == 0:
		return LastState{}, fmt.Errorf("%s has stopped, but its state at %s goes with its pods%s", ref, state.Path, back)
	}
	state.At = time.Now()
	if plan.stops == "savepoint" && state.Savepoint {
		reporter.note("savepoint completed: %s", state.Path)
	}
	return state, nil
}

// newestOf is the newest state that stays whatever becomes of the run.
func newestOf(states []LastState) LastState {
	if at := slices.IndexFunc(states, func(s LastState) bool { return !s.Passing }); at >= 0 {
		return states[at]
	}
	return LastState{}
}
