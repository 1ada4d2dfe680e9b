package logs

import (
	"encoding/json"
	"math"
	"strings"
	"time"
)

// levelKeys and timeKeys are where layouts of JSON put them: log4j's
// JsonTemplateLayout (its own, ECS, GELF, Logstash), logback's encoders and
// the clouds'. The likeliest come first.
var (
	levelKeys = []string{"level", "log.level", "severity", "severityText", "severity_text", "@level", "levelname", "logLevel", "loglevel", "log_level", "lvl", "priority", "_level", "levelValue", "level_value", "level.name", "level.standardLevel", "severityNumber"}
	timeKeys  = []string{"@timestamp", "timestamp", "time", "ts", "datetime", "date", "timeMillis", "timestamp_ms", "instant"}
)

// jsonHead reads a log of JSON objects, one a line. ok is false where line is
// none that a logger writes.
func jsonHead(line string) (at time.Time, level string, ok bool) {
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil || len(fields) == 0 {
		return time.Time{}, "", false
	}
	for _, key := range levelKeys {
		if level = jsonLevel(key, field(fields, key)); level != "" {
			break
		}
	}
	for _, key := range timeKeys {
		if at = jsonTime(field(fields, key)); !at.IsZero() {
			break
		}
	}
	return at, level, level != "" || !at.IsZero()
}

// field is the value of a key that may be nested: "log.level" is also
// {"log": {"level": …}}.
func field(fields map[string]any, key string) any {
	if value, ok := fields[key]; ok {
		return value
	}
	first, rest, nested := strings.Cut(key, ".")
	if inner, ok := fields[first].(map[string]any); nested && ok {
		return field(inner, rest)
	}
	return nil
}

func jsonLevel(key string, value any) string {
	switch v := value.(type) {
	case string:
		return levelOf(strings.TrimSpace(v))
	case float64:
		if key == "severityNumber" { // OpenTelemetry's, four for each level
			if v < 1 || v > 24 {
				return ""
			}
			return levels[int(v-1)/4]
		}
		return levelOfNumber(v)
	}
	return ""
}

func jsonTime(value any) time.Time {
	switch v := value.(type) {
	case string:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999Z0700", "2006-01-02 15:04:05.999", "2006-01-02T15:04:05.999"} {
			if at, err := time.Parse(layout, strings.Replace(v, ",", ".", 1)); err == nil {
				return at
			}
		}
	case float64:
		switch {
		case v > 1e11: // milliseconds since 1970
			return time.UnixMilli(int64(v)).UTC()
		case v > 1e8: // seconds, as GELF has them
			whole, part := math.Modf(v)
			return time.Unix(int64(whole), int64(part*1e9)).UTC()
		}
	case map[string]any: // log4j's instant
		if seconds, ok := v["epochSecond"].(float64); ok {
			nanos, _ := v["nanoOfSecond"].(float64)
			return time.Unix(int64(seconds), int64(nanos)).UTC()
		}
	}
	return time.Time{}
}
