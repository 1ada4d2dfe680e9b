package secret

import "strings"

// pair is a name and a value that stand beside each other: {name: DB_PASS,
// value: x}.
type pair struct {
	// name, where set, is the end of a secret's name; value is a value before
	// its name.
	name  int
	value span
}

// paired looks at name: x and value: x; other is where to go on else.
func (f *finder) paired(k key, at, other int) int {
	switch k.name {
	case "name", "key", "value", "Name", "Key", "Value", "val", "param", "parameter", "option", "property", "variable":
	default:
		return other
	}
	v := f.value(at, "", !k.quoted && f.text[at-1] == ':')
	if v.start >= v.end {
		return other
	}
	if f.pairedValue(k, v) {
		return v.next
	}
	return other
}

// pairedValue notes a name or hides a value; hidden reports the latter.
func (f *finder) pairedValue(k key, v found) (hidden bool) {
	if strings.EqualFold(k.name, "value") || k.name == "val" {
		if f.pair.name > 0 && f.beside(f.pair.name, k.start) {
			f.hide(v.start, v.end)
			f.pair = pair{}
			return true
		}
		f.pair = pair{value: span{v.start, v.end}}
		return false
	}
	if name := f.text[v.start:v.end]; len(name) > farthest || !Name(name) || !k.quoted && objectName(name) {
		f.pair = pair{}
		return false
	}
	if f.pair.value.end > 0 && f.beside(f.pair.value.end, k.start) {
		f.hide(f.pair.value.start, f.pair.value.end)
	}
	f.pair = pair{name: v.end}
	return false
}

// beside reports whether nothing but separators is between two places.
func (f *finder) beside(from, to int) bool {
	if to < from || to-from > 8*farthest {
		return false
	}
	between := f.text[from:to]
	between = strings.NewReplacer("</name>", "", "</value>", "", `\n`, "", "<", "", ">", "").Replace(between)
	if strings.Trim(between, " \t\r\n,;\"'`\\") == "" {
		return true
	}
	// Other fields of the same object are between.
	return !strings.ContainsAny(between, "{}[]") && !strings.Contains(strings.ReplaceAll(between, " ", ""), "\n-")
}
