package jvm

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// Group is threads that are at the same place, in the same state.
type Group struct {
	State State
	// Threads are all of them, by name.
	Threads []Thread
}

// Frames are the stack of all of its threads, innermost first.
func (g Group) Frames() []Frame { return g.Threads[0].Frames }

// Groups groups threads by state and stack: those with threads
// of tasks first, then the largest, and those without a stack last.
func Groups(threads []Thread) []Group {
	at := map[string]int{}
	var out []Group
	for _, t := range threads {
		key := string(t.State) + "\n" + stackKey(t.Frames)
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, Group{State: t.State})
		}
		out[i].Threads = append(out[i].Threads, t)
	}
	for _, g := range out {
		sorting.By(g.Threads, byName)
	}
	sorting.By(out, func(a, b Group) int {
		return cmp.Or(
			cmp.Compare(b.tasks(), a.tasks()),
			cmp.Compare(min(len(b.Frames()), 1), min(len(a.Frames()), 1)),
			cmp.Compare(len(b.Threads), len(a.Threads)),
			cmp.Compare(rank(a.State), rank(b.State)),
			cmp.Compare(len(b.Frames()), len(a.Frames())),
			byName(a.Threads[0], b.Threads[0]),
		)
	})
	return out
}

// tasks is 1 where threads of a job's tasks are in the group, else 0.
func (g Group) tasks() int {
	if slices.ContainsFunc(g.Threads, func(t Thread) bool { _, ok := t.Task(); return ok }) {
		return 1
	}
	return 0
}

func byName(a, b Thread) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) }

func stackKey(frames []Frame) string {
	var key strings.Builder
	for _, f := range frames {
		key.WriteString(f.String())
		key.WriteByte('\n')
	}
	return key.String()
}

// rank orders states by how much they are looked for.
func rank(state State) int {
	return (slices.Index([]State{Blocked, Runnable, Waiting, TimedWaiting}, state) + 5) % 5
}

// States counts threads by state.
func States(threads []Thread) map[State]int {
	out := map[State]int{}
	for _, t := range threads {
		out[t.State]++
	}
	return out
}

// Matching are the threads whose name, lock or a call of whose stack match says
// yes to.
func Matching(threads []Thread, match func(string) bool) []Thread {
	var out []Thread
	for _, t := range threads {
		if match(t.Name) || t.Lock != "" && match(t.Lock) || slices.ContainsFunc(t.Frames, func(f Frame) bool { return match(f.String()) }) {
			out = append(out, t)
		}
	}
	return out
}

// Deadlock is threads each of which waits for a lock that the next one holds;
// the last one waits for the first.
type Deadlock struct {
	Threads []Thread
	// Behind is how many others wait for one of them, one behind the other.
	Behind int
}

// Deadlocks finds the circles of threads that wait for each other. A dump is of
// one moment, in which the JVM stood still: none of them goes on by itself,
// unless it waits with a time limit.
func Deadlocks(threads []Thread) []Deadlock {
	byID := make(map[int64]int, len(threads))
	for i, t := range threads {
		if t.ID > 0 {
			byID[t.ID] = i
		}
	}
	// Each thread waits for one other at most.
	next := func(i int) int {
		t := threads[i]
		if owner, ok := byID[t.OwnerID]; ok && t.OwnerID > 0 && owner != i && t.State != Runnable {
			return owner
		}
		return -1
	}
	const fresh, ends = 0, -1 // else one more than the deadlock that it is in or waits behind
	state := make([]int, len(threads))
	walk := make([]int, len(threads)) // on which walk it was met
	var out []Deadlock
	for i := range threads {
		var path []int
		at := i
		for at >= 0 && state[at] == fresh && walk[at] != i+1 {
			walk[at] = i + 1
			path = append(path, at)
			at = next(at)
		}
		became := ends
		switch {
		case at < 0:
		case state[at] != fresh:
			became = state[at]
		default: // met on this walk: a circle
			circle := path[slices.Index(path, at):]
			path = path[:len(path)-len(circle)]
			var d Deadlock
			for _, member := range circle {
				d.Threads = append(d.Threads, threads[member])
			}
			out = append(out, d)
			became = len(out)
			for _, member := range circle {
				state[member] = became
			}
		}
		for _, behind := range path {
			state[behind] = became
			if became > 0 {
				out[became-1].Behind++
			}
		}
	}
	return out
}

// Contention is a lock that threads wait for while another one, which goes on,
// holds it.
type Contention struct {
	Lock    string
	Owner   Thread
	Waiting int
}

// Contended are the locks that at least two threads wait for, the most waited
// for first. Those of deadlocks are left out.
func Contended(threads []Thread) []Contention {
	stuck := map[int64]bool{}
	for _, d := range Deadlocks(threads) {
		for _, t := range d.Threads {
			stuck[t.ID] = true
		}
	}
	byID := map[int64]Thread{}
	for _, t := range threads {
		byID[t.ID] = t
	}
	at := map[string]int{}
	var out []Contention
	for _, t := range threads {
		owner, known := byID[t.OwnerID]
		if t.Lock == "" || t.OwnerID <= 0 || !known || stuck[t.OwnerID] {
			continue
		}
		i, ok := at[t.Lock]
		if !ok {
			i = len(out)
			at[t.Lock] = i
			out = append(out, Contention{Lock: t.Lock, Owner: owner})
		}
		out[i].Waiting++
	}
	out = slices.DeleteFunc(out, func(c Contention) bool { return c.Waiting < 2 })
	sorting.By(out, func(a, b Contention) int { return cmp.Compare(b.Waiting, a.Waiting) })
	return out
}
