package cmf

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// Redacted stands where a secret would be. It is never sent to a server.
const Redacted = "<redacted>"

// Redact is a copy of object that may be shown: all of the kind's write-only
// fields and everything that is secret is replaced.
func Redact(kind *Kind, object Object) Object {
	return RedactWith(kind, object, nil)
}

// RedactWith is Redact with words of the caller's: replace is given each value
// that has a secret and what may be shown of it.
func RedactWith(kind *Kind, object Object, replace func(value, shown string) string) Object {
	if object == nil {
		return nil
	}
	out := object.Copy()
	if kind != nil {
		for _, path := range kind.WriteOnly {
			if value, ok := out.At(path); ok && value != nil {
				out.Set(path, secret.Hide(value, Redacted, replace))
			}
		}
	}
	names := map[string]any{}
	if kind != nil {
		for _, path := range kind.SecretNames {
			if value, ok := out.At(path); ok {
				names[path] = value
				out.Remove(path)
			}
		}
	}
	fields, _ := secret.Walk(map[string]any(out), Redacted, replace).(map[string]any)
	shown := Object(fields)
	for path, value := range names {
		shown.Set(path, value)
	}
	return shown
}

// Secrets are the values in object that have secrets.
func Secrets(kind *Kind, object Object) []string {
	var out []string
	eachSecret(kind, object, func(value, _ string) { out = append(out, value) })
	return out
}

func eachSecret(kind *Kind, object Object, tell func(value, shown string)) {
	RedactWith(kind, object, func(value, shown string) string {
		tell(value, shown)
		return shown
	})
}

// HasRedacted names the first field in which Redacted is: that object came from
// our own output and lacks its secrets.
func HasRedacted(object Object) (path string, found bool) { return contains(object, Redacted) }

// contains names the first field with mark in it.
func contains(object Object, mark string) (path string, found bool) {
	var walk func(value any, at string) bool
	walk = func(value any, at string) bool {
		switch v := value.(type) {
		case string:
			if strings.Contains(v, mark) {
				path = at
				return true
			}
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				if walk(v[key], strings.TrimPrefix(at+"."+key, ".")) {
					return true
				}
			}
		case []any:
			for _, item := range v {
				if walk(item, at+"[]") {
					return true
				}
			}
		}
		return false
	}
	return path, walk(map[string]any(object), "")
}

// Restore puts the values of live back where object, which was edited, has what
// Redact showed of them. Items of lists are told apart by their names, those
// without by their places where none was added or removed. What was edited
// beside a secret keeps Redacted, which no server is sent.
func Restore(kind *Kind, object, live Object) { restore(object, live, Redact(kind, live), Redacted) }

// restore puts the values of live where object has those of shown that have mark
// in them.
func restore(object, live, shown Object, mark string) {
	var walk func(value, from, shown any) any
	walk = func(value, from, shown any) any {
		switch v := value.(type) {
		case string:
			if strings.Contains(v, mark) && shown == value {
				return from
			}
		case map[string]any:
			source, _ := from.(map[string]any)
			seen, _ := shown.(map[string]any)
			for key, item := range v {
				v[key] = walk(item, source[key], seen[key])
			}
		case []any:
			source, _ := from.([]any)
			seen, _ := shown.([]any)
			for i, item := range v {
				if at := placeOf(item, i, len(v), source); at >= 0 && at < len(seen) {
					v[i] = walk(item, source[at], seen[at])
				}
			}
		}
		return value
	}
	walk(map[string]any(object), map[string]any(live), map[string]any(shown))
}

// placeOf is where in source an item is that is number i of a list of count;
// -1 where it isn't known.
func placeOf(item any, i, count int, source []any) int {
	fields, _ := item.(map[string]any)
	name, named := fields["name"].(string)
	if named {
		return slices.IndexFunc(source, func(other any) bool {
			fields, _ := other.(map[string]any)
			return fields["name"] == name
		})
	}
	if count != len(source) {
		return -1
	}
	return i
}

// hide takes the secrets of object out of what the server says about it.
func hide(err error, object Object) error {
	var status *StatusError
	if !errors.As(err, &status) {
		return err
	}
	var known []string
	eachSecret(KindOf(object), object, func(value, shown string) {
		if shown == Redacted {
			known = append(known, value)
		}
		known = append(known, secret.Find(value)...)
	})
	// A secret may be a part of another.
	sorting.By(known, func(a, b string) int { return len(b) - len(a) })
	for i, message := range status.Messages {
		for _, value := range known {
			if len(value) < 4 {
				continue // would tear words apart
			}
			message = strings.ReplaceAll(message, value, Redacted)
		}
		status.Messages[i] = secret.TextAs(message, Redacted)
	}
	return err
}

// KindOf is the kind that an object says it is; nil where it is none that is known.
func KindOf(object Object) *Kind {
	name := object.Text("kind")
	for _, k := range Kinds {
		if k.Kind == name {
			return k
		}
	}
	return nil
}
