package api

// patched is the job with a merge patch of its spec carried out.
func (j Job) Patched(patch map[string]any) Job {
	out := Job{j.Kind, j.Object.DeepCopy()}
	applyMerge(out.Spec(), patch)
	return out
}

// applyMerge carries out a JSON merge patch.
func applyMerge(into, patch map[string]any) {
	for key, value := range patch {
		below, isMap := value.(map[string]any)
		there, wasMap := into[key].(map[string]any)
		switch {
		case value == nil:
			delete(into, key)
		case isMap && wasMap:
			applyMerge(there, below)
		case isMap:
			fresh := map[string]any{}
			applyMerge(fresh, below)
			into[key] = fresh
		default:
			into[key] = value
		}
	}
}
