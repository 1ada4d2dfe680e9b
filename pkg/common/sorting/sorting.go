// Package sorting sorts slices.
package sorting

import "sort"

// By sorts a slice by a comparison that returns a negative number where a comes
// before b, as those of package cmp do. What is equal stays in its order.
//
// slices.SortFunc and SortStableFunc are compiled once for each type of element,
// some 15 and 10 kB in a binary each time; this isn't, and is slower (by two to
// three times for structs), which only shows at 100,000 elements and more.
func By[S ~[]E, E any](s S, compare func(a, b E) int) {
	sort.SliceStable(s, func(i, j int) bool { return compare(s[i], s[j]) < 0 })
}
