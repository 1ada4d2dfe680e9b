package apply

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf16"

	yamlv3 "go.yaml.in/yaml/v3"
)

type part struct {
	data []byte
	line int
}

// splitYAML cuts a stream at its --- lines. The parser reads the first document
// of a part only, so that every end of a line which it knows has to be known here.
func splitYAML(data []byte) []part {
	if !bytes.Contains(data, []byte("\n")) {
		data = bytes.ReplaceAll(data, []byte("\r"), []byte("\n"))
	}
	var out []part
	var current []byte
	start, line := 1, 0
	flush := func(next int) {
		if len(bytes.TrimSpace(current)) > 0 {
			out = append(out, part{current, start})
		}
		current, start = nil, next
	}
	for text := range bytes.Lines(data) {
		line++
		if len(bytes.TrimSpace(current)) == 0 && bytes.HasPrefix(text, []byte("%YAML ")) {
			continue // for parsers of several versions
		}
		if rest, ok := bytes.CutPrefix(text, []byte("\xef\xbb\xbf---")); ok {
			text = append([]byte("---"), rest...) // files that were put together
		}
		if rest, ok := bytes.CutPrefix(text, []byte("---")); ok && (len(bytes.TrimSpace(rest)) == 0 || rest[0] == ' ' || rest[0] == '\t') {
			flush(line + 1)
			if rest = bytes.TrimSpace(rest); len(rest) > 0 && rest[0] != '#' {
				current, start = append(slices.Clone(rest), '\n'), line
			}
			continue
		}
		if bytes.Equal(bytes.TrimSpace(text), []byte("...")) && text[0] == '.' {
			flush(line + 1)
			continue
		}
		current = append(current, text...)
	}
	flush(line)
	return out
}

// fromUTF16 is data in UTF-8, where its mark says that it is UTF-16: Windows' shells
// write their output so.
func fromUTF16(data []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		order = binary.BigEndian
	default:
		return data
	}
	var units []uint16
	for i := 2; i+1 < len(data); i += 2 {
		units = append(units, order.Uint16(data[i:]))
	}
	return []byte(string(utf16.Decode(units)))
}

// doubleKey is the first key that an object in valid JSON has twice, and where
// it ends; -1 where there is none.
func doubleKey(data []byte) (key string, at int) {
	// An object's keys so far; nil for a list.
	type level struct {
		keys  map[string]bool
		value bool
	}
	var open []level
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return "", -1
		}
		if end, ok := token.(json.Delim); ok && (end == '}' || end == ']') {
			open = open[:len(open)-1]
			continue
		}
		if top := len(open) - 1; top >= 0 && open[top].keys != nil {
			if name, isText := token.(string); isText && !open[top].value {
				if open[top].keys[name] {
					return name, int(decoder.InputOffset())
				}
				open[top].keys[name], open[top].value = true, true
				continue
			}
			open[top].value = false
		}
		switch token {
		case json.Delim('{'):
			open = append(open, level{keys: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		}
	}
}

// mergedYAML is a document as JSON whose maps say again what <<: brings along: the
// strict parser takes that for a key twice. One that is there twice is an error here,
// too.
func mergedYAML(data []byte) ([]byte, error) {
	var value any
	if err := yamlv3.Unmarshal(data, &value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

// noComments is why a file that looks fine isn't JSON.
const noComments = "; JSON has no comments: take them out"

// jsonHint says in words of a user what err in data mostly comes from.
func jsonHint(data []byte, err error) string {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) || syntax.Offset < 1 || syntax.Offset > int64(len(data)) {
		return ""
	}
	before := bytes.TrimRight(data[:syntax.Offset-1], " \t\r\n")
	switch at := data[syntax.Offset-1]; {
	case at == '/' || at == '#':
		return noComments
	case (at == '}' || at == ']') && bytes.HasSuffix(before, []byte(",")):
		return "; JSON has no comma before the end of an object or list"
	case at == '{' && bytes.HasSuffix(before, []byte("{")):
		return template
	case at == '\'':
		return "; JSON's quotes are double"
	}
	return ""
}

// template is said of a file with actions in it.
const template = "; it is a template, which has to be rendered first, as with helm template"

// yamlHint says in words of a user what keeps data from being YAML.
func yamlHint(data []byte) string {
	for text := range bytes.Lines(data) {
		line := strings.TrimLeft(string(text), " ")
		if strings.HasPrefix(line, "\t") && strings.TrimSpace(line) != "" {
			return "; YAML is indented with spaces, not with tabs"
		}
		// In quotes, or in a comment, it is a text like any other.
		if before, _, found := strings.Cut(line, "{{"); found && strings.Contains(line, "}}") && !strings.ContainsAny(before, "\"'#") {
			return template
		}
	}
	return ""
}
