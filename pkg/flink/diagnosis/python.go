package diagnosis

import (
	"slices"
	"strings"
)

var (
	// pythonFails is what Flink throws for a Python program: for the client's by its
	// exit code alone, for a function's worker with what Python printed.
	pythonFails = pattern(`Python process exits with code: -?\d|Error received from SDK harness|Failed to create stage bundle factory|Failed to execute the command: \S*python`)
	// pythonError is the line that a traceback ends with, pythonFile what Python
	// prints of a program that isn't there.
	pythonError = pattern(`^([A-Za-z_][\w.]*(?:Error|Exception|Warning))(?:: (.*))?$`)
	pythonFile  = pattern(`can't open file '?([^':]+)'?: \[Errno \d+\] (.*)$`)
	noModule    = pattern(`^(?:ModuleNotFoundError|ImportError): (?:No module named '?([\w.]+)'?)?`)
)

const (
	pythonTrace = "Traceback (most recent call last):"
	// pythonExited is the last of what the driver logs of the program's own output.
	pythonExited = "Python Process Exited"
	// mostPython bounds how many lines a traceback may have.
	mostPython = 500
)

// pythonCauses are what the last traceback in some lines ends with, outermost
// first: Python's error, and the Java exception that it may carry. The lines may
// be a log's records.
func pythonCauses(lines []string) []Cause {
	var out []Cause
	open := 0
	lines = printed(lines)
	for i, line := range lines {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasSuffix(line, pythonTrace):
			open = mostPython
		case strings.Contains(line, pythonExited):
			open = 0
		case open > 0:
			open--
			if found := pythonError.FindStringSubmatch(line); found != nil {
				out, open = append(pythonCause(found[1], found[2]), javaBelow(lines[i+1:])...), 0
			}
		default:
			if found := pythonFile.FindStringSubmatch(line); found != nil {
				out = []Cause{{Type: "FileNotFoundError", Message: "can't open file '" + found[1] + "': " + found[2]}}
			}
		}
	}
	return out
}

// printed are lines as a program printed them, of which the driver logs each once
// more.
func printed(lines []string) []string {
	var out []string
	for _, line := range lines {
		if _, text, ok := strings.Cut(line, " - "); ok && recordLine.MatchString(line) {
			line = text
		}
		if len(out) == 0 || out[len(out)-1] != line {
			out = append(out, line)
		}
	}
	return out
}

// javaBelow is the Java exception that py4j prints below its own: it begins with
// a colon.
func javaBelow(lines []string) []Cause {
	var trace []string
	for _, line := range lines {
		first := strings.HasPrefix(line, ": ")
		if first == (len(trace) > 0) || !first && !traceLine.MatchString(line) {
			break
		}
		trace = append(trace, strings.TrimPrefix(line, ": "))
	}
	return readChain(strings.Join(trace, "\n"))
}

func pythonCause(kind, message string) []Cause {
	out := []Cause{{Type: kind, Message: message}}
	if inner := split(message); len(inner) > 0 && inner[0].Type != "" && isException(inner[0].Type) {
		out[0].Message = ""
		out = append(out, inner...)
	}
	return out
}

// withPython takes Python's own error out of the message that carries its whole
// traceback.
func withPython(chain []Cause) []Cause {
	if len(chain) == 0 {
		return chain
	}
	last := &chain[len(chain)-1]
	before, trace, ok := strings.Cut(last.Message, pythonTrace)
	if !ok {
		return chain
	}
	causes := pythonCauses(append([]string{pythonTrace}, strings.Split(trace, "\n")...))
	if len(causes) == 0 {
		return chain
	}
	last.Message = strings.TrimRight(before, ": \n")
	return append(chain, causes...)
}

// findPython gives exceptions that only name an exit code what the program itself
// said, which stands in the JobManager's log alone.
func (j *job) findPython() {
	for i := range j.seen {
		e := &j.seen[i]
		if e.match(pythonFails) == nil || pythonError.MatchString(e.Root().String()) && !strings.Contains(e.Root().Message, "Python process exits") {
			continue
		}
		var causes []Cause
		for n := range j.pods {
			p := &j.pods[n]
			for k := range p.containers {
				if c := &p.containers[k]; c.main && p.role == jobManager && len(causes) == 0 {
					causes = pythonCauses(c.log)
				}
			}
		}
		if len(causes) == 0 {
			log := make([]string, len(j.Flink.Log))
			for n, line := range j.Flink.Log {
				log[n] = line.Text
			}
			causes = pythonCauses(log)
		}
		e.Chain = append(slices.Clip(e.Chain), causes...)
		if j.failed && e.Source == j.failure.Source && e.At.Equal(j.failure.At) {
			j.failure.Chain = e.Chain
		}
	}
}

// pythonCure is what to do about a Python program's error.
func pythonCure(j *job, e Exception, _ []string) []Cure {
	root := e.Root().String()
	switch {
	case noModule.MatchString(root):
		return []Cure{{Text: "install the module in the image (for JobManager and TaskManagers), or bring it with the job: python.files, python.requirements, -pyfs or -pyreq"}}
	case strings.Contains(root, "can't open file "):
		return []Cure{{Text: "put the program into the image, or correct its path in spec.job.args (-py, -pym)"}}
	case strings.Contains(root, "Python process exits"), e.match(pythonFails) != nil && strings.Contains(root, "SDK harness"):
		return look("see what it printed", j.flink("logs %s --jm", j.target()))
	}
	return nil
}
