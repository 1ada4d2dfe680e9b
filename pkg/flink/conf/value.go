package conf

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
)

// sameValue reports whether Flink takes two spellings of a value for the same:
// 1024m and 1 gb, 10s and 10000 ms, a;b and ['a', 'b']. What Flink itself
// hides can't be compared and counts as the same.
func sameValue(a, b string) bool {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	if a == secret.Hidden || b == secret.Hidden || strings.EqualFold(a, b) {
		return true
	}
	if x, ok := duration(a); ok {
		if y, ok := duration(b); ok && x == y {
			return true
		}
	}
	if x, ok := memory(a); ok {
		if y, ok := memory(b); ok && x == y {
			return true
		}
	}
	if x, err := strconv.ParseFloat(a, 64); err == nil {
		if y, err := strconv.ParseFloat(b, 64); err == nil && x == y {
			return true
		}
	}
	return strings.Join(list(a), ";") == strings.Join(list(b), ";")
}

// list are the parts of a list in either of Flink's spellings.
func list(value string) []string {
	separator := ";"
	if inner, ok := strings.CutPrefix(value, "["); ok && strings.HasSuffix(inner, "]") {
		value, separator = strings.TrimSuffix(inner, "]"), ","
	}
	parts := strings.Split(value, separator)
	for i, part := range parts {
		parts[i] = strings.Trim(strings.TrimSpace(part), `'"`)
	}
	return parts
}

var amount = regexp.MustCompile(`^(\d+(?:\.\d+)?)\s*([a-zA-Zµ]*)$`)

var durationUnits = map[string]time.Duration{
	"ns": time.Nanosecond, "nano": time.Nanosecond, "nanosecond": time.Nanosecond,
	"us": time.Microsecond, "µs": time.Microsecond, "micro": time.Microsecond, "microsecond": time.Microsecond,
	"": time.Millisecond, "ms": time.Millisecond, "milli": time.Millisecond, "millisecond": time.Millisecond,
	"s": time.Second, "sec": time.Second, "second": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute,
	"h": time.Hour, "hour": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour,
}

// duration reads Flink's durations: 10s, 10 s, 10 min, PT10M; milliseconds
// where no unit is given.
func duration(text string) (time.Duration, bool) {
	if iso, ok := strings.CutPrefix(strings.ToUpper(text), "PT"); ok {
		d, err := time.ParseDuration(strings.ToLower(iso))
		return d, err == nil
	}
	parts := amount.FindStringSubmatch(text)
	if parts == nil {
		return 0, false
	}
	unit, ok := durationUnits[strings.TrimSuffix(parts[2], "s")]
	if whole, found := durationUnits[parts[2]]; found {
		unit, ok = whole, true
	}
	n, err := strconv.ParseFloat(parts[1], 64)
	return time.Duration(n * float64(unit)), ok && err == nil
}

// DurationText is a duration as Flink's configuration spells it: 10 s, 5 min.
func DurationText(d time.Duration) string {
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}} {
		if d >= unit.size && d%unit.size == 0 {
			return strconv.FormatInt(int64(d/unit.size), 10) + " " + unit.name
		}
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
}

// memory reads Flink's and Kubernetes' sizes, in bytes. Flink's k, m and g are
// powers of 1024, and so the operator takes them.
func memory(text string) (float64, bool) {
	parts := amount.FindStringSubmatch(text)
	if parts == nil || parts[2] == "" {
		return 0, false
	}
	unit := strings.ToLower(parts[2])
	unit = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(unit, "ytes"), "b"), "i")
	powers := map[string]float64{"": 1, "k": 1 << 10, "kibi": 1 << 10, "m": 1 << 20, "mebi": 1 << 20, "g": 1 << 30, "gibi": 1 << 30, "t": 1 << 40, "tebi": 1 << 40}
	power, ok := powers[unit]
	n, err := strconv.ParseFloat(parts[1], 64)
	return n * power, ok && err == nil
}
