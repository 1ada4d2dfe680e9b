package logs

import (
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// levels, from the least to the gravest.
var levels = []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}

// Levels are the words for --level.
var Levels = []string{"trace", "debug", "info", "warn", "error", "fatal"}

// ParseLevel reads a level's word in any case; warning is warn.
func ParseLevel(word string) (string, error) {
	upper := strings.TrimSuffix(strings.ToUpper(word), "ING")
	if rank(upper) < 0 {
		return "", exit.Usagef("--level: %q is not one of %s", word, strings.Join(Levels, ", "))
	}
	return upper, nil
}

func rank(level string) int {
	for i, l := range levels {
		if l == level {
			return i
		}
	}
	return -1
}

// AtLeast reports whether the record is of level or graver. One whose level
// isn't known counts: it may be.
func (r Record) AtLeast(level string) bool {
	return level == "" || r.Level == "" || rank(r.Level) >= rank(level)
}

// words are the names that logging libraries have for the levels.
var words = map[string]string{
	"TRACE": "TRACE", "TRC": "TRACE", "FINEST": "TRACE", "FINER": "TRACE",
	"DEBUG": "DEBUG", "DBG": "DEBUG", "FINE": "DEBUG",
	"INFO": "INFO", "INF": "INFO", "INFORMATION": "INFO", "INFORMATIONAL": "INFO", "NOTICE": "INFO", "CONFIG": "INFO",
	"WARN": "WARN", "WARNING": "WARN", "WRN": "WARN",
	"ERROR": "ERROR", "ERR": "ERROR", "SEVERE": "ERROR",
	"SCHWERWIEGEND": "ERROR", "GRAVE": "ERROR", "重大": "ERROR", "严重": "ERROR",
	"WARNUNG": "WARN", "AVERTISSEMENT": "WARN", "ADVERTENCIA": "WARN", "AVVERTENZA": "WARN", "警告": "WARN",
	"INFOS": "INFO", "INFORMACIÓN": "INFO", "情報": "INFO", "信息": "INFO",
	"FATAL": "FATAL", "CRITICAL": "FATAL", "CRIT": "FATAL", "ALERT": "FATAL", "EMERG": "FATAL", "EMERGENCY": "FATAL", "PANIC": "FATAL",
}

// letters are the levels' first letters, for layouts that cut them.
var letters = map[string]string{"T": "TRACE", "D": "DEBUG", "I": "INFO", "W": "WARN", "E": "ERROR", "F": "FATAL", "C": "FATAL", "S": "ERROR"}

// levelOf is the level that a word means in any case; "" for others.
func levelOf(word string) string { return words[strings.ToUpper(word)] }

// levelOfNumber is the level that a number means: of syslog (0 to 7, as in
// GELF), of node's loggers (10 to 60), or of logback (5000 to 40000).
func levelOfNumber(n float64) string {
	pick := func(limits ...float64) string {
		for i, limit := range limits {
			if n <= limit {
				return levels[i]
			}
		}
		return levels[len(levels)-1]
	}
	switch {
	case n < 0:
		return ""
	case n <= 7:
		return []string{"FATAL", "FATAL", "FATAL", "ERROR", "WARN", "INFO", "INFO", "DEBUG"}[int(n)]
	case n < 100:
		return pick(10, 20, 30, 40, 50)
	}
	return pick(5000, 10000, 20000, 30000, 40000)
}
