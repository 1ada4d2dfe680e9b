package sqlplan

import (
	"fmt"
	"hash/fnv"
	"slices"
)

// mix makes one number of several things; equal things give equal numbers.
type mix struct{ h uint64 }

func newMix() *mix { return &mix{14695981039346656037} }

func (m *mix) text(s string) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	m.number(h.Sum64())
}

func (m *mix) number(n uint64) {
	for range 8 {
		m.h = (m.h ^ n&0xff) * 1099511628211
		n >>= 8
	}
}

func (m *mix) sum() uint64 { return m.h }

// link is an input of a step that has operators.
type link struct {
	from int
	// near says that nothing stands between that keeps the two from being chained.
	near bool
}

// places are keys of where the nodes of a plan are in the job's graph, "" for
// those without an operator. They are equal where StreamGraphHasherV2 gives equal
// ids, as far as one node is one operator.
func places(p Plan) []string {
	at := map[int]int{}
	for i, n := range p.Nodes {
		at[n.ID] = i
	}
	without := make([]bool, len(p.Nodes))
	inputs := make([][]link, len(p.Nodes))
	for i, n := range p.Nodes {
		kind := n.Kind()
		without[i] = slices.Contains(virtual, kind)
		for _, id := range n.Inputs {
			from := at[id]
			if !without[from] {
				inputs[i] = append(inputs[i], link{from, kind != "exchange"})
				continue
			}
			for _, one := range inputs[from] {
				// Many unions of many would be more than there is room for.
				if len(inputs[i]) > mostNodes {
					break
				}
				inputs[i] = append(inputs[i], link{one.from, one.near && kind != "exchange"})
			}
		}
	}
	readers, chained := make([][]int, len(p.Nodes)), make([]int, len(p.Nodes))
	for i := range p.Nodes {
		if without[i] {
			continue
		}
		for _, input := range inputs[i] {
			readers[input.from] = append(readers[input.from], i)
			if input.near && len(inputs[i]) == 1 {
				chained[input.from]++
			}
		}
	}
	// As Flink goes through the graph: from the sources on, and to an operator
	// once all of its inputs were seen.
	keys, seen := make([]uint64, len(p.Nodes)), make([]bool, len(p.Nodes))
	out := make([]string, len(p.Nodes))
	var queue []int
	for i := range p.Nodes {
		if !without[i] && len(inputs[i]) == 0 {
			queue = append(queue, i)
		}
	}
	open := make([]int, len(p.Nodes))
	for i := range p.Nodes {
		open[i] = len(inputs[i])
	}
	for n := uint64(0); len(queue) > 0; n++ {
		i := queue[0]
		queue = queue[1:]
		key := newMix()
		key.number(n)
		key.number(uint64(chained[i])) //nolint:gosec // a count
		for _, input := range inputs[i] {
			key.number(keys[input.from])
		}
		keys[i], seen[i] = key.sum(), true
		out[i] = fmt.Sprintf("%016x", keys[i])
		for _, reader := range readers[i] {
			if open[reader]--; open[reader] == 0 && !seen[reader] {
				queue = append(queue, reader)
			}
		}
	}
	return out
}
