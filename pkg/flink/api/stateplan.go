package api

// NeverRan reports whether the operator has never seen the job in Flink: no
// state can be of it.
func (j Job) NeverRan() bool {
	status := Section(j.Object.Object, "status", "jobStatus")
	switch {
	case Text(status, "startTime") != "" || Text(status, "updateTime") != "",
		Text(j.Object.Object, "status", "reconciliationStatus", "lastStableSpec") != "",
		j.newestSaved() != "":
		return false
	}
	path := j.UpgradePath()
	if path != "" && !SamePath(path, j.InitialPath()) {
		return false
	}
	switch j.State() {
	case "", "RECONCILING", "INITIALIZING":
		return true
	}
	return false
}
