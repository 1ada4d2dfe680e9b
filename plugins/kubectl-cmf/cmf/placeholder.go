package cmf

import "strings"

// Placeholder stands in an exported file where a secret was: it means what the
// server has there. It is never sent. Redacted, which output shows, can't be
// applied.
const Placeholder = "<as-on-the-server>"

// Placeholders is a copy of object with Placeholder where it has secrets.
func Placeholders(kind *Kind, object Object) Object {
	return RedactWith(kind, object, func(_, shown string) string { return strings.ReplaceAll(shown, Redacted, Placeholder) })
}

// FillPlaceholders puts the values of live where object, which came from a file,
// has what Placeholders shows of them.
func FillPlaceholders(kind *Kind, object, live Object) {
	restore(object, live, Placeholders(kind, live), Placeholder)
}

// HasPlaceholder names the first field in which Placeholder is.
func HasPlaceholder(object Object) (path string, found bool) { return contains(object, Placeholder) }
