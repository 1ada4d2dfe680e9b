package operator

// endOfWorker is how a TaskManager ended that won't be started again in its
// pod; ok is false where it hasn't, or was asked to.
func EndOfWorker(pod Pod) (Ended, bool) {
	c := pod.Failing
	if pod.Role != "taskmanager" || !c.Ended || c.Exit == 143 || c.Restarts > 0 {
		return Ended{}, false
	}
	end := Ended{Name: pod.Name, Role: pod.Role, Reason: c.End, ExitCode: c.Exit, At: c.At}
	if !c.Main() {
		end.Container, end.Init = c.Name, c.Init
	}
	return end, true
}
