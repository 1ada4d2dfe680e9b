package printer

import (
	"bytes"
	"io"
	"reflect"
	"strings"
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

// writeList prints a list item by item, as it would look printed at once:
// thousands of objects as one text need more memory than the objects.
func writeList(w io.Writer, items reflect.Value) error {
	if _, err := io.WriteString(w, "{\n    \"apiVersion\": \"v1\",\n    \"items\": ["); err != nil {
		return err
	}
	var text bytes.Buffer
	encoder := JSONEncoder(&text)
	encoder.SetIndent("        ", "    ")
	for i := range items.Len() {
		text.Reset()
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString("\n        ")
		if err := encoder.Encode(items.Index(i).Interface()); err != nil {
			return err
		}
		if _, err := w.Write(bytes.TrimRight(text.Bytes(), "\n")); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "\n    ],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n")
	return err
}

// writeYAMLList is writeList for YAML.
func writeYAMLList(w io.Writer, items reflect.Value) error {
	if _, err := io.WriteString(w, "apiVersion: v1\nitems:\n"); err != nil {
		return err
	}
	for i := range items.Len() {
		text, err := EncodeYAML([]any{items.Index(i).Interface()})
		if err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "kind: List\nmetadata:\n  resourceVersion: \"\"\n")
	return err
}

// writeJSON prints object as kubectl does.
func writeJSON(w io.Writer, object any) error {
	if items, ok := listItems(object); ok {
		return writeList(w, items)
	}
	encoder := JSONEncoder(w)
	encoder.SetIndent("", strings.Repeat(" ", 4))
	return encoder.Encode(object)
}

func writeYAML(w io.Writer, object any) error {
	if items, ok := listItems(object); ok {
		return writeYAMLList(w, items)
	}
	out, err := EncodeYAML(object)
	if err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}
