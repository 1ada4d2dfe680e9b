package cmf

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// Redacted stands where a secret would be. It is never sent to a server.
const Redacted = "<redacted>"

// sensitive are the names of fields, options and variables whose values are
// secrets: passwords of connectionConfig, keys of storage in a Flink
// configuration, variables of a pod.
var sensitive = regexp.MustCompile(`(?i)(password|passwd|passphrase|secret|token|jaas\.config|credential|api[-_.]?key|access[-_.]?key|private[-_.]?key|user\.info|keystore\.key|authorization)`)

// harmless are names that only look like it: they name a secret, or where one
// is.
var harmless = regexp.MustCompile(`(?i)(secret-?(id|name|ref|keyref)s?$|secretkeyref|\.?(file|path|dir|location|provider|class|uri|url|endpoint|type|alias|algorithm|mechanism|enabled|interval|expiration.*|lifetime.*)$|^sql\.secrets\.|^automount)`)

// IsSensitive reports whether the value of a field with that name is a secret.
func IsSensitive(name string) bool {
	return sensitive.MatchString(name) && !harmless.MatchString(name)
}

// Redact is a copy of object that may be shown: all of the kind's write-only
// fields and everything that looks like a secret is replaced.
func Redact(kind *Kind, object Object) Object {
	return RedactWith(kind, object, func(string) string { return Redacted })
}

// RedactWith is Redact with words of the caller's for each secret.
func RedactWith(kind *Kind, object Object, replace func(secret string) string) Object {
	out := object.Copy()
	eachSecret(kind, out, replace)
	return out
}

// Secrets are the secret values in object, longest first.
func Secrets(kind *Kind, object Object) []string {
	var out []string
	eachSecret(kind, object.Copy(), func(value string) string {
		if !slices.Contains(out, value) {
			out = append(out, value)
		}
		return value
	})
	slices.SortFunc(out, func(a, b string) int { return len(b) - len(a) })
	return out
}

// HasRedacted names the first field that holds Redacted: that object came from
// our own output and lacks its secrets.
func HasRedacted(object Object) (path string, found bool) {
	var walk func(value any, at string) bool
	walk = func(value any, at string) bool {
		switch v := value.(type) {
		case string:
			if v == Redacted {
				path = at
				return true
			}
		case map[string]any:
			for key, item := range v {
				if walk(item, strings.TrimPrefix(at+"."+key, ".")) {
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

// Restore puts live's values back where object has Redacted.
func Restore(object, live Object) {
	var walk func(value, from any) any
	walk = func(value, from any) any {
		switch v := value.(type) {
		case string:
			if text, ok := from.(string); ok && v == Redacted {
				return text
			}
		case map[string]any:
			source, _ := from.(map[string]any)
			for key, item := range v {
				v[key] = walk(item, source[key])
			}
		case []any:
			source, _ := from.([]any)
			for i, item := range v {
				if i < len(source) {
					v[i] = walk(item, source[i])
				}
			}
		}
		return value
	}
	walk(map[string]any(object), map[string]any(live))
}

func eachSecret(kind *Kind, object Object, replace func(string) string) {
	if kind != nil {
		for _, path := range kind.WriteOnly {
			if value, ok := object.At(path); ok && value != nil {
				object.Set(path, replaceAll(value, replace))
			}
		}
	}
	walkSecrets(map[string]any(object), replace)
}

func walkSecrets(value any, replace func(string) string) {
	switch v := value.(type) {
	case map[string]any:
		// {name: AWS_SECRET_ACCESS_KEY, value: …}: a variable of a container.
		if name, ok := v["name"].(string); ok && IsSensitive(name) {
			if text, ok := v["value"].(string); ok && !placeholder(text) {
				v["value"] = replace(text)
			}
		}
		for key, item := range v {
			text, isText := item.(string)
			switch {
			case isText && IsSensitive(key) && text != "" && !placeholder(text):
				v[key] = replace(text)
			case !isText:
				walkSecrets(item, replace)
			}
		}
	case []any:
		for _, item := range v {
			walkSecrets(item, replace)
		}
	}
}

func replaceAll(value any, replace func(string) string) any {
	switch v := value.(type) {
	case string:
		if v == "" {
			return v
		}
		return replace(v)
	case map[string]any:
		for key, item := range v {
			v[key] = replaceAll(item, replace)
		}
		return v
	case nil, bool:
		return value
	case []any:
		for i, item := range v {
			v[i] = replaceAll(item, replace)
		}
		return v
	}
	return replace(Redacted)
}

var placeholderPattern = regexp.MustCompile(`^\$\{[^}]*\}$`)

// placeholder reports whether text only names a variable.
func placeholder(text string) bool { return placeholderPattern.MatchString(text) }

// hide takes the secrets of object out of what the server says about it.
func hide(err error, object Object) error {
	var status *StatusError
	if !errors.As(err, &status) {
		return err
	}
	kind := kindOf(object)
	for i, message := range status.Messages {
		for _, secret := range Secrets(kind, object) {
			if len(secret) < 4 {
				continue // would tear words apart
			}
			message = strings.ReplaceAll(message, secret, Redacted)
		}
		status.Messages[i] = message
	}
	return err
}

func kindOf(object Object) *Kind {
	name := object.Text("kind")
	for _, k := range Kinds {
		if k.Kind == name {
			return k
		}
	}
	return nil
}
