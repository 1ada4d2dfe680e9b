package api

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// Config is a Flink configuration, flattened to one value per key.
type Config map[string]string

// SavepointDirKeys are the directory's names, newest first: Flink 1.20
// renamed it and still reads the old one.
var SavepointDirKeys = []string{"execution.checkpointing.savepoint-dir", "state.savepoints.dir"}

// Get is the value of the first of keys that is set, and the key.
func (c Config) Get(keys ...string) (value, key string) {
	for _, key := range keys {
		if value := c[key]; value != "" {
			return value, key
		}
	}
	return "", ""
}

// Flatten makes one key of each path of a flinkConfiguration, which may be
// nested YAML since operator 1.13. Lists are joined with ";", as the operator
// does.
func Flatten(values map[string]any) Config {
	out := Config{}
	flattenInto(out, "", values)
	return out
}

func flattenInto(out Config, prefix string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, child := range v {
			if prefix != "" {
				key = prefix + "." + key
			}
			flattenInto(out, key, child)
		}
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = fmt.Sprint(item)
		}
		out[prefix] = strings.Join(parts, ";")
	case nil:
	case float64:
		// JSON has one kind of number; configuration has mostly whole ones.
		out[prefix] = strconv.FormatFloat(v, 'f', -1, 64)
	default:
		out[prefix] = fmt.Sprint(v)
	}
}

// ParseConfig reads Flink's configuration file: nested YAML, or the older
// "key: value" lines, which are not always valid YAML.
func ParseConfig(file, content string) Config {
	if file == "config.yaml" {
		var values map[string]any
		if yaml.Unmarshal([]byte(content), &values) == nil {
			return Flatten(values)
		}
	}
	out := Config{}
	for line := range strings.SplitSeq(content, "\n") {
		key, value, ok := strings.Cut(line, ": ")
		if key = strings.TrimSpace(key); !ok || key == "" || strings.HasPrefix(key, "#") {
			continue
		}
		out[key] = strings.Trim(strings.TrimSpace(value), `"'`)
	}
	return out
}

// FlinkDuration reads a duration as Flink writes it: "5 min", "30s", "1 h";
// a number alone is milliseconds.
func FlinkDuration(text string) (d time.Duration, ok bool) {
	text = strings.TrimSpace(text)
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(text)
	}
	n, err := strconv.ParseInt(text[:end], 10, 64)
	if err != nil {
		return 0, false
	}
	unit := time.Millisecond
	switch strings.ToLower(strings.TrimSpace(text[end:])) {
	case "", "ms", "milli", "millis", "millisecond", "milliseconds":
	case "s", "sec", "secs", "second", "seconds":
		unit = time.Second
	case "m", "min", "mins", "minute", "minutes":
		unit = time.Minute
	case "h", "hour", "hours":
		unit = time.Hour
	case "d", "day", "days":
		unit = 24 * time.Hour
	default:
		return 0, false
	}
	return time.Duration(n) * unit, true
}

// CheckpointDirKeys are the names of the checkpoints' directory, newest first.
var CheckpointDirKeys = []string{"execution.checkpointing.dir", "state.checkpoints.dir"}
