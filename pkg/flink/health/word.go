package health

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Word is the health of a job in one word.
type Word string

// The words, best first.
const (
	// Healthy: runs as its spec says.
	Healthy Word = "healthy"
	// Finished: a bounded job that came to its end.
	Finished Word = "finished"
	// Suspended: doesn't run, as its spec says.
	Suspended Word = "suspended"
	// Completed is a snapshot that is done.
	Completed Word = "completed"
	// Pending: the operator hasn't taken up the newest spec yet.
	Pending Word = "pending"
	// Starting: on its way to run for the first time, or to resume.
	Starting Word = "starting"
	// Upgrading: a change is being carried out.
	Upgrading Word = "upgrading"
	// RollingBack: the operator gives up a change.
	RollingBack Word = "rolling-back"
	// Deleting: the object is being deleted.
	Deleting Word = "deleting"
	// Degraded: runs with trouble, or restarts.
	Degraded Word = "degraded"
	// RolledBack: the last change was given up; what was before runs.
	RolledBack Word = "rolled-back"
	// Rejected: the newest spec is invalid; what was before goes on.
	Rejected Word = "rejected"
	// Canceled: the job was canceled, and its spec doesn't say so.
	Canceled Word = "canceled"
	// Stalled: should have got further long ago.
	Stalled Word = "stalled"
	// Ignored: no operator has written a status.
	Ignored Word = "ignored"
	// Failed: ended, and won't start again by itself.
	Failed Word = "failed"
)

// Words are all words, best first.
var Words = []Word{
	Healthy, Finished, Suspended, Completed, Pending, Starting, Upgrading, RollingBack, Deleting,
	Degraded, RolledBack, Rejected, Canceled, Stalled, Ignored, Failed,
}

// Rank orders words from best to worst.
func (w Word) Rank() int { return slices.Index(Words, w) }

// OK reports whether the job is as its spec wants it.
func (w Word) OK() bool { return w.Rank() <= Completed.Rank() }

// Moving reports whether the job is on its way and nobody needs to act.
func (w Word) Moving() bool { return w.Rank() > Completed.Rank() && w.Rank() < Degraded.Rank() }

// Times after which being on the way counts as standing still.
const (
	// SlowStart is for JobManagers and tasks that start: the operator's own
	// deployment.readiness.timeout.
	SlowStart = 5 * time.Minute
	// SlowUpgrade is for upgrades, which may wait for a savepoint, whose
	// time-out is 10 minutes in Flink.
	SlowUpgrade = 15 * time.Minute
	// SlowSight is for an operator to write its first word; it reacts to a
	// new object at once.
	SlowSight = time.Minute
)

// Verdict is a word and the reason for it.
type Verdict struct {
	Word Word
	// Why is one line; "" where the word says it all. It may hold foreign text.
	Why string
}

// Of judges a job by what its object says, without asking a JobManager. The
// rules are in order; the first that fits decides.
func Of(s api.Summary, now time.Time) Verdict {
	v := of(s, now)
	if s.Error.Root() == jobNotFound {
		v.Why = strings.TrimSuffix(v.Why, also(jobNotFound))
	}
	return v
}

// jobNotFound is the operator's error while a JobManager that has just come
// up doesn't know the job yet; it explains nothing.
const jobNotFound = "Job Not Found"

func of(s api.Summary, now time.Time) Verdict {
	if s.Kind.Name == api.StateSnap.Name {
		return ofSnapshot(s, now)
	}
	root := s.Error.Root()
	switch {
	case !s.Deleting.IsZero():
		return Verdict{Deleting, "being deleted for " + api.Ago(now.Sub(s.Deleting)) + also(root)}
	case !s.StatusKnown && s.Wanted == api.WantSuspended:
		// The operator leaves such an object alone until it is to run.
		return Verdict{Suspended, "created suspended: it is deployed when spec.job.state is running"}
	case !s.StatusKnown && now.Sub(s.Created) < SlowSight:
		return Verdict{Pending, "the operator hasn't seen it yet"}
	case !s.StatusKnown:
		return Verdict{Ignored, "no operator has written a status for " + api.Ago(now.Sub(s.Created)) + ": is one running, and does it watch this namespace?"}
	case invalid(s):
		return Verdict{Rejected, root}
	case mounts(s, now):
		return Verdict{Starting, "its JobManager's pod is being made"}
	case s.Lifecycle == api.LifecycleFailed || s.State == api.JobFailed || s.JobManager == api.JobManagerError:
		return Verdict{Failed, root}
	case s.Lifecycle == api.LifecycleRollingBack || s.Reconciliation == api.ReconciliationRollingBack:
		return Verdict{RollingBack, root}
	case s.Lifecycle == api.LifecycleRolledBack || s.Reconciliation == api.ReconciliationRolledBack:
		return Verdict{RolledBack, "the last change was given up; the spec before it runs" + also(root)}
	case s.Wanted == api.WantSuspended && (s.Lifecycle == api.LifecycleSuspended || s.Lifecycle == api.LifecycleCreated && s.State == ""):
		return Verdict{Suspended, ""}
	case s.Lifecycle == api.LifecycleSuspended:
		return Verdict{Pending, "is to resume" + also(root)}
	case moves(s):
		return ofUpgrade(s, root, now)
	case s.Session:
		return ofCluster(s, root, now)
	}
	return ofState(s, root, now)
}

// invalid reports whether the operator's validator refused the spec. It goes on
// with the spec before; observedGeneration stays behind.
func invalid(s api.Summary) bool {
	return (s.Lags() || s.Observed == 0) && s.Error.Rejects()
}

// mounts reports whether a JobManager has just been asked for: its pod is made
// before the ConfigMaps that it mounts, and the operator takes the kubelet's
// complaint about that for an error.
func mounts(s api.Summary, now time.Time) bool {
	since := s.ReconciliationAt
	if since.IsZero() {
		since = s.Created
	}
	return s.JobManager == api.JobManagerError && s.Lifecycle != api.LifecycleFailed && s.State != api.JobFailed &&
		now.Sub(since) < SlowSight && s.Error.Mentions("DeploymentFailedException") && strings.Contains(s.Error.Root(), "MountVolume.SetUp failed") && strings.HasSuffix(s.Error.Root(), "not found")
}

func moves(s api.Summary) bool {
	return s.Lifecycle == api.LifecycleUpgrading || s.Lifecycle == api.LifecycleCreated || s.Reconciliation == api.ReconciliationUpgrading ||
		strings.HasPrefix(s.BlueGreen, "TRANSITIONING_") || strings.HasPrefix(s.BlueGreen, "SAVEPOINTING_") || strings.HasPrefix(s.BlueGreen, "INITIALIZING_")
}

func ofUpgrade(s api.Summary, root string, now time.Time) Verdict {
	word := Upgrading
	if s.State == "" || s.Lifecycle == api.LifecycleCreated || strings.HasPrefix(s.BlueGreen, "INITIALIZING_") {
		word = Starting
	}
	if root != "" {
		return Verdict{Stalled, root}
	}
	if at := s.ReconciliationAt; !at.IsZero() && now.Sub(at) > SlowUpgrade {
		return Verdict{Stalled, "upgrading for " + api.Ago(now.Sub(at))}
	}
	return Verdict{word, strings.ToLower(strings.ReplaceAll(s.BlueGreen, "_", " "))}
}

func ofCluster(s api.Summary, root string, now time.Time) Verdict {
	switch {
	case s.JobManager == api.JobManagerReady && root != "":
		return Verdict{Degraded, root}
	case s.JobManager == api.JobManagerReady && s.Lags():
		return lagging(s)
	case s.JobManager == api.JobManagerReady:
		return Verdict{Healthy, ""}
	}
	return ofStart(s, "JobManager "+s.JobManager, root, now, deployedAt(s))
}

// deployedAt is when the operator began to start what isn't up yet; zero for a
// job that was up before: since when it isn't the object doesn't say.
func deployedAt(s api.Summary) time.Time {
	if s.Lifecycle == api.LifecycleStable {
		return time.Time{}
	}
	return s.ReconciliationAt
}

func ofState(s api.Summary, root string, now time.Time) Verdict {
	ready := s.JobManager == "" || s.JobManager == api.JobManagerReady
	switch {
	case s.State == api.JobRunning && ready && root != "":
		return Verdict{Degraded, root}
	case (s.State == api.JobRunning && ready || s.State == api.JobFinished) && s.Lags():
		return lagging(s)
	case s.State == api.JobRunning && ready:
		return Verdict{Healthy, ""}
	case s.State == api.JobFinished:
		return Verdict{Finished, ""}
	case s.State == api.JobCanceled:
		return Verdict{Canceled, "the job was canceled, but not by its spec" + also(root)}
	case s.State == api.JobRestarting || s.State == api.JobFailing || s.State == api.JobRunning:
		why := "the job is " + s.State
		if !ready {
			why += ", JobManager " + s.JobManager
		}
		if since := s.Since(now); since > SlowStart && s.State != api.JobRunning {
			return Verdict{Stalled, why + " for " + api.Ago(since) + also(root)}
		}
		return Verdict{Degraded, why + also(root)}
	}
	why := "the job is " + s.State
	if s.State == "" {
		why = "the job is not submitted yet"
	}
	if !ready {
		why += ", JobManager " + s.JobManager
	}
	at := s.StateSince
	if at.IsZero() {
		at = deployedAt(s)
	}
	return ofStart(s, why, root, now, at)
}

// ofStart is for what isn't up yet, or not any more.
func ofStart(s api.Summary, why, root string, now, since time.Time) Verdict {
	switch {
	case !since.IsZero() && now.Sub(since) > SlowStart:
		return Verdict{Stalled, why + " for " + api.Ago(now.Sub(since)) + also(root)}
	case root != "" || s.JobManager == api.JobManagerMissing && s.Lifecycle == api.LifecycleStable:
		return Verdict{Degraded, why + also(root)}
	}
	return Verdict{Starting, why}
}

func lagging(s api.Summary) Verdict {
	return Verdict{Pending, fmt.Sprintf("the operator hasn't taken up generation %d yet (it is at %d)", s.Generation, s.Observed)}
}

func also(root string) string {
	if root == "" {
		return ""
	}
	return ": " + root
}

func ofSnapshot(s api.Summary, now time.Time) Verdict {
	root := s.Error.Root()
	switch {
	case !s.Deleting.IsZero():
		return Verdict{Deleting, root}
	case s.State == api.SnapshotCompleted:
		return Verdict{Completed, ""}
	case s.State == api.SnapshotFailed || s.State == api.SnapshotAbandoned:
		return Verdict{Failed, root}
	case s.State == "" && now.Sub(s.Created) > SlowSight:
		return Verdict{Ignored, "no operator has written a status"}
	case root != "" || now.Sub(s.Created) > SlowUpgrade:
		return Verdict{Stalled, root}
	}
	return Verdict{Pending, ""}
}
