package instance

import (
	"testing"
	"time"
)

// A slow cluster is not a broken one: starting over would lose all it runs.
func TestASlowClusterIsGivenTime(t *testing.T) {
	slow := Status{State: StateBroken, Reason: "deadline exceeded", Components: []ComponentStatus{{Name: "etcd", Up: true}}}
	dead := Status{State: StateBroken, Reason: "not running: etcd", Components: []ComponentStatus{{Name: "etcd"}}}
	well := Status{State: StateRunning, Components: slow.Components}
	for _, tc := range []struct {
		name     string
		patience time.Duration
		seen     []Status // the last one again and again
		want     Status
		looks    int // 0: several
	}{
		{"well", time.Minute, []Status{well}, well, 1},
		{"slow, then well", time.Minute, []Status{slow, slow, well}, well, 3},
		{"a program has ended", time.Minute, []Status{dead}, dead, 1},
		{"slow, then a program ends", time.Minute, []Status{slow, dead}, dead, 2},
		{"not there", time.Minute, []Status{{State: StateDown}}, Status{State: StateDown}, 1},
		{"never well", 20 * time.Millisecond, []Status{slow}, slow, 0},
	} {
		looks := 0
		got := settled(t.Context(), func() Status {
			looks++
			return tc.seen[min(looks, len(tc.seen))-1]
		}, tc.patience, time.Millisecond)
		if got.State != tc.want.State || got.Reason != tc.want.Reason {
			t.Errorf("%s: %s (%s)", tc.name, got.State, got.Reason)
		}
		if tc.looks != 0 && looks != tc.looks || tc.looks == 0 && looks < 2 {
			t.Errorf("%s: looked %d times", tc.name, looks)
		}
	}
}
