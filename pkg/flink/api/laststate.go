package api

// nothingToLose reports whether a job has no state that deleting it could lose,
// and why.
func (j Job) NothingToLose() (bool, string) {
	wrapped := Section(j.Object.Object, "status")
	switch {
	case j.IsSessionCluster():
		return true, "a session cluster has no state of its own"
	case len(wrapped) == 0 || j.State() == "" && j.JobID() == "":
		return true, "it has never run"
	case j.State() == "FINISHED" && j.Lifecycle() != "SUSPENDED" && j.Wanted() == "running":
		return true, "it has finished"
	case j.Kind.Name != BlueGreen.Name && Text(j.Object.Object, "status", "reconciliationStatus", "lastStableSpec") == "" && !j.IsRunning():
		return true, "it has never been stable"
	}
	return false, ""
}
