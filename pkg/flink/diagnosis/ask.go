package diagnosis

import (
	"slices"
	"time"
)

// Attempt is why something failed that was asked for just now, a savepoint for
// instance: what the rules know of the exceptions that report it, root cause
// first. The facts tell about the job that it was asked of; its other troubles
// aren't looked at. What no rule has a cure for isn't among the findings: the
// exception itself says as much.
func Attempt(facts *JobFacts, thrown ...Exception) []Finding {
	var found []Finding
	if facts == nil || facts.Object == nil {
		return nil
	}
	for _, e := range thrown {
		if len(e.Chain) == 0 {
			continue
		}
		j := newJob(facts)
		e = e.withFrames(j.seen)
		j.attempt, j.seen, j.failed = &e, []Exception{e}, false
		for i := range table {
			r := &table[i]
			if r.job == nil || slices.ContainsFunc(found, func(f Finding) bool { return f.Rule == r.ID }) {
				continue
			}
			own := r.sign(r.job(j))
			for _, f := range own {
				if len(j.touched) > 0 && len(f.Cures) > 0 {
					found = append(found, f)
					j.claimed[0] = true
				}
			}
			j.touched = j.touched[:0]
		}
	}
	withoutFixes(found)
	return arrange(found)
}

// withFrames is e with the frames of its root where they are known from another
// report of the same: whose code threw it decides what it means.
func (e Exception) withFrames(others []Exception) Exception {
	root := e.Root()
	if len(root.Frames) > 0 {
		return e
	}
	for i := range others {
		if other := others[i].Root(); len(other.Frames) > 0 && other.String() == root.String() {
			e.Chain = append(slices.Clone(e.Chain), other)
			return e
		}
	}
	return e
}

// Root is the finding that explains why a job isn't as it should be: the first
// that is more than worth to know, and of what has gone wrong, not of what may.
// ok is false where there is none.
func Root(findings []Finding) (root Finding, ok bool) {
	for _, f := range findings {
		if f.Severity != Info && !f.Risk {
			return f, true
		}
	}
	return Finding{}, false
}

// Advice is what a finding says to do, a line each: the words, and behind them
// the command where there is one.
func (f Finding) Advice() []string {
	lines := make([]string, len(f.Cures))
	for i, c := range f.Cures {
		lines[i] = c.Text
		if c.Command != "" {
			lines[i] += ": " + c.Command
		}
	}
	return lines
}

// EndsUnexplained reports whether TaskManagers ended one after the other just
// now, the same way, and no pod that is still there says why: Flink takes their
// pods away, and their logs with them. Who needs the cause has to look at the
// next one as it ends.
func (f *JobFacts) EndsUnexplained() bool {
	ends, _ := readLog(f.Flink.Log)
	recent := 0
	for n, e := range ends {
		if e.reason == "OOMKilled" {
			return false
		}
		if f.Now.Sub(e.at) < time.Minute {
			recent++
			if n == 0 && e.reason == neverRan {
				recent++ // the next one won't do better
			}
		}
	}
	if recent < 2 {
		return false
	}
	for i := range f.Pods {
		p, ok := readPod(&f.Pods[i], f.Now)
		if !ok || p.role != taskManager {
			continue
		}
		for k := range p.containers {
			if c := &p.containers[k]; c.end != nil && c.end.ExitCode != 0 && len(c.log) > 0 {
				return false
			}
		}
	}
	return true
}

// PassedOn reports whether an error of the operator's only passes on what the
// kubelet says of a pod, which the pod itself tells better.
func PassedOn(text string) bool { return kubeletWords.MatchString(text) }
