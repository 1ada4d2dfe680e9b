package startup

import (
	"runtime/debug"
	"testing"
)

// The collector is patient until a verb begins, and as the environment has it then.
func TestDone(t *testing.T) {
	percent := func() int {
		now := debug.SetGCPercent(patient)
		debug.SetGCPercent(now)
		return now
	}
	// Once done it stays so, also where the test runs again.
	if now := percent(); before == patient || now != patient && now != before {
		t.Errorf("%d at the start, %d before", now, before)
	}
	Done()
	Done()
	if got := percent(); got != before {
		t.Errorf("%d afterwards, want %d", got, before)
	}
}
