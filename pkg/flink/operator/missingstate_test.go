package operator

import (
	"testing"
)

// A JobManager that came up again and whose job runs has found its state.
func TestOnlyAJobManagerStartsInVain(t *testing.T) {
	for name, c := range map[string]struct {
		pod  Pod
		want bool
	}{
		"ended":                {Pod{Role: "jobmanager", LastEnd: "Error", Restarts: 1, Cause: noState}, true},
		"came up again":        {Pod{Role: "jobmanager", Ready: true, LastEnd: "Error", Restarts: 1, Cause: noState}, true},
		"for another reason":   {Pod{Role: "jobmanager", LastEnd: "Error", Restarts: 1, Cause: "IOException: connection reset"}, false},
		"a TaskManager":        {Pod{Role: "taskmanager", LastEnd: "Error", Restarts: 1, Cause: noState}, false},
		"one that never ended": {Pod{Role: "jobmanager", Ready: true}, false},
	} {
		if got := c.pod.StartsInVain(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
