package apply

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

type part struct {
	data []byte
	line int
}

// splitYAML cuts a stream at its --- lines.
func splitYAML(data []byte) []part {
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
		switch {
		case strings.HasPrefix(line, "\t") && strings.TrimSpace(line) != "":
			return "; YAML is indented with spaces, not with tabs"
		case strings.HasPrefix(line, "{{"):
			return template
		}
	}
	return ""
}
