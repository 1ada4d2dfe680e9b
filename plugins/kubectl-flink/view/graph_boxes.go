package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/layered"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

const (
	// boxFrame is what a box takes left and right of its text.
	boxFrame = 4
	// leastBox is the least width of a box's text.
	leastBox = 14
	// usualBox is how wide a box's text may be, or three quarters of the terminal.
	usualBox = 44
	// nameLines is the most lines that a vertex's name takes.
	nameLines = 3
)

// Boxes is the graph as boxes and lines, top to bottom. Where that doesn't fit
// into the width it is the tree, and fits is false.
func (p GraphPage) Boxes(g JobGraph) (lines []string, fits bool) {
	flows := g.flows()
	source, sink := ends(len(g.Vertices), flows)
	notes := make([][][]note, len(g.Vertices))
	sizes := make([]layered.Size, len(g.Vertices))
	most := max(usualBox, p.Width*3/4)
	for i, v := range g.Vertices {
		notes[i] = v.notes(source[i], sink[i])
		sizes[i] = boxSize(v.Name, notes[i], most)
	}
	var drawing layered.Drawing
	for _, fewer := range []bool{false, true} {
		labels := labelsOf(flows)
		if fewer {
			inside(flows, labels, notes)
			for i, v := range g.Vertices {
				sizes[i] = boxSize(v.Name, notes[i], most)
			}
		}
		edges := make([]layered.Edge, len(flows))
		for i, f := range flows {
			edges[i] = layered.Edge{From: f.from, To: f.to}
			if labels[i] != "" {
				edges[i].Room = 1 + term.DisplayWidth(labels[i])
			}
		}
		if drawing, fits = layered.Draw(sizes, edges, layered.Options{Width: max(p.Width, 1), Gap: 2, Lane: 2, Margin: 2}); fits {
			for _, e := range drawing.Back {
				f := flows[e]
				notes[f.from] = append(notes[f.from], []note{{text: "↺ " + strings.TrimSpace(labels[e]+" to "+OperatorName(g.Vertices[f.to].Name, leastBox))}})
			}
			return p.paint(g, flows, drawing, notes, labels), true
		}
	}
	return p.Tree(g), false
}

func labelsOf(flows []flow) []string {
	out := make([]string, len(flows))
	for i, f := range flows {
		out[i] = f.label
	}
	return out
}

// inside moves labels into the box of a vertex where they are the same for all
// that flows into it.
func inside(flows []flow, labels []string, notes [][][]note) {
	into := map[int][]int{}
	for i, f := range flows {
		into[f.to] = append(into[f.to], i)
	}
	for vertex, edges := range into {
		same := len(edges) > 2 && labels[edges[0]] != ""
		for _, e := range edges {
			same = same && labels[e] == labels[edges[0]]
		}
		if !same {
			continue
		}
		notes[vertex] = append([][]note{{{text: fmt.Sprintf("%d inputs, all", len(edges))}, {text: labels[edges[0]]}}}, notes[vertex]...)
		for _, e := range edges {
			labels[e] = ""
		}
	}
}

// boxSize is how wide the box of a vertex may be.
func boxSize(name string, notes [][]note, most int) layered.Size {
	least, best := leastBox, min(term.DisplayWidth(term.SafeLine(name)), most)
	for _, group := range notes {
		width := 0
		for i, n := range group {
			if i > 0 {
				width += 2
			}
			width += term.DisplayWidth(n.text)
			short := n.text
			if n.short != "" {
				short = n.short
			}
			least = max(least, term.DisplayWidth(short))
		}
		best = max(best, width)
	}
	return layered.Size{Least: least + boxFrame, Best: max(best, least) + boxFrame}
}

// painted is a line of a box's text.
type painted struct {
	spans []note
}

// boxText is the text of a box: the name, and the notes in as many lines as they
// need.
func boxText(name string, notes [][]note, width int) []painted {
	var out []painted
	for _, line := range wrapName(name, width, nameLines) {
		out = append(out, painted{[]note{{text: line, color: term.Bold}}})
	}
	for _, group := range notes {
		for _, short := range []bool{false, true} {
			lines := flowNotes(group, width, short)
			if len(lines) == 1 || short {
				out = append(out, lines...)
				break
			}
		}
	}
	return out
}

// flowNotes puts notes side by side as far as the width goes.
func flowNotes(notes []note, width int, short bool) []painted {
	var out []painted
	room := 0
	for _, n := range notes {
		if short && n.short != "" {
			n.text = n.short
		}
		n.text = term.Cut(n.text, width)
		took := term.DisplayWidth(n.text)
		if len(out) == 0 || took+2 > room {
			out = append(out, painted{[]note{n}})
			room = width - took
			continue
		}
		last := &out[len(out)-1]
		last.spans = append(last.spans, note{text: "  "}, n)
		room -= took + 2
	}
	return out
}

// wrapName breaks a vertex's name into at most so many lines, shortened as far
// as it must be.
func wrapName(name string, width, most int) []string {
	for n := 1; n <= most; n++ {
		if lines := wrapWords(OperatorName(name, 0), width); len(lines) <= n {
			return lines
		}
	}
	// What doesn't fill its lines to the end needs a shorter name.
	for room := most * width; room > width; room -= max(width/8, 1) {
		if lines := wrapWords(OperatorName(name, room), width); len(lines) <= most {
			return lines
		}
	}
	return []string{OperatorName(name, width)}
}

// wrapWords breaks a safe text at spaces; longer words are broken where they
// must be.
func wrapWords(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && term.DisplayWidth(line)+1+term.DisplayWidth(word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for term.DisplayWidth(word) > width {
			head := headOf(word, width)
			lines = append(lines, head)
			word = word[len(head):]
		}
		line = word
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// headOf is as much of a word as goes into the width, at least one letter;
// rather up to a bracket or a dot than just anywhere.
func headOf(word string, width int) string {
	end, nice := 0, 0
	for i, r := range word {
		next := i + len(string(r))
		if end > 0 && term.DisplayWidth(word[:next]) > width {
			break
		}
		switch end = next; {
		case strings.ContainsRune("[({", r):
			nice = i
		case strings.ContainsRune(".:/_-,", r):
			nice = next
		}
	}
	if end < len(word) && term.DisplayWidth(word[:nice]) > width/2 {
		return word[:nice]
	}
	return word[:end]
}

// paint draws boxes and lines.
func (p GraphPage) paint(g JobGraph, flows []flow, d layered.Drawing, notes [][][]note, labels []string) []string {
	texts := make([][]painted, len(d.Boxes))
	heights := make([]int, len(d.Channels))
	for i, box := range d.Boxes {
		texts[i] = boxText(g.Vertices[i].Name, notes[i], box.Width-boxFrame)
		heights[box.Layer] = max(heights[box.Layer], len(texts[i])+2)
	}
	c := &canvas{}
	// passing are the columns that lines pass a layer in.
	var passing []layered.Line
	top := 0
	tops := make([]int, len(d.Channels))
	for l, channel := range d.Channels {
		tops[l] = top
		below := top + heights[l]
		for _, line := range passing {
			c.vertical(line.To, top, below, line.Net)
		}
		passing = nil
		bottom := below + channel.Tracks + 1
		if l == len(d.Channels)-1 {
			bottom = below
		}
		for i, box := range d.Boxes {
			if box.Layer == l && slices.ContainsFunc(channel.Lines, func(line layered.Line) bool { return line.Net == i }) {
				c.vertical(box.Out, top+len(texts[i])+2, below, i)
			}
		}
		for _, line := range channel.Lines {
			c.line(line, below, bottom)
		}
		for _, line := range channel.Lines {
			if line.Edge < 0 {
				passing = append(passing, line)
			} else if label := labels[line.Edge]; label != "" {
				c.put(line.To+2, bottom-1, label, "")
			}
		}
		top = bottom
	}
	arrives, leaves := map[int][]int{}, map[int]bool{}
	for _, channel := range d.Channels {
		for _, line := range channel.Lines {
			leaves[line.Net] = true
			if line.Edge >= 0 {
				to := flows[line.Edge].to
				arrives[to] = append(arrives[to], line.To)
			}
		}
	}
	for i, box := range d.Boxes {
		c.box(box, tops[box.Layer], texts[i], g.Vertices[i].worry(), arrives[i], leaves[i])
	}
	return c.lines(p.Palette)
}
