package sqlshell

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// null is how a missing value is shown to people.
const null = "NULL"

// shown is textOf for people, who have to tell a text from a missing value: a
// text that reads NULL is in quotes.
func shown(value any, t Type) string {
	if s, ok := value.(string); ok && looksMissing(s) {
		return quote(s)
	}
	return textOf(value, t)
}

// looksMissing reports whether a text reads like a missing value, or like such
// a text in quotes.
func looksMissing(s string) bool { return strings.Trim(s, "'") == null }

// quote is a text as SQL writes it.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// appendInner is a text inside of an array, map or row: in quotes where it
// could be taken for something else.
func appendInner(out []byte, s string) []byte {
	if s == "" || looksMissing(s) || strings.ContainsAny(s, "[](){},='\r\n") || strings.TrimSpace(s) != s {
		s = quote(s)
	}
	return append(out, s...)
}

// text is a value as people read it: NULL, x'CAFE', (row, fields),
// [array, elements], {map=entries}.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return null
	case string:
		return v
	case bool:
		return strings.ToUpper(strconv.FormatBool(v))
	case json.Number:
		return string(v)
	}
	return string(appendText(nil, value, Type{}))
}

// textOf is text for a value of a known type: a ROW gets round brackets, an
// ARRAY square ones.
func textOf(value any, t Type) string {
	switch value.(type) {
	case []byte, []any, []Pair:
		return string(appendText(nil, value, t))
	}
	return text(value)
}

func appendText(out []byte, value any, t Type) []byte {
	switch v := value.(type) {
	case []byte:
		out = append(out, "x'"...)
		out = append(out, strings.ToUpper(hex.EncodeToString(v))...)
		return append(out, '\'')
	case []any:
		open, end := byte('['), byte(']')
		if isRow(t) {
			open, end = '(', ')'
		}
		out = append(out, open)
		for i, element := range v {
			if i > 0 {
				out = append(out, ", "...)
			}
			out = appendText(out, element, t.inner(i))
		}
		return append(out, end)
	case []Pair:
		out = append(out, '{')
		for i, pair := range v {
			if i > 0 {
				out = append(out, ", "...)
			}
			out = appendText(out, pair.Key, t.key())
			out = append(out, '=')
			out = appendText(out, pair.Value, t.entry())
		}
		return append(out, '}')
	case string:
		return appendInner(out, v)
	case nil, bool, json.Number:
		return append(out, text(value)...)
	}
	return fmt.Append(out, value)
}

func isRow(t Type) bool { return t.Name == "ROW" || t.Name == "STRUCTURED_TYPE" || len(t.Fields) > 0 }

// inner is the type of the i-th element of an ARRAY, or field of a ROW.
func (t Type) inner(i int) Type {
	if isRow(t) {
		if i < len(t.Fields) {
			return t.Fields[i].Type
		}
		return Type{}
	}
	if t.Element != nil {
		return *t.Element
	}
	return Type{}
}

// key is the type of a MAP's keys, or of a MULTISET's elements.
func (t Type) key() Type {
	switch {
	case t.Key != nil:
		return *t.Key
	case t.Name == "MULTISET" && t.Element != nil:
		return *t.Element
	}
	return Type{}
}

// entry is the type of a MAP's values; a MULTISET has counts.
func (t Type) entry() Type {
	if t.Name != "MULTISET" && t.Element != nil {
		return *t.Element
	}
	return Type{}
}

// distinct are columns of which no two have the same name, as the keys of an
// object need: a second "a" becomes "a_2".
func distinct(columns []Column) []Column {
	taken := map[string]bool{}
	for _, column := range columns {
		taken[column.Name] = true
	}
	out, used := make([]Column, len(columns)), map[string]bool{}
	tried := map[string]int{} // so that ten thousand of one name take no time
	for i, column := range columns {
		name := column.Name
		for n := max(2, tried[column.Name]); used[name]; n++ {
			if next := column.Name + "_" + strconv.Itoa(n); !taken[next] {
				name = next
			}
			tried[column.Name] = n + 1
		}
		used[name] = true
		out[i] = Column{Name: name, Type: column.Type}
	}
	return out
}

// changeName is the name under which a row's change stands beside columns: op,
// with a line in front of it as often as a column has that name.
func changeName(columns []Column) string {
	name := "op"
	for slices.ContainsFunc(columns, func(c Column) bool { return c.Name == name }) {
		name = "_" + name
	}
	return name
}

// numeric reports whether values of the type are aligned to the right.
func (t Type) numeric() bool {
	switch t.Name {
	case "TINYINT", "SMALLINT", "INTEGER", "INT", "BIGINT", "DECIMAL", "NUMERIC", "FLOAT", "REAL", "DOUBLE":
		return true
	}
	return false
}

// appendJSON is a value in JSON: a ROW is an object, a MAP with simple keys
// too, BYTES are base64, as in Flink's own JSON format. Numbers keep all their
// digits.
func appendJSON(out []byte, value any, t Type) []byte {
	switch v := value.(type) {
	case nil:
		return append(out, "null"...)
	case bool:
		return strconv.AppendBool(out, v)
	case json.Number:
		return appendNumber(out, string(v))
	case string:
		if t.numeric() {
			return appendNumber(out, v)
		}
		return appendString(out, v)
	case []byte:
		out = append(out, '"')
		out = base64.StdEncoding.AppendEncode(out, v)
		return append(out, '"')
	case []any:
		if isRow(t) {
			return appendObject(append(out, '{'), t.Fields, v)
		}
		out = append(out, '[')
		for i, element := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendJSON(out, element, t.inner(i))
		}
		return append(out, ']')
	case []Pair:
		return appendMap(out, v, t)
	}
	return appendString(out, fmt.Sprint(value))
}

// appendObject is the fields of a JSON object, of which out has the opening
// bracket and perhaps more, and its closing bracket.
func appendObject(out []byte, columns []Column, fields []any) []byte {
	for i, field := range fields {
		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
		name, t := "f"+strconv.Itoa(i), Type{}
		if i < len(columns) {
			name, t = columns[i].Name, columns[i].Type
		}
		out = append(appendString(out, name), ':')
		out = appendJSON(out, field, t)
	}
	return append(out, '}')
}

func appendMap(out []byte, pairs []Pair, t Type) []byte {
	simple := true
	for _, pair := range pairs {
		switch pair.Key.(type) {
		case nil, []byte, []any, []Pair:
			simple = false
		}
	}
	if simple {
		out = append(out, '{')
		for i, pair := range pairs {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(appendString(out, text(pair.Key)), ':')
			out = appendJSON(out, pair.Value, t.entry())
		}
		return append(out, '}')
	}
	out = append(out, '[')
	for i, pair := range pairs {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendJSON(append(out, `{"key":`...), pair.Key, t.key())
		out = appendJSON(append(out, `,"value":`...), pair.Value, t.entry())
		out = append(out, '}')
	}
	return append(out, ']')
}

// appendNumber is a number with its digits as they came, or a string where
// JSON has no such number (NaN, Infinity).
func appendNumber(out []byte, number string) []byte {
	if number != "" && (number[0] == '-' || number[0] >= '0' && number[0] <= '9') && json.Valid([]byte(number)) {
		return append(out, number...)
	}
	return appendString(out, number)
}

func appendString(out []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		out = append(out, '"')
		out = append(out, s...)
		return append(out, '"')
	}
	var quoted strings.Builder
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string always encodes
	for _, r := range strings.TrimSuffix(quoted.String(), "\n") {
		if r >= 0x7f && r <= 0x9f {
			// Control characters that JSON allows, and terminals obey.
			out = fmt.Appendf(out, `\u%04x`, r)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}
