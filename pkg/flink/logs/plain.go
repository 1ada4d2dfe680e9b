package logs

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// messageKeys, loggerKeys and traceKeys are where layouts of JSON put a record's
// text, who wrote it, and its exception.
var (
	messageKeys = []string{"message", "msg", "@message", "short_message", "body", "event.original", "text", "log"}
	loggerKeys  = []string{"logger_name", "loggerName", "log.logger", "logger", "_logger", "category", "name", "source"}
	traceKeys   = []string{
		"stack_trace", "stackTrace", "stacktrace", "error.stack_trace", "exception.stacktrace", "exception.stackTrace", "exception.stack_trace",
		"attributes.exception.stacktrace", "thrown", "exception", "throwable", "error", "err", "_exception.stacktrace", "_stack_trace", "full_message", "trace", "exc_info",
	}
)

const (
	// mostTraceLines bounds how many lines one record becomes.
	mostTraceLines = 500
	// deepestCause bounds how far causes within causes are followed.
	deepestCause = 30
)

// Plain is a line of a log as Flink's own layout would have it: without colors,
// and with a record that is a JSON object written out as time, level, logger,
// message, and one line for each of its stack trace's. Any other line stays as it is.
func Plain(line string) []string {
	line = plainOf(strings.TrimRight(line, "\r"))
	stamp, rest, _ := strings.Cut(line, " ")
	if _, err := time.Parse(time.RFC3339Nano, stamp); err == nil && strings.HasPrefix(rest, "{") {
		// The kubelet's time stands before it.
		out := Plain(rest)
		for i := range out {
			out[i] = stamp + " " + out[i]
		}
		return out
	}
	if trimmed := strings.TrimSpace(line); !strings.HasPrefix(trimmed, "{") || !strings.HasSuffix(trimmed, "}") {
		return unfolded(line)
	}
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		return []string{line}
	}
	at, level, ok := jsonHead(line)
	message := textOf(fields, messageKeys)
	trace := traceOf(fields)
	if !ok || message == "" && trace == "" {
		return []string{line}
	}
	head := level
	if !at.IsZero() {
		head = at.Format("2006-01-02 15:04:05,000") + " " + level
	}
	if logger := textOf(fields, loggerKeys); logger != "" {
		head += " " + logger
	}
	out := strings.Split(head+" [] - "+message, "\n")
	if trace != "" && !strings.Contains(message, "\n\tat ") {
		out = append(out, strings.Split(strings.TrimRight(trace, "\n"), "\n")...)
	}
	var lines []string
	for _, l := range out[:min(len(out), mostTraceLines)] {
		lines = append(lines, unfolded(strings.TrimRight(l, "\r"))...)
	}
	return lines
}

var (
	// inlineFrame is a stack frame within a line, inlineThrown the exception before
	// it, hashed the mark that logstash's encoder puts before an exception's name.
	inlineFrame  = regexp.MustCompile(`(?:\b|\\t)at [\w$.<>/@-]+\([\w$. -]*(?::\d+)?\)`)
	inlineThrown = regexp.MustCompile(`\b(?:[a-z_][\w$]*\.)+[A-Z][\w$]*(?:Exception|Error|Throwable|Failure)\b`)
	hashed       = regexp.MustCompile(`<#[0-9a-f]{6,10}> `)
	// joints are what layouts put in place of line breaks: log4j's separator(|),
	// escapes, rsyslog's.
	joints = []string{`\r\n`, `\n`, "#012", "|", "\u2028", "\u2424", "\u23ce", "\u00b6", ";"}
)

// unfolded are the lines of a record whose stack trace stands in one line. Any
// other line stays as it is.
func unfolded(line string) []string {
	if strings.Contains(line, "<#") {
		line = hashed.ReplaceAllString(line, "")
	}
	frame := inlineFrame.FindStringIndex(line)
	if frame == nil || frame[0] > 0 && strings.TrimSpace(line[:frame[0]]) == "" {
		return []string{line}
	}
	before := strings.TrimRight(strings.TrimSuffix(strings.TrimRight(line[:frame[0]], " \t"), `\t`), " \t")
	at := slices.IndexFunc(joints, func(joint string) bool { return strings.HasSuffix(before, joint) })
	if at < 0 {
		return []string{line}
	}
	var out []string
	if joint := joints[at]; joint == "|" || joint == ";" { // it may stand between a layout's fields, too
		thrown := inlineThrown.FindStringIndex(before)
		if thrown == nil {
			return []string{line}
		}
		if head := strings.TrimRight(strings.TrimSuffix(strings.TrimRight(line[:thrown[0]], " \t"), joint), " \t"); head != "" {
			out = append(out, head)
		}
		line = line[thrown[0]:]
	}
	for part := range strings.SplitSeq(line, joints[at]) {
		if len(out) > 0 {
			part = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(part), `\t`))
		}
		switch {
		case part == "" || len(out) == mostTraceLines:
			continue
		case strings.HasPrefix(part, "at ") || strings.HasPrefix(part, "... "):
			part = "\t" + part
		}
		out = append(out, part)
	}
	return out
}

// mostLine bounds a line, in bytes; one may be as long as a job's whole
// configuration.
const mostLine = 4 << 20

// NewPlain reads a log, each line as by Plain.
func NewPlain(log io.Reader) io.Reader {
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, mostLine)
	return &plainReader{lines: lines}
}

type plainReader struct {
	lines *bufio.Scanner
	rest  []byte
}

func (p *plainReader) Read(out []byte) (int, error) {
	for len(p.rest) == 0 {
		if !p.lines.Scan() {
			return 0, cmp.Or(p.lines.Err(), io.EOF)
		}
		p.rest = []byte(strings.Join(Plain(p.lines.Text()), "\n") + "\n")
	}
	n := copy(out, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// textOf is the first of some fields that holds text.
func textOf(fields map[string]any, keys []string) string {
	for _, key := range keys {
		if text, ok := field(fields, key).(string); ok && text != "" {
			return text
		}
	}
	return ""
}

// traceOf is a record's exception as Java prints it; "" where it has none.
func traceOf(fields map[string]any) string {
	for _, key := range traceKeys {
		switch value := field(fields, key).(type) {
		case string:
			if looksThrown(value) {
				return value
			}
		case []any:
			// As ECS has it with stackTraceAsArray.
			if lines := linesOf(value); looksThrown(strings.Join(lines, "\n")) {
				return strings.Join(lines, "\n")
			}
		case map[string]any:
			var lines []string
			writeThrown(&lines, value, "", 0)
			if len(lines) > 0 {
				return strings.Join(lines, "\n")
			}
		}
	}
	return ""
}

// looksThrown reports whether a text may be a stack trace.
func looksThrown(text string) bool {
	head, _, _ := strings.Cut(text, "\n")
	name, _, _ := strings.Cut(strings.TrimSpace(head), ":")
	return strings.Contains(text, "\n\tat ") || strings.Contains(text, "\n    at ") ||
		!strings.Contains(name, " ") && strings.Contains(name, ".") && (strings.HasSuffix(name, "Exception") || strings.HasSuffix(name, "Error"))
}

func linesOf(values []any) (out []string) {
	for _, v := range values {
		if text, ok := v.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// writeThrown writes an exception that is an object, as log4j's JsonLayout and
// JsonTemplateLayout and logback's encoders have it, with its causes.
func writeThrown(lines *[]string, value map[string]any, before string, depth int) {
	name := textOf(value, []string{"name", "type", "class", "className", "exception_class", "exceptionClass", "error_class"})
	message := textOf(value, []string{"message", "localizedMessage", "exception_message", "exceptionMessage", "error_message"})
	trace := textOf(value, []string{"stacktrace", "stackTrace", "stack_trace", "stack", "extendedStackTrace"})
	switch {
	case depth > deepestCause || len(*lines) > mostTraceLines:
		return
	case trace != "" && looksThrown(trace):
		// It has its causes in it.
		*lines = append(*lines, strings.Split(before+trace, "\n")...)
		return
	case !strings.Contains(name, "."):
		return
	}
	head := before + name
	if message != "" {
		head += ": " + message
	}
	*lines = append(*lines, strings.Split(head, "\n")...)
	for _, key := range []string{"extendedStackTrace", "stackTrace", "stacktrace", "stack_trace", "steArray", "frames"} {
		frames, _ := field(value, key).([]any)
		for _, f := range frames {
			switch frame := f.(type) {
			case string:
				*lines = append(*lines, "\tat "+strings.TrimPrefix(strings.TrimSpace(frame), "at "))
			case map[string]any:
				class, method := textOf(frame, []string{"class", "className", "declaringClass"}), textOf(frame, []string{"method", "methodName"})
				if class == "" {
					continue
				}
				place := textOf(frame, []string{"file", "fileName"})
				if n, ok := firstNumber(frame, "line", "lineNumber"); ok && place != "" {
					place += fmt.Sprintf(":%d", n)
				}
				*lines = append(*lines, "\tat "+class+"."+method+"("+place+")")
			}
		}
		if len(frames) > 0 {
			break
		}
	}
	for _, key := range []string{"cause", "causedBy", "cause_by", "rootCause"} {
		if cause, ok := value[key].(map[string]any); ok {
			writeThrown(lines, cause, "Caused by: ", depth+1)
			return
		}
	}
}

func firstNumber(fields map[string]any, keys ...string) (int64, bool) {
	at := slices.IndexFunc(keys, func(key string) bool { _, ok := fields[key].(float64); return ok })
	if at < 0 {
		return 0, false
	}
	return int64(fields[keys[at]].(float64)), true
}
