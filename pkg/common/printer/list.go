package printer

import (
	"bytes"
	"io"
	"reflect"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
)

// listItems are the items of what List makes; ok is false for anything else.
func listItems(object any) (items reflect.Value, ok bool) {
	list, isMap := object.(map[string]any)
	if !isMap || list["kind"] != "List" || len(list) != 4 {
		return reflect.Value{}, false
	}
	items = reflect.ValueOf(list["items"])
	return items, items.Kind() == reflect.Slice && items.Len() > 0
}

// json is value as JSON, without secrets where they have no place. prefix is
// before each line but the first; "" with indent "" puts all on one line.
func (r Result) json(value any, prefix, indent string) ([]byte, error) {
	var text bytes.Buffer
	encoder := JSONEncoder(&text)
	encoder.SetIndent(prefix, indent)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	if r.AsIs || r.ShowSecrets {
		return text.Bytes(), nil
	}
	return secret.JSON(text.Bytes()), nil
}

// writeJSON prints the object as kubectl does. A list is printed item by item,
// as it would look printed at once: thousands of objects as one text need more
// memory than the objects.
func (r Result) writeJSON(w io.Writer) error {
	items, isList := listItems(r.Object)
	if !isList {
		text, err := r.json(r.Object, "", "    ")
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	}
	before := "{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n        "
	for i := range items.Len() {
		text, err := r.json(items.Index(i).Interface(), "        ", "    ")
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, before); err != nil {
			return err
		}
		if _, err := w.Write(bytes.TrimRight(text, "\n")); err != nil {
			return err
		}
		before = ",\n        "
	}
	_, err := io.WriteString(w, "\n    ],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n")
	return err
}

// writeYAML is writeJSON for YAML.
func (r Result) writeYAML(w io.Writer) error {
	items, isList := listItems(r.Object)
	if !isList {
		return r.yaml(w, r.Object)
	}
	if _, err := io.WriteString(w, "apiVersion: v1\nitems:\n"); err != nil {
		return err
	}
	for i := range items.Len() {
		if err := r.yaml(w, []any{items.Index(i).Interface()}); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "kind: List\nmetadata:\n  resourceVersion: \"\"\n")
	return err
}

func (r Result) yaml(w io.Writer, value any) error {
	text, err := r.json(value, "", "")
	if err != nil {
		return err
	}
	out, err := yaml.JSONToYAML(text)
	if err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}
