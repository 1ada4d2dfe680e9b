// Package logs reads what the pods of a Flink cluster write, as records of one
// or more lines, and merges several streams of them by time.
package logs

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// Record is one message, with the stack trace or further lines that belong to
// it. Its text is foreign.
type Record struct {
	// Time is the kubelet's, else the message's own; zero if neither is known.
	Time time.Time
	// Pod and Container wrote it, Role is jobmanager, taskmanager or operator.
	Pod, Role, Container string
	// Level is TRACE to FATAL; "" if the line doesn't say.
	Level string
	// Lines are the message's; the first is the line that began it.
	Lines []string
}

// size is how many bytes the record's lines have.
func (r *Record) size() int {
	sum := 0
	for _, line := range r.Lines {
		sum += len(line)
	}
	return sum
}

// Text is the whole record.
func (r Record) Text() string { return strings.Join(r.Lines, "\n") }

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

// AtLeast reports whether the record says that it is of level or graver.
func (r Record) AtLeast(level string) bool { return level == "" || rank(r.Level) >= rank(level) }

var (
	// began is the begin of a message in Flink's and the operator's default
	// layouts ("%d{yyyy-MM-dd HH:mm:ss,SSS} %-5p …") and in most others: a
	// date and time, then soon a level.
	began = regexp.MustCompile(`^(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)(?:Z|[+-]\d\d:?\d\d)?\s`)
	level = regexp.MustCompile(`\b(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b`)
	// goesOn is a line that can't begin a message.
	goesOn = regexp.MustCompile(`^(\s|Caused by: |Suppressed: |\.\.\. \d+ more|$)`)
	// thrown is the first line of a stack trace, below its message.
	thrown = regexp.MustCompile(`^(?:[a-z_][\w$]*\.)+[A-Z][\w$]*(?:Exception|Error|Throwable|Failure)\b`)
	frame  = regexp.MustCompile(`^\s*(at [\w$.<>/@-]+\(|\.\.\. \d+ (more|common frames omitted))`)
)

// levelWithin is how far into a line its level may stand, in bytes.
const levelWithin = 120

// head reads the begin of a message; ok is false where line doesn't begin one
// in a layout that is known.
func head(line string) (at time.Time, lvl string, ok bool) {
	if strings.HasPrefix(line, "{") {
		return jsonHead(line)
	}
	match := began.FindStringSubmatch(line)
	if match == nil {
		return time.Time{}, "", false
	}
	at, _ = time.Parse("2006-01-02 15:04:05", strings.NewReplacer("T", " ", ",", ".").Replace(match[1]))
	return at, level.FindString(line[:min(len(line), levelWithin)]), true
}

// jsonHead reads a log of JSON objects, one a line.
func jsonHead(line string) (at time.Time, lvl string, ok bool) {
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		return time.Time{}, "", false
	}
	for _, key := range []string{"level", "log.level", "severity", "logLevel"} {
		if word, _ := fields[key].(string); word != "" {
			lvl = strings.TrimSuffix(strings.ToUpper(word), "ING")
		}
	}
	for _, key := range []string{"@timestamp", "timestamp", "time", "ts"} {
		if text, _ := fields[key].(string); at.IsZero() {
			at, _ = time.Parse(time.RFC3339Nano, text)
		}
	}
	return at, lvl, lvl != ""
}

// maxLines and maxRecord bound a record, maxLine a line, both in bytes, so that
// a container that writes without line breaks, or one endless trace, costs
// little memory.
const (
	maxLines  = 2000
	maxRecord = 512 << 10
	maxLine   = 256 << 10
)

// assembler makes records of lines.
type assembler struct {
	origin  Record
	current *Record
	// size is how many bytes current has.
	size int
	// headed says that the stream has messages with a known head: what has
	// none then belongs to the message before it.
	headed bool
}

// add takes a line, without its line break, and returns the record that it
// completes, if any. at is the kubelet's time; zero if unknown.
func (a *assembler) add(at time.Time, line string) *Record {
	line = strings.TrimRight(line, "\r")
	plain := line
	if strings.ContainsRune(line, 0x1b) {
		plain = term.Safe(line) // colours of the operator's layout
	}
	own, lvl, ok := head(plain)
	switch {
	case ok:
		a.headed = true
	case a.current != nil && len(a.current.Lines) < maxLines && a.size+len(line) <= maxRecord && (goesOn.MatchString(plain) || a.headed || thrown.MatchString(plain)):
		a.current.Lines = append(a.current.Lines, line)
		a.size += len(line)
		return nil
	}
	done := a.current
	next := a.origin
	next.Time, next.Level, next.Lines = at, lvl, []string{line}
	if next.Time.IsZero() {
		next.Time = own
	}
	if next.Time.IsZero() && done != nil {
		next.Time = done.Time
	}
	a.current, a.size = &next, len(line)
	return done
}

// flush returns the record that is being made, if any.
func (a *assembler) flush() *Record {
	done := a.current
	a.current = nil
	return done
}

// Folded are the record's lines for people: of a stack trace the exceptions
// without their frames. left is how many lines were left out.
func (r Record) Folded() (lines []string, left int) {
	for i, line := range r.Lines {
		if i > 0 && frame.MatchString(line) {
			left++
			continue
		}
		lines = append(lines, line)
	}
	return lines, left
}
