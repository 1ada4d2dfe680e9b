package secret

import (
	"bytes"
	"encoding/json"
	"strings"
)

// edit replaces a part of a document.
type edit struct {
	start, end int
	text       []byte
}

// reader reads a document and keeps the places of its values.
type reader struct {
	data  []byte
	at    int
	edits []edit
}

// deepest bounds how deep a document is nested.
const deepest = 1000

func (r *reader) space() {
	for r.at < len(r.data) && isSpace(r.data[r.at]) {
		r.at++
	}
}

// next takes the byte c, if it is next.
func (r *reader) next(c byte) bool {
	r.space()
	if r.at < len(r.data) && r.data[r.at] == c {
		r.at++
		return true
	}
	return false
}

// value reads a value; nil where there is none.
func (r *reader) value(depth int) *node {
	r.space()
	if depth > deepest || r.at >= len(r.data) {
		return nil
	}
	start := r.at
	n := &node{}
	switch c := r.data[r.at]; {
	case c == '{':
		r.at++
		n.kind = object
		for first := true; !r.next('}'); first = false {
			if !first && !r.next(',') {
				return nil
			}
			r.space()
			key, ok := r.word()
			if !ok || !r.next(':') {
				return nil
			}
			item := r.value(depth + 1)
			if item == nil {
				return nil
			}
			n.members = append(n.members, member{key, item})
		}
		return n
	case c == '[':
		r.at++
		n.kind = array
		for first := true; !r.next(']'); first = false {
			if !first && !r.next(',') {
				return nil
			}
			item := r.value(depth + 1)
			if item == nil {
				return nil
			}
			n.items = append(n.items, item)
		}
		return n
	case c == '"':
		word, ok := r.word()
		if !ok {
			return nil
		}
		n.kind, n.text = text, word
	default:
		for r.at < len(r.data) && !isSpace(r.data[r.at]) && strings.IndexByte(",]}", r.data[r.at]) < 0 {
			r.at++
		}
		n.text = string(r.data[start:r.at])
		switch {
		case n.text == "null" || n.text == "true" || n.text == "false":
		case json.Valid([]byte(n.text)):
			n.kind = number
		default:
			return nil
		}
	}
	end := r.at
	n.set = func(shown string) {
		var encoded bytes.Buffer
		encoder := json.NewEncoder(&encoded)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(shown); err == nil { // a string always can be
			r.edits = append(r.edits, edit{start, end, bytes.TrimSpace(encoded.Bytes())})
		}
	}
	return n
}

// word reads a string.
func (r *reader) word() (string, bool) {
	if r.at >= len(r.data) || r.data[r.at] != '"' {
		return "", false
	}
	start := r.at
	escaped := false
	for r.at++; r.at < len(r.data); r.at++ {
		switch r.data[r.at] {
		case '\\':
			escaped = true
			r.at++
		case '"':
			r.at++
			if !escaped {
				return string(r.data[start+1 : r.at-1]), true
			}
			var out string
			err := json.Unmarshal(r.data[start:r.at], &out)
			return out, err == nil
		}
	}
	return "", false
}
