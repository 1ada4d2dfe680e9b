package secret

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// Known are secrets that a name or a form gave away in one place, to be hidden
// wherever else they are: a password that the configuration calls one may stand in
// a log without any name. Its zero value is ready; it isn't safe for use by several
// goroutines while secrets are added.
type Known struct {
	values   map[string]bool
	except   map[string]bool
	replacer *strings.Replacer
}

// leastKnown is how long a secret is that is hidden wherever it stands, in bytes: a
// shorter one is part of too many words.
const leastKnown = 6

// mostKnown bounds how many secrets are known.
const mostKnown = 10000

// Except are words that are hidden nowhere by themselves, such as names of
// objects, even if somebody took one for a password.
func (k *Known) Except(words ...string) {
	if k.except == nil {
		k.except = map[string]bool{}
	}
	for _, word := range words {
		k.except[word] = true
	}
}

// Add takes in a secret, and the forms that it has in JSON, URLs and base64.
func (k *Known) Add(value string) {
	value = strings.TrimSpace(value)
	if harmless(value) || strings.HasPrefix(value, Hidden) {
		return
	}
	if scheme, token, found := strings.Cut(value, " "); found && (strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "basic")) {
		value = strings.TrimSpace(token)
	}
	k.add(value)
	if len(value) < leastKnown {
		return
	}
	if encoded, err := json.Marshal(value); err == nil {
		k.add(strings.Trim(string(encoded), `"`))
	}
	k.add(url.QueryEscape(value))
	k.add(url.PathEscape(value))
	k.add(base64.StdEncoding.EncodeToString([]byte(value)))
	if strings.Contains(value, "\n") {
		// A part of a key is a secret, too. Its first and last lines are known to all.
		for line := range strings.Lines(value) {
			if line = strings.TrimSpace(line); len(line) >= 16 && !strings.HasPrefix(line, "-----") {
				k.add(line)
			}
		}
	}
}

func (k *Known) add(value string) {
	if len(value) < leastKnown || k.except[value] || len(k.values) >= mostKnown {
		return
	}
	if k.values == nil {
		k.values = map[string]bool{}
	}
	k.values[value] = true
	k.replacer = nil
}

// AddIn takes in the secrets of a value that is made of maps and lists as JSON is
// decoded.
func (k *Known) AddIn(value any) {
	Walk(value, Hidden, func(value, shown string) string {
		k.addDifference(value, shown)
		return shown
	})
}

// AddText takes in the secrets that show in a text.
func (k *Known) AddText(text string) {
	for _, found := range Find(text) {
		k.Add(found)
	}
}

// AddNamed takes in the value of what is called name, as far as it is secret.
func (k *Known) AddNamed(name, value string) { k.addDifference(value, Value(name, value)) }

// addDifference takes in what shown hides of value.
func (k *Known) addDifference(value, shown string) {
	if shown == value {
		return
	}
	before, after, found := strings.Cut(shown, Hidden)
	if found && !strings.Contains(after, Hidden) && strings.HasPrefix(value, before) && strings.HasSuffix(value, after) && len(before)+len(after) <= len(value) {
		k.Add(value[len(before) : len(value)-len(after)])
		return
	}
	k.AddText(value)
}

// Hide is text without the secrets that are known, and without those that show by
// their form.
func (k *Known) Hide(text string) string { return k.HideKnown(Text(text)) }

// HideKnown is text without the secrets that are known.
func (k *Known) HideKnown(text string) string {
	if len(k.values) == 0 {
		return text
	}
	if k.replacer == nil {
		k.Seal()
	}
	return k.replacer.Replace(text)
}

// Seal ends the adding of secrets: from then on Hide may be called by several
// goroutines.
func (k *Known) Seal() {
	if len(k.values) == 0 {
		return
	}
	// The longest first: of two secrets one may begin as the other.
	values := make([]string, 0, len(k.values))
	for value := range k.values {
		values = append(values, value)
	}
	sorting.By(values, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	pairs := make([]string, 0, 2*len(values))
	for _, value := range values {
		pairs = append(pairs, value, Hidden)
	}
	k.replacer = strings.NewReplacer(pairs...)
	k.replacer.Replace("") // builds it
}

// HideIn is a copy of a value that is made of maps and lists as JSON is decoded,
// without secrets, those that are known among them. Strings that are documents of
// JSON, as annotations and statuses have, are read as such.
func (k *Known) HideIn(value any) any {
	return k.eachText(Walk(documents(value), Hidden, nil))
}

// documents hides the secrets in strings that are JSON.
func documents(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = documents(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = documents(item)
		}
		return out
	case string:
		if text := strings.TrimSpace(v); strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
			return string(JSON([]byte(v)))
		}
	}
	return value
}

func (k *Known) eachText(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[k.HideKnown(key)] = k.eachText(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = k.eachText(item)
		}
		return out
	case string:
		return k.HideKnown(v)
	}
	return value
}
