// Package layered places the vertices of a directed graph in layers, one below
// the other, so that edges lead down, cross seldom and are straight where they
// can be: the way of Sugiyama, Tagawa and Toda. Widths are whole numbers of
// whatever the caller draws in, columns of a terminal or pixels.
package layered

import "slices"

// Size is how wide a vertex may be drawn. Best may be cut down to Least.
type Size struct{ Least, Best int }

// Edge leads from one vertex to another, by their indexes.
type Edge struct {
	From, To int
	// Room is what must be free to the right of the edge's end, for its label.
	Room int
}

// Options say what there is room for.
type Options struct {
	// Width is the most that the drawing may take; 0 is no limit.
	Width int
	// Gap is what is free between two vertices, Lane between edges that pass
	// and whatever is beside them.
	Gap, Lane int
	// Margin is what is free between a vertex's corner and the nearest edge.
	Margin int
}

// Drawing says where everything is.
type Drawing struct {
	Width int
	// Boxes are the vertices, by index.
	Boxes []Box
	// Channels are the spaces below each layer; nothing is in the last.
	Channels []Channel
	// Back are the edges that lead back up, by index; they aren't drawn.
	Back []int
}

// Box is where a vertex is.
type Box struct {
	Layer, X, Width int
	// Out is the column in which all its edges leave.
	Out int
}

// Channel is the space between two layers.
type Channel struct {
	Lines []Line
	// Tracks is how many horizontal lines are needed below one another.
	Tracks int
}

// Line is an edge's way, or that of several from the same vertex, from one
// layer to the next: down in column From, along its track, down in column To.
type Line struct {
	// Net is the vertex that the line comes from, maybe from further above.
	// Lines of one net have the same From and Track.
	Net      int
	From, To int
	// Track counts from the top; -1 where all lines of the net are straight.
	Track int
	// Edge ends here; -1 passes on to the next layer.
	Edge int
}

// Draw places vertices and edges. It reports whether they fit into the width;
// where they are too many for one layer, it makes more layers of fewer.
func Draw(vertices []Size, edges []Edge, o Options) (Drawing, bool) {
	back := backward(len(vertices), edges)
	g := newGraph(vertices, edges, back, o)
	for _, most := range []int{len(vertices), 8, 6, 5, 4, 3, 2, 1} {
		if most > len(vertices) || most == 0 {
			continue
		}
		var layers []int
		if most == len(vertices) {
			layers = g.compactLayers()
		} else {
			layers = g.boundedLayers(most)
		}
		p := newPlan(g, layers)
		if !p.fits() {
			continue
		}
		p.order()
		p.align()
		return p.drawing(back), true
	}
	return Drawing{Back: back}, len(vertices) == 0
}

// graph is what is to be drawn, without the edges that lead back.
type graph struct {
	Options
	sizes    []Size
	edges    []Edge
	in, out  [][]int // edges, by vertex
	backward []bool  // by edge
}

func newGraph(sizes []Size, edges []Edge, back []int, o Options) *graph {
	g := &graph{Options: o, sizes: slices.Clone(sizes), edges: edges, in: make([][]int, len(sizes)), out: make([][]int, len(sizes)), backward: make([]bool, len(edges))}
	for _, e := range back {
		g.backward[e] = true
	}
	for i, e := range edges {
		if !g.backward[i] {
			g.out[e.From] = append(g.out[e.From], i)
			g.in[e.To] = append(g.in[e.To], i)
		}
	}
	for v := range g.sizes {
		size := &g.sizes[v]
		size.Least = max(size.Least, g.arrivals(v))
		size.Best = max(size.Best, size.Least)
	}
	return g
}

// arrivals is the width that a vertex's incoming edges need with their labels.
func (g *graph) arrivals(v int) int {
	width := 2 * g.Margin
	for i, e := range g.in[v] {
		if i > 0 {
			width++
		}
		width += 1 + g.edges[e].Room
	}
	return width
}

// backward finds edges without which there is no cycle.
func backward(vertices int, edges []Edge) []int {
	out := make([][]int, vertices)
	for i, e := range edges {
		out[e.From] = append(out[e.From], i)
	}
	var back []int
	const open, done = 1, 2
	state := make([]int, vertices)
	type visit struct{ vertex, next int }
	for start := range vertices {
		if state[start] != 0 {
			continue
		}
		state[start] = open
		stack := []visit{{start, 0}}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == len(out[top.vertex]) {
				state[top.vertex] = done
				stack = stack[:len(stack)-1]
				continue
			}
			e := out[top.vertex][top.next]
			top.next++
			switch to := edges[e].To; state[to] {
			case open:
				back = append(back, e)
			case 0:
				state[to] = open
				stack = append(stack, visit{to, 0})
			}
		}
	}
	slices.Sort(back)
	return back
}

// sorted is the vertices, each after all that lead to it.
func (g *graph) sorted() []int {
	missing := make([]int, len(g.sizes))
	var out []int
	for v := range g.sizes {
		if missing[v] = len(g.in[v]); missing[v] == 0 {
			out = append(out, v)
		}
	}
	for i := 0; i < len(out); i++ {
		for _, e := range g.out[out[i]] {
			to := g.edges[e].To
			if missing[to]--; missing[to] == 0 {
				out = append(out, to)
			}
		}
	}
	return out
}

// compactLayers gives each vertex the highest layer it can have, except that
// those with more edges out than in sink towards what they feed.
func (g *graph) compactLayers() []int {
	layers := make([]int, len(g.sizes))
	sorted := g.sorted()
	for _, v := range sorted {
		for _, e := range g.in[v] {
			layers[v] = max(layers[v], layers[g.edges[e].From]+1)
		}
	}
	for _, v := range slices.Backward(sorted) {
		if len(g.out[v]) <= len(g.in[v]) {
			continue
		}
		lowest := -1
		for _, e := range g.out[v] {
			if to := layers[g.edges[e].To] - 1; lowest < 0 || to < lowest {
				lowest = to
			}
		}
		layers[v] = max(layers[v], lowest)
	}
	return layers
}

// boundedLayers puts at most so many vertices into a layer. What comes next is
// what leaves the fewest edges open, because those take width, too.
func (g *graph) boundedLayers(most int) []int {
	layers := make([]int, len(g.sizes))
	missing, unfed := make([]int, len(g.sizes)), make([]int, len(g.sizes))
	var ready []int
	for v := range g.sizes {
		unfed[v] = len(g.out[v])
		if missing[v] = len(g.in[v]); missing[v] == 0 {
			ready = append(ready, v)
		}
	}
	score := func(v int) int {
		closes := 0
		for _, e := range g.in[v] {
			if unfed[g.edges[e].From] == 1 {
				closes++
			}
		}
		score := 4 * closes
		if len(g.out[v]) > 0 {
			score -= 4
		}
		// A source whose consumers have some of their inputs already.
		if len(g.in[v]) == 0 {
			for _, e := range g.out[v] {
				to := g.edges[e].To
				if missing[to] < len(g.in[to]) {
					score += 2
				}
				if missing[to] == 1 {
					score++
				}
			}
			score -= 2
		}
		return score
	}
	for layer, left := 0, len(g.sizes); left > 0; layer++ {
		var chosen []int
		for len(chosen) < most && len(ready) > 0 {
			best := 0
			for i, v := range ready {
				if score(v) > score(ready[best]) {
					best = i
				}
			}
			v := ready[best]
			ready = slices.Delete(ready, best, best+1)
			chosen = append(chosen, v)
			layers[v] = layer
			for _, e := range g.in[v] {
				unfed[g.edges[e].From]--
			}
		}
		for _, v := range chosen {
			for _, e := range g.out[v] {
				to := g.edges[e].To
				if missing[to]--; missing[to] == 0 {
					ready = append(ready, to)
				}
			}
		}
		left -= len(chosen)
	}
	return layers
}
