package api

// tellsGeneration reports whether the operator notes which generation it
// carried out, as it does since 1.8.
func (j Job) HasObservedGeneration() bool {
	_, ok := Number(j.Object.Object, "status", "observedGeneration")
	return ok
}
