package sqlplan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Adopt gives the nodes of a new plan, as text, the ids of those of an old one that
// do the same, so that they find their state, and ids that the old one never had to
// the others.
func Adopt(old Plan, next []byte) ([]byte, error) {
	plan, err := Read(next)
	if err != nil {
		return nil, err
	}
	ids := adopted(old, plan)
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(next, &whole); err != nil {
		return nil, err
	}
	for field, keys := range map[string][]string{"nodes": {"id"}, "edges": {"source", "target"}} {
		var all []map[string]json.RawMessage
		if len(whole[field]) > 0 {
			if err := json.Unmarshal(whole[field], &all); err != nil {
				return nil, fmt.Errorf("a compiled plan's %s: %w", field, err)
			}
		}
		for _, one := range all {
			for _, key := range keys {
				id, err := strconv.Atoi(string(one[key]))
				if err != nil {
					return nil, fmt.Errorf("a compiled plan's %s of %s: %w", key, field, err)
				}
				one[key] = json.RawMessage(strconv.Itoa(ids[id]))
			}
		}
		if whole[field], err = json.Marshal(all); err != nil {
			return nil, err
		}
	}
	return json.Marshal(whole)
}

// adopted are the ids that the nodes of next get.
func adopted(old, next Plan) map[int]int {
	was, is := lookAt(old, ByPlan), lookAt(next, ByPlan)
	out, taken, highest := map[int]int{}, make([]bool, len(old.Nodes)), 0
	for _, n := range old.Nodes {
		highest = max(highest, n.ID)
	}
	// First those with the same inputs, too: two that do the same differ in that.
	for _, alike := range []func(i, j int) bool{
		func(i, j int) bool { return was.feeds[i] == is.feeds[j] },
		func(int, int) bool { return true },
	} {
		for j, n := range next.Nodes {
			if _, done := out[n.ID]; done {
				continue
			}
			i := slices.IndexFunc(was.owns, func(own string) bool { return own == is.owns[j] })
			for ; i >= 0 && i < len(old.Nodes); i++ {
				if !taken[i] && was.owns[i] == is.owns[j] && alike(i, j) {
					taken[i], out[n.ID] = true, old.Nodes[i].ID
					break
				}
			}
		}
	}
	for _, n := range next.Nodes {
		if _, done := out[n.ID]; !done {
			highest++
			out[n.ID] = highest
		}
	}
	return out
}
