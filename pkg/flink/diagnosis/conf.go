package diagnosis

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// config is a Flink configuration, flattened to one value a key.
type config map[string]string

// get is the value of the first of keys that is set.
func (c config) get(keys ...string) string {
	value, _ := c.find(keys...)
	return value
}

// find is the value of the first of keys that is set, and that key.
func (c config) find(keys ...string) (value, key string) {
	for _, key := range keys {
		if value := c[key]; value != "" {
			return value, key
		}
	}
	return "", ""
}

// Both of Flink's names of directories; 1.20 renamed them and reads the old.
var (
	savepointDirKeys  = []string{"execution.checkpointing.savepoint-dir", "state.savepoints.dir", "savepoints.state.backend.fs.dir"}
	checkpointDirKeys = []string{"execution.checkpointing.dir", "state.checkpoints.dir", "state.backend.fs.checkpointdir"}
)

const haDirKey = "high-availability.storageDir"

func (c config) savepointDir() string  { return c.get(savepointDirKeys...) }
func (c config) checkpointDir() string { return c.get(checkpointDirKeys...) }

// ha is how JobManagers find their state again; "" where they don't.
func (c config) ha() string {
	how := c.get("high-availability.type", "high-availability")
	if strings.EqualFold(how, "none") {
		return ""
	}
	return how
}

// flatten makes one key of each path of a flinkConfiguration.
func flatten(values map[string]any) config {
	flat := api.Flatten(values)
	out := make(config, len(flat))
	for key, value := range flat {
		out[key] = strings.TrimSpace(value)
	}
	return out
}

var amount = pattern(`^(\d+)\s*([a-zA-Zµ]*)$`)

var durationUnits = map[string]time.Duration{
	"ns": 1, "nano": 1, "nanos": 1, "nanosecond": 1, "nanoseconds": 1,
	"us": time.Microsecond, "µs": time.Microsecond, "micro": time.Microsecond, "micros": time.Microsecond, "microsecond": time.Microsecond, "microseconds": time.Microsecond,
	"": time.Millisecond, "ms": time.Millisecond, "milli": time.Millisecond, "millis": time.Millisecond, "millisecond": time.Millisecond, "milliseconds": time.Millisecond,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
}

// duration reads Flink's durations: 10s, 10 min, PT10M; milliseconds where no
// unit is given.
func duration(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	if upper := strings.ToUpper(text); strings.HasPrefix(upper, "P") {
		if iso, ok := strings.CutPrefix(upper, "PT"); ok {
			d, err := time.ParseDuration(strings.ToLower(iso))
			return d, err == nil
		}
		return 0, isoDays.MatchString(upper)
	}
	parts := amount.FindStringSubmatch(text)
	if parts == nil {
		return 0, false
	}
	unit, ok := durationUnits[strings.ToLower(parts[2])]
	n, err := strconv.ParseInt(parts[1], 10, 64)
	if !ok || err != nil {
		return 0, false
	}
	if n > math.MaxInt64/int64(unit) {
		return math.MaxInt64, true
	}
	return time.Duration(n) * unit, true
}

var isoDays = pattern(`^P\d+D(T.*)?$`)

var memoryUnits = map[string]int64{
	"": 1, "b": 1, "bytes": 1, "k": 1 << 10, "kb": 1 << 10, "kibibytes": 1 << 10, "m": 1 << 20, "mb": 1 << 20, "mebibytes": 1 << 20,
	"g": 1 << 30, "gb": 1 << 30, "gibibytes": 1 << 30, "t": 1 << 40, "tb": 1 << 40, "tebibytes": 1 << 40,
}

// memory reads Flink's sizes, in bytes.
func memory(text string) (int64, bool) {
	parts := amount.FindStringSubmatch(strings.TrimSpace(text))
	if parts == nil {
		return 0, false
	}
	unit, ok := memoryUnits[strings.ToLower(parts[2])]
	n, err := strconv.ParseInt(parts[1], 10, 64)
	if !ok || err != nil || n > math.MaxInt64/unit {
		return 0, false
	}
	return n * unit, true
}

// kubernetesMemory is a size as Kubernetes writes it too: 2Gi, 1.5G; the
// operator takes a plain 2g as Flink does.
func kubernetesMemory(text string) (int64, bool) {
	text = strings.TrimSpace(text)
	if n, ok := memory(text); ok {
		return n, true
	}
	parts := kubernetesAmount.FindStringSubmatch(text)
	if parts == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(parts[1], 64)
	unit, ok := map[string]float64{"": 1, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}[strings.ToLower(parts[2])]
	return int64(n * unit), ok && err == nil
}

var kubernetesAmount = pattern(`^(\d+(?:\.\d+)?)\s*([a-zA-Z]*)$`)

// size is a number of bytes as people write it.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return trim(float64(n)/(1<<30)) + " GiB"
	case n >= 1<<20:
		return trim(float64(n)/(1<<20)) + " MiB"
	case n >= 1<<10:
		return trim(float64(n)/(1<<10)) + " KiB"
	}
	return strconv.FormatInt(n, 10) + " B"
}

func trim(f float64) string {
	return strings.TrimSuffix(strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), "0"), ".")
}

// ago is a duration as people write it.
func ago(d time.Duration) string { return api.Ago(max(d, 0)) }

// section is the map at a path; nil where there is none.
// It isn't inlined: it has many callers, and each would have a copy of it.
//
//go:noinline
func section(object map[string]any, path ...string) map[string]any {
	for _, key := range path {
		object, _ = object[key].(map[string]any)
		if object == nil {
			return nil
		}
	}
	return object
}

// text is the string at a path; "" where there is none. Numbers and switches
// are written as text.
func text(object map[string]any, path ...string) string {
	at := section(object, path[:len(path)-1]...)
	switch v := at[path[len(path)-1]].(type) {
	case string:
		return v
	case nil, map[string]any, []any:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// number is the whole number at a path; 0 where there is none.
func number(object map[string]any, path ...string) int64 {
	n, _ := strconv.ParseInt(text(object, path...), 10, 64)
	return n
}

// millis is the time at a path that is milliseconds since 1970, as number or
// string; zero where there is none.
func millis(object map[string]any, path ...string) time.Time {
	if n := number(object, path...); n > 0 {
		return time.UnixMilli(n).UTC()
	}
	return time.Time{}
}

func asJSON(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return "{}"
	}
	return string(data)
}
