package api

// drainKey stays in the spec of a job that was drained, and tells so whoever
// wants to resume it.
const DrainKey = "kubernetes.operator.job.drain-on-savepoint-deletion"

// Drained reports whether the job was drained when it was stopped: windows and
// timers have fired, so that going on from its savepoint gives wrong results.
func (j Job) Drained() bool {
	return j.Wanted() == "suspended" && Flatten(Section(j.Spec(), "flinkConfiguration"))[DrainKey] == "true"
}
