package view

import (
	"fmt"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// leastTree is how much of a line is kept for what is said of a vertex; what
// is deeper in the tree begins again at the left.
const leastTree = 30

// Tree is the graph as an indented list. A vertex that several others feed is
// shown once and named by its number elsewhere.
func (p GraphPage) Tree(g JobGraph) []string {
	flows := g.flows()
	source, sink := ends(len(g.Vertices), flows)
	out := make([][]flow, len(g.Vertices))
	for _, f := range flows {
		out[f.from] = append(out[f.from], f)
	}
	var lines []string
	numbers := make([]int, len(g.Vertices))
	shown := 0
	var later []int
	number := func(v int) int {
		if numbers[v] == 0 {
			shown++
			numbers[v] = shown
		}
		return numbers[v]
	}
	done := make([]bool, len(g.Vertices))
	waiting := make([]bool, len(g.Vertices))
	var show func(v int, first, rest string)
	show = func(v int, first, rest string) {
		done[v] = true
		head := first + fmt.Sprintf("[%d] ", number(v))
		lines = append(lines, p.treeLine(g.Vertices[v], head, source[v], sink[v], g.State))
		for i, f := range out[v] {
			branch, next := "├─ ", "│  "
			if i == len(out[v])-1 {
				branch, next = "└─ ", "   "
			}
			start := rest + branch
			if f.label != "" {
				start += f.label + " → "
			}
			switch {
			case done[f.to]:
				lines = append(lines, term.Cut(start+fmt.Sprintf("[%d] above", number(f.to)), p.Width))
			case waiting[f.to]:
				lines = append(lines, term.Cut(start+fmt.Sprintf("[%d] below", number(f.to)), p.Width))
			case p.Width > 0 && term.DisplayWidth(start)+leastTree > p.Width:
				waiting[f.to] = true
				later = append(later, f.to)
				lines = append(lines, term.Cut(start+fmt.Sprintf("[%d] below", number(f.to)), p.Width))
			default:
				show(f.to, start, rest+next)
			}
		}
	}
	begin := func(v int) {
		show(v, "", "")
		for len(later) > 0 {
			next := later[0]
			later = later[1:]
			if !done[next] {
				show(next, "", "")
			}
		}
	}
	for v := range g.Vertices {
		if source[v] {
			begin(v)
		}
	}
	for v := range g.Vertices { // what only a circle feeds
		if !done[v] {
			begin(v)
		}
	}
	return lines
}

// treeLine is a vertex on one line. Notes give way from the end, then the name.
func (p GraphPage) treeLine(v GraphVertex, head string, source, sink bool, jobState string) string {
	var notes []note
	for _, group := range v.notes(source, sink) {
		for _, n := range group {
			if p.Width > 0 && p.Width < 100 && n.short != "" {
				n.text = n.short
			}
			// Each vertex of a running job runs, unless it says otherwise.
			if n.text != jobState {
				notes = append(notes, n)
			}
		}
	}
	room := 0
	for ; p.Width > 0; notes = notes[:len(notes)-1] {
		room = p.Width - term.DisplayWidth(head)
		for _, n := range notes {
			room -= 2 + term.DisplayWidth(n.text)
		}
		if room >= leastName || len(notes) == 0 {
			break
		}
	}
	line := head + p.Palette.Paint(term.Bold, OperatorName(v.Name, room))
	for _, n := range notes {
		if n.color != "" {
			n.text = p.Palette.Paint(n.color, n.text)
		}
		line += "  " + n.text
	}
	if p.Width > 0 {
		line = term.Cut(line, p.Width)
	}
	return line
}
