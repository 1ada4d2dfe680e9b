package api

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// Failure is an error as the operator writes it into a status: JSON text with
// the exception and its causes, or plain text.
type Failure struct {
	Type    string
	Message string
	Causes  []Cause
}

// Cause is one exception below the outermost.
type Cause struct {
	Type    string
	Message string
}

// DecodeFailure reads status.error, also where its end was cut off; what isn't
// JSON is the message itself.
func DecodeFailure(raw string) Failure {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return Failure{}
	}
	var decoded throwable
	if json.Unmarshal([]byte(raw), &decoded) != nil {
		decoded = readCut(raw)
	}
	if decoded.Type == "" && decoded.Message == "" && len(decoded.ThrowableList) == 0 {
		return Failure{Message: WithoutStatuses(raw)}
	}
	f := Failure{Type: decoded.Type, Message: wholeCauses(WithoutStatuses(decoded.Message))}
	f.add(decoded.ThrowableList)
	f.addTrace(decoded.StackTrace)
	return f
}

// throwable is an exception as the operator writes it.
type throwable struct {
	Type          string      `json:"type"`
	Message       string      `json:"message"`
	ThrowableList []throwable `json:"throwableList"`
	// StackTrace is written with kubernetes.operator.exception.stacktrace.enabled.
	// It has all causes, of which ThrowableList has the first two.
	StackTrace string `json:"stackTrace"`
}

// cutMark stands where a text was cut off.
const cutMark = "…"

// mostCuts bounds how many places are tried at which a cut text may be closed.
const mostCuts = 8

// readCut reads the operator's JSON of which the end is missing, as far as it
// goes; it is empty where the text isn't that.
func readCut(raw string) (out throwable) {
	if !strings.HasPrefix(raw, "{") || !strings.Contains(raw, `"type"`) && !strings.Contains(raw, `"message"`) {
		return out
	}
	// Where it was cut within a key the one before is the last.
	for tries := 0; tries < mostCuts && raw != ""; tries++ {
		out = throwable{}
		if json.Unmarshal([]byte(closed(raw)), &out) == nil {
			out.dropCutTypes()
			return out
		}
		raw = raw[:max(strings.LastIndexByte(raw, ','), 0)]
	}
	return throwable{}
}

// closed is the beginning of a JSON text with what it opened closed.
func closed(text string) string {
	var open []byte
	inText, whole := false, len(text)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inText && c == '\\':
			after := i + 2
			if i+1 < len(text) && text[i+1] == 'u' {
				after += 4
			}
			if after > len(text) { // the cut is in an escape
				whole = i
			}
			i = after - 1
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			open = append(open, c+2) // their counterparts
		case (c == '}' || c == ']') && len(open) > 0:
			open = open[:len(open)-1]
		}
	}
	text = text[:whole]
	if inText {
		text += cutMark + `"`
	}
	slices.Reverse(open)
	return text + string(open)
}

// dropCutTypes takes away the names of exceptions that were cut off.
func (t *throwable) dropCutTypes() {
	if strings.HasSuffix(t.Type, cutMark) {
		t.Type = ""
	}
	for i := range t.ThrowableList {
		t.ThrowableList[i].dropCutTypes()
	}
}

// wholeCauses is a message without a last line that begins a cause and was cut
// off within the exception's name: the operator cuts long messages.
func wholeCauses(message string) string {
	at := strings.LastIndex(message, causedBy)
	if at < 0 {
		return message
	}
	if last := strings.TrimSuffix(message[at+len(causedBy):], cutMark); !strings.ContainsAny(last, "\n ") && !thrownName.MatchString(last) {
		return message[:at]
	}
	return message
}

var thrownName = regexp.MustCompile(`\.[A-Z]\w*(?:Exception|Error|Throwable|Failure):?$`)

// addTrace takes up the causes of a stack trace that are not known yet.
func (f *Failure) addTrace(trace string) {
	_, causes, _ := strings.Cut(wholeCauses(WithoutStatuses(strings.TrimSpace(trace))), causedBy)
	for text := range strings.SplitSeq(causes, causedBy) {
		text, _, _ = strings.Cut(text, "\n\t")
		class, message, _ := strings.Cut(text, ": ")
		known := class == "" || f.Type == class && sameStart(f.Message, message)
		for _, k := range f.Causes {
			known = known || k.Type == class && sameStart(k.Message, message)
		}
		if !known {
			f.Causes = append(f.Causes, Cause{class, message})
		}
	}
}

const causedBy = "\nCaused by: "

// sameStart reports whether one of two texts is the beginning of the other.
func sameStart(a, b string) bool {
	a, b = strings.TrimSuffix(a, cutMark), strings.TrimSuffix(b, cutMark)
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// add takes causes up, with those below them.
func (f *Failure) add(causes []throwable) {
	for _, t := range causes {
		if begun, cut := strings.CutSuffix(t.Message, cutMark); cut && strings.Contains(f.Chain(), begun) {
			continue // what is left of it is said above
		}
		f.Causes = append(f.Causes, Cause{Type: t.Type, Message: wholeCauses(WithoutStatuses(t.Message))})
		f.add(t.ThrowableList)
	}
}

// StatusConflict is how the message of the operator's StatusConflictException
// begins: the object changed while it wrote the status (mostly by a patch of the spec
// at that moment), and it tries again.
const StatusConflict = "Status have been modified externally"

var quotedStatuses = regexp.MustCompile(`(` + StatusConflict + ` in version \S+) [^\n]*`)

// WithoutStatuses is an exception's text without the two whole statuses that a
// StatusConflictException quotes. They hold the last spec and the error before,
// which are not what went wrong now.
func WithoutStatuses(text string) string { return quotedStatuses.ReplaceAllString(text, "$1") }

// IsZero reports whether nothing failed.
func (f Failure) IsZero() bool { return f.Type == "" && f.Message == "" && len(f.Causes) == 0 }

// Mentions reports whether the failure or one of its causes is of the
// exception's simple or full type name.
func (f Failure) Mentions(exception string) bool {
	if simple(f.Type) == exception || strings.Contains(f.Message, exception) {
		return true
	}
	for _, c := range f.Causes {
		if simple(c.Type) == exception || strings.Contains(c.Message, exception) {
			return true
		}
	}
	return false
}

// Chain is the text of the failure and its causes, outermost first.
func (f Failure) Chain() string {
	lines := []string{strings.TrimPrefix(f.Type+": "+f.Message, ": ")}
	for _, c := range f.Causes {
		lines = append(lines, strings.TrimPrefix(c.Type+": "+c.Message, ": "))
	}
	return strings.Join(lines, "\n")
}

// Rejects reports whether the failure is that of the operator's own validator,
// which refused the spec. Flink's SQL throws exceptions of the same simple name
// out of a job's own code.
func (f Failure) Rejects() bool {
	if isValidator(f.Type) {
		return true
	}
	for _, c := range f.Causes {
		if isValidator(c.Type) {
			return true
		}
	}
	return false
}

// isValidator reports whether an exception is the operator's validator's.
// Without a package it is taken for that only where it stands for itself.
func isValidator(name string) bool {
	switch simple(name) {
	case "ValidationException", "InvalidSpecException":
		return !strings.Contains(name, ".") || strings.Contains(name, ".kubernetes.operator.")
	}
	return false
}

// Root is the innermost cause that says something, in one short text.
//
// Flink wraps each layer's message into the next, often with a whole stack
// trace; the last "Caused by:" of the longest chain is what went wrong.
func (f Failure) Root() string {
	candidates := make([]Cause, 0, len(f.Causes)+1)
	candidates = append(candidates, Cause{f.Type, f.Message})
	candidates = append(candidates, f.Causes...)
	for i, candidate := range slices.Backward(candidates) {
		message := candidate.Message
		if root := RootCause(message); root != "" {
			// The type belongs to the message's first exception only.
			if name := simple(candidate.Type); name != "" && name != "SerializedThrowable" && i > 0 && !strings.Contains(message, "Caused by: ") && !strings.Contains(root, name) {
				return name + ": " + root
			}
			return root
		}
	}
	return simple(f.Type)
}

// serverSide is what Flink's REST client puts before the JobManager's own
// stack trace.
const serverSide = "<Exception on server side:"

// RootCause is the innermost cause in a Java exception's text, without its
// stack frames. Text that is no exception is given back as it is.
func RootCause(message string) string {
	message = strings.TrimSpace(message)
	if i := strings.LastIndex(message, serverSide); i >= 0 {
		message = message[i+len(serverSide):]
	}
	if i := strings.LastIndex(message, "Caused by: "); i >= 0 {
		message = message[i+len("Caused by: "):]
	}
	// The operator's events join a chain of exceptions with arrows.
	if i := strings.LastIndex(message, " -> "); i >= 0 {
		inner := message[i+len(" -> "):]
		if name, _, _ := strings.Cut(inner, ":"); isTypeName(name) {
			message = inner
		}
	}
	var kept []string
	for line := range strings.SplitSeq(message, "\n") {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "at ") || strings.HasPrefix(trimmed, "... ") {
			break
		}
		if trimmed != "" {
			kept = append(kept, trimmed)
		}
	}
	return ShortenTypes(strings.Join(kept, " "))
}

// ShortenTypes drops the package of each leading exception name:
// "java.util.concurrent.CompletionException: a.b.C: text" → "C: text".
func ShortenTypes(text string) string {
	last := ""
	for {
		name, rest, ok := strings.Cut(text, ": ")
		if !ok || !isTypeName(name) {
			break
		}
		last, text = simple(name), rest
	}
	if last != "" {
		return last + ": " + text
	}
	if isTypeName(text) {
		return simple(text)
	}
	return text
}

// isTypeName reports whether name is a Java class with its package.
func isTypeName(name string) bool { return typeName.MatchString(name) }

var typeName = regexp.MustCompile(`^[a-z][\w]*(\.\w+)*[.$][A-Z]\w*([$]\w+)*$`)

// simple is a Java class's name without package and outer class.
func simple(name string) string {
	if i := strings.LastIndexAny(name, ".$"); i >= 0 {
		return name[i+1:]
	}
	return name
}

// fatalWords are what Flink logs at the end of a process.
var fatalWords = []string{"Fatal error occurred", "Could not start cluster entrypoint", "Terminating TaskManagerRunner", "Could not create application program", "Application failed unexpectedly", "Failed to start the TaskManagerRunner"}

// The ranks of records.
const (
	// RankQuiet is no error, RankError one by its level.
	RankQuiet = iota + 1
	RankError
	// RankFatal is what Flink calls fatal: what follows are its consequences.
	RankFatal
)

// RecordRank is how likely what a log's record tells of ended the process; "" is
// a trace without one.
func RecordRank(record string) int {
	for _, words := range fatalWords {
		if strings.Contains(record, words) {
			return RankFatal
		}
	}
	for word := range strings.FieldsFuncSeq(record, func(r rune) bool { return r < 'A' || r > 'z' || r > 'Z' && r < 'a' }) {
		switch word {
		case "ERROR", "FATAL", "SEVERE":
			return RankError
		case "INFO", "WARN", "WARNING", "DEBUG", "TRACE":
			return RankQuiet
		}
	}
	if record == "" {
		return RankError
	}
	return RankQuiet
}

// BeginsWithLevel reports whether a line of a log has its level first.
func BeginsWithLevel(line string) bool {
	word, _, _ := strings.Cut(strings.TrimLeft(line, "[ "), " ")
	switch strings.TrimRight(word, "]:|") {
	case "INFO", "WARN", "WARNING", "DEBUG", "TRACE", "ERROR", "FATAL", "SEVERE":
		return !strings.Contains(line, "StatusLogger") // log4j's word about itself
	}
	return false
}

// ThrownIn is the exception in the text of a log's record, up to its end; "" where
// there is none.
func ThrownIn(record string) string {
	for at := 0; at < len(record); {
		word, _, more := strings.Cut(record[at:], " ")
		if name := strings.TrimSuffix(word, ":"); (name != word || !more) && (strings.HasSuffix(name, "Exception") || strings.HasSuffix(name, "Error")) && isTypeName(name) {
			return record[at:]
		}
		at += len(word) + 1
	}
	return ""
}
