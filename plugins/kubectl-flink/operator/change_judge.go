package operator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
)

// stage is how far the operator has got with a change.
type stage int

const (
	// notTaken: the operator has not accepted the spec yet.
	notTaken stage = iota
	// refused: the operator found the spec invalid.
	refused
	// failing: the operator tried to begin with the change and failed.
	failing
	// moving: it is being carried out.
	moving
	// troubled: it is being carried out, with an error that may pass.
	troubled
	// skipped: the operator takes it for carried out, and it is not.
	skipped
	// reached: the goal is.
	reached
	// lost: the goal can't be reached any more without somebody's help.
	lost
)

// observedGeneration is the generation of the last spec that the operator
// accepted; 0 where it doesn't say. Before operator 1.8 that stands in the
// metadata of lastReconciledSpec.
func (j Job) observedGeneration() int64 {
	if n, ok := number(j.Object.Object, "status", "observedGeneration"); ok {
		return n
	}
	var decoded struct {
		Metadata struct {
			Metadata struct {
				Generation int64 `json:"generation"`
			} `json:"metadata"`
		} `json:"resource_metadata"`
	}
	if json.Unmarshal([]byte(text(j.Object.Object, "status", "reconciliationStatus", "lastReconciledSpec")), &decoded) != nil {
		return 0
	}
	return decoded.Metadata.Metadata.Generation
}

// accepted reports whether the operator has taken up a spec of generation with
// the changed fields.
func (ch Change) accepted(job Job, generation int64) bool {
	if job.Kind.Name == BlueGreen.Name {
		return ch.reconciled(job.blueGreenSpec())
	}
	if observed := job.observedGeneration(); observed > 0 {
		return observed >= generation
	}
	return ch.reconciled(job.ReconciledSpec())
}

// reconciled reports whether a spec, as the operator keeps it in the status,
// has the change's fields. The mode is left out: there the operator notes the
// one that it has used.
func (ch Change) reconciled(spec map[string]any) bool {
	if spec == nil {
		return len(ch.Spec) == 0
	}
	fields := Merge(nil, ch.Spec)
	if job, ok := fields["job"].(map[string]any); ok {
		delete(job, "upgradeMode")
	}
	return containsPresent(spec, fields)
}

// containsPresent is Contains where a removed field may also be kept as null.
func containsPresent(object, patch map[string]any) bool {
	for key, want := range patch {
		switch want := want.(type) {
		case nil:
			if object[key] != nil {
				return false
			}
		case map[string]any:
			below, _ := object[key].(map[string]any)
			if !containsPresent(below, want) {
				return false
			}
		default:
			if !sameJSON(object[key], want) {
				return false
			}
		}
	}
	return true
}

// blueGreenSpec is the template's spec that the operator carried out last of a
// FlinkBlueGreenDeployment; nil where unknown.
func (j Job) blueGreenSpec() map[string]any {
	raw := text(j.Object.Object, "status", "lastReconciledSpec")
	if raw == "" {
		return nil
	}
	var decoded map[string]any
	decoder := json.NewDecoder(strings.NewReader(raw))
	decoder.UseNumber()
	if decoder.Decode(&decoded) != nil {
		return nil
	}
	if inner := section(decoded, "spec"); inner != nil && section(decoded, "template") == nil {
		decoded = inner
	}
	return section(decoded, "template", "spec")
}

// UpgradeMode is spec.job.upgradeMode; the operator's default is stateless.
func (j Job) UpgradeMode() string { return or(text(j.spec(), "job", "upgradeMode"), "stateless") }

// SuspendedMode is the mode by which the operator suspended the job, and by
// which it will resume unless the spec says stateless then; "" while it isn't
// suspended.
func (j Job) SuspendedMode() string {
	reconciled := j.ReconciledSpec()
	if text(reconciled, "job", "state") != "suspended" {
		return ""
	}
	return or(text(reconciled, "job", "upgradeMode"), "stateless")
}

// UpgradeSavepointPath is the savepoint or checkpoint from which the operator
// last started the job, or will next; "" where there is none. After a
// suspension by last-state it is still the one before.
func (j Job) UpgradeSavepointPath() string {
	path := text(j.Object.Object, "status", "jobStatus", "upgradeSavepointPath")
	if path == lastState {
		return ""
	}
	if path == "" {
		path = j.newestSaved()
	}
	return path
}

// newestSaved is the newest savepoint that the status of an operator before 1.10
// tells of. The one that it noted last may be a checkpoint from before.
func (j Job) newestSaved() string {
	info := section(j.Object.Object, "status", "jobStatus", "savepointInfo")
	entries, _, _ := unstructured.NestedSlice(info, "savepointHistory")
	if last := section(info, "lastSavepoint"); last != nil {
		entries = append(entries, last)
	}
	path, newest := "", int64(0)
	for _, entry := range entries {
		entry, _ := entry.(map[string]any)
		if at, _ := number(entry, "timeStamp"); at >= newest && text(entry, "location") != "" {
			path, newest = text(entry, "location"), at
		}
	}
	return path
}

// startTime is when Flink started this run, as the status writes it.
func (j Job) startTime() string { return text(j.Object.Object, "status", "jobStatus", "startTime") }

// judgement is what an object says of a change.
type judgement struct {
	stage stage
	// what says in a few words what is being waited for, or what went wrong.
	what string
}

// judge reads from the object how far a change has got. It is the whole of our
// knowledge of the operator's ways; the rules were seen with 1.7 and 1.16.
func (ch Change) judge(job Job, generation int64) judgement {
	failure := job.Failure()
	if !ch.accepted(job, generation) {
		switch {
		case failure.Rejects():
			return judgement{refused, failure.Root()}
		case failure.Mentions("UpgradeFailureException"), job.BlueGreenState() != "" && job.State() == "FAILING" && !failure.IsZero():
			return judgement{failing, failure.Root()}
		}
		return judgement{notTaken, ch.postponed(job)}
	}
	if job.Kind.Name == BlueGreen.Name {
		return ch.judgeBlueGreen(job)
	}
	lifecycle := job.Lifecycle()
	reconciliation := text(job.Object.Object, "status", "reconciliationStatus", "state")
	runs := (job.State() == "RUNNING" || job.IsSessionCluster()) && (job.JobManager() == "" || job.JobManager() == "READY")
	switch {
	case lifecycle == "ROLLED_BACK" && ch.Job.Lifecycle() == lifecycle && runs && !ch.Goal.Suspended && ch.isNewRun(job) &&
		job.JobID() == ch.Job.JobID() && job.startTime() == ch.Job.startTime():
		// It was before, and the change was one that the operator takes note of.
		return judgement{reached, ""}
	case lifecycle == "ROLLED_BACK" || reconciliation == "ROLLED_BACK":
		return judgement{lost, rolledBack + because(failure.Root())}
	case lifecycle == "ROLLING_BACK" || reconciliation == "ROLLING_BACK":
		return judgement{moving, "the operator rolls it back" + because(failure.Root())}
	case ch.Goal.Suspended && lifecycle == "SUSPENDED":
		return judgement{reached, ""}
	case ch.Goal.Suspended && lifecycle == "" && job.reconciledState() == "suspended" && reconciliation == "DEPLOYED":
		return judgement{reached, ""}
	case lifecycle == "FAILED" || job.State() == "FAILED" && reconciliation == "DEPLOYED" && ch.isNewRun(job):
		return judgement{lost, or(failure.Root(), "the job FAILED")}
	case failure.Mentions("UpgradeFailureException"):
		return judgement{failing, failure.Root()}
	case ch.Goal.Suspended:
		return judgement{moving, "stopping; the job is " + orUnknown(job.State())}
	}
	// A job that a savepoint stopped is FINISHED too, until its next run begins.
	finished := job.State() == "FINISHED" && (len(ch.Spec) == 0 || job.JobID() != ch.Job.JobID() || job.startTime() != ch.Job.startTime())
	if lifecycle == "STABLE" && (runs || finished) && ch.isNewRun(job) {
		return judgement{reached, ""}
	}
	switch {
	case reconciliation == "DEPLOYED" && ch.isSkipped(job):
		return judgement{skipped, takenForFinished}
	case !failure.IsZero() && (job.JobManager() == "ERROR" || !passes(failure.Root()) || failure.Root() == jobNotFound):
		return judgement{troubled, failure.Root()}
	}
	// An error that has passed stands in the status until the job is stable.
	return judgement{moving, progressOf(job)}
}

// takenForFinished is what can become of a job that is to run again just after
// it was stopped.
//
// The operator (1.7 to 1.16) writes every status three times, and gives up if
// the object changes between the first and the last of them. It then goes on
// from the status before, in its memory. If that status was the suspension, and
// the change was to run again, the spec is as it was before the suspension: it
// sees nothing to do, and that the job has FINISHED.
const takenForFinished = "the operator takes the job for finished and doesn't start it"

// isSkipped reports whether the operator sees a job that has to run anew as
// finished with nothing to do. It is for statuses of a spec that is carried
// out: on the way of a real start the operator notes the job as suspended
// first, and as running together with another state.
func (ch Change) isSkipped(job Job) bool {
	anew := ch.Goal.NewRun || ch.Goal.NewJobID
	if ch.stopped {
		// It may also have finished by itself, and then has no savepoint of that.
		path := job.UpgradeSavepointPath()
		anew = anew || path != "" && path != ch.Job.UpgradeSavepointPath() && KindOfPath(path) == KeptSavepoint
	}
	return anew && job.State() == "FINISHED" && job.reconciledState() == "running" &&
		job.JobID() == ch.Job.JobID() && job.startTime() == ch.Job.startTime()
}

// rolledBack is said of a change that the operator took back by itself.
const rolledBack = "the operator rolled it back"

// reconciledState is spec.job.state as the operator carried it out last.
func (j Job) reconciledState() string { return text(j.ReconciledSpec(), "job", "state") }

// isNewRun reports whether the job runs anew since the change was planned, as
// far as the goal wants it.
func (ch Change) isNewRun(job Job) bool {
	newID := job.JobID() != ch.Job.JobID()
	switch {
	case ch.Goal.NewJobID:
		return newID
	case ch.Goal.NewRun:
		return newID || job.startTime() != ch.Job.startTime()
	}
	return true
}

func (ch Change) judgeBlueGreen(job Job) judgement {
	failure := job.Failure()
	_, active := job.ActiveChild()
	switch {
	case !active:
		return judgement{moving, strings.ToLower(strings.ReplaceAll(job.BlueGreenState(), "_", " "))}
	case job.State() == "FAILING" && !failure.IsZero():
		// The operator has given the change up, and does nothing more about it.
		return judgement{lost, failure.Root()}
	case !failure.IsZero():
		return judgement{troubled, failure.Root()}
	case ch.Goal.Suspended && job.State() == "SUSPENDED":
		return judgement{reached, ""}
	case ch.Goal.Suspended:
		return judgement{moving, "stopping; the job is " + orUnknown(job.State())}
	case job.State() == "RUNNING" && (!ch.Goal.NewRun && !ch.Goal.NewJobID || job.BlueGreenState() != ch.Job.BlueGreenState() || ch.Job.State() != "RUNNING"):
		return judgement{reached, ""}
	}
	return judgement{moving, progressOf(job)}
}

// postponed says why the operator may not have begun with a change.
func (ch Change) postponed(job Job) string {
	var why []string
	if trigger := text(job.Object.Object, "status", "jobStatus", "savepointInfo", "triggerId"); trigger != "" {
		why = append(why, "a savepoint is in progress")
	}
	if jm := job.JobManager(); jm != "" && jm != "READY" && job.reconciledState() == "running" {
		why = append(why, "the JobManager is "+jm)
	}
	switch state := job.runState(); state {
	case "", "RUNNING", "FINISHED", "CANCELED", "FAILED", "SUSPENDED":
	default:
		why = append(why, "the job is "+state)
	}
	switch l := job.Lifecycle(); {
	case l == "UPGRADING" && ch.Job.Lifecycle() != l:
		// It has begun; it calls the spec accepted once the job is stopped.
		return "the operator carries it out: lifecycle UPGRADING, the job is " + orUnknown(job.runState()) + because(job.Failure().Root())
	case l == "UPGRADING" || l == "ROLLING_BACK":
		why = append(why, "an earlier change is in progress (lifecycle "+l+")")
	}
	if _, wasActive := ch.Job.ActiveChild(); wasActive && strings.HasPrefix(job.BlueGreenState(), "SAVEPOINTING") {
		return "the operator takes a savepoint (" + job.BlueGreenState() + ")"
	} else if wasActive && text(job.Object.Object, "status", "savepointTriggerId") != "" {
		return "the savepoint has ended; waiting for the operator to start the other colour"
	}
	if bg := job.BlueGreenState(); strings.HasPrefix(bg, "TRANSITIONING") || strings.HasPrefix(bg, "SAVEPOINTING") || strings.HasPrefix(bg, "INITIALIZING") {
		if _, wasActive := ch.Job.ActiveChild(); wasActive {
			return "the operator carries it out: " + bg + because(job.Failure().Root())
		}
		why = append(why, "an earlier transition is in progress ("+bg+")")
	}
	if root := job.Failure().Root(); root != "" {
		why = append(why, root)
	}
	if len(why) == 0 {
		return "waiting for the operator to take it up"
	}
	return "the operator has not taken it up yet: " + strings.Join(why, ", ")
}

func progressOf(job Job) string {
	var words []string
	if l := job.Lifecycle(); l != "" {
		words = append(words, "lifecycle "+l)
	}
	if jm := job.JobManager(); jm != "" && jm != "READY" {
		words = append(words, "JobManager "+jm)
	}
	if bg := job.BlueGreenState(); bg != "" {
		words = append(words, bg)
	}
	if job.IsSessionCluster() {
		return or(strings.Join(words, ", "), "waiting for its JobManager")
	}
	return strings.Join(append(words, "the job is "+orUnknown(job.State())), ", ")
}

// jobNotFound is what the operator says between the JobManager's start and the
// job's, and of a job that is gone.
const jobNotFound = "Job Not Found"

// runState is State, but "" for a session cluster, of which the operator tells
// the state of a job that it doesn't have.
func (j Job) runState() string {
	if j.IsSessionCluster() {
		return ""
	}
	return j.State()
}

// passes reports whether an error is one that a start has to go through: the
// pods mount ConfigMaps that the operator or Flink is about to make, and a
// savepoint may meet a moment in which the job isn't whole.
func passes(cause string) bool {
	for _, sign := range []string{
		"FailedMount", "MountVolume.SetUp failed", "Not all required tasks are currently running",
		"Connection refused", "Read timed out", "leader election", jobNotFound,
	} {
		if strings.Contains(cause, sign) {
			return true
		}
	}
	return false
}

// Patience of the follower.
const (
	// troubleLimit is how long an error may stand while a change is carried
	// out. Pods that can't get their image or end at once are tried again
	// by Kubernetes, but not for our user.
	troubleLimit = 20 * time.Second
	// passingLimit is for errors that mostly pass.
	passingLimit = 2 * time.Minute
	// staleLimit is how long an error that stood before the change may be left
	// over from before: the operator hasn't reacted yet.
	staleLimit = 6 * time.Second
)

// describePatch is a merge patch as "path: value" words, sorted, for people.
func describePatch(patch map[string]any) []string {
	var out []string
	var walk func(prefix string, value any)
	walk = func(prefix string, value any) {
		if below, ok := value.(map[string]any); ok {
			for key, child := range below {
				walk(prefix+"."+key, child)
			}
			return
		}
		if value == nil {
			out = append(out, prefix[1:]+" removed")
			return
		}
		shown := fmt.Sprint(value)
		if name, ok := strings.CutPrefix(prefix, ".flinkConfiguration."); ok {
			shown = secret.Value(name, shown)
		}
		if list, ok := value.([]any); ok {
			shown = cmp.Or(plainList(list), "another list")
		}
		out = append(out, fmt.Sprintf("%s: %s", prefix[1:], shown))
	}
	for key, value := range withoutSecrets(patch) {
		walk("."+key, value)
	}
	slices.Sort(out)
	return out
}
