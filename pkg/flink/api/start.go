package api

import (
	"slices"
)

// carriedOut reports whether the operator has taken up the newest spec; true
// also where it is too old to tell.
func (j Job) IsReconciled() bool {
	observed, ok := Number(j.Object.Object, "status", "observedGeneration")
	return !ok || observed >= j.Object.GetGeneration()
}

func SortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
