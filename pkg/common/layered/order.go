package layered

import (
	"cmp"
	"slices"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// item is what has a place in a layer: a vertex, or the edges of one that pass.
type item struct {
	vertex int // the vertex, or whose edges pass
	passes bool
	layer  int
	up     []int // links
	down   []int
	at     int // in its layer
	width  int
	x      float64
}

// link leads from an item to one in the next layer.
type link struct {
	from, to int
	edge     int // that ends; -1 passes on
}

// plan is a graph whose vertices have layers.
type plan struct {
	*graph
	items  []item
	links  []link
	layers [][]int // items
}

// newPlan lets the edges of a vertex pass layers together until they part.
func newPlan(g *graph, layers []int) *plan {
	p := &plan{graph: g}
	for v, layer := range layers {
		p.add(item{vertex: v, layer: layer, width: g.sizes[v].Best})
	}
	for v := range layers {
		targets := slices.Clone(g.out[v])
		sorting.By(targets, func(a, b int) int { return cmp.Compare(layers[g.edges[a].To], layers[g.edges[b].To]) })
		at := v
		for len(targets) > 0 {
			next := p.items[at].layer + 1
			for len(targets) > 0 && layers[g.edges[targets[0]].To] == next {
				p.join(at, g.edges[targets[0]].To, targets[0])
				targets = targets[1:]
			}
			if len(targets) > 0 {
				passing := p.add(item{vertex: v, passes: true, layer: next, width: 1})
				p.join(at, passing, -1)
				at = passing
			}
		}
	}
	return p
}

func (p *plan) add(one item) int {
	for len(p.layers) <= one.layer {
		p.layers = append(p.layers, nil)
	}
	one.at = len(p.layers[one.layer])
	p.items = append(p.items, one)
	p.layers[one.layer] = append(p.layers[one.layer], len(p.items)-1)
	return len(p.items) - 1
}

func (p *plan) join(from, to, edge int) {
	p.links = append(p.links, link{from, to, edge})
	p.items[from].down = append(p.items[from].down, len(p.links)-1)
	p.items[to].up = append(p.items[to].up, len(p.links)-1)
}

// gap is what is free between two neighbors in a layer.
func (p *plan) gap(a, b int) int {
	if p.items[a].passes || p.items[b].passes {
		return p.Lane
	}
	return p.Gap
}

// fits chooses the items' widths. It reports whether each layer fits.
func (p *plan) fits() bool {
	if p.Width <= 0 {
		return true
	}
	for _, layer := range p.layers {
		free := p.Width
		var vertices []int
		for _, i := range layer {
			if one := p.items[i]; one.passes {
				free -= 1 + p.Lane
			} else {
				vertices = append(vertices, i)
			}
		}
		if len(vertices) == 0 {
			if free+p.Lane < 0 {
				return false
			}
			continue
		}
		free -= p.Gap * (len(vertices) - 1)
		// The narrow ones leave the rest to the others.
		sorting.By(vertices, func(a, b int) int { return cmp.Compare(p.items[a].width, p.items[b].width) })
		least := 0
		for _, i := range vertices {
			least += p.sizes[p.items[i].vertex].Least
		}
		if least > free {
			return false
		}
		for n, i := range vertices {
			size := p.sizes[p.items[i].vertex]
			least -= size.Least
			p.items[i].width = max(size.Least, min(size.Best, free/(len(vertices)-n), free-least))
			free -= p.items[i].width
		}
	}
	return true
}

const sweeps = 24

// order sorts each layer so that few edges cross.
func (p *plan) order() {
	p.firstOrder()
	best, bestCrossings := p.snapshot(), p.crossings()
	for sweep := 0; sweep < sweeps && bestCrossings > 0; sweep++ {
		if sweep%2 == 0 {
			for l := 1; l < len(p.layers); l++ {
				p.sortLayer(l, true)
			}
		} else {
			for l := len(p.layers) - 2; l >= 0; l-- {
				p.sortLayer(l, false)
			}
		}
		p.swapNeighbors()
		if n := p.crossings(); n < bestCrossings {
			best, bestCrossings = p.snapshot(), n
		}
	}
	for l, layer := range best {
		p.setLayer(l, layer)
	}
}

func (p *plan) snapshot() [][]int {
	out := make([][]int, len(p.layers))
	for l, layer := range p.layers {
		out[l] = slices.Clone(layer)
	}
	return out
}

func (p *plan) setLayer(l int, layer []int) {
	p.layers[l] = layer
	for at, i := range layer {
		p.items[i].at = at
	}
}

// firstOrder goes through the graph in depth, so that what belongs together
// begins side by side.
func (p *plan) firstOrder() {
	seen := make([]bool, len(p.items))
	order := make([][]int, len(p.layers))
	for l := range p.layers {
		for _, start := range p.layers[l] {
			stack := []int{start}
			for len(stack) > 0 {
				i := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				if seen[i] {
					continue
				}
				seen[i] = true
				order[p.items[i].layer] = append(order[p.items[i].layer], i)
				for _, k := range slices.Backward(p.items[i].up) {
					stack = append(stack, p.links[k].from)
				}
				for _, k := range slices.Backward(p.items[i].down) {
					stack = append(stack, p.links[k].to)
				}
			}
		}
	}
	for l, layer := range order {
		p.setLayer(l, layer)
	}
}

// sortLayer puts items below (or above) the middle of what they are linked to.
func (p *plan) sortLayer(l int, down bool) {
	layer := slices.Clone(p.layers[l])
	middle := make(map[int]float64, len(layer))
	for _, i := range layer {
		links, other := p.items[i].up, func(k int) int { return p.links[k].from }
		if !down {
			links, other = p.items[i].down, func(k int) int { return p.links[k].to }
		}
		if len(links) == 0 {
			middle[i] = -1
			continue
		}
		sum := 0.0
		for _, k := range links {
			sum += float64(p.items[other(k)].at)
		}
		middle[i] = sum / float64(len(links))
	}
	// Items without links keep their places; the others share the rest.
	var moving []int
	for _, i := range layer {
		if middle[i] >= 0 {
			moving = append(moving, i)
		}
	}
	sorting.By(moving, func(a, b int) int { return cmp.Compare(middle[a], middle[b]) })
	next := 0
	for at, i := range layer {
		if middle[i] >= 0 {
			layer[at] = moving[next]
			next++
		}
	}
	p.setLayer(l, layer)
}

// swapNeighbors swaps two items wherever that saves crossings.
func (p *plan) swapNeighbors() {
	for range 4 {
		better := false
		for l := range p.layers {
			layer := p.layers[l]
			for at := 0; at+1 < len(layer); at++ {
				a, b := layer[at], layer[at+1]
				if p.between(b, a) < p.between(a, b) {
					layer[at], layer[at+1] = b, a
					p.items[a].at, p.items[b].at = at+1, at
					better = true
				}
			}
		}
		if !better {
			return
		}
	}
}

// between is how often the links of a cross those of b, with a left of b.
func (p *plan) between(a, b int) int {
	n := 0
	for _, k := range p.items[a].up {
		for _, m := range p.items[b].up {
			if p.items[p.links[k].from].at > p.items[p.links[m].from].at {
				n++
			}
		}
	}
	for _, k := range p.items[a].down {
		for _, m := range p.items[b].down {
			if p.items[p.links[k].to].at > p.items[p.links[m].to].at {
				n++
			}
		}
	}
	return n
}

// crossings counts all of them.
func (p *plan) crossings() int {
	n := 0
	for _, layer := range p.layers {
		var ends []int // in the order of the links' starts
		for _, i := range layer {
			links := slices.Clone(p.items[i].down)
			sorting.By(links, func(a, b int) int {
				return cmp.Compare(p.items[p.links[a].to].at, p.items[p.links[b].to].at)
			})
			for _, k := range links {
				end := p.items[p.links[k].to].at
				for _, before := range ends {
					if before > end {
						n++
					}
				}
				ends = append(ends, end)
			}
		}
	}
	return n
}
