// Package logs reads what the pods of a Flink cluster write, as records of one
// or more lines, and merges several streams of them by time.
package logs

import (
	"regexp"
	"strings"
	"time"

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

var (
	// goesOn is a line that can't begin a message.
	goesOn = regexp.MustCompile(`^(\s|Caused by: |Suppressed: |\.\.\. \d+ more|\}|$)`)
	// thrown is the first line of a stack trace, below its message.
	thrown = regexp.MustCompile(`^(?:[a-z_][\w$]*\.)+[A-Z][\w$]*(?:Exception|Error|Throwable|Failure)\b`)
	frame  = regexp.MustCompile(`^\s*(at [\w$.<>/@-]+\(|\.\.\. \d+ (more|common frames omitted))`)
	// afterName is the second line of a message of Java's own logger, whose
	// first has no level; it speaks the language of its locale.
	afterName = regexp.MustCompile(`^(SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST|SCHWERWIEGEND|WARNUNG|INFORMATION|GRAVE|AVERTISSEMENT|INFOS|ADVERTENCIA|INFORMACIÓN|AVVERTENZA|重大|严重|警告|情報|信息)\s?: `)
)

// maxLines and maxRecord bound a record, maxLine a line, both in bytes, so that
// a container that writes without line breaks, or one endless trace, costs
// little memory.
const (
	maxLines  = 2000
	maxRecord = 512 << 10
	maxLine   = 256 << 10
)

// sample is how many lines are looked at before the first is read.
const sample = 100

// longestLook bounds for how long the first lines wait.
const longestLook = 500 * time.Millisecond

// assembler makes records of lines.
type assembler struct {
	origin  Record
	layout  layout
	current *Record
	// size is how many bytes current has.
	size int
	// waiting are the lines that the layout is learned from; learned says that
	// it is known.
	waiting []line
	since   time.Time
	learned bool
	// object says that the current record is a JSON object of several lines.
	object bool
	// headed says that the stream has messages with a known head: what has
	// none then belongs to the message before it.
	headed bool
}

// add takes a line, without its line break, and returns the records that it
// completes. at is the kubelet's time; zero if unknown.
func (a *assembler) add(at time.Time, text string) []*Record {
	text = strings.TrimRight(text, "\r")
	if !a.learned {
		if len(a.waiting) == 0 {
			a.since = time.Now()
		}
		a.waiting = append(a.waiting, line{at, text})
		if len(a.waiting) < sample && time.Since(a.since) < longestLook {
			return nil
		}
		return a.learn()
	}
	if done := a.take(at, text); done != nil {
		return []*Record{done}
	}
	return nil
}

// learn reads the lines that were waiting.
func (a *assembler) learn() (done []*Record) {
	plain := make([]string, len(a.waiting))
	for i, l := range a.waiting {
		plain[i] = plainOf(l.text)
	}
	a.layout.learn(plain)
	a.learned = true
	for _, l := range a.waiting {
		if record := a.take(l.at, l.text); record != nil {
			done = append(done, record)
		}
	}
	a.waiting = nil
	return done
}

// plainOf is a line without the colors of its layout.
func plainOf(text string) string {
	if strings.ContainsRune(text, 0x1b) {
		return term.Safe(text)
	}
	return text
}

func (a *assembler) take(at time.Time, text string) *Record {
	plain := plainOf(text)
	if a.object && len(a.current.Lines) < maxLines && a.size+len(text) <= maxRecord {
		a.current.Lines = append(a.current.Lines, text)
		a.size += len(text)
		if strings.HasPrefix(plain, "}") {
			a.object = false
			whole := strings.TrimRight(a.current.Text(), ", \t")
			own, level, _ := jsonHead(whole)
			if a.current.Level = level; a.current.Time.IsZero() {
				a.current.Time = own
			}
		}
		return nil
	}
	own, lvl, ok := a.layout.head(plain)
	if a.object = plain == "{"; a.object {
		ok = true
	}
	switch {
	case ok:
		a.headed = true
	case a.current != nil && len(a.current.Lines) < maxLines && a.size+len(text) <= maxRecord && (goesOn.MatchString(plain) || a.headed || thrown.MatchString(plain)):
		if m := afterName.FindStringSubmatch(plain); m != nil && a.current.Level == "" && len(a.current.Lines) == 1 {
			a.current.Level = levelOf(m[1])
		}
		a.current.Lines = append(a.current.Lines, text)
		a.size += len(text)
		return nil
	}
	done := a.current
	next := a.origin
	next.Time, next.Level, next.Lines = at, lvl, []string{text}
	if next.Time.IsZero() {
		next.Time = own
	}
	if next.Time.IsZero() && done != nil {
		next.Time = done.Time
	}
	a.current, a.size = &next, len(text)
	return done
}

// flush returns the records that are being made. What comes later is read as
// what was seen so far shows.
func (a *assembler) flush() []*Record {
	var out []*Record
	if !a.learned && len(a.waiting) > 0 {
		out = a.learn()
	}
	if a.current != nil {
		out = append(out, a.current)
	}
	a.current = nil
	return out
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
