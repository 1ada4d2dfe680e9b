package jvm

import (
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// Icicle draws a graph for a terminal, width columns wide: callers above, what
// they call below them, each as wide as its share. A chain of calls of which
// each calls the next one alone is cut short. Rows beyond most are left out,
// which it says.
func (n *Node) Icicle(width, most int, palette term.Palette) []string {
	width = max(width, 10)
	if n.Value <= 0 {
		return nil
	}
	rows := map[int]*row{}
	deepest := 0
	var place func(n *Node, depth, from, to int)
	place = func(n *Node, depth, from, to int) {
		if to <= from {
			return
		}
		deepest = max(deepest, depth)
		if depth < most {
			if rows[depth] == nil {
				rows[depth] = &row{}
			}
			rows[depth].put(from, to, n, palette)
		}
		before := int64(0)
		next := depth + 1
		children := n.Children
		if chain, last := chainOf(n); chain > 2 {
			if next < most {
				if rows[next] == nil {
					rows[next] = &row{}
				}
				rows[next].put(from, to, &Node{Name: fmt.Sprintf("⋮ %d calls", chain-1)}, palette)
			}
			place(last, depth+2, from, to)
			return
		}
		for _, child := range children {
			start := from + int(float64(to-from)*float64(before)/float64(n.Value))
			before += child.Value
			place(child, next, start, from+int(float64(to-from)*float64(before)/float64(n.Value)))
		}
	}
	place(n, 0, 0, width)
	var out []string
	for depth := 0; depth <= deepest && depth < most; depth++ {
		out = append(out, strings.TrimRight(rows[depth].text.String(), " "))
	}
	if deepest >= most {
		out = append(out, palette.Paint(term.Dim, fmt.Sprintf("… %d more rows below", deepest-most+1)))
	}
	return out
}

// chainOf is how many calls follow n of which each is the only one that its
// caller makes, and the last of them.
func chainOf(n *Node) (int, *Node) {
	length := 0
	for len(n.Children) == 1 && n.Children[0].Value == n.Value {
		n = n.Children[0]
		length++
	}
	return length, n
}

// row is a line of an icicle that is written from left to right.
type row struct {
	text strings.Builder
	at   int
}

func (r *row) put(from, to int, n *Node, palette term.Palette) {
	r.text.WriteString(strings.Repeat(" ", max(from-r.at, 0)))
	r.at = to
	if to-from == 1 {
		r.text.WriteString(palette.Paint(colorOf(n.Name), "│"))
		return
	}
	name := fit(term.SafeLine(n.Name), to-from-1)
	r.text.WriteString(palette.Paint(colorOf(n.Name), "│"+term.Pad(name, to-from-1)))
}

// fit cuts a call to a width: first its packages, then its class, then letters.
func fit(name string, width int) string {
	if term.DisplayWidth(name) <= width {
		return name
	}
	if call, ok := shortCall(name); ok {
		if term.DisplayWidth(call) <= width {
			return call
		}
		if _, method, ok := strings.Cut(call, "."); ok && term.DisplayWidth(method) <= width {
			return method
		}
		name = call
	}
	return term.Cut(name, width)
}

// shortCall is CLASS.METHOD:LINE without the packages; ok is false for what
// isn't a call.
func shortCall(name string) (string, bool) {
	if strings.ContainsRune(name, ' ') {
		return name, false // a vertex
	}
	parts := strings.Split(name, ".")
	if len(parts) < 3 {
		return name, false
	}
	return strings.Join(parts[len(parts)-2:], "."), true
}

// Kind is whose code a call is.
type Kind int

// The kinds of code: the job's own or of a library, Flink's, the JVM's; and what
// is no call, as a vertex.
const (
	Own Kind = iota
	OfFlink
	OfJVM
	NoCall
)

// KindOf tells whose code a call is.
func KindOf(name string) Kind {
	switch {
	case strings.ContainsRune(name, ' ') || !strings.Contains(name, "."):
		return NoCall
	case hasPrefix(name, "org.apache.flink.streaming.examples.", "org.apache.flink.examples."):
		return Own
	case hasPrefix(name, "org.apache.flink."):
		return OfFlink
	case hasPrefix(name, "java.", "javax.", "jdk.", "sun.", "com.sun."):
		return OfJVM
	}
	return Own
}

func hasPrefix(name string, prefixes ...string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func colorOf(name string) term.Color {
	switch KindOf(name) {
	case Own:
		return term.Yellow
	case OfFlink:
		return term.Cyan
	case OfJVM:
		return term.Dim
	default:
		return term.Bold
	}
}
