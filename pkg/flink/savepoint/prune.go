package savepoint

import (
	"fmt"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// PruneRule says which snapshots are to go. Those to which both of its limits
// apply go; without a limit none do.
type PruneRule struct {
	// Keep is how many of the newest completed snapshots of a job stay, of
	// savepoints and checkpoints each; 0 is none beyond the newest, which
	// always stays.
	Keep int
	// Before, where set, is when a snapshot must have been taken to go.
	Before time.Time
}

// Pruned is a snapshot and whether it goes.
type Pruned struct {
	api.Saved
	Goes bool
	// Why it stays; "" if it goes.
	Why string
}

// Prune applies the rule to what is saved, which must be newest first within
// each job. Only objects can go. Of each job there stay, whatever the rule
// says: its newest completed savepoint and checkpoint, whatever a job starts
// from, and what is still in progress. What is being deleted doesn't count as its
// newest; nor, where a job has others, do those on a pod's own disk.
func Prune(saved []api.Saved, rule PruneRule) []Pruned {
	type group struct {
		job       api.Ref
		savepoint bool
	}
	counts := func(s api.Saved) bool {
		return s.State == api.SnapshotCompleted && api.NormalPath(s.Path) != "" && !s.Registered() && !s.Snapshot.Going()
	}
	lasting := map[group]bool{}
	for _, s := range saved {
		if counts(s) && s.Passing == "" {
			lasting[group{s.Job, s.Savepoint}] = true
		}
	}
	completed := map[group]int{}
	var out []Pruned
	for _, s := range saved {
		p := Pruned{Saved: s}
		of := group{s.Job, s.Savepoint}
		passing := s.Passing != "" && lasting[of]
		if counts(s) && !passing {
			completed[of]++
		}
		if s.Snapshot.Object == nil || s.Snapshot.Going() {
			continue
		}
		young := !rule.Before.IsZero() && s.At().After(rule.Before)
		switch {
		case len(s.UsedBy) > 0:
			p.Why = "used by " + s.UsedBy[0]
		case s.Registered() && rule.Before.IsZero():
			p.Why = "registered by hand, so that its age is unknown; --older-than goes by when that was"
		case s.State == api.SnapshotCompleted && !s.Registered():
			switch n := completed[of]; {
			case api.NormalPath(s.Path) == "" || passing:
				if young {
					p.Why = "too young"
				}
			case n == 1:
				p.Why = "the newest " + s.Noun() + " of its job"
			case n <= rule.Keep:
				p.Why = fmt.Sprintf("one of the %d newest", rule.Keep)
			case young:
				p.Why = "too young"
			}
		case s.State == api.SnapshotFailed, s.State == api.SnapshotAbandoned, s.Registered() && s.State == api.SnapshotCompleted:
			if young {
				p.Why = "too young"
			}
		default:
			p.Why = "not ended yet"
		}
		p.Goes = p.Why == ""
		out = append(out, p)
	}
	return out
}
