package layered

import (
	"cmp"
	"math"
	"slices"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// align moves items below and above what they are linked to.
func (p *plan) align() {
	for _, layer := range p.layers {
		x := 0
		for n, i := range layer {
			if n > 0 {
				x += p.gap(layer[n-1], i)
			}
			p.items[i].x = float64(x)
			x += p.items[i].width
		}
	}
	for round := range 12 {
		up, down := round%2 == 0, round%2 == 1
		if round >= 8 { // both, so that neither has the last word
			up, down = true, true
		}
		if round%2 == 0 {
			for l := range p.layers {
				p.alignLayer(l, up, down)
			}
		} else {
			for l := range slices.Backward(p.layers) {
				p.alignLayer(l, up, down)
			}
		}
	}
}

// alignLayer moves the items of a layer as near as their neighbors and the
// width let them to the middle of what they are linked to.
func (p *plan) alignLayer(l int, up, down bool) {
	layer := p.layers[l]
	want, weight, offset := make([]float64, len(layer)), make([]float64, len(layer)), p.offsets(layer)
	for n, i := range layer {
		one := &p.items[i]
		sum, weights := 0.0, 0.0
		pull := func(other int) {
			w := 1.0
			if one.passes {
				w *= 3
			}
			if p.items[other].passes {
				w *= 3 // long edges are to be straight
			}
			sum += w * (p.items[other].x + float64(p.items[other].width)/2 - float64(one.width)/2)
			weights += w
		}
		if up {
			for _, k := range one.up {
				pull(p.links[k].from)
			}
		}
		if down {
			for _, k := range one.down {
				pull(p.links[k].to)
			}
		}
		if weights == 0 {
			want[n], weight[n] = one.x, 0.1
			continue
		}
		want[n], weight[n] = sum/weights, weights
	}
	last := layer[len(layer)-1]
	limit := math.Inf(1)
	if p.Width > 0 {
		limit = float64(p.Width - p.items[last].width)
	}
	for n, x := range spread(want, weight, offset, 0, limit) {
		p.items[layer[n]].x = x
	}
}

// offsets are the least distances of the items from the first one.
func (p *plan) offsets(layer []int) []float64 {
	out := make([]float64, len(layer))
	for n := 1; n < len(layer); n++ {
		out[n] = out[n-1] + float64(p.items[layer[n-1]].width+p.gap(layer[n-1], layer[n]))
	}
	return out
}

// spread is the places nearest to those that are wanted (by weighted squares)
// that keep order and distances, the first at least at low and the last at
// most at high: an isotonic regression.
func spread(want, weight, offset []float64, low, high float64) []float64 {
	type block struct {
		mean, weight float64
		n            int
	}
	var blocks []block
	for i := range want {
		b := block{want[i] - offset[i], weight[i], 1}
		for len(blocks) > 0 && blocks[len(blocks)-1].mean > b.mean {
			before := blocks[len(blocks)-1]
			blocks = blocks[:len(blocks)-1]
			sum := before.weight + b.weight
			b = block{(before.mean*before.weight + b.mean*b.weight) / sum, sum, before.n + b.n}
		}
		blocks = append(blocks, b)
	}
	out := make([]float64, 0, len(want))
	if len(want) > 0 {
		high -= offset[len(offset)-1]
	}
	for _, b := range blocks {
		for range b.n {
			out = append(out, max(min(b.mean, high), low)+offset[len(out)])
		}
	}
	return out
}

// drawing turns places into whole numbers and finds the lines' ways.
func (p *plan) drawing(back []int) Drawing {
	d := Drawing{Boxes: make([]Box, len(p.sizes)), Channels: make([]Channel, len(p.layers)), Back: back}
	left := math.MaxInt
	at := make([]int, len(p.items))
	for _, layer := range p.layers {
		offset := p.offsets(layer)
		for n, i := range layer {
			// Rounded without the distances, so that these stay.
			at[i] = int(math.Round(p.items[i].x-offset[n])) + int(offset[n])
			left = min(left, at[i])
		}
	}
	for i := range at {
		at[i] -= left
		if one := p.items[i]; !one.passes {
			d.Boxes[one.vertex] = Box{Layer: one.layer, X: at[i], Width: one.width, Out: at[i] + one.width/2}
			d.Width = max(d.Width, at[i]+one.width)
		} else {
			d.Width = max(d.Width, at[i]+1)
		}
	}
	for l := 0; l+1 < len(p.layers); l++ {
		d.Channels[l] = p.channel(l, at, d.Boxes)
	}
	return d
}

// leaves is the column in which an item's links leave.
func (p *plan) leaves(i int, at []int, boxes []Box) int {
	if p.items[i].passes {
		return at[i]
	}
	return boxes[p.items[i].vertex].Out
}

// channel finds the columns in which the links of a layer arrive, and the
// tracks on which they get there.
func (p *plan) channel(l int, at []int, boxes []Box) Channel {
	var lines []Line
	starts := map[int]int{} // column → net
	for _, i := range p.layers[l] {
		if len(p.items[i].down) > 0 {
			starts[p.leaves(i, at, boxes)] = p.items[i].vertex
		}
	}
	// foreign reports whether another net starts in a column.
	foreign := func(column, net int) bool {
		other, ok := starts[column]
		return ok && other != net
	}
	below := p.layers[l+1]
	for n, i := range below {
		one := p.items[i]
		if one.passes {
			from := p.links[one.up[0]].from
			start := p.leaves(from, at, boxes)
			low, high := at[i], at[i]
			if n == 0 || at[i]-1 >= p.end(below[n-1], at)+p.Lane/2 {
				low--
			}
			if n == len(below)-1 || at[i]+1 <= at[below[n+1]]-1-p.Lane/2 {
				high++
			}
			if p.Width > 0 {
				high = min(high, p.Width-1)
			}
			at[i] = evade(at[i], max(low, 0), high, func(column int) bool { return foreign(column, one.vertex) })
			lines = append(lines, Line{Net: one.vertex, From: start, To: at[i], Edge: -1})
			continue
		}
		lines = append(lines, p.arrive(i, at, boxes, foreign)...)
	}
	return tracks(lines)
}

// end is the first column after an item.
func (p *plan) end(i int, at []int) int { return at[i] + p.items[i].width }

// arrive finds the columns in which links arrive at a vertex: straight below
// where they start if they can, else spread over its width.
func (p *plan) arrive(i int, at []int, boxes []Box, foreign func(column, net int) bool) []Line {
	one := p.items[i]
	links := slices.Clone(one.up)
	start := func(k int) int { return p.leaves(p.links[k].from, at, boxes) }
	sorting.By(links, func(a, b int) int { return cmp.Compare(start(a), start(b)) })
	room := func(n int) int { return p.edges[p.links[links[n]].edge].Room }
	if len(links) == 0 {
		return nil
	}
	low, high := at[i]+p.Margin, at[i]+one.width-1-p.Margin-room(len(links)-1)
	want, weight, offset := make([]float64, len(links)), make([]float64, len(links)), make([]float64, len(links))
	for n, k := range links {
		if n > 0 {
			offset[n] = offset[n-1] + float64(room(n-1)+2)
		}
		column := start(k)
		want[n], weight[n] = float64(at[i])+float64(one.width)*float64(n+1)/float64(len(links)+1), 1
		if low <= column && column <= high && (n == 0 || start(links[n-1]) != column) {
			want[n], weight[n] = float64(column), 1e6
		}
	}
	places := spread(want, weight, offset, float64(low), float64(high))
	columns := make([]int, len(links))
	for n := range links {
		columns[n] = int(math.Round(places[n]-offset[n])) + int(offset[n])
	}
	lines := make([]Line, len(links))
	for n, k := range links {
		net := p.items[p.links[k].from].vertex
		least, most := low, high
		if n > 0 {
			least = columns[n-1] + room(n-1) + 2
		}
		if n+1 < len(links) {
			most = columns[n+1] - room(n) - 2
		}
		columns[n] = evade(columns[n], least, most, func(column int) bool { return foreign(column, net) })
		lines[n] = Line{Net: net, From: start(k), To: columns[n], Edge: p.links[k].edge}
	}
	return lines
}

// evade is the column nearest to one that is not taken; column itself where
// there is none from low to high.
func evade(column, low, high int, taken func(int) bool) int {
	if !taken(column) {
		return column
	}
	for by := 1; column-by >= low || column+by <= high; by++ {
		if column+by <= high && !taken(column+by) {
			return column + by
		}
		if column-by >= low && !taken(column-by) {
			return column - by
		}
	}
	return column
}
