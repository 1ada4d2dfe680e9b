package sqlgateway

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
)

// plain reads one value of the PLAIN_TEXT row format, in which Flink casts
// every value to text. Text inside of an array, map or row has no quotes there
// and can't be distinguished from what is around it, so that such a value stays text as
// a whole.
func plain(t sqlshell.Type, s string, zone *time.Location) any {
	if nested(t) {
		if hasText(t) {
			return s
		}
		p := plainReader{rest: s, zone: zone}
		if v, err := p.value(t); err == nil && p.rest == "" {
			return v
		}
		return s
	}
	return plainScalar(t, s, zone)
}

func nested(t sqlshell.Type) bool {
	switch t.Name {
	case "ARRAY", "MAP", "MULTISET":
		return true
	case "ROW", "STRUCTURED_TYPE":
		return len(t.Fields) > 0
	}
	return false
}

// hasText reports whether values of t may hold anything at all.
func hasText(t sqlshell.Type) bool {
	switch t.Name {
	case "BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL",
		"BINARY", "VARBINARY", "BYTES", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ", "TIMESTAMP_TZ",
		"INTERVAL YEAR TO MONTH", "INTERVAL DAY TO SECOND":
		return false
	}
	if !nested(t) {
		return true
	}
	for _, inner := range []*sqlshell.Type{t.Key, t.Element} {
		if inner != nil && hasText(*inner) {
			return true
		}
	}
	for _, field := range t.Fields {
		if hasText(field.Type) {
			return true
		}
	}
	return false
}

func plainScalar(t sqlshell.Type, s string, zone *time.Location) any {
	switch t.Name {
	case "TIMESTAMP_LTZ":
		// It is in the session's zone, without saying so.
		return withOffset(s, zone)
	case "BOOLEAN":
		return strings.EqualFold(s, "true")
	case "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE":
		if json.Valid([]byte(s)) {
			return json.Number(s)
		}
	case "BINARY", "VARBINARY", "BYTES":
		if digits, ok := strings.CutPrefix(s, "x'"); ok {
			if data, err := hex.DecodeString(strings.TrimSuffix(digits, "'")); err == nil {
				return data
			}
		}
	}
	return s
}

var errPlain = errors.New("not what its type says")

// plainReader reads nested values: [a, b], {k=v, l=w} and (a, b).
type plainReader struct {
	rest string
	zone *time.Location
}

func (p *plainReader) take(token string) bool {
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *plainReader) value(t sqlshell.Type) (any, error) {
	if strings.HasPrefix(p.rest, "NULL") {
		p.rest = p.rest[len("NULL"):]
		return nil, nil //nolint:nilnil // NULL is nil
	}
	switch {
	case t.Name == "ARRAY" && t.Element != nil:
		out := []any{}
		err := p.list("[", "]", func(int) error {
			v, err := p.value(*t.Element)
			out = append(out, v)
			return err
		})
		return out, err
	case (t.Name == "MAP" || t.Name == "MULTISET") && t.Element != nil:
		key, element := t.Element, sqlshell.Type{Name: "INT"}
		if t.Name == "MAP" {
			key, element = t.Key, *t.Element
		}
		out := []sqlshell.Pair{}
		err := p.list("{", "}", func(int) error {
			k, err := p.value(*key)
			if err != nil || !p.take("=") {
				return errPlain
			}
			v, err := p.value(element)
			out = append(out, sqlshell.Pair{Key: k, Value: v})
			return err
		})
		return out, err
	case nested(t) && len(t.Fields) > 0:
		out := make([]any, len(t.Fields))
		err := p.list("(", ")", func(i int) error {
			if i >= len(out) {
				return errPlain
			}
			var err error
			out[i], err = p.value(t.Fields[i].Type)
			return err
		})
		return out, err
	case nested(t):
		return nil, errPlain
	}
	end := strings.IndexAny(p.rest, ",]})=")
	if end < 0 {
		end = len(p.rest)
	}
	s := p.rest[:end]
	p.rest = p.rest[end:]
	return plainScalar(t, s, p.zone), nil
}

func (p *plainReader) list(open, end string, item func(i int) error) error {
	if !p.take(open) {
		return errPlain
	}
	for i := 0; !p.take(end); i++ {
		if i > 0 && !p.take(", ") || p.rest == "" {
			return errPlain
		}
		if err := item(i); err != nil {
			return err
		}
	}
	return nil
}
