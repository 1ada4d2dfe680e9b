package cmf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Object is one resource as CMF sends and takes it. Fields that this program
// doesn't know pass through untouched; numbers are json.Number, so that a long
// id stays whole.
type Object map[string]any

// Decode reads exactly one JSON object.
func Decode(data []byte) (Object, error) {
	value, err := decodeValue(data)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("expected a JSON object, got %s", TypeName(value))
	}
	return object, nil
}

func decodeValue(data []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("nothing there")
		}
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more follows after the JSON value")
	}
	return value, nil
}

// Encode is o as JSON on one line, without Go's escaping of <, > and &.
func (o Object) Encode() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(map[string]any(o)); err != nil {
		return nil, err
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// TypeName is what people call the type of a JSON value.
func TypeName(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case string:
		return "a string"
	case []any:
		return "a list"
	case map[string]any, Object:
		return "an object"
	}
	return "a number"
}

// At is the value at the dotted path, where ~1 stands for a dot in a name; ok is
// false where a step is missing.
func (o Object) At(path string) (value any, ok bool) {
	value = map[string]any(o)
	for step := range strings.SplitSeq(path, ".") {
		fields, isMap := value.(map[string]any)
		if !isMap {
			return nil, false
		}
		if value, ok = fields[dotted(step)]; !ok {
			return nil, false
		}
	}
	return value, true
}

// Text is the scalar at path as text, "" where there is none. Several paths
// separated by "|" are tried in order.
func (o Object) Text(path string) string {
	for p := range strings.SplitSeq(path, "|") {
		value, _ := o.At(p)
		switch v := value.(type) {
		case string:
			if v != "" {
				return v
			}
		case json.Number:
			return v.String()
		case bool:
			return fmt.Sprint(v)
		case int, int64, float64:
			return fmt.Sprint(v)
		}
	}
	return ""
}

// Map is the object at path, nil where there is none.
func (o Object) Map(path string) map[string]any {
	value, _ := o.At(path)
	fields, _ := value.(map[string]any)
	return fields
}

// Strings is the map of texts at path, as labels are.
func (o Object) Strings(path string) map[string]string {
	fields := o.Map(path)
	out := make(map[string]string, len(fields))
	for key, value := range fields {
		if text, ok := value.(string); ok {
			out[key] = text
		}
	}
	return out
}

// Set puts value at the dotted path and makes the objects on the way.
func (o Object) Set(path string, value any) {
	steps := strings.Split(path, ".")
	fields := map[string]any(o)
	for _, step := range steps[:len(steps)-1] {
		step = dotted(step)
		next, ok := fields[step].(map[string]any)
		if !ok {
			next = map[string]any{}
			fields[step] = next
		}
		fields = next
	}
	fields[dotted(steps[len(steps)-1])] = value
}

// Remove takes the value at the dotted path away.
func (o Object) Remove(path string) {
	parent, last := map[string]any(o), path
	if i := strings.LastIndex(path, "."); i >= 0 {
		parent, last = o.Map(path[:i]), path[i+1:]
	}
	delete(parent, dotted(last))
}

// dotted is a step of a path as the field's name.
func dotted(step string) string { return strings.ReplaceAll(step, "~1", ".") }

// Copy is a deep copy.
func (o Object) Copy() Object {
	if o == nil {
		return nil
	}
	return copyValue(map[string]any(o)).(map[string]any)
}

func copyValue(value any) any {
	switch v := value.(type) {
	case Object:
		return copyValue(map[string]any(v))
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = copyValue(item)
		}
		return out
	case []any:
		out := slices.Clone(v)
		for i := range out {
			out[i] = copyValue(out[i])
		}
		return out
	}
	return value
}

// Name is the resource's name: metadata.name, or name for an environment.
func (o Object) Name() string {
	if name := o.Text("metadata.name"); name != "" {
		return name
	}
	return o.Text("name")
}
