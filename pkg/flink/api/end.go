package api

// KeptState is the state from which a suspended job will resume, as the
// operator notes it; zero where the job isn't suspended or was never started.
// The path of a last-state suspension is in the JobManager's high-availability
// data, so it isn't known here.
func (j Job) RetainedState() RetainedState {
	switch mode := j.SuspendedMode(); mode {
	case "savepoint":
		if path := j.UpgradeSavepointPath(); path != "" {
			return RetainedState{Kind: KindOfPath(path), Path: path}
		}
	case "last-state":
		return RetainedState{Kind: RetainedCheckpoint}
	case "stateless":
		return RetainedState{Kind: RetainedNone}
	}
	return RetainedState{}
}
