package api

import (
	"encoding/json"
	"maps"
)

// Merge adds the fields of patches to into, field by field, and returns it. It
// is for building a Change's Spec from parts; later ones win.
func Merge(into map[string]any, patches ...map[string]any) map[string]any {
	if into == nil {
		into = map[string]any{}
	}
	for _, patch := range patches {
		for key, value := range patch {
			below, isMap := value.(map[string]any)
			there, wasMap := into[key].(map[string]any)
			if isMap {
				if !wasMap {
					there = map[string]any{}
				}
				value = Merge(maps.Clone(there), below)
			}
			into[key] = value
		}
	}
	return into
}

// Contains reports whether a merge patch would leave an object as it is.
func Contains(object, patch map[string]any) bool {
	for key, want := range patch {
		have, there := object[key]
		switch want := want.(type) {
		case nil:
			if there {
				return false
			}
		case map[string]any:
			below, _ := have.(map[string]any)
			if !Contains(below, want) {
				return false
			}
		default:
			if !there || !SameJSON(have, want) {
				return false
			}
		}
	}
	return true
}

// SameJSON compares values that may have been decoded differently: numbers are
// int64, float64 or json.Number.
func SameJSON(a, b any) bool {
	left, err := json.Marshal(a)
	if err != nil {
		return false
	}
	right, err := json.Marshal(b)
	return err == nil && string(left) == string(right)
}

// Inverse is the merge patch that makes of an object, changed by patch, what it
// was before.
func Inverse(before, patch map[string]any) map[string]any {
	out := map[string]any{}
	for key, want := range patch {
		have, there := before[key]
		below, isMap := want.(map[string]any)
		was, wasMap := have.(map[string]any)
		switch {
		case !there:
			out[key] = nil
		case isMap && wasMap:
			out[key] = Inverse(was, below)
		default:
			out[key] = have
		}
	}
	return out
}
