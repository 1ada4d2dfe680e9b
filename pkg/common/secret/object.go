package secret

import (
	"fmt"
	"strings"
)

// node is a value of JSON, wherever it comes from: a document or Go's maps.
type node struct {
	kind    nodeKind
	text    string
	members []member
	items   []*node
	// set puts a string in the place of a string or a number.
	set func(string)
}

type nodeKind int

const (
	nothing nodeKind = iota // null and switches
	text
	number
	object
	array
)

type member struct {
	key   string
	value *node
}

// masker hides the secrets in nodes.
type masker struct {
	mark string
	// replace, where set, is called with each value that has a secret and what
	// is shown of it; what it returns is put in its place.
	replace func(value, shown string) string
}

func (m masker) put(n *node, shown string) {
	if shown == n.text && n.kind == text {
		return
	}
	if m.replace != nil {
		shown = m.replace(n.text, shown)
	}
	n.set(shown)
}

// look hides the secrets in n, a value that no secret's name is on.
func (m masker) look(n *node) {
	switch n.kind {
	case text:
		m.put(n, TextAs(n.text, m.mark))
	case array:
		m.list(n.items)
	case object:
		m.object(n)
	default: // no text is in it
	}
}

func (m masker) object(n *node) {
	name, manifest := "", false
	for _, one := range n.members {
		switch one.key {
		case "name", "key", "Name", "Key", "param", "parameter", "option", "property", "variable":
			if one.value.kind == text && (name == "" || strings.EqualFold(one.key, "name")) {
				name = one.value.text
			}
		case "kind":
			manifest = one.value.text == "Secret"
		}
	}
	for _, one := range n.members {
		switch {
		case (strings.EqualFold(one.key, "value") || one.key == "val") && name != "" && Name(name) && !workingDir(name, one.value.text):
			m.hide(one.value)
		case manifest && (one.key == "data" || one.key == "stringData"):
			m.hide(one.value)
		case one.value.kind == text && telling(one.key, one.value.text):
			m.hide(one.value)
		case !Name(one.key) || workingDir(one.key, one.value.text) || counted(one.key, one.value.text), reference(one.key) && names(one.value):
			m.look(one.value)
		default:
			m.hide(one.value)
		}
	}
}

// hide hides all of n, which is a secret.
func (m masker) hide(n *node) {
	switch n.kind {
	case text:
		if !harmless(n.text) {
			m.put(n, m.mark)
		}
	case number:
		m.put(n, m.mark)
	case array:
		for _, item := range n.items {
			m.hide(item)
		}
	case object:
		for _, one := range n.members {
			switch one.key {
			case "valueFrom", "secretKeyRef", "configMapKeyRef", "secretRef", "fieldRef":
				m.look(one.value) // says where the secret is
			default:
				m.hide(one.value)
			}
		}
	default: // null, true and false
	}
}

// names reports whether n refers to Kubernetes Secrets by their names: the
// volume {secretName: x}, and lists of {name: x}.
func names(n *node) bool {
	switch n.kind {
	case array:
		for _, item := range n.items {
			if item.kind != object || !names(item) {
				return false
			}
		}
		return true
	case object:
		named := false
		for _, one := range n.members {
			switch one.key {
			case "name", "secretName":
				named = true
			case "namespace", "items", "defaultMode", "optional", "key", "kind", "apiVersion", "path", "mode":
			default:
				return false
			}
		}
		return named
	default:
		return false
	}
}

// list hides secrets in a list; one of words is taken for the arguments of a
// program.
func (m masker) list(items []*node) {
	next := false
	for _, item := range items {
		if item.kind != text && item.kind != number {
			next = false
			m.look(item)
			continue
		}
		value := item.text
		if next && !strings.HasPrefix(value, "--") && !isOption(value) {
			next = false
			m.hide(item)
			continue
		}
		name, rest, assigned := strings.Cut(value, "=")
		switch {
		case assigned && isName(name) && Name(name):
			if !harmless(rest) && !workingDir(name, rest) && !counted(name, rest) {
				m.put(item, name+"="+m.mark)
			}
			next = false
		case item.kind == text:
			m.look(item)
			next = strings.HasPrefix(value, "-") && isName(value) && Name(value)
		}
	}
}

// isName reports whether text may be the name of an option.
func isName(text string) bool {
	for i := range len(text) {
		if !nameByte(text[i]) {
			return false
		}
	}
	return text != ""
}

// Arguments are a program's without the secrets in them.
func Arguments(arguments []string) []string {
	out := make([]string, len(arguments))
	items := make([]*node, len(arguments))
	for i, argument := range arguments {
		out[i] = argument
		items[i] = &node{kind: text, text: argument, set: func(shown string) { out[i] = shown }}
	}
	masker{mark: Hidden}.list(items)
	return out
}

// Walk is a copy of value, which is made of maps and lists as JSON is decoded,
// without the secrets in it. replace, where not nil, is called with each string
// or number that has a secret and what may be shown of it, in which mark stands
// for the secrets; what it returns is put there.
func Walk(value any, mark string, replace func(value, shown string) string) any {
	out := copied(value)
	masker{mark, replace}.look(decoded(out, func(shown string) { out = shown }))
	return out
}

// Hide is Walk where all of value is secret.
func Hide(value any, mark string, replace func(value, shown string) string) any {
	out := copied(value)
	masker{mark, replace}.hide(decoded(out, func(shown string) { out = shown }))
	return out
}

func copied(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = copied(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = copied(item)
		}
		return out
	}
	return value
}

func decoded(value any, set func(string)) *node {
	switch v := value.(type) {
	case nil, bool:
		return &node{kind: nothing}
	case string:
		return &node{kind: text, text: v, set: set}
	case map[string]any:
		n := &node{kind: object}
		for key, item := range v {
			n.members = append(n.members, member{key, decoded(item, func(shown string) { v[key] = shown })})
		}
		return n
	case []any:
		n := &node{kind: array}
		for i, item := range v {
			n.items = append(n.items, decoded(item, func(shown string) { v[i] = shown }))
		}
		return n
	}
	return &node{kind: number, text: fmt.Sprint(value), set: set}
}

// JSON is a document of JSON without the secrets in it, otherwise as it is: in
// the same order and with the same white space. What is no JSON is taken for a
// text.
func JSON(document []byte) []byte {
	r := reader{data: document}
	root := r.value(0)
	if r.space(); root == nil || r.at != len(r.data) {
		return []byte(Text(string(document)))
	}
	masker{mark: Hidden}.look(root)
	if len(r.edits) == 0 {
		return document
	}
	// A later node may have been changed before an earlier one.
	edits := map[int]edit{}
	for _, e := range r.edits {
		edits[e.start] = e
	}
	var out []byte
	for at := 0; at < len(document); {
		if e, found := edits[at]; found {
			out = append(out, e.text...)
			at = e.end
			continue
		}
		out = append(out, document[at])
		at++
	}
	return out
}
