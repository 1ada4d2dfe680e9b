package sqlgateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
)

// garbled is the error of a value that isn't of its column's type.
func garbled(t sqlshell.Type, raw []byte) error {
	if len(raw) > 60 {
		raw = append(raw[:60:60], "…"...)
	}
	return fmt.Errorf("the SQL gateway sent %s for a value of type %s", raw, t.Name)
}

// value reads one value of the JSON row format.
func value(t sqlshell.Type, raw json.RawMessage, zone *time.Location) (any, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil //nolint:nilnil // NULL is nil
	}
	switch t.Name {
	case "BOOLEAN":
		if s := string(raw); s == "true" || s == "false" {
			return s == "true", nil
		}
		return nil, garbled(t, raw)
	case "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE":
		if raw[0] == '"' {
			return text(raw) // NaN and Infinity
		}
		return json.Number(raw), nil
	case "DECIMAL":
		return decimal(t, raw)
	case "BINARY", "VARBINARY", "BYTES":
		s, err := text(raw)
		if err != nil {
			return nil, garbled(t, raw)
		}
		data, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return nil, garbled(t, raw)
		}
		return data, nil
	case "TIMESTAMP", "TIMESTAMP_LTZ", "TIMESTAMP_TZ", "TIME":
		s, err := text(raw)
		if err != nil {
			return nil, garbled(t, raw)
		}
		return moment(t, s, zone), nil
	case "INTERVAL YEAR TO MONTH", "INTERVAL DAY TO SECOND":
		n, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil {
			return nil, garbled(t, raw)
		}
		return interval(t.Name, n), nil
	case "ARRAY":
		return array(t, raw, zone)
	case "ROW", "STRUCTURED_TYPE":
		if len(t.Fields) > 0 {
			return row(t, raw, zone)
		}
	case "MAP", "MULTISET":
		return pairs(t, raw, zone)
	}
	if raw[0] == '"' {
		return text(raw)
	}
	return string(raw), nil
}

// text reads a JSON string; most have nothing to unescape.
func text(raw []byte) (string, error) {
	if n := len(raw); n >= 2 && raw[0] == '"' && raw[n-1] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : n-1]), nil
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err
}

// decimal keeps every digit, also where Java writes an exponent, and has as
// many behind the point as its type says, which the gateway's JSON leaves out.
func decimal(t sqlshell.Type, raw []byte) (any, error) {
	s := strings.Trim(string(raw), `"`)
	if !strings.ContainsAny(s, "eE") {
		if whole, digits, _ := strings.Cut(s, "."); len(digits) < t.Scale {
			s = whole + "." + digits + strings.Repeat("0", t.Scale-len(digits))
		}
		return s, nil
	}
	n, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil, garbled(t, raw)
	}
	return n.FloatString(max(t.Scale, 0)), nil
}

// moment writes a time as SQL does, with all digits of its precision. The
// gateway's JSON has a T in it and leaves out zeros. A local timestamp comes in
// UTC (readUTC) and gets the session's zone.
func moment(t sqlshell.Type, s string, zone *time.Location) string {
	clock, utc := strings.CutSuffix(strings.Replace(s, "T", " ", 1), "Z")
	switch {
	case t.Name == "TIMESTAMP_LTZ" && utc:
		return inZone(t, clock, zone)
	case t.Name == "TIME" && !strings.Contains(clock, "."):
		// The gateway's JSON leaves out the fraction, whatever it is.
		return withSeconds(clock)
	case utc:
		return fraction(clock, t.Precision) + "Z"
	}
	return fraction(clock, t.Precision)
}

// withSeconds is a clock time with the seconds, which Java leaves out where
// they are 0.
func withSeconds(clock string) string {
	if strings.Count(clock, ":") == 1 {
		clock += ":00"
	}
	return clock
}

// fraction gives a time of day precision digits of a second.
func fraction(clock string, precision int) string {
	clock = withSeconds(clock)
	if precision <= 0 {
		return clock
	}
	whole, digits, _ := strings.Cut(clock, ".")
	if len(digits) < precision {
		digits += strings.Repeat("0", precision-len(digits))
	}
	return whole + "." + digits
}

// interval writes months, or milliseconds, as Flink's casts to text do.
func interval(name string, n int64) string {
	sign := "+"
	if n < 0 {
		sign, n = "-", -n
	}
	if name == "INTERVAL YEAR TO MONTH" {
		return fmt.Sprintf("%s%d-%02d", sign, n/12, n%12)
	}
	d := time.Duration(n%86_400_000) * time.Millisecond
	return fmt.Sprintf("%s%d %02d:%02d:%02d.%03d", sign, n/86_400_000, int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60, n%1000)
}

func array(t sqlshell.Type, raw []byte, zone *time.Location) (any, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil || t.Element == nil {
		return nil, garbled(t, raw)
	}
	out := make([]any, len(items))
	var err error
	for i, item := range items {
		if out[i], err = value(*t.Element, item, zone); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func row(t sqlshell.Type, raw []byte, zone *time.Location) (any, error) {
	out := make([]any, len(t.Fields))
	if raw[0] == '[' {
		var items []json.RawMessage
		if err := json.Unmarshal(raw, &items); err != nil || len(items) != len(out) {
			return nil, garbled(t, raw)
		}
		for i, item := range items {
			var err error
			if out[i], err = value(t.Fields[i].Type, item, zone); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, garbled(t, raw)
	}
	for i, field := range t.Fields {
		var err error
		if out[i], err = value(field.Type, fields[field.Name], zone); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// pairs reads a MAP or MULTISET in the order it came. Its keys are text; with
// others the gateway can't write JSON.
func pairs(t sqlshell.Type, raw []byte, zone *time.Location) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, garbled(t, raw)
	}
	element := sqlshell.Type{Name: "INT"}
	if t.Name == "MAP" && t.Element != nil {
		element = *t.Element
	}
	out := []sqlshell.Pair{}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, garbled(t, raw)
		}
		var item json.RawMessage
		if err := decoder.Decode(&item); err != nil {
			return nil, garbled(t, raw)
		}
		v, err := value(element, item, zone)
		if err != nil {
			return nil, err
		}
		out = append(out, sqlshell.Pair{Key: key, Value: v})
	}
	return out, nil
}
