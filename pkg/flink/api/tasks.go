package api

import (
	"fmt"
)

// idle says how many tasks don't run.
func (s FlinkState) WaitingTasks() string {
	return fmt.Sprintf("RUNNING, but %d of its %d tasks don't run yet", s.Waiting, s.Tasks)
}
