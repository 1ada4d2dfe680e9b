package api

// rolledBack reports whether the operator's own rollback is done.
func (j Job) RolledBack() bool { return j.Lifecycle() == "ROLLED_BACK" && j.IsRunning() }
