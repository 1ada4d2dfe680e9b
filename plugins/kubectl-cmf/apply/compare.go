package apply

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// serverMetadata are the fields of metadata that CMF sets.
var serverMetadata = []string{"metadata.uid", "metadata.creationTimestamp", "metadata.updateTimestamp", "metadata.resourceVersion", "metadata.generation"}

// Clean is object without what CMF sets: what a file would say.
func Clean(kind *cmf.Kind, object cmf.Object) cmf.Object {
	out := object.Copy()
	delete(out, "status")
	for _, path := range kind.Server {
		out.Remove(path)
	}
	for _, path := range serverMetadata {
		out.Remove(path)
	}
	for _, field := range []string{"metadata.labels", "metadata.annotations"} {
		if value, ok := out.At(field); ok && (value == nil || len(out.Map(field)) == 0) {
			out.Remove(field)
		}
	}
	return out
}

// Merge is what to send so that live becomes what desired says. The spec is
// replaced whole, as CMF does it. Labels and annotations that desired doesn't
// state stay; its labels replace all, its annotations only those of the same
// name: other tools leave theirs there. Kinds that keep absent fields keep
// them.
func Merge(kind *cmf.Kind, desired, live cmf.Object) cmf.Object {
	out := Clean(kind, desired)
	was := Clean(kind, live)
	if kind.KeepAbsent {
		for key, value := range was {
			if _, stated := out[key]; !stated {
				out[key] = value
			}
		}
	}
	if kind.Flat {
		// null in a file clears the field; CMF takes no null, but replaces the
		// whole object, so that absent says the same.
		for key, value := range out {
			if value == nil {
				delete(out, key)
			}
		}
	}
	if len(kind.Only) > 0 {
		// The server takes these fields only; all others stay as they are.
		stated := out
		out = was.Copy()
		for _, path := range kind.Only {
			if value, ok := stated.At(path); ok {
				out.Set(path, value)
			}
		}
		return out
	}
	if labels, ok := was.At("metadata.labels"); ok {
		switch stated, _ := desired.At("metadata.labels"); fields := stated.(type) {
		case nil:
			out.Set("metadata.labels", labels)
		case map[string]any:
			if len(fields) == 0 {
				// To leave them out would leave them there.
				out.Set("metadata.labels", fields)
			}
		}
	}
	if annotations := was.Map("metadata.annotations"); len(annotations) > 0 {
		merged := map[string]any{}
		maps.Copy(merged, annotations)
		maps.Copy(merged, out.Map("metadata.annotations"))
		out.Set("metadata.annotations", merged)
	}
	return out
}

// Translate gives renamed fields the name that this version of CMF knows.
func Translate(kind *cmf.Kind, object cmf.Object, v cmf.Version) error {
	for _, rename := range kind.Renamed {
		from, to := rename.Old, rename.New
		if v.Before(rename.Since) {
			from, to = to, from
		}
		value, ok := object.At(from)
		if !ok {
			continue
		}
		if other, both := object.At(to); both && !Equal(value, other) {
			return fmt.Errorf("%s and %s are two names for the same field and differ; keep one", from, to)
		}
		object.Remove(from)
		object.Set(to, value)
	}
	return nil
}

// comparable is object in the form in which two of them can be compared.
func comparable(kind *cmf.Kind, object cmf.Object, v cmf.Version) cmf.Object {
	out := Clean(kind, object)
	// A difference between both names of a field is found before.
	_ = Translate(kind, out, v)
	kind.TextsOnly(out)
	delete(out, "apiVersion")
	delete(out, "kind")
	for _, path := range kind.WriteOnly {
		out.Remove(path)
	}
	// That an object says where it lives changes nothing.
	for _, name := range placeAnnotations {
		if annotations := out.Map("metadata.annotations"); annotations != nil {
			delete(annotations, name)
		}
	}
	for path, value := range kind.Defaults {
		if got, ok := out.At(path); ok && Equal(got, value) {
			out.Remove(path)
		}
	}
	if kind.Flat {
		// metadata repeats the name.
		out.Remove("metadata.name")
	}
	pruned, _ := withoutNulls(map[string]any(out)).(map[string]any)
	return pruned
}

// withoutNulls takes null fields and empty objects away: CMF leaves out what
// is null, and sends {} or nothing alike.
func withoutNulls(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, item := range v {
			item = withoutNulls(item)
			if fields, isMap := item.(map[string]any); item == nil || isMap && len(fields) == 0 {
				delete(v, key)
				continue
			}
			v[key] = item
		}
	case []any:
		for i := range v {
			v[i] = withoutNulls(v[i])
		}
	}
	return value
}

// Changes are the paths at which live differs from what it would be after
// merged was sent, sorted.
func Changes(kind *cmf.Kind, merged, live cmf.Object, v cmf.Version) []string {
	a, b := comparable(kind, merged, v), comparable(kind, live, v)
	var out []string
	differences(map[string]any(a), map[string]any(b), "", &out)
	slices.Sort(out)
	return out
}

func differences(a, b any, path string, out *[]string) {
	left, leftMap := a.(map[string]any)
	right, rightMap := b.(map[string]any)
	if !leftMap || !rightMap {
		if !Equal(a, b) {
			*out = append(*out, path)
		}
		return
	}
	for key, value := range left {
		if other, ok := right[key]; ok {
			differences(value, other, join(path, key), out)
		} else {
			*out = append(*out, join(path, key))
		}
	}
	for key := range right {
		if _, ok := left[key]; !ok {
			*out = append(*out, join(path, key))
		}
	}
}

func join(path, key string) string { return strings.TrimPrefix(path+"."+key, ".") }

// Equal compares JSON values; numbers by value, so that 1 is 1.0.
func Equal(a, b any) bool {
	if x, ok := number(a); ok {
		y, isNumber := number(b)
		return isNumber && x.Cmp(y) == 0
	}
	switch left := a.(type) {
	case map[string]any:
		right, ok := b.(map[string]any)
		if !ok || len(left) != len(right) {
			return false
		}
		for key, value := range left {
			other, ok := right[key]
			if !ok || !Equal(value, other) {
				return false
			}
		}
		return true
	case []any:
		right, ok := b.([]any)
		return ok && slices.EqualFunc(left, right, Equal)
	}
	return reflect.DeepEqual(a, b)
}

func number(value any) (*big.Rat, bool) {
	switch v := value.(type) {
	case json.Number:
		// An exponent of a million digits is compared as text instead.
		if len(v) > 400 || strings.ContainsAny(string(v), "eE") {
			f, err := v.Float64()
			if err != nil {
				return nil, false
			}
			return new(big.Rat).SetFloat64(f), true
		}
		return new(big.Rat).SetString(string(v))
	case int:
		return new(big.Rat).SetInt64(int64(v)), true
	case int64:
		return new(big.Rat).SetInt64(v), true
	case float64:
		r := new(big.Rat).SetFloat64(v)
		return r, r != nil
	}
	return nil, false
}
