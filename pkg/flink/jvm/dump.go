package jvm

import (
	"regexp"
	"strconv"
	"strings"
)

const (
	// maxFrames bounds a thread's stack and maxText a line of it, in bytes. The
	// JVM itself ends stacks at 1024 frames (MaxJavaStackTraceDepth).
	maxFrames = 1024
	maxText   = 1024
)

// State is what a thread does at the moment of a dump, as the JVM says.
type State string

// The states that matter here; there are NEW and TERMINATED, too.
const (
	Runnable     State = "RUNNABLE"
	Blocked      State = "BLOCKED"
	Waiting      State = "WAITING"
	TimedWaiting State = "TIMED_WAITING"
)

// Thread is one thread of a dump. What the dump doesn't say is zero.
type Thread struct {
	Name  string
	ID    int64
	State State
	// Native says that it runs code that isn't Java's.
	Native bool
	// Lock is what it waits for, CLASS@HASH; Owner and OwnerID are the thread that
	// holds it, where one does.
	Lock    string
	Owner   string
	OwnerID int64
	// Frames are its stack, innermost first. Cut says that the dump ends before
	// the stack does.
	Frames []Frame
	Cut    bool
	// Held are the locks that it holds, CLASS@HASH, as far as the dump goes.
	Held []string
}

// Task is the subtask that a thread runs.
type Task struct {
	// Vertex is the name of the job's vertex.
	Vertex string
	// Subtask counts from 0.
	Subtask int
}

// taskName is how Flink names the threads of tasks; sources of the old kind have one
// more, which does their work.
var taskName = regexp.MustCompile(`^(?:Legacy Source Thread - )?(.+) \((\d+)/(\d+)\)#\d+$`)

// Task is the subtask that the thread runs; ok is false where it runs none.
func (t Thread) Task() (task Task, ok bool) {
	m := taskName.FindStringSubmatch(t.Name)
	if m == nil {
		return Task{}, false
	}
	n, err := strconv.Atoi(m[2])
	if err != nil || n < 1 {
		return Task{}, false
	}
	return Task{Vertex: m[1], Subtask: n - 1}, true
}

// Frame is a call of a stack.
type Frame struct {
	// Call is CLASS.METHOD, without the module's name and with the number of a
	// lambda's class taken out: it differs in each JVM.
	Call string
	// Line is of its source file; 0 if unknown.
	Line int
}

// String is the frame as it is shown and counted.
func (f Frame) String() string {
	if f.Line > 0 {
		return f.Call + ":" + strconv.Itoa(f.Line)
	}
	return f.Call
}

// Head of a thread's text, behind its name: Id=7 BLOCKED on C@1 owned by "N" Id=8
// (in native). JDKs of their own accord write " daemon prio=5" before that.
var head = regexp.MustCompile(`^(?: daemon)?(?: prio=\d+)? Id=(\d+) ([A-Z_]+)(?: on (\S+))?(?: owned by "(.*)" Id=(\d+))?((?: \([a-z ]+\))*)$`)

// hidden is what classes that the JVM makes itself have in their names that is
// another in each JVM: D$$Lambda$5/0x00007f1370001450, LambdaForm$MH/0x00.
var hidden = regexp.MustCompile(`(\$\$Lambda)(?:\$\d+)?/(?:0x)?[0-9a-fA-F]+|/0x[0-9a-fA-F]+`)

// ParseThread reads the text that a JVM writes of a thread whose name is known.
// What isn't of that form is left out.
func ParseThread(name, text string) Thread {
	t := Thread{Name: short(name)}
	text, known := strings.CutPrefix(text, `"`+name+`"`)
	if !known {
		// The name is another one: the last place that reads like a head counts.
		if _, after, ok := strings.Cut(text, `" Id=`); ok {
			text = " Id=" + after
		}
	}
	first, rest, _ := strings.Cut(text, "\n")
	if m := head.FindStringSubmatch(strings.TrimRight(first, "\r")); m != nil {
		t.ID, _ = strconv.ParseInt(m[1], 10, 64)
		t.State, t.Lock, t.Owner = State(short(m[2])), short(m[3]), short(m[4])
		t.OwnerID, _ = strconv.ParseInt(m[5], 10, 64)
		t.Native = strings.Contains(m[6], "native")
	}
	held := false
	for line := range strings.SplitSeq(rest, "\n") {
		line = strings.TrimRight(line, "\r")
		switch body := strings.TrimLeft(line, "\t "); {
		case strings.HasPrefix(body, "at "):
			if len(t.Frames) == maxFrames {
				t.Cut = true
				continue
			}
			t.Frames = append(t.Frames, parseFrame(body[len("at "):]))
		case body == "...":
			t.Cut = true
		case strings.HasPrefix(body, "Number of locked synchronizers"):
			held = true
		case strings.HasPrefix(body, "-  locked "):
			t.hold(body[len("-  locked "):])
		case held && strings.HasPrefix(body, "- "):
			t.hold(body[len("- "):])
		}
	}
	return t
}

func (t *Thread) hold(lock string) {
	if len(t.Held) < maxFrames {
		t.Held = append(t.Held, short(strings.TrimSpace(lock)))
	}
}

// parseFrame reads LOADER/MODULE@VERSION/CLASS.METHOD(FILE:LINE).
func parseFrame(text string) Frame {
	call, where, _ := strings.Cut(text, "(")
	var f Frame
	if _, line, ok := strings.Cut(strings.TrimSuffix(where, ")"), ":"); ok {
		f.Line, _ = strconv.Atoi(line)
		f.Line = max(f.Line, 0)
	}
	call = hidden.ReplaceAllString(call, "$1")
	// Names of loaders and modules end with a slash.
	call = call[strings.LastIndexByte(call, '/')+1:]
	f.Call = short(call)
	return f
}

func short(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}
