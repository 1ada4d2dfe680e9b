package diagnosis

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Cause is one exception of a chain.
type Cause struct {
	// Type is the class with its package; "" where the text names none.
	Type    string `json:"type,omitempty"`
	Message string `json:"message,omitempty"`
	// Frames are the first stack frames below it.
	Frames []string `json:"frames,omitempty"`
}

// Name is the class without its package.
func (c Cause) Name() string { return simple(c.Type) }

// String is the exception in one line.
func (c Cause) String() string {
	return strings.TrimSuffix(strings.TrimPrefix(c.Name()+": "+c.Message, ": "), ": ")
}

// Exception is a failure with its causes.
type Exception struct {
	At    time.Time `json:"at"`
	Where Where     `json:"where,omitempty"`
	// Source is who says so: "the JobManager", "status.error", "log of pod/…".
	Source      string `json:"source,omitempty"`
	Task        string `json:"task,omitempty"`
	TaskManager string `json:"taskManager,omitempty"`
	// Chain is outermost first; never empty.
	Chain []Cause `json:"chain"`
	// Count is how often it was seen in a row; 0 is once.
	Count int `json:"count,omitempty"`
}

// mostFrames bounds the frames that are kept of each cause.
const mostFrames = 30

// mostTrace bounds how much of a stack trace is read, in bytes.
const mostTrace = 64 << 10

// serverSide is what Flink's REST client puts before the JobManager's own
// stack trace.
const serverSide = "<Exception on server side:"

// ReadException reads a Java stack trace and finds out where it was thrown;
// where is what is known of that beforehand.
func ReadException(trace string, at time.Time, where Where) Exception {
	e := Exception{At: at, Chain: readChain(trace)}
	if e.Where = whereOf(e.Chain); e.Where == Somewhere || e.Where == InOperator && where != Somewhere {
		e.Where = cmp.Or(where, e.Where)
	}
	return e
}

// toldIn is an exception with the one around it, as api.Telling writes them.
var toldIn = pattern(`^(.+?) \(in ([\w.$]+)(: .+)\)$`)

var leadingThread = pattern(`^(?:Exception in thread "[^"]*" |Terminating due to )`)

func readChain(trace string) []Cause {
	trace = api.WithoutStatuses(trace)
	if len(trace) > mostTrace {
		trace = trace[:mostTrace/2] + "\n" + trace[len(trace)-mostTrace/2:]
	}
	var out []Cause
	current := -1
	skipping := -1 // how far a suppressed exception is indented, with its own causes
	add := func(text string) {
		if found := toldIn.FindStringSubmatch(text); found != nil && isException(found[2]) {
			out, text = append(out, split(found[2]+found[3])...), found[1]
		}
		out = append(out, split(text)...)
		current = len(out) - 1
	}
	for raw := range strings.Lines(trace) {
		line := strings.TrimSpace(raw)
		if i := strings.LastIndex(line, serverSide); i >= 0 {
			if current < 0 && i > 0 {
				add(strings.TrimRight(line[:i], " [,"))
			}
			if line = strings.TrimSpace(line[i+len(serverSide):]); line == "" {
				current = -1 // the next line begins another exception
				continue
			}
			add(line)
			continue
		}
		switch {
		case line == "" || line == "]" || strings.HasPrefix(line, "End of exception on server side"):
		case strings.HasPrefix(line, "Suppressed: "):
			skipping = indent(raw) // not what went wrong
		case strings.HasPrefix(line, "Caused by: ") && (skipping <= 0 || indent(raw) < skipping):
			skipping = -1
			add(strings.TrimPrefix(line, "Caused by: "))
		case skipping >= 0:
		case strings.HasPrefix(line, "at "), strings.HasPrefix(line, "... "):
			if current >= 0 && len(out[current].Frames) < mostFrames && strings.HasPrefix(line, "at ") {
				out[current].Frames = append(out[current].Frames, strings.TrimPrefix(line, "at "))
			}
		case current < 0:
			add(leadingThread.ReplaceAllString(line, ""))
		case len(out[current].Frames) == 0:
			out[current].Message = strings.TrimSpace(out[current].Message + "\n" + line)
		}
	}
	return withPython(out)
}

// indent is how many spaces and tabs a line begins with.
func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

var typeName = pattern(`^[a-zA-Z]\w*(\.\w+)*[.$][A-Z]\w*([$]\w+)*$`)

// plainType is an exception's name without its package, as the operator's
// events have it.
var plainType = pattern(`^[A-Z]\w*(?:Exception|Error)$`)

// split takes "a.B: c.D: text" and the events' "A -> B" apart.
func split(text string) []Cause {
	var out []Cause
	for part := range strings.SplitSeq(text, " -> ") {
		name, _, _ := strings.Cut(part, ":")
		if len(out) > 0 && !typeName.MatchString(strings.TrimSpace(name)) && !plainType.MatchString(strings.TrimSpace(name)) {
			out[len(out)-1].Message += " -> " + part
			continue
		}
		for {
			name, rest, found := strings.Cut(part, ": ")
			if name = strings.TrimSuffix(strings.TrimSpace(name), ":"); !typeName.MatchString(name) && !plainType.MatchString(name) {
				out = append(out, Cause{Message: part})
				break
			}
			inner, _, _ := strings.Cut(rest, ": ")
			inner = strings.TrimSuffix(inner, ":")
			if found && isException(inner) && !namesClass[simple(name)] {
				out = append(out, Cause{Type: name})
				part = rest
				continue
			}
			out = append(out, Cause{Type: name, Message: rest})
			break
		}
	}
	return out
}

// namesClass are exceptions whose message is the name of a class.
var namesClass = map[string]bool{"ClassNotFoundException": true, "NoClassDefFoundError": true, "NotSerializableException": true, "InvalidClassException": true}

// isException reports whether a name is that of an exception.
func isException(name string) bool {
	return plainType.MatchString(name) || typeName.MatchString(name) && thrownType.MatchString(name)
}

var thrownType = pattern(`(?:Exception|Error|Throwable|Failure|Abandoned)$`)

// simple is a Java class's name without package and outer class.
func simple(name string) string {
	if i := strings.LastIndexAny(name, ".$"); i >= 0 {
		return name[i+1:]
	}
	return name
}

// ReadFailure reads status.error of one of the operator's objects: JSON with the
// exception and its causes, or plain text. at is when it was written.
func ReadFailure(raw string, at time.Time) (e Exception, ok bool) {
	failure := api.DecodeFailure(raw)
	if failure.IsZero() {
		return e, false
	}
	if failure.Type == "" && len(failure.Causes) == 0 {
		e = ReadException(failure.Message, at, InOperator)
		e.Source = "status.error"
		return e, true
	}
	e = Exception{At: at, Source: "status.error"}
	link := func(class, message string) {
		chain := readChain(message)
		if len(chain) == 0 {
			chain = []Cause{{}}
		}
		if chain[0].Type != "" && class != "" && simple(class) != chain[0].Name() {
			chain = append([]Cause{{Type: class}}, chain...)
		} else if chain[0].Type == "" {
			chain[0].Type = class
		}
		for _, c := range chain {
			if n := len(e.Chain); n == 0 || c.Message == "" || e.Chain[n-1].Message != c.Message || e.Chain[n-1].Name() != c.Name() {
				e.Chain = append(e.Chain, c)
			}
		}
	}
	link(failure.Type, failure.Message)
	for _, c := range failure.Causes {
		link(c.Type, c.Message)
	}
	// Under this name the operator passes on what the job itself ended with.
	if e.Where = whereOf(e.Chain); e.Where == Somewhere && simple(failure.Type) != "SerializedThrowable" {
		e.Where = InOperator
	}
	return e, true
}

// wrappers are exceptions that only carry others.
var wrappers = map[string]bool{
	"CompletionException": true, "ExecutionException": true, "SerializedThrowable": true, "RuntimeException": true,
	"UncheckedIOException": true, "UndeclaredThrowableException": true, "InvocationTargetException": true, "JobException": true,
	"ProgramInvocationException": true, "FlinkRuntimeException": true, "RestClientException": true, "ReconciliationException": true,
	"Exception": true, "": true, "StreamTaskException": true, "WrappingRuntimeException": true, "FlinkException": true,
	"DeploymentFailedException": true, "ApplicationExecutionException": true,
}

// Root is the innermost cause that says something.
func (e Exception) Root() Cause {
	for _, c := range slices.Backward(e.Chain) {
		if c.Message != "" || !wrappers[c.Name()] {
			return c
		}
	}
	if len(e.Chain) == 0 {
		return Cause{}
	}
	return e.Chain[len(e.Chain)-1]
}

// naming is a word that names something: a path, a host, a class, a quoted
// name, a number.
var naming = pattern(`[/"'0-9=@]|\w[._:-]\w`)

// Naming is the line above the root that names the thing where the root
// doesn't; "" where it does or none does.
func (e Exception) Naming() string {
	root := e.Root()
	if naming.MatchString(root.Message) && root.Name() != "IOException" || len(e.Chain) < 2 {
		return ""
	}
	below := false
	for _, c := range slices.Backward(e.Chain) {
		switch {
		case !below:
			below = c.String() == root.String()
		case c.Message == "" || root.Message != "" && strings.Contains(c.Message, root.Message) && !strings.Contains(c.Message, "Cannot run program"), !naming.MatchString(c.Message):
		case (wrappers[c.Name()] || c.Name() == "CheckpointException") && generic.MatchString(c.Message):
		default:
			return c.String()
		}
	}
	return ""
}

// generic are messages that are the same for every failure.
var generic = pattern(`^(Recovery is suppressed|The main method caused an error|Could not execute|Failed to execute|Internal server error|Could not submit|An Exception occurred while triggering the checkpoint)`)

// Telling is the root in a line, with what names the thing.
func (e Exception) Telling() string {
	root := oneLine(e.Root().String())
	if above := e.Naming(); above != "" {
		return root + " (in " + oneLine(above) + ")"
	}
	return root
}

// match finds the innermost cause whose line fits.
// It isn't inlined: it has many callers, and each would have a copy of it.
//
//go:noinline
func (e *Exception) match(pattern *lazy) []string {
	_, found := e.fitting(pattern)
	return found
}

// fitting is match with the cause itself.
func (e *Exception) fitting(pattern *lazy) (Cause, []string) {
	for _, c := range slices.Backward(e.Chain) {
		if found := pattern.FindStringSubmatch(c.String()); found != nil {
			return c, found
		}
	}
	return Cause{}, nil
}

// passes reports whether a frame has the text.
func (e *Exception) passes(texts ...string) bool {
	for _, c := range e.Chain {
		for _, frame := range c.Frames {
			for _, text := range texts {
				if strings.Contains(frame, text) {
					return true
				}
			}
		}
	}
	return false
}

// text is the whole chain.
func (e *Exception) text() string {
	lines := make([]string, len(e.Chain))
	for i, c := range e.Chain {
		lines[i] = c.String()
	}
	return strings.Join(lines, "\n")
}

// evidence is the exception as it was seen.
func (e Exception) evidence() Evidence {
	source := e.Source
	if e.Task != "" {
		source += ", task " + e.Task
	}
	if e.Where != Somewhere && e.Task == "" {
		source += ", thrown in " + string(e.Where)
	}
	return Evidence{Source: strings.TrimPrefix(source, ", "), At: e.At, Text: e.Telling()}
}

// mostLine bounds a line of evidence, in characters.
const mostLine = 600

// oneLine makes one bounded line of a text.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > mostLine {
		if runes := []rune(text); len(runes) > mostLine {
			return string(runes[:mostLine]) + "…"
		}
	}
	return text
}
