package sqlplan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// Identity is by what Flink knows an operator again in a state.
type Identity int

const (
	// ByPlan is that of a job that EXECUTE PLAN started: each operator has a uid
	// of its node's id and of the transformation within the node, whose names
	// belong to the node's kind.
	//
	// From org.apache.flink.table.planner.plan.nodes.exec: ExecNodeContext's
	// generateUid fills in table.exec.uid.format, whose default is
	// <id>_<transformation>, without the type and the version since Flink 1.16;
	// ExecNodeConfig's shouldSetUid does so for compiled plans only, as
	// table.exec.uid.generation says by default (PLAN_ONLY).
	ByPlan Identity = iota
	// ByPlace is that of a job that an INSERT started. Its operators have no uid:
	// StreamGraphHasherV2 makes ids of when an operator comes in the order of the
	// graph, of how many others are chained to it, and of the ids of its inputs.
	ByPlace
	// Unrelated is none: a job that an INSERT started goes on by a compiled plan, or the
	// other way round.
	Unrelated
)

// Fate is what becomes of the state of an operator.
type Fate string

// The fates, worst first.
const (
	// Gone: no operator takes the state.
	Gone Fate = "gone"
	// Moved: the same operator is there, but under another id, so that it doesn't
	// find the state.
	Moved Fate = "moved"
	// Changed: an operator of the same kind takes the state, and does something
	// else with it.
	Changed Fate = "changed"
	// Kept: the same operator takes it.
	Kept Fate = "kept"
	// New: an operator that begins without state.
	New Fate = "new"
)

var fates = []Fate{Gone, Moved, Changed, Kept, New}

// Outcome is what becomes of one operator's state.
type Outcome struct {
	Fate Fate
	// Old is nil for New, and Now for Gone; but where another kind of operator has
	// come in its place, that is Now.
	Old, Now *Node
	// Fed says that what comes to the operator isn't what came before.
	Fed bool
	// Lifetimes are the states whose time to live changes.
	Lifetimes []Lifetime
}

// Lifetime is a time to live that changes.
type Lifetime struct{ State, Before, After string }

// Comparison is what becomes of all state.
type Comparison struct {
	By       Identity
	Old, New Plan
	// Outcomes are of the operators that keep state, worst first.
	Outcomes []Outcome
	// Renumbered says that the plans are the same but for the nodes' ids.
	Renumbered bool
}

// Compare tells what becomes of the state of a job of plan old that goes on as
// one of plan next.
func Compare(old, next Plan, by Identity) Comparison {
	out := Comparison{By: by, Old: old, New: next}
	was, is := lookAt(old, by), lookAt(next, by)
	taken := map[int]bool{} // of next
	var lost []int
	for i := range old.Nodes {
		n := &old.Nodes[i]
		if !n.Keeps() {
			continue
		}
		j, there := is.byKey[was.keys[i]]
		if by == Unrelated || !there || next.Nodes[j].Kind() != n.Kind() {
			lost = append(lost, i)
			continue
		}
		taken[j] = true
		fate := Kept
		if own(*n) != own(next.Nodes[j]) {
			fate = Changed
		}
		out.add(fate, n, &next.Nodes[j], was.feeds[i] != is.feeds[j])
	}
	for _, i := range lost {
		n := &old.Nodes[i]
		j := slices.IndexFunc(next.Nodes, func(other Node) bool { return own(other) == own(*n) })
		// The one with the same inputs is rather the same.
		for k := range next.Nodes {
			if !taken[k] && own(next.Nodes[k]) == own(*n) && (j < 0 || taken[j] || is.feeds[k] == was.feeds[i]) {
				j = k
			}
		}
		if j >= 0 && !taken[j] {
			taken[j] = true
			out.add(Moved, n, &next.Nodes[j], was.feeds[i] != is.feeds[j])
			continue
		}
		var instead *Node
		if j, there := is.byKey[was.keys[i]]; there && by != Unrelated {
			instead = &next.Nodes[j]
		}
		out.Outcomes = append(out.Outcomes, Outcome{Fate: Gone, Old: n, Now: instead})
	}
	for j := range next.Nodes {
		if n := &next.Nodes[j]; n.Keeps() && !taken[j] {
			out.Outcomes = append(out.Outcomes, Outcome{Fate: New, Now: n})
		}
	}
	sorting.By(out.Outcomes, func(a, b Outcome) int { return slices.Index(fates, a.Fate) - slices.Index(fates, b.Fate) })
	out.Renumbered = slices.Equal(was.whole(old), is.whole(next)) && !slices.EqualFunc(old.Nodes, next.Nodes, func(a, b Node) bool { return a.ID == b.ID })
	return out
}

func (c *Comparison) add(fate Fate, old, now *Node, fed bool) {
	one := Outcome{Fate: fate, Old: old, Now: now, Fed: fed}
	for _, was := range old.State {
		for _, is := range now.State {
			if was.Index == is.Index && was.Name == is.Name && was.TTL != is.TTL {
				one.Lifetimes = append(one.Lifetimes, Lifetime{was.Name, was.TTL, is.TTL})
			}
		}
	}
	c.Outcomes = append(c.Outcomes, one)
}

// Loses reports whether state has no operator any more: Flink refuses to start
// then, unless it is allowed to leave that state out. What only may have state
// doesn't count.
func (c Comparison) Loses() bool {
	return slices.ContainsFunc(c.Outcomes, func(o Outcome) bool {
		return (o.Fate == Gone || o.Fate == Moved) && !o.Old.Perhaps()
	})
}

// Alters reports whether state is taken over by what does something else with it.
func (c Comparison) Alters() bool {
	return slices.ContainsFunc(c.Outcomes, func(o Outcome) bool { return o.Fate == Changed })
}

// own is what a node does by itself. A source and a sink are what they are of,
// whatever columns pass through them: their state is of the table.
func own(n Node) string {
	if kind := n.Kind(); kind == "table-source-scan" || kind == "sink" {
		if of, _, ok := strings.Cut(n.Description, "]"); ok {
			return kind + "\x00" + of
		}
	}
	var states []string
	for _, s := range n.State {
		states = append(states, fmt.Sprint(s.Index, " ", s.Name))
	}
	return strings.Join(append([]string{n.Kind(), n.Description, n.OutputType}, states...), "\x00")
}

// looks is what Compare knows of the nodes of a plan, by their places in it.
type looks struct {
	keys  []string
	byKey map[string]int
	// feeds are equal where all that comes to a node is, owns where what it does is.
	feeds []uint64
	owns  []string
}

func (l looks) whole(p Plan) []string {
	out := make([]string, len(p.Nodes))
	for i, n := range p.Nodes {
		out[i] = fmt.Sprint(l.feeds[i], own(n))
	}
	return out
}

func lookAt(p Plan, by Identity) looks {
	out := looks{byKey: map[string]int{}, feeds: make([]uint64, len(p.Nodes))}
	at := map[int]int{}
	for _, n := range p.Nodes {
		out.owns = append(out.owns, own(n))
	}
	for i, n := range p.Nodes {
		at[n.ID] = i
		feed := newMix()
		for _, input := range n.Inputs {
			feed.number(out.feeds[at[input]])
			feed.text(out.owns[at[input]])
		}
		out.feeds[i] = feed.sum()
	}
	if by == ByPlace {
		out.keys = places(p)
	} else {
		for _, n := range p.Nodes {
			out.keys = append(out.keys, fmt.Sprint(n.ID))
		}
	}
	for i, key := range out.keys {
		if key != "" {
			out.byKey[key] = i
		}
	}
	return out
}
