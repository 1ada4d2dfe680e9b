package printer

import (
	"bytes"
	"encoding/json"
	"testing"

	"sigs.k8s.io/yaml"
)

// A list that is printed item by item looks as if it was printed at once.
func TestListsLookAsIfPrintedAtOnce(t *testing.T) {
	object := map[string]any{"a": "<b>", "n": 1, "text": "one\n\n  two\n", "list": []any{map[string]any{"x": nil}, []any{}}, "empty": map[string]any{}}
	for _, items := range [][]any{{}, {object}, {object, nil, object}} {
		list, asIs := List(items), len(items) == 3 // hidden or not: there is no secret
		var want, got bytes.Buffer
		encoder := json.NewEncoder(&want)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "    ")
		if err := encoder.Encode(list); err != nil {
			t.Fatal(err)
		}
		if err := (Result{Object: list, AsIs: asIs}).writeJSON(&got); err != nil || got.String() != want.String() {
			t.Errorf("JSON of %d: %v\n%s\nwant\n%s", len(items), err, got.String(), want.String())
		}
		inYAML, err := yaml.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		got.Reset()
		if err := (Result{Object: list, AsIs: asIs}).writeYAML(&got); err != nil || got.String() != string(inYAML) {
			t.Errorf("YAML of %d: %v\n%s\nwant\n%s", len(items), err, got.String(), inYAML)
		}
	}
}
