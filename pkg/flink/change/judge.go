package change

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
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

// accepted reports whether the operator has taken up a spec of generation with
// the changed fields.
func (ch Change) accepted(job api.Job, generation int64) bool {
	if job.Kind.Name == api.BlueGreen.Name {
		return ch.reconciled(job.BlueGreenSpec())
	}
	if observed := job.ObservedGeneration(); observed > 0 {
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
	fields := api.Merge(nil, ch.Spec)
	if job, ok := fields["job"].(map[string]any); ok {
		delete(job, "upgradeMode")
	}
	return api.ContainsPresent(spec, fields)
}

// judgement is what an object says of a change.
type judgement struct {
	stage stage
	// what says in a few words what is being waited for, or what went wrong.
	what string
}

// judge reads from the object how far a change has got. It is the whole of our
// knowledge of the operator's ways; the rules were seen with 1.7 and 1.16.
func (ch Change) judge(job api.Job, generation int64) judgement {
	failure := job.Failure()
	if !ch.accepted(job, generation) {
		switch {
		case failure.Rejects():
			return judgement{refused, failure.Root()}
		case failure.Mentions("UpgradeFailureException"), job.BlueGreenState() != "" && job.State() == api.JobFailing && !failure.IsZero():
			return judgement{failing, failure.Root()}
		}
		return judgement{notTaken, ch.postponed(job)}
	}
	if job.Kind.Name == api.BlueGreen.Name {
		return ch.judgeBlueGreen(job)
	}
	lifecycle := job.Lifecycle()
	reconciliation := api.Text(job.Object.Object, "status", "reconciliationStatus", "state")
	runs := (job.State() == api.JobRunning || job.IsSessionCluster()) && (job.JobManager() == "" || job.JobManager() == api.JobManagerReady)
	switch {
	case lifecycle == api.LifecycleRolledBack && ch.Job.Lifecycle() == lifecycle && runs && !ch.Goal.Suspended && ch.isNewRun(job) &&
		job.JobID() == ch.Job.JobID() && job.StartTime() == ch.Job.StartTime():
		// It was before, and the change was one that the operator takes note of.
		return judgement{reached, ""}
	case lifecycle == api.LifecycleRolledBack || reconciliation == api.ReconciliationRolledBack:
		return judgement{lost, rolledBack + api.Because(failure.Root())}
	case lifecycle == api.LifecycleRollingBack || reconciliation == api.ReconciliationRollingBack:
		return judgement{moving, "the operator rolls it back" + api.Because(failure.Root())}
	case ch.Goal.Suspended && lifecycle == api.LifecycleSuspended:
		return judgement{reached, ""}
	case ch.Goal.Suspended && lifecycle == "" && job.ReconciledState() == api.WantSuspended && reconciliation == api.ReconciliationDeployed:
		return judgement{reached, ""}
	case lifecycle == api.LifecycleFailed && job.JobManager() == api.JobManagerMissing && strings.Contains(failure.Root(), haGone):
		// That stands, or the operator has overlooked what it has just made.
		return judgement{troubled, failure.Root()}
	case lifecycle == api.LifecycleFailed || job.State() == api.JobFailed && reconciliation == api.ReconciliationDeployed && ch.isNewRun(job):
		return judgement{lost, cmp.Or(failure.Root(), "the job FAILED")}
	case failure.Mentions("UpgradeFailureException") && !Overlooked(job):
		return judgement{failing, failure.Root()}
	case ch.Goal.Suspended:
		return judgement{moving, "stopping; the job is " + api.OrUnknown(job.State())}
	}
	// A job that a savepoint stopped is FINISHED too, until its next run begins.
	finished := job.State() == api.JobFinished && (len(ch.Spec) == 0 || job.JobID() != ch.Job.JobID() || job.StartTime() != ch.Job.StartTime())
	if lifecycle == api.LifecycleStable && (runs || finished) && ch.isNewRun(job) {
		return judgement{reached, ""}
	}
	switch {
	case reconciliation == api.ReconciliationDeployed && ch.isSkipped(job):
		return judgement{skipped, takenForFinished}
	case Overlooked(job):
	case !failure.IsZero() && (job.JobManager() == api.JobManagerError || !IsTransient(failure.Root()) || failure.Root() == JobNotFound):
		return judgement{troubled, failure.Root()}
	}
	// An error that has passed stands in the status until the job is stable.
	return judgement{moving, progressOf(job)}
}

// haGone is the operator's error about a job of which it finds neither the
// JobManager's Deployment nor high-availability data.
const haGone = "HA metadata is not available"

// Overlooked reports whether that error is left over. The operator may not see a
// Deployment that it has just made (1.16: its cache was 100 ms behind), takes it for
// lost and fails to recover it. At its next look, half a second later, it finds it;
// the error stays until the job is stable.
func Overlooked(job api.Job) bool {
	state := job.JobManager()
	return strings.Contains(job.Failure().Root(), haGone) && job.Lifecycle() != api.LifecycleFailed && job.State() != api.JobFailed && api.Text(job.Object.Object, "status", "reconciliationStatus", "state") == api.ReconciliationDeployed &&
		(state == api.JobManagerDeploying || state == api.JobManagerNotReady || state == api.JobManagerReady)
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

// isSkipped reports whether the operator sees a job that has to run again as
// finished with nothing to do. It is for statuses of a spec that is carried
// out: on the way of a real start the operator notes the job as suspended
// first, and as running together with another state.
func (ch Change) isSkipped(job api.Job) bool {
	wantsRun := ch.Goal.NewRun || ch.Goal.NewJobID
	if ch.stopped {
		// It may also have finished by itself, and then has no savepoint of that.
		path := job.UpgradeSavepointPath()
		wantsRun = wantsRun || path != "" && path != ch.Job.UpgradeSavepointPath() && api.KindOfPath(path) == api.RetainedSavepoint
	}
	return wantsRun && job.State() == api.JobFinished && job.ReconciledState() == api.WantRunning &&
		job.JobID() == ch.Job.JobID() && job.StartTime() == ch.Job.StartTime()
}

// rolledBack is said of a change that the operator took back by itself.
const rolledBack = "the operator rolled it back"

// isNewRun reports whether the job runs again since the change was planned, as
// far as the goal wants it.
func (ch Change) isNewRun(job api.Job) bool {
	switch {
	case ch.Goal.NewJobID:
		return job.JobID() != ch.Job.JobID()
	case ch.Goal.NewRun:
		return ch.hasNewRun(job)
	}
	return true
}

// hasNewRun reports whether a job runs again since the change was planned.
func (ch Change) hasNewRun(job api.Job) bool {
	return job.JobID() != ch.Job.JobID() || job.StartTime() != ch.Job.StartTime()
}

func (ch Change) judgeBlueGreen(job api.Job) judgement {
	failure := job.Failure()
	_, active := job.ActiveChild()
	switch {
	case !active:
		return judgement{moving, strings.ToLower(strings.ReplaceAll(job.BlueGreenState(), "_", " "))}
	case job.State() == api.JobFailing && !failure.IsZero():
		// The operator has given the change up, and does nothing more about it.
		return judgement{lost, failure.Root()}
	case !failure.IsZero():
		return judgement{troubled, failure.Root()}
	case ch.Goal.Suspended && job.State() == api.JobSuspended:
		return judgement{reached, ""}
	case ch.Goal.Suspended:
		return judgement{moving, "stopping; the job is " + api.OrUnknown(job.State())}
	case job.State() == api.JobRunning && (!ch.Goal.NewRun && !ch.Goal.NewJobID || job.BlueGreenState() != ch.Job.BlueGreenState() || ch.Job.State() != api.JobRunning):
		return judgement{reached, ""}
	}
	return judgement{moving, progressOf(job)}
}

// postponed says why the operator may not have begun with a change.
func (ch Change) postponed(job api.Job) string {
	var why []string
	if trigger := api.Text(job.Object.Object, "status", "jobStatus", "savepointInfo", "triggerId"); trigger != "" {
		why = append(why, "a savepoint is in progress")
	}
	if jm := job.JobManager(); jm != "" && jm != api.JobManagerReady && job.ReconciledState() == api.WantRunning {
		why = append(why, "the JobManager is "+jm)
	}
	switch state := job.RunState(); state {
	case "", api.JobRunning, api.JobFinished, api.JobCanceled, api.JobFailed, api.JobSuspended:
	default:
		why = append(why, "the job is "+state)
	}
	switch l := job.Lifecycle(); {
	case l == api.LifecycleUpgrading && ch.Job.Lifecycle() != l:
		// It has begun; it calls the spec accepted once the job is stopped.
		return "the operator carries it out: lifecycle UPGRADING, the job is " + api.OrUnknown(job.RunState()) + api.Because(job.Failure().Root())
	case l == api.LifecycleUpgrading || l == api.LifecycleRollingBack:
		why = append(why, "an earlier change is in progress (lifecycle "+l+")")
	}
	if _, wasActive := ch.Job.ActiveChild(); wasActive && strings.HasPrefix(job.BlueGreenState(), api.BlueGreenSavepointing) {
		return "the operator takes a savepoint (" + job.BlueGreenState() + ")"
	} else if wasActive && api.Text(job.Object.Object, "status", "savepointTriggerId") != "" {
		return "the savepoint has ended; waiting for the operator to start the other color"
	}
	if bg := job.BlueGreenState(); strings.HasPrefix(bg, api.BlueGreenMoving) || strings.HasPrefix(bg, api.BlueGreenSavepointing) || strings.HasPrefix(bg, api.BlueGreenInitializing) {
		if _, wasActive := ch.Job.ActiveChild(); wasActive {
			return "the operator carries it out: " + bg + api.Because(job.Failure().Root())
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

func progressOf(job api.Job) string {
	var words []string
	if l := job.Lifecycle(); l != "" {
		words = append(words, "lifecycle "+l)
	}
	if jm := job.JobManager(); jm != "" && jm != api.JobManagerReady {
		words = append(words, "JobManager "+jm)
	}
	if bg := job.BlueGreenState(); bg != "" {
		words = append(words, bg)
	}
	if job.IsSessionCluster() {
		return cmp.Or(strings.Join(words, ", "), "waiting for its JobManager")
	}
	return strings.Join(append(words, "the job is "+api.OrUnknown(job.State())), ", ")
}

// JobNotFound is what the operator says between the JobManager's start and the
// job's, and of a job that is gone.
const JobNotFound = "Job Not Found"

// IsTransient reports whether an error is one that a start has to go through: the
// pods mount ConfigMaps that the operator or Flink is about to make, and a
// savepoint may meet a moment in which the job isn't whole.
func IsTransient(cause string) bool {
	for _, sign := range []string{
		"FailedMount", "MountVolume.SetUp failed", "Not all required tasks are currently running",
		"Connection refused", "Read timed out", "leader election", JobNotFound, api.StatusConflict,
		"IOException: timeout", "SocketTimeoutException: timeout", // the API server is slow to answer the operator
	} {
		if strings.Contains(cause, sign) {
			return true
		}
	}
	return false
}

// DescribePatch is a merge patch as "path: value" words, sorted, for people.
func DescribePatch(patch map[string]any) []string {
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
			shown = cmp.Or(api.PlainList(list), "another list")
		}
		out = append(out, fmt.Sprintf("%s: %s", prefix[1:], shown))
	}
	for key, value := range api.WithoutSecrets(patch) {
		walk("."+key, value)
	}
	slices.Sort(out)
	return out
}
