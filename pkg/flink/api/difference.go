package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
)

// FieldChange is one field of a spec that differs. Old or New is "" where the
// field is absent there. Secrets are masked.
type FieldChange struct{ Path, Old, New string }

// DiffSpecs are the fields that differ between two specs of a job, with
// flinkConfiguration flattened, sorted by path.
func DiffSpecs(before, after map[string]any) []FieldChange {
	old, fresh := flattenSpec(before), flattenSpec(after)
	paths := map[string]bool{}
	for path := range old {
		paths[path] = true
	}
	for path := range fresh {
		paths[path] = true
	}
	var out []FieldChange
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if old[path] == fresh[path] {
			continue
		}
		change := FieldChange{path, old[path].shown, fresh[path].shown}
		if change.Old == change.New && change.New != "" {
			change.New += " (another value)"
		}
		out = append(out, change)
	}
	return out
}

// field is a value as it is and as it may be shown.
type field struct{ value, shown string }

// ConfigPrefix begins the path of a FieldChange of the configuration.
const ConfigPrefix = "flinkConfiguration "

func flattenSpec(spec map[string]any) map[string]field {
	values, shown := map[string]string{}, map[string]string{}
	flattenField(values, "", spec)
	flattenField(shown, "", WithoutSecrets(spec))
	out := map[string]field{}
	for path, value := range values {
		out[path] = field{value, shown[path]}
	}
	config, _ := spec["flinkConfiguration"].(map[string]any)
	for name, text := range Flatten(config) {
		out[ConfigPrefix+name] = field{text, secret.Value(name, text)}
	}
	return out
}

// WithoutSecrets is a copy of a spec, or of a part of one, in which secrets are
// hidden.
func WithoutSecrets(spec map[string]any) map[string]any {
	hidden, _ := secret.Walk(spec, secret.Hidden, nil).(map[string]any)
	return hidden
}

// flattenField puts the values below path into out; those of flinkConfiguration
// are left out, which has names of its own.
func flattenField(out map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, child := range v {
			if path == "" {
				if _, isConfig := child.(map[string]any); isConfig && key == "flinkConfiguration" {
					continue
				}
				flattenField(out, key, child)
				continue
			}
			flattenField(out, path+"."+key, child)
		}
	case []any:
		if plain := PlainList(v); plain != "" {
			out[path] = plain
			return
		}
		for i, child := range v {
			flattenField(out, fmt.Sprintf("%s[%d]", path, i), child)
		}
	case nil:
	default:
		out[path] = strings.TrimSuffix(fmt.Sprint(v), ".0")
	}
}

// PlainList is a list of words as JSON; "" where it holds more than words, or
// nothing.
func PlainList(list []any) string {
	words := make([]string, len(list))
	for i, item := range list {
		switch item.(type) {
		case map[string]any, []any:
			return ""
		}
		words[i] = fmt.Sprint(item)
	}
	if len(list) == 0 {
		return ""
	}
	encoded, _ := json.Marshal(words)
	return string(encoded)
}
