package view

import (
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// arrow is what Flink writes between chained operators.
const arrow = " -> "

// OperatorName shortens the name of a vertex, which Flink makes of all
// operators chained in it, to at most width columns: first the arguments go
// that SQL's planner writes behind an operator ("Calc(select=[…])"), then the
// operators between the first and the last, then what is left is cut. The
// name is foreign; the result is safe. A width of 0 or less changes nothing.
func OperatorName(name string, width int) string {
	name = term.SafeLine(name)
	if width <= 0 || term.DisplayWidth(name) <= width {
		return name
	}
	parts := chained(name)
	for i, part := range parts {
		parts[i] = withoutArguments(part)
	}
	if short := strings.Join(parts, arrow); term.DisplayWidth(short) <= width {
		return short
	}
	first, last, between := parts[0], parts[len(parts)-1], arrow
	switch n := len(parts) - 2; {
	case n < 0:
		return term.Cut(first, width)
	case n > 0:
		between = fmt.Sprintf(" ->%d-> ", n)
	}
	room := width - len(between)
	if room < 8 {
		return term.Cut(first, width)
	}
	// The shorter of the two leaves its rest to the other.
	half := room / 2
	left := max(half, room-term.DisplayWidth(last))
	first = term.Cut(first, left)
	return first + between + term.Cut(last, room-term.DisplayWidth(first))
}

// chained splits a name at the arrows that are not inside brackets, as those
// of "Source -> (Map, Filter -> Sink)".
func chained(name string) []string {
	var parts []string
	depth, start := 0, 0
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth = max(depth-1, 0)
		case ' ':
			if depth == 0 && strings.HasPrefix(name[i:], arrow) {
				parts = append(parts, name[start:i])
				i += len(arrow) - 1
				start = i + 1
			}
		}
	}
	return append(parts, name[start:])
}

// withoutArguments cuts "(select=[a, b])" off an operator's name.
func withoutArguments(part string) string {
	head, rest, found := strings.Cut(part, "(")
	if !found || head == "" || strings.HasSuffix(head, " ") || !strings.Contains(rest, "=[") {
		return part
	}
	return head
}
