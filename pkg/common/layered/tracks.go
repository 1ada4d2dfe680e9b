package layered

import (
	"cmp"
	"slices"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// net is the lines of one vertex in a channel.
type net struct {
	of, from  int
	to        []int
	low, high int // columns of its horizontal line
	track     int
}

// forbidden is the price of two lines on top of each other.
const forbidden = 1_000_000

// tracks gives each net that isn't straight a horizontal track: as few below
// one another as possible, and so that few lines cross.
func tracks(lines []Line) Channel {
	var nets []*net
	byVertex := map[int]*net{}
	for _, line := range lines {
		n := byVertex[line.Net]
		if n == nil {
			n = &net{of: line.Net, from: line.From, low: line.From, high: line.From, track: -1}
			byVertex[line.Net] = n
			nets = append(nets, n)
		}
		n.to = append(n.to, line.To)
		n.low, n.high = min(n.low, line.To), max(n.high, line.To)
	}
	nets = slices.DeleteFunc(nets, func(n *net) bool { return n.low == n.high })
	sorting.By(nets, func(a, b *net) int { return cmp.Compare(a.from, b.from) })
	nets = sorted(nets)
	channel := Channel{Lines: lines}
	for i, n := range nets {
		n.track = 0
		for _, above := range nets[:i] {
			if n.low <= above.high+1 && above.low <= n.high+1 {
				n.track = max(n.track, above.track+1)
			}
		}
		channel.Tracks = max(channel.Tracks, n.track+1)
	}
	for i := range lines {
		lines[i].Track = byVertex[lines[i].Net].track
	}
	return channel
}

// sorted puts nets in an order from top to bottom in which none lies on top of
// another, and that costs few crossings.
func sorted(nets []*net) []*net {
	out := make([]*net, 0, len(nets))
	for len(nets) > 0 {
		best, bestPrice := 0, 0
		for i, a := range nets {
			sum := 0
			for _, b := range nets {
				if a != b {
					sum += price(a, b) - min(price(b, a), forbidden-1)
				}
			}
			if i == 0 || sum < bestPrice {
				best, bestPrice = i, sum
			}
		}
		out = append(out, nets[best])
		nets = slices.Delete(nets, best, best+1)
	}
	return out
}

// price is what it costs to have a above b: crossings, and lines on top of
// each other.
func price(a, b *net) int {
	n := 0
	if a.low <= b.from && b.from <= a.high {
		n++
	}
	for _, to := range a.to {
		if b.low <= to && to <= b.high {
			n++
		}
		if to == b.from {
			n += forbidden
		}
	}
	return n
}
