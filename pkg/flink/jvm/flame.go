package jvm

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

const (
	// maxNodes bounds a flame graph; what is beyond counts for the caller.
	maxNodes = 200_000
	// maxDepth bounds how deep calls are nested.
	maxDepth = maxFrames + 2
	// maxValue bounds a count, so that no sum of them overflows.
	maxValue = 1 << 40
)

// Node is a call of a flame graph, with what it called.
type Node struct {
	Name string `json:"name"`
	// Value is in how many samples the call was; at least the sum of Children's.
	Value    int64   `json:"value"`
	Children []*Node `json:"children,omitempty"`
}

// Self is in how many samples the call itself was what ran.
func (n *Node) Self() int64 {
	self := n.Value
	for _, child := range n.Children {
		self -= child.Value
	}
	return self
}

// Mode is which threads count.
type Mode string

// The modes: threads that compute, those that wait, and all.
const (
	OnCPU  Mode = "on-cpu"
	OffCPU Mode = "off-cpu"
	Full   Mode = "full"
)

// Counts reports whether a thread counts in this mode.
func (m Mode) Counts(t Thread) bool {
	switch m {
	case OnCPU:
		return t.OnCPU()
	case OffCPU:
		return !t.OnCPU()
	default:
		return true
	}
}

// Sampler makes a flame graph of samples. Its zero value is ready.
type Sampler struct {
	root  branch
	nodes int
}

type branch struct {
	value    int64
	children map[string]*branch
}

// Add adds a thread's stack below calls that are its outermost ones.
func (s *Sampler) Add(t Thread, outermost ...string) {
	at := &s.root
	at.value++
	for _, name := range outermost {
		if at = s.below(at, name); at == nil {
			return
		}
	}
	for _, f := range slices.Backward(t.Frames) {
		if at = s.below(at, f.String()); at == nil {
			return
		}
	}
}

func (s *Sampler) below(at *branch, name string) *branch {
	child := at.children[name]
	if child == nil {
		if s.nodes == maxNodes {
			return nil
		}
		s.nodes++
		if at.children == nil {
			at.children = map[string]*branch{}
		}
		child = &branch{}
		at.children[name] = child
	}
	child.value++
	return child
}

// Graph is the flame graph of all that was added.
func (s *Sampler) Graph(name string) *Node { return s.root.node(name) }

func (b *branch) node(name string) *Node {
	n := &Node{Name: name, Value: b.value}
	for name, child := range b.children {
		n.Children = append(n.Children, child.node(name))
	}
	order(n.Children)
	return n
}

func order(nodes []*Node) {
	sorting.By(nodes, func(a, b *Node) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.Name, b.Name))
	})
}

// Tidy is a flame graph from elsewhere as one that everything here takes: calls
// that are the same together, the largest first, none that counts less than what
// it calls, and none beyond bounds.
func Tidy(n *Node) *Node {
	left := maxNodes
	return tidy([]*Node{n}, n.Name, 0, &left)
}

func tidy(same []*Node, name string, depth int, left *int) *Node {
	out := &Node{Name: short(name)}
	var names []string
	children := map[string][]*Node{}
	for _, n := range same {
		out.Value += min(max(n.Value, 0), maxValue)
		if depth == maxDepth {
			continue
		}
		for _, child := range n.Children {
			if child == nil || child.Value <= 0 {
				continue
			}
			name := cleanName(child.Name)
			if children[name] == nil {
				if *left == 0 {
					continue
				}
				*left--
				names = append(names, name)
			}
			children[name] = append(children[name], child)
		}
	}
	sum := int64(0)
	for _, name := range names {
		child := tidy(children[name], name, depth+1, left)
		out.Children = append(out.Children, child)
		sum += child.Value
	}
	out.Value = max(out.Value, sum)
	order(out.Children)
	return out
}

// noLine is what Flink writes for a line that isn't known, or for a native method.
var noLine = regexp.MustCompile(`:-\d+$`)

// cleanName is a call as Frame has it.
func cleanName(name string) string {
	name = short(name)
	if strings.Contains(name, "/") {
		name = hidden.ReplaceAllString(name, "$1")
	}
	if strings.Contains(name, ":-") {
		name = noLine.ReplaceAllString(name, "")
	}
	return name
}

// Under puts graphs under one root.
func Under(name string, graphs ...*Node) *Node {
	root := &Node{Name: name}
	for _, g := range graphs {
		if g.Value > 0 {
			root.Value += g.Value
			root.Children = append(root.Children, g)
		}
	}
	order(root.Children)
	return root
}

// Walk visits a graph from its root on, with each call's depth and with how much
// comes before it among its siblings and those of its callers.
func (n *Node) Walk(visit func(n *Node, depth int, before int64)) { n.walk(0, 0, visit) }

func (n *Node) walk(depth int, before int64, visit func(*Node, int, int64)) {
	visit(n, depth, before)
	for _, child := range n.Children {
		child.walk(depth+1, before, visit)
		before += child.Value
	}
}

// Hot is a call with how much of the time it ran itself, and how much with all
// that it called.
type Hot struct {
	Name        string
	Self, Total int64
}

// Hottest are the calls that ran themselves most, wherever they were called
// from; the root is none.
func (n *Node) Hottest(most int) []Hot {
	found := map[string]*Hot{}
	open := map[string]int{} // calls that are being visited: recursion counts once
	var visit func(*Node)
	visit = func(n *Node) {
		h := found[n.Name]
		if h == nil {
			h = &Hot{Name: n.Name}
			found[n.Name] = h
		}
		h.Self += n.Self()
		if open[n.Name] == 0 {
			h.Total += n.Value
		}
		open[n.Name]++
		for _, child := range n.Children {
			visit(child)
		}
		open[n.Name]--
	}
	for _, child := range n.Children {
		visit(child)
	}
	out := []Hot{}
	for _, h := range found {
		if h.Self > 0 {
			out = append(out, *h)
		}
	}
	sorting.By(out, func(a, b Hot) int {
		return cmp.Or(cmp.Compare(b.Self, a.Self), cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name))
	})
	return out[:min(len(out), most)]
}
