package health

import (
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Reached reports whether a job is what somebody waits for: running, stable,
// suspended, finished or upgraded. never says why it won't be without somebody
// doing something.
func Reached(goal string, s api.Summary, v Verdict) (done bool, never string) {
	switch goal {
	case "running":
		done = !s.Lags() && (s.State == api.JobRunning && (s.JobManager == "" || s.JobManager == api.JobManagerReady) || s.Session && v.Word == Healthy)
	case "stable":
		done = !s.Lags() && (s.Lifecycle == api.LifecycleStable || s.BlueGreen == api.BlueGreenActiveBlue || s.BlueGreen == api.BlueGreenActiveGreen) && (v.Word == Healthy || v.Word == Finished)
	case "suspended":
		done = v.Word == Suspended
	case "finished":
		done = s.State == api.JobFinished && v.Word == Finished
	case "upgraded":
		done = !s.Lags() && v.Word.OK()
	}
	if done {
		return true, ""
	}
	reason := string(v.Word)
	if v.Why != "" {
		reason += ": " + v.Why
	}
	switch v.Word {
	case Rejected, Failed, RolledBack, Canceled:
		return false, reason
	case Finished:
		if goal == "running" || goal == "suspended" {
			return false, "it has finished"
		}
	case Suspended:
		return false, "it is suspended"
	case Healthy:
		if goal == "suspended" && s.Wanted == api.WantRunning {
			return false, "its spec wants it running"
		}
	default: // it may still get there
	}
	return false, ""
}
