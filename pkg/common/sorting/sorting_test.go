package sorting

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// It sorts as the standard library's stable sort does.
func TestBy(t *testing.T) {
	type pair struct{ key, place int }
	for _, n := range []int{0, 1, 2, 21, 1000} {
		var a []pair
		for i := range n {
			a = append(a, pair{rand.IntN(10), i})
		}
		b := slices.Clone(a)
		byKey := func(x, y pair) int { return cmp.Compare(x.key, y.key) }
		By(a, byKey)
		slices.SortStableFunc(b, byKey)
		if !slices.Equal(a, b) {
			t.Errorf("of %d: %v, want %v", n, a, b)
		}
	}
}
